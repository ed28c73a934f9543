"""Fixed point: integer arithmetic that the models and the hardware share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from golden.inputs.errors import check_range
from golden.numbers.interval import Integers, Interval


def round_half_even(values: Integers, shift: int | Integers) -> Integers:
    """Divide by a power of two and round to the nearest integer, ties to even.

    Parameters
    ----------
    values : int64 array
        Any int64 value; no intermediate leaves int64.
    shift : int or int64 array
        Binary logarithm of the divisor, 0 to 62; broadcasts against `values`.

    Returns
    -------
    int64 array
        ``round(values / 2**shift)``, exact.

    Raises
    ------
    ValueError
        If a shift is out of range.
    """
    for extreme in (np.min(shift), np.max(shift)):
        check_range("shift", int(extreme), 0, 62)
    floor: Integers = values >> shift
    rest = values - (floor << shift)
    # Twice the rest is even, so a tie passes the divisor only with the help of an odd quotient.
    rounded: Integers = floor + (2 * rest + (floor & 1) > np.int64(1) << shift)
    return rounded


@dataclass(frozen=True)
class SQ:
    """A signed fixed-point shape, named as in Amaranth's RFC 41.

    Parameters
    ----------
    i_bits
        Integer bits, the sign among them; may be negative where the fraction has more.
    f_bits
        Fraction bits; negative where the least bit is worth more than 1.
    """

    i_bits: int
    f_bits: int

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"Width must be at least 1, not {self.width}")

    @classmethod
    def holding(cls, raw: Interval, f_bits: int) -> "SQ":
        """Return the narrowest shape of ``f_bits`` whose raw integers hold ``raw``."""
        return cls(raw.bits - f_bits, f_bits)

    @property
    def width(self) -> int:
        """Bits in all."""
        return self.i_bits + self.f_bits

    @property
    def raw(self) -> Interval:
        """Range of the raw integers."""
        return Interval.signed(self.width)


@dataclass(frozen=True, eq=False)
class Fixed:
    """Integers and the shape that they are in: the value is ``raw / 2**shape.f_bits``.

    Sums, differences and products grow as far as they must, so they are exact; only `quantize`
    loses bits, and nothing wraps.

    Raises
    ------
    OverflowError
        Where an integer does not fit the shape.
    """

    raw: Integers
    shape: SQ

    def __post_init__(self) -> None:
        allowed = self.shape.raw
        if self.raw.size and not allowed.low <= self.raw.min() <= self.raw.max() <= allowed.high:
            raise OverflowError(
                f"Integers must be from {allowed.low} to {allowed.high}, "
                f"not {self.raw.min()} to {self.raw.max()}"
            )

    def __add__(self, other: "Fixed") -> "Fixed":
        return self._sum(other, np.add)

    def __sub__(self, other: "Fixed") -> "Fixed":
        return self._sum(other, np.subtract)

    def __mul__(self, other: "Fixed") -> "Fixed":
        i_bits = self.shape.i_bits + other.shape.i_bits
        return Fixed(self.raw * other.raw, SQ(i_bits, self.shape.f_bits + other.shape.f_bits))

    def quantize(self, shape: SQ) -> "Fixed":
        """Round to ``shape``, half to even; more fraction bits are filled with zeros.

        Raises
        ------
        OverflowError
            Where a rounded integer does not fit.
        """
        dropped = self.shape.f_bits - shape.f_bits
        if dropped >= 0:
            return Fixed(round_half_even(self.raw, dropped), shape)
        return Fixed(self.raw << -dropped, shape)

    def _sum(self, other: "Fixed", combine: Callable[[Integers, Integers], Integers]) -> "Fixed":
        i_bits = max(self.shape.i_bits, other.shape.i_bits) + 1
        f_bits = max(self.shape.f_bits, other.shape.f_bits)
        raws = [v.raw << (f_bits - v.shape.f_bits) for v in (self, other)]
        return Fixed(combine(*raws), SQ(i_bits, f_bits))
