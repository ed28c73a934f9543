"""The signal flow of a transform, a product of spectra and the way back, with no reordering.

The forward transform is radix-2^2 with decimation in frequency, the way back its mirror image. Each
rank of butterflies has a delay of `span` samples: in a block of ``2 * span``, sample p meets sample
p + span. A forward rank sends out all differences before the sums, an inverse rank takes them in
that order: either way one adder and one subtracter do, with no multiplexer before or behind them.
So bin ``N - 1 - reversed(p)`` stands in place p between the two, `reversed` turning the bits of p
about: see `bin_order`.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from golden.interval import Integers

Complexes = npt.NDArray[np.complex128]


def bin_order(size: int) -> Integers:
    """Return the bin that each place of the stream between the transforms holds."""
    place = np.arange(size)
    reverse = np.zeros_like(place)
    for bit in range(size.bit_length() - 1):
        reverse = 2 * reverse + (place >> bit & 1)
    return size - 1 - reverse


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
class Section:
    """Ranks with no multiplication between them: two, or one where the sizes have an odd end."""

    ranks: tuple[Rank, ...]
    block: int
    """Samples whose butterflies belong together; a forward section's twiddles repeat with it."""


@dataclass(frozen=True)
class Flow:
    """Sections of a transform of `size` points and back; a product stands behind each but the last.

    Parameters
    ----------
    size
        Points, a power of two from 4.
    twiddle_f_bits
        Fraction bits of a twiddle factor's parts, which reach 1.
    """

    size: int
    twiddle_f_bits: int

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Sections in the order in which samples pass them."""
        forward: list[Section] = []
        back: list[Section] = []
        block = self.size
        while block > 1:
            spans = (block // 2, block // 4) if block > 2 else (1,)
            forward.append(Section(_ranks(spans, inverse=False), block))
            back.insert(0, Section(_ranks(spans[::-1], inverse=True), block))
            block //= 4
        return (*forward, *back)

    @property
    def n_products(self) -> int:
        """Complex multiplications that a sample goes through."""
        return len(self.sections) - 1

    @property
    def middle(self) -> int:
        """Number of the product with the spectrum; the others have twiddles."""
        return len(self.sections) // 2 - 1

    def twiddles(self, product: int) -> Integers:
        """Return the factors of a product, ``[2, block]`` raw integers; they repeat."""
        if product == self.middle:
            raise ValueError("Product must be one with twiddles, not the spectrum's")
        inverse = product > self.middle
        block = self.sections[product + 1 if inverse else product].block
        place = np.arange(block)
        # Differences come first in both ranks, so the four runs are those of k = 3, 1, 2, 0.
        frequency = np.array([3, 1, 2, 0])[place // (block // 4)]
        angle = 2 * np.pi * (place % (block // 4) * frequency) / block
        parts = np.stack([np.cos(angle), np.sin(angle) if inverse else -np.sin(angle)])
        return np.rint(parts * 2.0**self.twiddle_f_bits).astype(np.int64)


def _ranks(spans: tuple[int, ...], *, inverse: bool) -> tuple[Rank, ...]:
    return tuple(Rank(span, inverse, rotates=place > 0) for place, span in enumerate(spans))
