"""A program: descriptors and the contents of ROMs, and what they do, bit for bit."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from golden.accelerator.abilities import Abilities
from golden.accelerator.descriptor import (
    Descriptor,
    Finish,
    Kind,
    Lanes,
    Norm,
    Source,
    Weights,
)
from golden.accelerator.operators.sums import EXPONENT_BITS, FIXED_BITS, Addition
from golden.accelerator.sizes import CENTRED_BITS, SUM_BITS, Sizes
from golden.matrix.design import RAISED_BITS
from golden.network.layer_norm import GAIN_BITS, reciprocal_root
from golden.network.rescale import to_float32
from golden.numbers.fixed import round_half_even
from golden.numbers.interval import Integers, Interval, wrap
from golden.numbers.quantize import requantize

OUTSIDE = Interval.signed(CENTRED_BITS).low
"""What is outside a map where the largest sample is looked for: less than any."""


@dataclass(frozen=True, eq=False)
class Rom:
    """What does not change.

    Parameters
    ----------
    weights
        int64 ``[n, tile]``: rows, or diagonals.
    bias
        int64 ``[n, scalers]``: what sums begin with.
    multiplier, shift
        int64 ``[n, scalers]``.
    tables
        int64 ``[n, 256]``, by a sample's word without sign.
    kernels
        int64 ``[n, taps * tile]``, bytes: of the depthwise unit, where there is one.
    """

    weights: Integers
    bias: Integers
    multiplier: Integers
    shift: Integers
    tables: Integers
    kernels: Integers = field(default_factory=lambda: np.zeros((0, 1), np.int64))


@dataclass(frozen=True, eq=False)
class Program:
    """What an accelerator does, frame after frame.

    Parameters
    ----------
    sizes
        Of the accelerator.
    descriptors
        In order.
    rom
        What they find in ROM.
    words
        Of the maps' memory.
    names
        What each descriptor works for: a map of the network.
    """

    sizes: Sizes
    descriptors: tuple[Descriptor, ...]
    rom: Rom
    words: int
    names: tuple[str, ...]

    @property
    def abilities(self) -> Abilities:
        """What it needs beside sums of products."""
        return Abilities(
            largest=any(one.windows.largest for one in self.descriptors),
            product=any(one.finish.product for one in self.descriptors),
            norm=max(one.finish.channels for one in self.descriptors),
            single=any(one.finish.single for one in self.descriptors),
            addition=any(one.finish.adds for one in self.descriptors),
        )

    @property
    def taken(self) -> int:
        """Words of a frame on the stream of pixels."""
        return self._passed(Kind.TAKE)

    @property
    def given(self) -> int:
        """Words of a frame on the stream of results."""
        return self._passed(Kind.GIVE)

    def _passed(self, kind: Kind) -> int:
        return sum(d.windows.positions for d in self.descriptors if d.kind == kind)

    @property
    def writes(self) -> tuple[tuple[str, Integers], ...]:
        """Of each descriptor that writes a map: its name, and addresses in their order."""
        written = []
        for name, one in zip(self.names, self.descriptors, strict=True):
            if one.kind == Kind.TAKE:
                written.append((name, one.source.base + np.arange(one.windows.positions)))
            elif finishes(one):
                written.append((name, places_of(one)))
        return tuple(written)

    def written(self, words: Integers) -> dict[str, Integers]:
        """Return the words of each map ``[n, tile]``, of a frame's words as they were written."""
        maps: dict[str, tuple[list[Integers], list[Integers]]] = {}
        first = 0
        for name, addresses in self.writes:
            places, found = maps.setdefault(name, ([], []))
            places.append(addresses)
            found.append(words[first : first + len(addresses)])
            first += len(addresses)
        return {
            name: np.concatenate(found)[np.argsort(np.concatenate(places))]
            for name, (places, found) in maps.items()
        }

    def run(self, frame: Integers) -> Integers:
        """Return the words given ``[given, tile]``, 8 bits each, for those taken ``[taken, tile]``.

        Words are in two's complement, whatever their map's.
        """
        return ProgramRun(self, frame).run()


def finishes(one: Descriptor) -> bool:
    """Return whether words come of a descriptor's sums."""
    if one.kind == Kind.DEPTHWISE:
        return True
    return one.kind == Kind.COMPUTE and one.final and one.finish.norm != Norm.STATISTICS


class ProgramRun:
    """A frame on its way through a program.

    Attributes
    ----------
    made
        int64 ``[n, tile]``: what came of each descriptor that `finishes`, so far.
    """

    def __init__(self, program: Program, frame: Integers) -> None:
        self._program = program
        self._rom = program.rom
        self._tile = program.sizes.tile
        self._maps = np.zeros((program.words, self._tile), np.int64)
        self._frame = iter(np.asarray(frame))
        self.made: list[Integers] = []
        self._given: list[Integers] = []
        self._sums: Integers = np.zeros((0, self._tile), np.int64)
        self._gain: Integers = np.zeros(self._tile, np.int64)
        self._total: Integers = np.zeros(0, np.int64)
        self._root: Integers = np.zeros(0, np.int64)
        self._exponent: Integers = np.zeros(0, np.int64)

    def run(self) -> Integers:
        """Return the words given."""
        does = {
            Kind.TAKE: self._take,
            Kind.COMPUTE: self._compute,
            Kind.GAIN: self._keep_gain,
            Kind.GIVE: self._give,
        }
        for descriptor in self._program.descriptors:
            does[descriptor.kind](descriptor)
        return np.concatenate(self._given)

    def _take(self, one: Descriptor) -> None:
        for address in range(one.source.base, one.source.base + one.windows.positions):
            self._maps[address] = next(self._frame) & 255

    def _give(self, one: Descriptor) -> None:
        words = self._maps[one.source.base :][: one.windows.positions]
        self._given.append(wrap(words, 8))

    def _keep_gain(self, one: Descriptor) -> None:
        self._gain = centred(self._maps[one.source.base], one.source)

    def _compute(self, one: Descriptor) -> None:
        total = np.zeros((one.windows.positions, self._tile), np.int64)
        matrix = self._program.sizes.matrix
        for x, weights in zip(self._passes(one), self._weights(one), strict=True):
            total += matrix.sums(x, weights, squares=one.squares)
        kept = self._sums << RAISED_BITS if one.raised else self._sums
        self._sums = total if one.first else wrap(kept + total, SUM_BITS)
        if one.final:
            self._finish(one)

    def _passes(self, one: Descriptor) -> Iterator[Integers]:
        """Yield the positions ``[positions, tile]`` of each pass."""
        taps = (self._lanes(one, x) for x in self._taps(one))
        if one.windows.largest:
            yield np.maximum.reduce(list(taps))
        else:
            yield from taps

    def _lanes(self, one: Descriptor, x: Integers) -> Integers:
        """Return the lanes of positions that are read."""
        if one.source.lanes:
            x = np.where(np.arange(self._tile) < one.source.lanes, x, 0)
        if one.lanes == Lanes.ALL:
            return x
        half = self._tile // 2
        return np.repeat(x[:, :half] if one.lanes == Lanes.LOWER else x[:, half:], 2, axis=1)

    def _taps(self, one: Descriptor) -> Iterator[Integers]:
        """Yield what lies under each tap of the windows."""
        w, source = one.windows, one.source
        nothing = OUTSIDE if w.largest else 0
        rows = w.row + w.row_stride * np.arange(w.rows)[:, None]
        columns = w.column + w.column_stride * np.arange(w.columns)[None, :]
        for tile in range(w.tiles):
            for row, column in np.ndindex(w.kernel_rows, w.kernel_columns):
                r, c = np.broadcast_arrays(rows + row * w.row_tap, columns + column * w.column_tap)
                if w.around:
                    r, c = r % source.height, c % source.width
                inside = (r >= 0) & (r < source.height) & (c >= 0) & (c < source.width)
                place = source.base + tile * source.tile_words + r * source.row_words + c
                words = self._maps[np.where(inside, place, 0)]
                x = np.where(inside[..., None], centred(words, source), nothing)
                yield x.reshape(-1, self._tile)

    def _weights(self, one: Descriptor) -> Iterator[Integers]:
        """Yield the weights ``[tile, tile]`` of each pass."""
        address = one.weight_address
        for _ in range(one.windows.passes):
            if one.weights == Weights.FULL:
                yield self._rom.weights[address : address + self._tile][::-1]
                address += self._tile
            elif one.weights == Weights.DIAGONAL:
                yield np.diag(self._rom.weights[address])
                address += 1
            else:
                yield np.diag(self._gain)

    def _finish(self, one: Descriptor) -> None:
        finish, windows = one.finish, one.windows
        parts = self._program.sizes.parts
        row, column, part = np.meshgrid(
            np.arange(windows.rows), np.arange(windows.columns), np.arange(parts), indexing="ij"
        )
        start = finish.bias + finish.bias_row * row + finish.bias_column * column + part
        bias = self._rom.bias[start].reshape(-1, self._tile)
        if finish.norm == Norm.STATISTICS:
            self._keep_statistics(finish)
            return
        scale = slice(finish.scale, finish.scale + parts)
        multiplier, shift = (
            values[scale].reshape(-1) for values in (self._rom.multiplier, self._rom.shift)
        )
        if finish.norm == Norm.NORMAL:
            y = self._normal(finish, multiplier, shift, bias)
        else:
            sums = wrap(self._sums + bias, SUM_BITS)
            if finish.adds:
                y = added(sums, multiplier, shift, self._addition(finish), finish)
            else:
                sums = product_of(sums) if finish.product else sums
                rounds = in_float32 if finish.single else exactly
                y = rounds(sums, multiplier, shift, finish)
        self._write(one, y)

    def _write(self, one: Descriptor, y: Integers) -> None:
        """Write what is clipped, through a table."""
        words = self._rom.tables[one.finish.table][y & 255] & 255
        self._maps[places_of(one)] = words
        self.made.append(wrap(words, 8))

    def _addition(self, finish: Finish) -> Addition:
        """Return what lies behind an addition's biases and factors."""
        parts, rom = self._program.sizes.parts, self._rom
        word = int(rom.bias[finish.bias + parts, 0])
        return Addition(
            int(rom.multiplier[finish.scale + parts, 0]),
            int(rom.shift[finish.scale + parts, 0]),
            int(wrap(np.array(word), FIXED_BITS)),
            (word >> FIXED_BITS) & ((1 << EXPONENT_BITS) - 1),
        )

    def _keep_statistics(self, finish: Finish) -> None:
        squares, both = self._sums[:, 0], self._sums[:, 1]
        self._total = wrap(both - squares, SUM_BITS)
        spread = finish.channels * squares - self._total * self._total + finish.epsilon
        self._root, self._exponent = reciprocal_root(spread)

    def _normal(
        self, finish: Finish, gain: Integers, shift: Integers, offset: Integers
    ) -> Integers:
        """Return what is normalised, scaled and rounded: see `LayerNorm`."""
        difference = wrap(self._sums - self._total[:, None], SUM_BITS)
        u = (difference * self._root[:, None]) >> (19 + self._exponent[:, None])
        y = round_half_even(u * wrap(gain, GAIN_BITS) + offset, shift) + finish.zero_point
        clipped: Integers = np.clip(y, finish.low, finish.high)
        return clipped


def places_of(one: Descriptor) -> Integers:
    """Return the addresses that a descriptor writes, in their order."""
    rows, columns = np.arange(one.windows.rows), np.arange(one.windows.columns)
    finish = one.finish
    places: Integers = (
        finish.target + finish.target_row * rows[:, None] + finish.target_column * columns
    ).reshape(-1)
    return places


def exactly(sums: Integers, multiplier: Integers, shift: Integers, finish: Finish) -> Integers:
    """Return sums scaled and rounded once."""
    ends = {"low": finish.low, "high": finish.high}
    return requantize(sums, multiplier, shift, zero_point=finish.zero_point, **ends)


def in_float32(sums: Integers, multiplier: Integers, shift: Integers, finish: Finish) -> Integers:
    """Return sums scaled with the roundings of float32: see `Rescale`, and `Multiply`."""
    product = to_float32(to_float32(sums) * multiplier)
    zero = finish.zero_point
    if finish.early:
        y = round_half_even(to_float32(product + (zero << shift)), shift)
    else:
        y = round_half_even(product, shift) + zero
    clipped: Integers = np.clip(y, finish.low, finish.high)
    return clipped


def added(
    sums: Integers, multiplier: Integers, shift: Integers, other: Addition, finish: Finish
) -> Integers:
    """Return the samples that sums hold, scaled and added with the roundings of float32."""
    second = wrap(sums, CENTRED_BITS)
    first = (sums - second) >> CENTRED_BITS
    most = np.maximum(shift, other.shift)
    fixed = np.int64(other.fixed) << other.exponent
    partial = to_float32(fixed + (second * other.multiplier << (most - other.shift)))
    y = round_half_even(to_float32(partial + (first * multiplier << (most - shift))), most)
    clipped: Integers = np.clip(y, finish.low, finish.high)
    return clipped


def product_of(sums: Integers) -> Integers:
    """Return the product of the two samples that sums hold."""
    second: Integers = wrap(sums, CENTRED_BITS)
    return ((sums - second) >> CENTRED_BITS) * second


def centred(words: npt.NDArray[np.int64], source: Source) -> Integers:
    """Return samples less their zero point, of words of 8 bits."""
    samples: Integers = wrap(words, 8) if source.signed else words & 255
    return samples - source.zero_point
