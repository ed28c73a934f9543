"""Circular kernels as long as a line, on line engines in the depthwise unit.

A tile's *record* begins as a kernel's does (`golden.accelerator.external.depthwise`), with biases
of 0, and goes on with what the engines' ports are given, place by place: what is added to the sum
of that place, and the coefficients, bit behind bit in some words.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self, TypeGuard

import numpy as np

from golden.accelerator.descriptor import Descriptor, Kind, Turning, Windows
from golden.accelerator.external.capacity import HEAD, Capacity
from golden.accelerator.external.circulant import along, parts_of, turned_of
from golden.accelerator.external.depthwise import LARGEST_SAMPLE, Record, RecordLowering
from golden.accelerator.lower import Lowered, MadePlace
from golden.accelerator.operators.layer_norm import Normal
from golden.accelerator.operators.move import Moves
from golden.accelerator.operators.sums import Stack, Sums
from golden.accelerator.sizes import BIASED_BITS, DATA_BITS
from golden.line.weights import LineWeights
from golden.network.map import Map
from golden.numbers.interval import Integers, wrap

_LEFT = 200
"""Cycles from the last sample taken to the last word written, about."""


def line_cycles(lines: int, capacity: Capacity) -> int:
    """Return the cycles that so many lines of a tile take, about: kernels are loaded before."""
    return loading_cycles(capacity) + fed_cycles(lines, capacity) + _LEFT


def loading_cycles(capacity: Capacity) -> int:
    """Return the cycles in which the engines are given a tile's kernels."""
    design = capacity.line_design
    return design.channels * design.coefficient_words * capacity.line_parts


def fed_cycles(lines: int, capacity: Capacity) -> int:
    """Return the cycles in which the engines take so many lines of a tile."""
    design = capacity.line_design
    return lines * design.channels * design.cycles_per_group


@dataclass(frozen=True, eq=False)
class LineRecord:
    """What the unit keeps of a tile's lines.

    Parameters
    ----------
    coefficients
        int64 ``[tile, N]`` a field of the engine's.
    added
        int64 ``[tile, N]``.
    multiplier, shift
        int64 ``[tile]``, of factors.
    """

    coefficients: dict[str, Integers]
    added: Integers
    multiplier: Integers
    shift: Integers

    @classmethod
    def of(
        cls,
        kernel: Integers,
        start: Integers,
        multiplier: Integers,
        shift: Integers,
        *,
        capacity: Capacity,
    ) -> Self:
        """Return the record of kernels ``[tile, n]`` and what sums begin with, likewise."""
        design = capacity.line_design
        behind = ((0, 0), (0, design.length - kernel.shape[1]))
        weights = LineWeights(
            np.pad(kernel, behind),
            np.zeros((len(kernel), design.length), np.int64),
            np.zeros(len(kernel), np.int64),
        )
        added = design.added(weights) + np.pad(start, behind)
        own = design.coefficients(weights)
        return cls(own, wrap(added, design.added_bits), multiplier, shift)

    def packed(self, capacity: Capacity) -> Integers:
        """Return its words, int64 ``[n, tile * taps]``, bytes."""
        taps, tile, parts = capacity.depthwise, capacity.sizes.tile, capacity.line_parts
        head = Record(
            np.zeros((tile, 0, 0), np.int64), np.zeros(tile, np.int64), self.multiplier, self.shift
        )
        words = np.zeros(self.added.shape, object)
        place = 0
        for name, bits in _fields(capacity).items():
            values = self.added if name == _ADDED else self.coefficients[name]
            words += (values.astype(object) & ((1 << bits) - 1)) << place
            place += bits
        octets = [words >> DATA_BITS * n & 255 for n in range(parts * taps)]
        lanes = np.stack(octets, axis=-1).astype(np.int64)  # [tile, N, parts * taps]
        by_word = np.moveaxis(lanes.reshape(tile, -1, taps), 0, 1).reshape(-1, tile * taps)
        return np.concatenate([head.packed(taps), by_word])

    @classmethod
    def unpacked(cls, words: Integers, capacity: Capacity) -> Self:
        """Return the record that lies in ``words``."""
        taps, tile = capacity.depthwise, capacity.sizes.tile
        head = Record.unpacked(words[: HEAD + 1], Windows(), capacity)  # of one tap, which is none
        lanes = np.moveaxis(words[HEAD:].reshape(-1, tile, taps), 1, 0)
        octets = lanes.reshape(tile, -1, capacity.line_parts * taps).astype(object)
        values = (octets << DATA_BITS * np.arange(octets.shape[-1])).sum(axis=-1)
        found, place = {}, 0
        for name, bits in _fields(capacity).items():
            field = values >> place & ((1 << bits) - 1)
            found[name] = wrap(field.astype(np.int64), bits)
            place += bits
        return cls(found, found.pop(_ADDED), head.multiplier, head.shift)

    def sums(self, x: Integers, capacity: Capacity) -> Integers:
        """Return sums ``[lines, N, tile]`` of samples ``[lines, n, tile]``."""
        design = capacity.line_design
        lines = np.moveaxis(x[:, np.arange(design.length) % x.shape[1]], 2, 1)
        flat = lines.reshape(-1, design.length)
        own = {name: np.tile(words, (len(x), 1)) for name, words in self.coefficients.items()}
        sums = design.stored(flat, own, np.tile(self.added, (len(x), 1)))
        return np.moveaxis(wrap(sums, BIASED_BITS).reshape(lines.shape), 1, 2)


_ADDED = "added"


def _fields(capacity: Capacity) -> dict[str, int]:
    """Return what a place of a kernel holds, and how wide each is, the lowest first."""
    design = capacity.line_design
    return {_ADDED: design.added_bits, **design.coefficient_fields}


class LineLowering(RecordLowering):
    """Makes descriptors of operators that the line engines do."""

    def does(self, lowered: Sums | Stack | Moves | Normal, gives: Map) -> TypeGuard[Sums | Stack]:
        """Return whether it is done so: where it is done sooner than else."""
        if self._capacity.lines is None or not isinstance(lowered, Sums | Stack):
            return False
        return all(self._takes(sums, gives) for sums in parts_of(lowered))

    def _takes(self, sums: Sums, gives: Map) -> bool:
        turn, lines = along(sums), self._capacity.lines
        assert lines is not None
        if turn == Turning.NONE or not lines.takes(_length(turn, gives)):
            return False
        (term,) = sums.terms
        largest = np.abs(sums.start).reshape(len(sums.start), -1).max(axis=1)
        most = LARGEST_SAMPLE * np.abs(term.weight).sum(axis=(1, 2, 3)) + largest
        if most.max() >= 1 << (BIASED_BITS - 1):
            return False
        turned = turned_of(turn, gives.height, gives, self._capacity)
        others = [int(term.weight[0].size) * gives.height * gives.width]
        if turned.most:
            others.append(turned.cycles + turned.beside)
        return lined_cycles(sums, gives.height, gives, self._capacity) < min(others)

    def part(
        self, lowered: Lowered, rows: range, of_tiles: range, goal: MadePlace
    ) -> Iterator[Descriptor]:
        """Yield a descriptor a tile, of rows of some tiles."""
        operator, gives = lowered.operator, lowered.gives
        assert isinstance(operator, Sums | Stack)
        for tile in of_tiles:
            sums, first = operator.of(tile) if isinstance(operator, Stack) else (operator, 0)
            (term,) = sums.terms
            assert term.source is not None
            turn = along(sums)
            source, first_row, first_tile = self._place(term.source)
            base = source.base + (tile - first_tile) * source.tile_words
            below = turn == Turning.ROWS
            yield Descriptor(
                Kind.DEPTHWISE,
                False,
                replace(source, base=base),
                Windows(
                    row=(0 if below else rows.start) - first_row,
                    rows=_lines(turn, len(rows), gives),
                    columns=len(rows) if below else gives.width,
                ),
                weight_address=self._stored(sums, tile - first, self._record),
                finish=self._finish(
                    lowered,
                    sums,
                    goal.base + (tile - of_tiles.start) * goal.plane,
                    row=1 if below else gives.width,
                    column=gives.width if below else 1,
                ),
                turn=turn,
                line=True,
                skips=rows.start if below else 0,
            )

    def _record(self, sums: Sums, own: slice) -> Integers:
        """Return the words of some channels' record."""
        (term,) = sums.terms
        kernel, start = (
            self._lanes(values[own].reshape(own.stop - own.start, -1))
            for values in (term.weight, sums.start)
        )
        alike = np.broadcast_to(start, kernel.shape)
        record = LineRecord.of(kernel, alike, *self._factors(sums, own), capacity=self._capacity)
        return record.packed(self._capacity)


def _length(turn: Turning, gives: Map) -> int:
    """Return the samples of a line."""
    return gives.height if turn == Turning.ROWS else gives.width


def _lines(turn: Turning, rows: int, gives: Map) -> int:
    """Return how many lines there are in so many rows: below each other, all."""
    return gives.width if turn == Turning.ROWS else rows


def lined_cycles(sums: Sums, rows: int, gives: Map, capacity: Capacity) -> int:
    """Return the cycles of the unit for so many rows of a tile, about."""
    return line_cycles(_lines(along(sums), rows, gives), capacity)
