"""The signal flow of a transform, a product of spectra and the way back, with no reordering.

The forward transform is radix-2^2 with decimation in frequency, the way back its mirror image. Each
rank of butterflies has a delay of `span` samples: in a block of ``2 * span``, sample p meets sample
p + span. A forward rank sends out all differences before the sums, an inverse rank takes them in
that order: either way one adder and one subtracter do, with no multiplexer before or behind them.
So bin ``N - 1 - reversed(p)`` stands in place p between the two, `reversed` turning the bits of p
about: see `bin_order`.

Where the points are ``a * 2^m`` with an odd a, ranks are as along the columns of rows of a samples,
with twiddles that allow for where a sample stands in its row, and a transform of a points of every
row comes behind them: see `golden.fft.odd`.

A plane of several rows is transformed along both axes on the same flow, row after row: samples of
a column stand a row apart, so a rank along the columns has a delay of whole rows, and the ranks of
the two axes need nothing between them, neither a factor nor a corner turn.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from golden.fft.odd import OddTransform, bin_sequence, odd_part
from golden.numbers.interval import Integers

Complexes = npt.NDArray[np.complex128]


def bin_order(size: int) -> Integers:
    """Return the bin that each place of the stream between the transforms holds."""
    odd = odd_part(size)
    rows = size // odd
    place = np.arange(rows)
    reverse = np.zeros_like(place)
    for bit in range(rows.bit_length() - 1):
        reverse = 2 * reverse + (place >> bit & 1)
    # Behind the rows' transforms: the bin that is congruent to the column's modulo 2^m, and to
    # 2^m times the row's modulo a.
    column = (rows - 1 - reverse)[:, None] * odd * pow(odd, -1, rows)
    row = bin_sequence(odd) * rows * rows * pow(rows, -1, odd)
    return np.asarray(((column + row) % size).reshape(-1))


@dataclass(frozen=True)
class Rank:
    """One rank of radix-2 butterflies.

    Parameters
    ----------
    span
        Samples between the two that meet.
    inverse
        Whether it belongs to the way back.
    rotates
        Whether a quarter of the samples turns by a right angle before they meet.
    """

    span: int
    inverse: bool
    rotates: bool = False

    @property
    def quarter(self) -> int:
        """The samples that turn are the second of every four runs of this length."""
        return self.span // 2 if self.inverse else self.span

    def rotated(self, size: int) -> npt.NDArray[np.bool_]:
        """Return which of ``size`` samples turn: by -j forward, by j on the way back."""
        if not self.rotates:
            return np.zeros(size, dtype=np.bool_)
        return np.asarray(np.arange(size) // self.quarter % 4 == 1)

    def apply(self, z: Complexes) -> Complexes:
        """Return what the rank makes of ``[..., size]``."""
        return self._meet(z * self._rotation(z.shape[-1]), self.inverse)

    def transpose(self, gains: Complexes) -> Complexes:
        """Return gains from the rank's inputs, given those from its outputs, ``[..., size]``."""
        return self._meet(gains, not self.inverse) * self._rotation(gains.shape[-1])

    def _rotation(self, size: int) -> Complexes:
        turn = 1j if self.inverse else -1j
        return np.where(self.rotated(size), turn, 1 + 0j)

    def _meet(self, z: Complexes, sums_first: bool) -> Complexes:
        blocks = z.reshape(*z.shape[:-1], -1, 2, self.span)
        early, late = blocks[..., 0, :], blocks[..., 1, :]
        pair = (early + late, late - early) if sums_first else (early - late, early + late)
        return np.stack(pair, axis=-2).reshape(z.shape)


@dataclass(frozen=True)
class RankSection:
    """Ranks with no multiplication between them: two, or one where the sizes have an odd end.

    None where bins of an odd number of points meet their spectrum.
    """

    ranks: tuple[Rank, ...]
    block: int
    """Samples whose butterflies belong together; a forward section's twiddles repeat with it."""
    unit: int
    """Samples from one point of a transform to the next: the points of a row along the columns."""


@dataclass(frozen=True)
class TransformFlow:
    """Sections of a transform of `size` points and back; a product stands behind each but the last.

    Parameters
    ----------
    size
        Points: a power of two from 4, or an odd number of `ODD_POINTS` times a power of two.
    twiddle_f_bits
        Fraction bits of a twiddle factor's parts, which reach 1.
    row
        Points of a row, a power of two; less than `size` where a plane is transformed along both
        axes. None takes the whole of it, a line.
    """

    size: int
    twiddle_f_bits: int
    row: int | None = None

    @cached_property
    def sections(self) -> tuple[RankSection, ...]:
        """Sections in the order in which samples pass them."""
        row = self.row or self.size
        forward: list[RankSection] = []
        back: list[RankSection] = []
        odd = self.odd
        axes = ((self.size, row), (row, 1)) if odd == 1 else ((self.size, odd),)
        for points, unit in axes:
            block = points
            while block > unit:
                spans = (block // 2, block // 4) if block > 2 * unit else (unit,)
                ahead = RankSection(_ranks(spans, inverse=False), block, unit)
                behind = RankSection(_ranks(spans[::-1], inverse=True), block, unit)
                if unit < row and block == row and forward:
                    # No factors stand between the axes: their ranks follow each other.
                    last = forward.pop()
                    ahead = RankSection(last.ranks + ahead.ranks, block, unit)
                    behind = RankSection(behind.ranks + back.pop(0).ranks, block, unit)
                forward.append(ahead)
                back.insert(0, behind)
                block //= 4
        if odd > 1:
            bins = RankSection((), odd, 1)
            if not forward:
                forward, back = [bins], [bins]
            return (*forward, bins, bins, *back)
        return (*forward, *back)

    @property
    def odd(self) -> int:
        """Points of the transforms of an odd number behind the ranks, 1 where there are none."""
        return odd_part(self.size)

    def odd_transform(self, product: int) -> OddTransform | None:
        """Return the transform that stands in place of ``product``, if one does."""
        if self.odd == 1 or product not in (self.middle - 1, self.middle + 1):
            return None
        section = self.sections[self.middle - 1]
        rows = section.block // self.odd if section.ranks else 1
        row, column = np.divmod(np.arange(self.size), self.odd)
        frequency = np.array(_FREQUENCIES[rows])[row % rows]
        turns = 4 // rows * frequency * column * pow(self.odd, -1, rows) % 4
        return OddTransform(self.odd, product > self.middle, self.twiddle_f_bits, turns)

    @property
    def bins(self) -> Integers:
        """Return the bin that each place between the transforms holds, row by row of bins."""
        row = self.row or self.size
        rows, columns = bin_order(self.size // row), bin_order(row)
        return np.asarray((rows[:, None] * row + columns).reshape(-1))

    @cached_property
    def mirror(self) -> Integers:
        """Return the place of the bin of the negative frequency, for each place."""
        row = self.row or self.size
        bins = self.bins
        place = np.empty_like(bins)
        place[bins] = np.arange(self.size)
        return np.asarray(place[-(bins // row) % (self.size // row) * row + -(bins % row) % row])

    @cached_property
    def mirror_span(self) -> int:
        """Samples from a place to its mirrored one, at the most."""
        return int((self.mirror - np.arange(self.size)).max())

    @property
    def n_products(self) -> int:
        """Complex multiplications that a sample goes through."""
        return len(self.sections) - 1

    @property
    def middle(self) -> int:
        """Number of the product with the spectrum; the others have twiddles."""
        return len(self.sections) // 2 - 1

    def twiddles(self, product: int) -> Integers:
        """Return the factors of a product, raw integers ``[2, points]``; they repeat.

        Each holds for `unit` samples.
        """
        if product == self.middle or self.odd_transform(product):
            raise ValueError("Product must be one with twiddles, not the spectrum's")
        inverse = product > self.middle
        section = self._twiddled(product)
        block = section.block // section.unit
        place, column = np.arange(block), np.zeros(1, dtype=np.int64)
        if self.odd > 1:
            column = np.arange(self.odd) * pow(self.odd, -1, block)
        frequency = np.array(_FREQUENCIES[4])[place // (block // 4), None]
        steps = (place % (block // 4))[:, None] + column
        angle = 2 * np.pi * (steps * frequency % block).reshape(-1) / block
        parts = np.stack([np.cos(angle), np.sin(angle) if inverse else -np.sin(angle)])
        return np.rint(parts * 2.0**self.twiddle_f_bits).astype(np.int64)

    def unit(self, product: int) -> int:
        """Return the samples in a row that a product's factor holds for."""
        return 1 if self.odd > 1 else self._twiddled(product).unit

    def spread(self, product: int) -> Integers:
        """Return `twiddles`, one for each sample: ``[2, size]``."""
        words = np.repeat(self.twiddles(product), self.unit(product), axis=-1)
        return np.tile(words, self.size // words.shape[-1])

    def _twiddled(self, product: int) -> RankSection:
        return self.sections[product + 1 if product > self.middle else product]


_FREQUENCIES = {1: (0,), 2: (1, 0), 4: (3, 1, 2, 0)}
"""Of the runs that ranks make of a block: differences come first."""


def _ranks(spans: tuple[int, ...], *, inverse: bool) -> tuple[Rank, ...]:
    return tuple(Rank(span, inverse, rotates=place > 0) for place, span in enumerate(spans))
