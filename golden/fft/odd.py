"""Transforms of an odd number of points, which stand between two sections of a flow.

    X[q] = sum_c x[c] * exp(-2j * pi * c * q / a),  and with +2j on the way back

With ``s[n] = x[n] + x[a - n]`` and ``d[n] = x[n] - x[a - n]`` for n from 1 to ``h = (a - 1) / 2``,
X[q] and X[a - q] are ``A[q] -+ j * B[q]``:

    A[q] = x[0] - s[h] / 2 + sum_{n < h} cos(2 * pi * n * q / a) * (s[n] - s[h]),  q < h
    B[q] = sum_n sin(2 * pi * n * q / a) * d[n]

since the cosines of a row add up to -1/2. So do those of a column, which gives A[h] of the others
with no product at all, where a is small. That makes 1, 5 and 13 products of a complex number and a
real constant for 3, 5 and 7 complex samples.

The other factor of the transform's points is a power of two M. The two need no twiddles between
them (Good and Thomas), except that a column begins at sample ``c * (1 / a mod M)`` for column c of
the rows: twiddles allow for that, and what remains behind the last ranks are turns by right angles.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from golden.numbers.interval import Integers

Complexes = npt.NDArray[np.complex128]
Floats = npt.NDArray[np.float64]

ODD_POINTS = (3, 5, 7, 9, 15, 21)
MOST_DERIVED = 3
"""Pairs of samples up to which A[h] is made of the others."""


def odd_part(size: int) -> int:
    """Return the greatest odd number that divides ``size``."""
    return size // (size & -size)


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

    @cached_property
    def cosines(self) -> Integers:
        """Constants of A, raw integers ``[rows, h - 1]``: row q - 1, column n - 1."""
        return self._constants(np.cos, self.half - self.derives, self.half - 1)

    @property
    def derives(self) -> bool:
        """Whether A[h] is made of the others."""
        return self.half <= MOST_DERIVED

    @cached_property
    def sines(self) -> Integers:
        """Constants of B, raw integers ``[h, h]``."""
        return self._constants(np.sin, self.half, self.half)

    @property
    def constant_bits(self) -> int:
        """Width of a constant; one is 1 where the points have a divisor."""
        most = max(int(np.abs(c).max(initial=0)) for c in (self.cosines, self.sines))
        return most.bit_length() + 1

    def _constants(self, wave: np.ufunc, rows: int, columns: int) -> Integers:
        steps = np.arange(1, rows + 1)[:, None] * np.arange(1, columns + 1) % self.points
        angles = 2 * np.pi * steps / self.points
        return np.asarray(np.rint(wave(angles) * 2.0**self.f_bits), dtype=np.int64)

    @cached_property
    def words(self) -> Integers:
        """What the constants come to, raw integers ``[2, q, c]`` of `f_bits`: real, imaginary."""
        h, one = self.half, 1 << self.f_bits
        sums = np.zeros((h, h), dtype=np.int64)  # of A[q] in s[n]
        rows = slice(0, len(self.cosines))
        sums[rows, :-1] = self.cosines
        sums[rows, -1] = -one // 2 - self.cosines.sum(axis=1)
        if self.derives:
            sums[-1] = -one // 2 - sums[:-1].sum(axis=0)
        re, im = np.zeros((2, self.points, self.points), dtype=np.int64)
        re[:, 0] = re[0] = one
        sign = 1 if self.inverse else -1
        for q in range(1, h + 1):
            for n in range(1, h + 1):
                for row, forward in ((q, 1), (self.points - q, -1)):
                    re[row, [n, -n]] = sums[q - 1, n - 1]
                    im[row, [n, -n]] = [
                        forward * sign * self.sines[q - 1, n - 1] * k for k in (1, -1)
                    ]
        return np.stack([re, im])

    @cached_property
    def matrix(self) -> Complexes:
        """The same as numbers, ``[q, c]``."""
        re, im = self.words / 2.0**self.f_bits
        return np.asarray(re + 1j * im)

    @property
    def exact(self) -> Complexes:
        """What `matrix` stands for."""
        place = np.arange(self.points)
        sign = 2j if self.inverse else -2j
        return np.asarray(
            np.exp(sign * np.pi * (place[:, None] * place % self.points) / self.points)
        )

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
