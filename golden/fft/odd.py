"""Transforms of an odd number of points, which stand between two sections of a flow.

    X[q] = sum_c x[c] * exp(-2j * pi * c * q / a),  and with +2j on the way back

With ``s[n] = x[n] + x[a - n]`` and ``d[n] = x[n] - x[a - n]`` for n from 1 to ``h = (a - 1) / 2``,
X[q] and X[a - q] are ``A[q] -+ j * B[q]``. The cosines of a row add up to -1/2, so with any pair r

    A[q] = x[0] - s[r] / 2 - sum_{n != r} cos(2 * pi * n * q / a) * (s[r] - s[n])
    B[q] = sum_n sin(2 * pi * n * q / a) * d[n]

Of 7 points the sines with the signs ``g = 1, 1, -1`` add up to ``g[q] * sqrt(7) / 2``, so there too
a product less a row does, and one for all of them:

    B[q] = g[q] * g[r] * sqrt(7) / 2 * d[r]
           + sum_{n != r} sin(2 * pi * n * q / 7) * (d[n] - g[n] * g[r] * d[r])

That makes 1, 6 and 13 products of a complex number and a real constant for 3, 5 and 7 complex
samples. Between the two transforms bins stand in pairs that belong together, see `bin_sequence`: so
ahead they leave as they are made, and on the way back a pair meets at once.

The other factor of the transform's points is a power of two M. The two need no twiddles between
them (Good and Thomas), except that a column begins at sample ``c * (1 / a mod M)`` for column c of
the rows: twiddles allow for that, and what remains behind the last ranks are turns by right angles.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from golden.numbers.interval import Integers

Complexes = npt.NDArray[np.complex128]
Floats = npt.NDArray[np.float64]

ODD_POINTS = (3, 5, 7, 9, 15, 21)
_SIGNS = {7: (1, 1, -1)}
"""Signs with which the sines of a row add up to plus or minus the same."""


def odd_part(size: int) -> int:
    """Return the greatest odd number that divides ``size``."""
    return size // (size & -size)


def bin_sequence(points: int) -> Integers:
    """Return the bins of ``points`` in the order between the transforms: 0, then pairs.

    Of a pair with a negative sign the later one comes first, so that differences have the sign.
    """
    signs = _SIGNS.get(points, (1,) * (points // 2))
    pairs = [(q, points - q)[::sign] for q, sign in enumerate(signs, 1)]
    return np.array([0, *(bin for pair in pairs for bin in pair)])


@dataclass(frozen=True, eq=False)
class OddTransform:
    """Transforms of ``points`` samples that follow each other, and turns of samples.

    Parameters
    ----------
    points
        Samples of a transform a, odd.
    inverse
        Whether it belongs to the way back, where samples turn behind it, by j; else ahead, by -j.
    f_bits
        Fraction bits of the constants.
    turns
        ``[size]``, right angles that each sample turns by.
    """

    points: int
    inverse: bool
    f_bits: int
    turns: Integers

    @property
    def half(self) -> int:
        """Pairs of samples h that meet."""
        return self.points // 2

    @property
    def pairs(self) -> Integers:
        """Pairs of samples n in the order in which they meet; the first is r."""
        pairs = np.arange(1, self.half + 1)
        return pairs if self.inverse else pairs[::-1]

    @property
    def signs(self) -> Integers:
        """Signs g of all pairs n, from 1."""
        return np.array(_SIGNS.get(self.points, (1,) * self.half))

    @property
    def shares(self) -> bool:
        """Whether one product of d[r] serves all B."""
        return self.points in _SIGNS

    @property
    def share(self) -> int:
        """That product's constant: what a row's sines add up to with their signs."""
        angles = 2 * np.pi * np.arange(1, self.half + 1) / self.points
        return int(np.rint(self.signs @ np.sin(angles) * 2.0**self.f_bits))

    @cached_property
    def cosines(self) -> Integers:
        """Constants of A, raw integers ``[h, h - 1]``: row q - 1, pairs n in order but for r."""
        return self._constants(np.cos, self.pairs[1:])

    @cached_property
    def sines(self) -> Integers:
        """Constants of B, raw integers ``[h, h]``; without r ``[h, h - 1]`` where it `shares`."""
        return self._constants(np.sin, self.pairs[int(self.shares) :])

    @property
    def constant_bits(self) -> int:
        """Width of a constant; one is 1 where the points have a divisor."""
        most = max(int(np.abs(c).max(initial=0)) for c in (self.cosines, self.sines))
        return max(most, self.share * self.shares).bit_length() + 1

    def _constants(self, wave: np.ufunc, pairs: Integers) -> Integers:
        steps = np.arange(1, self.half + 1)[:, None] * pairs % self.points
        angles = 2 * np.pi * steps / self.points
        return np.asarray(np.rint(wave(angles) * 2.0**self.f_bits), dtype=np.int64)

    @cached_property
    def _of_pairs(self) -> tuple[Integers, Integers]:
        """What the constants come to, ``[h, h]``: of A in s[n], and of B in d[n]."""
        h, first = self.half, self.pairs[0] - 1
        others = self.pairs[1:] - 1
        of_sums, of_differences = np.zeros((2, h, h), dtype=np.int64)
        of_sums[:, others] = self.cosines
        of_sums[:, first] = -(1 << self.f_bits - 1) - self.cosines.sum(axis=1)
        if not self.shares:
            of_differences[:, self.pairs - 1] = self.sines
            return of_sums, of_differences
        signs = self.signs
        of_differences[:, others] = self.sines
        rest = self.share * signs - self.sines @ signs[others]
        of_differences[:, first] = signs[first] * rest
        return of_sums, of_differences

    @cached_property
    def words(self) -> Integers:
        """What the constants come to, raw integers ``[2, results, samples]``: real, imaginary."""
        of_sums, of_differences = self._of_pairs
        re, im = np.zeros((2, self.points, self.points), dtype=np.int64)
        re[:, 0] = re[0] = 1 << self.f_bits
        sign = 1 if self.inverse else -1
        for q in range(1, self.half + 1):
            for n in range(1, self.half + 1):
                for row, forward in ((q, 1), (self.points - q, -1)):
                    re[row, [n, -n]] = of_sums[q - 1, n - 1]
                    im[row, [n, -n]] = [
                        forward * sign * of_differences[q - 1, n - 1] * k for k in (1, -1)
                    ]
        return self._in_sequence(np.stack([re, im]))

    def _in_sequence(self, matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return ``[..., q, c]`` with bins in the order between the transforms."""
        bins = bin_sequence(self.points)
        return matrix[..., bins] if self.inverse else matrix[..., bins, :]

    @cached_property
    def matrix(self) -> Complexes:
        """The same as numbers, ``[results, samples]``."""
        re, im = self.words / 2.0**self.f_bits
        return np.asarray(re + 1j * im)

    @property
    def exact(self) -> Complexes:
        """What `matrix` stands for."""
        place = np.arange(self.points)
        sign = 2j if self.inverse else -2j
        angles = np.pi * (place[:, None] * place % self.points) / self.points
        return np.asarray(self._in_sequence(np.exp(sign * angles)))

    @property
    def growth(self) -> int:
        """Bits that what is multiplied has more than a sample."""
        return 2 if self.half > 1 else 1

    def apply(self, z: Complexes) -> Complexes:
        """Return what becomes of ``[..., size]``."""
        if self.inverse:
            return self._each(z, self.matrix) * self._turned
        return self._each(z * self._turned, self.matrix)

    def transpose(self, gains: Complexes) -> Complexes:
        """Return gains from the samples, given those from what becomes of them."""
        if self.inverse:
            return self._each(gains * self._turned, self.matrix.T)
        return self._each(gains, self.matrix.T) * self._turned

    def apply_raw(self, raw: Integers) -> Integers:
        """Return what becomes of raw integers ``[..., 2, size]``, exact, with `f_bits` more."""
        if not self.inverse:
            raw = self._turn(raw, forward=True)
        blocks = raw.reshape(*raw.shape[:-1], -1, self.points)
        re, im = blocks[..., 0, :, :], blocks[..., 1, :, :]
        c, d = self.words
        made = np.stack([re @ c.T - im @ d.T, re @ d.T + im @ c.T], axis=-3).reshape(raw.shape)
        if self.inverse:
            made = self._turn(made, forward=False)
        return np.asarray(made)

    def magnitudes(self, off: Floats) -> Floats:
        """Return how far results can be off, where samples are off by ``off`` ``[size]``."""
        return np.asarray((off.reshape(-1, self.points) @ np.abs(self.matrix).T).reshape(-1))

    def grains(self, grain: Integers) -> Integers:
        """Return exponents of which results are multiples, given those of the samples."""
        least = grain.reshape(-1, self.points).min(axis=1)
        return np.repeat(least, self.points) - self.f_bits

    @property
    def _turned(self) -> Complexes:
        return np.asarray((1j if self.inverse else -1j) ** self.turns)

    def _turn(self, raw: Integers, *, forward: bool) -> Integers:
        re, im = raw[..., 0, :], raw[..., 1, :]
        turns = -self.turns % 4 if forward else self.turns
        cos, sin = np.array([1, 0, -1, 0])[turns], np.array([0, 1, 0, -1])[turns]
        return np.stack([re * cos - im * sin, re * sin + im * cos], axis=-2)

    def _each(self, z: Complexes, matrix: Complexes) -> Complexes:
        blocks = z.reshape(*z.shape[:-1], -1, self.points)
        return np.asarray((blocks @ matrix.T).reshape(z.shape))
