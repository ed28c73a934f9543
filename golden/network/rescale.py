"""From sums to a map's integers: one rounding of our own, or the roundings of float32."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from golden.inputs.errors import ParameterError
from golden.numbers.fixed import round_half_even
from golden.numbers.interval import Integers, Interval
from golden.numbers.quantize import MAX_MULTIPLIER, MAX_SHIFT, requantize
from golden.operator.parc import Floats

SIGNIFICAND_BITS = 24
"""Of a float32."""
SUM_BITS = 32
"""Of the sums that are scaled."""
OWN_SHIFT = 16
"""With it a product below 2^8 has 24 bits: a float32 holds it, and rounds as we do."""
_MOST_SHIFTED = 62


@dataclass(frozen=True, eq=False)
class Rescale:
    """Factors ``multiplier / 2^shift``, one or one a channel.

    Parameters
    ----------
    multiplier, shift
        int64 ``[C]`` or ``[1]``: 1 to 2^17 - 1 and 0 to 47; where `single`, the significand of a
        float32, below 2^24, and 0 to 62.
    single
        Whether to round as a product of float32 does: the sum to 24 bits, the product to 24 bits,
        and that to an integer. Else the product is exact, and rounded once. Always half to even.

    Raises
    ------
    ParameterError
        Where a factor is out of range.
    """

    multiplier: Integers
    shift: Integers
    single: bool = False

    def __post_init__(self) -> None:
        most = (1 << SIGNIFICAND_BITS) - 1 if self.single else MAX_MULTIPLIER
        _check("multiplier", self.multiplier, Interval(0 if self.single else 1, most))
        _check("shift", self.shift, Interval(0, _MOST_SHIFTED if self.single else MAX_SHIFT))
        if self.multiplier.shape != self.shift.shape or self.multiplier.ndim != 1:
            shapes = f"{self.multiplier.shape} and {self.shift.shape}"
            raise ParameterError("multiplier", "as many as shifts, in one row", shapes)

    @classmethod
    def of_float32(cls, factors: Floats) -> Self:
        """Return factors that are float32, exactly, with the roundings of float32."""
        fraction, exponent = np.frexp(np.atleast_1d(factors).astype(np.float64))
        multiplier = np.ldexp(fraction, SIGNIFICAND_BITS).astype(np.int64)
        if not np.array_equal(np.ldexp(multiplier, exponent - SIGNIFICAND_BITS), factors):
            raise ParameterError("scale", "a number of 24 significant bits", factors)
        shift = SIGNIFICAND_BITS - exponent.astype(np.int64)
        # A product of a sum of 32 bits and a factor this small is 0 whatever its digits.
        small = shift > _MOST_SHIFTED
        return cls(np.where(small, 0, multiplier), np.where(small, _MOST_SHIFTED, shift), True)

    @classmethod
    def nearest(cls, factors: Floats) -> Self:
        """Return the factors ``m / 2^16``, m from 1 to 2^17 - 1, nearest to ``factors``."""
        multiplier = np.rint(np.ldexp(np.atleast_1d(factors), OWN_SHIFT)).astype(np.int64)
        multiplier = np.clip(multiplier, 1, MAX_MULTIPLIER)
        return cls(multiplier, np.full(multiplier.shape, OWN_SHIFT))

    @property
    def factors(self) -> Floats:
        """The factors as float64, exact."""
        return np.ldexp(self.multiplier.astype(np.float64), -self.shift)

    def apply(self, sums: Integers, zero_point: int, clip: Interval) -> Integers:
        """Return ``clip(round(sums * factor) + zero_point)``.

        Parameters
        ----------
        sums
            int64 ``[F, C, H, W]`` within 32 bits.
        zero_point, clip
            Of the results.
        """
        multiplier, shift = (a[:, None, None] for a in (self.multiplier, self.shift))
        if not self.single:
            ends = {"low": clip.low, "high": clip.high}
            return requantize(sums, multiplier, shift, zero_point=zero_point, **ends)
        product = to_float32(to_float32(sums) * multiplier)
        y: Integers = np.clip(round_half_even(product, shift) + zero_point, clip.low, clip.high)
        return y


def to_float32(values: Integers) -> Integers:
    """Round integers below 2^53 to 24 significant bits, half to even, as float32 holds them."""
    excess = np.frexp(values.astype(np.float64))[1].astype(np.int64) - SIGNIFICAND_BITS
    excess = np.maximum(excess, 0)
    return round_half_even(values, excess) << excess


def _check(name: str, values: Integers, allowed: Interval) -> None:
    outside = values[(values < allowed.low) | (values > allowed.high)]
    if outside.size:
        raise ParameterError(name, f"from {allowed.low} to {allowed.high}", outside[0])
