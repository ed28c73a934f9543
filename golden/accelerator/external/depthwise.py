"""Kernels that each keep to a channel, for a unit that does them while the matrix unit works.

A tile's *record* is what the unit's memory has of it, words of ``depthwise`` bytes a lane: one of
biases and one of factors, each in a lane's low bytes, then the kernel's. For every row of the
kernel there are *groups* of as many weights as are multiplied in a cycle, that of the last columns
first; columns that miss are in front, with weights of 0.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self, TypeGuard

import numpy as np

from golden.accelerator.constants import Constants
from golden.accelerator.descriptor import Descriptor, Finish, Kind, Windows
from golden.accelerator.external.capacity import HEAD, KERNEL_SIDE, OWN_SCALES, Capacity
from golden.accelerator.external.format import scale_words, scales_of
from golden.accelerator.lower import Lowered, MadePlace, MapPlace
from golden.accelerator.operators.layer_norm import Normal
from golden.accelerator.operators.move import Moves
from golden.accelerator.operators.sums import SMALL, Stack, Sums
from golden.accelerator.sizes import BIASED_BITS
from golden.network.map import Map
from golden.numbers.interval import Integers, Interval, wrap

KEPT_BITS = 22
"""Of a sum of products on its way: more than any kernel's of `KERNEL_SIDE` needs."""
SCALE_BITS = OWN_SCALES.bits + (OWN_SCALES.shifts.high - OWN_SCALES.shifts.low).bit_length()
"""Of a factor with its shift."""
_PLACES = 8 * np.arange(BIASED_BITS // 8)
"""Of a head's bytes."""
LARGEST_SAMPLE = 256
"""Of samples less a zero point."""


def groups_of(columns: int, taps: int) -> int:
    """Return how often a word is read for a row of a kernel, ``taps`` weights at a time."""
    return -(-columns // taps)


def record_of(one: Descriptor, capacity: Capacity) -> range:
    """Return the words of kernels that a descriptor uses."""
    w = one.windows
    words = w.kernel_rows * groups_of(w.kernel_columns, capacity.depthwise) + HEAD
    if one.line:
        words = capacity.line_words
    return range(one.weight_address, one.weight_address + words)


@dataclass(frozen=True, eq=False)
class Record:
    """What the unit keeps of a tile.

    Parameters
    ----------
    kernel
        int64 ``[tile, K_h, K_w]``, 8 bits.
    bias
        int64 ``[tile]``, `BIASED_BITS`.
    multiplier, shift
        int64 ``[tile]``, of factors.
    """

    kernel: Integers
    bias: Integers
    multiplier: Integers
    shift: Integers

    def packed(self, taps: int) -> Integers:
        """Return its words, int64 ``[n, tile * taps]``, bytes."""
        tile, rows, columns = self.kernel.shape
        groups = groups_of(columns, taps)
        wide = np.zeros((tile, rows, groups * taps), np.int64)
        wide[..., groups * taps - columns :] = self.kernel
        split = wide.reshape(tile, rows, groups, taps)[:, :, ::-1]
        kernel = np.moveaxis(split.reshape(tile, rows * groups, taps), 0, 1)
        head = np.stack([self.bias, scale_words(self.multiplier, self.shift, OWN_SCALES)])
        words = np.zeros((HEAD + len(kernel), tile, taps), np.int64)
        words[:HEAD, :, : BIASED_BITS // 8] = head[..., None] >> _PLACES
        words[HEAD:] = kernel
        packed: Integers = words.reshape(len(words), -1) & 255
        return packed

    @classmethod
    def unpacked(cls, words: Integers, windows: Windows, capacity: Capacity) -> Self:
        """Return the record of a descriptor with such windows."""
        taps, tile = capacity.depthwise, capacity.sizes.tile
        lanes = words.reshape(-1, tile, taps)
        rows, columns = windows.kernel_rows, windows.kernel_columns
        groups = groups_of(columns, taps)
        split = np.moveaxis(lanes[HEAD:], 1, 0).reshape(tile, rows, groups, taps)
        kernel = wrap(split[:, :, ::-1].reshape(tile, rows, -1)[..., groups * taps - columns :], 8)
        head = lanes[:HEAD, :, : BIASED_BITS // 8] << _PLACES
        bias, scale = head.sum(axis=-1)
        multiplier, shift = scales_of(scale & ((1 << SCALE_BITS) - 1), OWN_SCALES)
        return cls(kernel, wrap(bias, BIASED_BITS), multiplier, shift)


class RecordLowering:
    """Makes descriptors of operators whose kernels are records, a tile's each.

    Parameters
    ----------
    capacity
        Of the accelerator.
    constants
        Where records are stored.
    place_of
        Gives where a map is.
    """

    def __init__(
        self, capacity: Capacity, constants: Constants, place_of: Callable[[str], MapPlace]
    ) -> None:
        self._capacity = capacity
        self._tile = capacity.sizes.tile
        self._constants = constants
        self._place = place_of
        self._records: dict[tuple[Sums, int], int] = {}

    def _stored(self, sums: Sums, tile: int, make: Callable[[Sums, slice], Integers]) -> int:
        """Return where a tile's record is, which is made of channels of ``sums`` once."""
        known = self._records.get((sums, tile))
        if known is None:
            own = slice(tile * self._tile, min((tile + 1) * self._tile, len(sums.start)))
            known = self._records[sums, tile] = self._constants.kernels(make(sums, own))
        return known

    @staticmethod
    def _finish(lowered: Lowered, sums: Sums, target: int, *, row: int, column: int = 1) -> Finish:
        """Return how sums are finished; ``row`` and ``column`` are words from one to the next."""
        return Finish(
            zero_point=sums.zero_point,
            low=sums.clip.low,
            high=sums.clip.high,
            table=lowered.table,
            target=target,
            target_row=row,
            target_column=column,
        )

    def _factors(self, sums: Sums, own: slice) -> Iterator[Integers]:
        """Yield multipliers and shifts of some channels, of lanes that miss any."""
        for values in (sums.rescale.multiplier, sums.rescale.shift):
            yield np.resize(np.broadcast_to(values, len(sums.start))[own], self._tile)

    def _lanes(self, values: Integers) -> Integers:
        """Return a tile's values, those of lanes that miss 0."""
        whole = np.zeros((self._tile, *values.shape[1:]), np.int64)
        whole[: len(values)] = values
        return whole


class DepthwiseLowering(RecordLowering):
    """Makes descriptors of operators that the depthwise unit does."""

    def does(self, lowered: Sums | Stack | Moves | Normal, gives: Map) -> TypeGuard[Sums]:
        """Return whether the unit does it: one kernel a channel, of more than a tap.

        ``gives`` is the map that it gives.
        """
        if not self._capacity.depthwise or not isinstance(lowered, Sums) or len(lowered.terms) != 1:
            return False
        (term,) = lowered.terms
        w = term.windows
        if term.source is None or not term.apart or term.gain is not None or term.raised:
            return False
        takes = self._place(term.source).source
        plain = not (lowered.product or lowered.rescale.single or w.largest)
        rows, columns = term.weight.shape[2:]
        sides = rows * columns > 1 and max(rows, columns) <= KERNEL_SIDE
        steps = min(w.row_stride, w.column_stride) > 0 and w.row_tap == w.column_tap == 1
        walked = (gives.width - 1) * w.column_stride + columns
        around = not w.around or (rows <= takes.height + 1 and columns <= takes.width + 1)
        if not (plain and sides and steps and around and walked <= (1 << self._capacity.side_bits)):
            return False
        start = lowered.start
        if start[0].size > 1 or not SMALL.holds(Interval.of(term.weight)):
            return False
        most = LARGEST_SAMPLE * np.abs(term.weight).sum(axis=(1, 2, 3)) + np.abs(start[:, 0, 0])
        return bool(most.max() < 1 << (BIASED_BITS - 1))

    def part(
        self, lowered: Lowered, rows: range, of_tiles: range, goal: MadePlace
    ) -> Iterator[Descriptor]:
        """Yield a descriptor a tile, of rows of some tiles."""
        sums, gives = lowered.operator, lowered.gives
        assert isinstance(sums, Sums)
        (term,) = sums.terms
        assert term.source is not None
        source, first_row, first_tile = self._place(term.source)
        windows = replace(
            term.windows,
            row=term.windows.row + rows.start * term.windows.row_stride - first_row,
            rows=len(rows),
            columns=gives.width,
            kernel_rows=term.weight.shape[2],
            kernel_columns=term.weight.shape[3],
        )
        for tile in of_tiles:
            base = source.base + (tile - first_tile) * source.tile_words
            yield Descriptor(
                Kind.DEPTHWISE,
                False,
                replace(source, base=base),
                windows,
                weight_address=self._stored(sums, tile, self._record),
                finish=self._finish(
                    lowered,
                    sums,
                    goal.base + (tile - of_tiles.start) * goal.plane,
                    row=gives.width,
                ),
            )

    def _record(self, sums: Sums, own: slice) -> Integers:
        """Return the words of some channels' record."""
        (term,) = sums.terms
        kernel, start = (self._lanes(values[own]) for values in (term.weight[:, 0], sums.start))
        record = Record(kernel, start[:, 0, 0], *self._factors(sums, own))
        return record.packed(self._capacity.depthwise)
