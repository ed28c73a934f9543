"""An operator to be done, and what of its sources a part of its map needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.circulant import along, turned_of
from golden.accelerator.external.depthwise import groups_of
from golden.accelerator.external.lines import lined_cycles
from golden.accelerator.lower import Lowered
from golden.accelerator.operators.layer_norm import Normal
from golden.accelerator.operators.move import Moves
from golden.accelerator.operators.sums import Stack, Sums, Term
from golden.accelerator.sizes import Sizes
from golden.matrix.design import tiles
from golden.network.map import Map

_BEGIN = 24
"""Cycles between two descriptors, about."""


class Effort(NamedTuple):
    """What a part of an operator takes, about.

    Parameters
    ----------
    cycles
        Of the matrix unit, or of the post unit where that takes longer.
    beside
        Of the depthwise unit.
    weights
        Rows of weights.
    descriptors
        How many.
    """

    cycles: int = 0
    beside: int = 0
    weights: int = 0
    descriptors: int = 0

    def __add__(self, other: "Effort") -> "Effort":  # type: ignore[override]  # not a tuple's
        return Effort(*(a + b for a, b in zip(self, other, strict=True)))

    @classmethod
    def sum(cls, parts: Sequence[tuple["Effort", int]]) -> "Effort":
        """Return what parts take of which each is there so many times."""
        cycles = beside = weights = descriptors = 0
        for one, count in parts:
            cycles += one.cycles * count
            beside += one.beside * count
            weights += one.weights * count
            descriptors += one.descriptors * count
        return cls(cycles, beside, weights, descriptors)

    def __mul__(self, count: int) -> "Effort":  # type: ignore[override]  # not a tuple's
        return Effort(*(value * count for value in self))


@dataclass(frozen=True, eq=False)
class Work:
    """An operator to be done, with the pointwise function behind it.

    Parameters
    ----------
    name
        Of the map that it makes.
    lowered
        What it does.
    sources
        Maps that it takes.
    capacity
        Of the accelerator.
    beside
        Whether the depthwise unit does it, beside the matrix unit.
    turned
        Words at the buffer's end for lines that are turned; 0 if none are: see
        `golden.accelerator.external.circulant`.
    lined
        Whether that unit's line engines do it.
    """

    name: str
    lowered: Lowered
    sources: Mapping[str, Map]
    capacity: Capacity
    beside: bool = False
    turned: int = 0
    lined: bool = False

    @property
    def sizes(self) -> Sizes:
        """Of the accelerator."""
        return self.capacity.sizes

    @property
    def gives(self) -> Map:
        """The map."""
        return self.lowered.gives

    @cached_property
    def n_tiles(self) -> int:
        """Tiles of the map that it makes."""
        return tiles(self.gives.channels, self.sizes.tile)

    @property
    def words(self) -> int:
        """Words of the map that it makes."""
        return self.n_tiles * self.gives.height * self.gives.width

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """What it adds up; nothing where samples are moved."""
        operator = self.lowered.operator
        if isinstance(operator, Normal):
            return operator.terms
        if isinstance(operator, Stack):
            return tuple(term for sums in operator.parts for term in sums.terms)
        return operator.terms if isinstance(operator, Sums) else ()

    @property
    def by_tiles(self) -> bool:
        """Whether tiles are made one after the other."""
        return not isinstance(self.lowered.operator, Normal)

    @property
    def whole(self) -> bool:
        """Whether it is a whole map's average."""
        operator = self.lowered.operator
        return isinstance(operator, Sums) and operator.whole

    @property
    def by_rows(self) -> bool:
        """Whether rows are made without all others."""
        return not isinstance(self.lowered.operator, Moves)

    def apart(self, name: str) -> bool:
        """Whether a tile needs the same tile of a source alone."""
        if not isinstance(self.lowered.operator, Sums | Stack):
            return False
        return all(term.apart for term in self.terms if name in (term.source, term.gain))

    def rows(self, name: str, rows: range) -> range:
        """Return which rows of a source are needed for ``rows``: one at least."""
        height = self.sources[name].height
        if not rows:
            return range(0)
        reaches = self._reaches[name]
        if reaches is None:
            return range(height)
        first = min(at + rows.start * stride for at, stride, _ in reaches)
        after = max(at + (rows.stop - 1) * stride + size for at, stride, size in reaches)
        # One at least, where all of them are outside.
        low = min(max(first, 0), height - 1)
        return range(low, max(min(after, height), low + 1))

    @cached_property
    def _reaches(self) -> dict[str, set[tuple[int, int, int]] | None]:
        """Of each source its windows' first row, stride and rows; or nothing: all rows."""
        reaches: dict[str, set[tuple[int, int, int]] | None] = {}
        for name in self.sources:
            found = set()
            for term in self.terms:
                w = term.windows
                kernel = w.kernel_rows if w.largest else term.weight.shape[2]
                if term.source == name:
                    found.add((w.row, w.row_stride, (kernel - 1) * w.row_tap + 1))
            whole = any(term.gain == name for term in self.terms) or not self.by_rows
            around = any(
                term.source == name and term.windows.around and term.weight.shape[2] > 1
                for term in self.terms
            )
            reaches[name] = None if whole or around or not found else found
        return reaches

    def cost(self, rows: int) -> Effort:
        """Return what so many rows of all tiles take."""
        known = self._costs.get(rows)
        if known is None:
            known = self._costs[rows] = self._cost(rows)
        return known

    @cached_property
    def _costs(self) -> dict[int, Effort]:
        return {}

    def _cost(self, rows: int) -> Effort:
        operator, sizes = self.lowered.operator, self.sizes
        if isinstance(operator, Moves):
            return self._moving
        if self.lined:
            return self._lining(rows)
        if self.beside:
            return self._sliding(rows)
        if self.turned:
            return self._turning(rows)
        if self.whole:
            (data,) = self.sources.values()
            passes = data.height * data.width
            return Effort(passes * max(self.n_tiles, sizes.tile + 1), 0, passes, 1)
        if isinstance(operator, Stack):
            return Effort.sum([(self._adding(sums.terms, rows), n) for sums, n in self._parts])
        of_norm = isinstance(operator, Normal)
        return self._adding(self.terms, rows) * (self.n_tiles * (2 if of_norm else 1))

    def _adding(self, terms: Sequence[Term], rows: int) -> Effort:
        """Return what so many rows of a tile take that sums of products are made for."""
        sizes, width = self.sizes, self.gives.width
        columns = min(width, sizes.positions)
        bands = -(-rows // (sizes.positions // columns)) * -(-width // columns)
        positions = rows * width
        cycles = weights = descriptors = 0
        for term in terms:
            w = term.windows
            taps = w.kernel_rows * w.kernel_columns if w.largest else term.weight[0, 0].size
            deep = self._depth(term)
            passes = taps * deep
            each = 0 if term.gain else 1 if term.apart else sizes.tile
            cycles += max(positions * passes, bands * (sizes.tile + 1) * passes)
            weights += (1 if w.largest else passes) * each * bands
            descriptors += bands * (1 if term.gain is None else 2)
        cycles = max(cycles, positions * sizes.parts) + descriptors * _BEGIN
        return Effort(cycles, 0, weights, descriptors)

    def _depth(self, term: Term) -> int:
        """Return how many tiles of inputs a tile of outputs takes, about."""
        if term.apart:
            return 1
        known = self._depths.get(id(term))
        if known is None:
            tile = self.sizes.tile
            used = np.abs(term.weight).max(axis=(2, 3))
            spans = []
            for first in range(0, len(used), tile):
                inputs = np.flatnonzero(used[first : first + tile].any(axis=0)) // tile
                spans.append(int(inputs[-1] - inputs[0]) + 1 if inputs.size else 0)
            known = self._depths[id(term)] = max(1, round(sum(spans) / len(spans)))
        return known

    @cached_property
    def _depths(self) -> dict[int, int]:
        return {}

    def _turning(self, rows: int) -> Effort:
        """Return what so many rows take whose lines are turned, and turned back."""
        each = []
        for sums, count in self._parts:
            turned = turned_of(along(sums), rows, self.gives, self.capacity)
            effort = Effort(turned.cycles, turned.beside, turned.weights, turned.descriptors)
            each.append((effort, count))
        return Effort.sum(each)

    def _lining(self, rows: int) -> Effort:
        """Return what the line engines take for so many rows."""
        each = [
            (Effort(_BEGIN, lined_cycles(sums, rows, self.gives, self.capacity), 0, 1), count)
            for sums, count in self._parts
        ]
        return Effort.sum(each)

    @cached_property
    def _parts(self) -> list[tuple[Sums, int]]:
        """Sums, and how many tiles of the map each makes."""
        operator = self.lowered.operator
        assert isinstance(operator, Sums | Stack)
        if isinstance(operator, Sums):
            return [(operator, self.n_tiles)]
        ends = (*operator.firsts[1:], self.n_tiles)
        counts = (end - first for first, end in zip(operator.firsts, ends, strict=True))
        return list(zip(operator.parts, counts, strict=True))

    def _sliding(self, rows: int) -> Effort:
        """Return what the depthwise unit takes for so many rows: it reads columns of windows."""
        (term,) = self.terms
        kernel_rows, kernel_columns = term.weight.shape[2:]
        read = (self.gives.width - 1) * term.windows.column_stride + kernel_columns
        read *= kernel_rows * groups_of(kernel_columns, self.capacity.depthwise)
        scaled = 4 * self.gives.width  # a position in four cycles
        each = Effort(_BEGIN, rows * max(read, scaled) + 2 * _BEGIN, 0, 1)
        return each * self.n_tiles

    @cached_property
    def _moving(self) -> Effort:
        operator = self.lowered.operator
        assert isinstance(operator, Moves)
        cycles = weights = descriptors = 0
        for move in operator.moves:
            positions = move.rows * move.columns
            passes = sum(len(fetch.weight) for fetch in move.fetches)
            cycles += max(positions * passes, positions * self.sizes.parts)
            weights += passes
            descriptors += len(move.fetches)
        return Effort(cycles + descriptors * _BEGIN, 0, weights, descriptors)
