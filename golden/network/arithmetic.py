"""Two maps added or multiplied; one may be 1 wide or high, or have one channel: a gain.

Results are rounded once. Where scales are those of others (`single`), the steps are those of
onnxruntime's kernels in float32: the zero point is added before rounding, so a tie is decided with
it. Our own formats have even zero points, where that makes no difference.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from golden.inputs.errors import ParameterError, check_range
from golden.network.map import Map
from golden.network.operator import Operator, check_count, check_shape
from golden.network.rescale import Rescale, to_float32
from golden.numbers.fixed import round_half_even
from golden.numbers.interval import Integers, Interval

_MOST_APART = 20
"""Shifts of two factors: more, and the smaller one does not show."""
FAINT = 50
"""A shift at which a product of 17 bits and a factor of 24 is nothing."""


def check_broadcast(takes: tuple[Map, ...], gives: Map) -> None:
    """Raise `ParameterError` unless two maps have the shape given, or sides of 1 in it."""
    check_count(takes, 2)
    shape = tuple(max(sides) for sides in zip(takes[0].shape, takes[1].shape, strict=True))
    check_shape("gives", gives.shape, shape)
    for data in takes:
        if any(a not in (1, b) for a, b in zip(data.shape, shape, strict=True)):
            raise ParameterError("takes", f"maps of shape {shape}, or 1 in places", data.shape)


@dataclass(frozen=True, eq=False, kw_only=True)
class Add(Operator):
    """``y = clip(round((a - z_a) * factor[0] + (b - z_b) * factor[1]) + z)``.

    Where single: ``clip(round(f(f(c + b * factor[1]) + a * factor[0])))``, f rounding to 24 bits
    and ``c = f(z - f(f(z_a * factor[0]) + f(z_b * factor[1])))``.

    Parameters
    ----------
    rescale
        Both factors.
    clip
        Of the results.
    """

    kind: ClassVar[str] = "add"
    formula: ClassVar[str] = "clip(rq((a - z_a) m_a + (b - z_b) m_b) + z')"

    rescale: Rescale
    clip: Interval

    def check(self) -> None:
        """See `Operator`."""
        check_broadcast(self.takes, self.gives)
        if len(self.rescale.multiplier) != 2:
            raise ParameterError("multiplier", "2 numbers", len(self.rescale.multiplier))
        spread = int(np.ptp(self.rescale.shift))
        check_range("shift", spread, 0, _MOST_APART)

    @property
    def sums(self) -> Interval:
        """See `Operator`."""
        shift = int(self.rescale.shift.max())
        first, second = (
            data.centred.scaled(factor)
            for data, factor in zip(self.takes, self._aligned(), strict=True)
        )
        whole = first + second
        return Interval(whole.low >> shift, (whole.high >> shift) + 1)

    @property
    def reach(self) -> Interval:
        """See `Operator`."""
        return self.clip

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        shift = int(self.rescale.shift.max())
        if self.rescale.single:
            y = round_half_even(self._in_float32(*maps), shift)
        else:
            a, b = (x - data.zero_point for x, data in zip(maps, self.takes, strict=True))
            first, second = self._aligned()
            y = round_half_even(a * first + b * second, shift) + self.gives.zero_point
        clipped: Integers = np.clip(y, self.clip.low, self.clip.high)
        return clipped

    def _aligned(self) -> tuple[int, int]:
        """Return both factors as integers of one shift."""
        shift = self.rescale.shift
        first, second = (self.rescale.multiplier << (shift.max() - shift)).tolist()
        return first, second

    @property
    def fixed(self) -> int:
        """Where single: c, at the larger shift."""
        first, second = self._aligned()
        zeros = np.array([self.takes[0].zero_point * first, self.takes[1].zero_point * second])
        moved = to_float32(to_float32(zeros).sum(keepdims=True))
        zero = self.gives.zero_point << int(self.rescale.shift.max())
        return int(to_float32(zero - moved)[0])

    def _in_float32(self, a: Integers, b: Integers) -> Integers:
        first, second = self._aligned()
        return to_float32(to_float32(self.fixed + b * second) + a * first)


@dataclass(frozen=True, eq=False, kw_only=True)
class Multiply(Operator):
    """``y = clip(round((a - z_a) * (b - z_b) * factor) + z)``; of gains b is 1 x 1.

    Where single: ``clip(round(f(f((a - z_a) * (b - z_b) * factor) + z)))``, f rounding to 24 bits.

    Parameters
    ----------
    rescale
        The factor.
    clip
        Of the results.
    """

    kind: ClassVar[str] = "multiply"
    formula: ClassVar[str] = "clip(rq((a - z_a) (b - z_b)) + z')"

    rescale: Rescale
    clip: Interval

    def check(self) -> None:
        """See `Operator`."""
        check_broadcast(self.takes, self.gives)
        check_shape("multiplier", self.rescale.multiplier.shape, (1,))

    @property
    def sums(self) -> Interval:
        """See `Operator`."""
        return self.takes[0].centred * self.takes[1].centred

    @property
    def reach(self) -> Interval:
        """See `Operator`."""
        return self.clip

    @property
    def products(self) -> int:
        """See `Operator`."""
        return self.gives.channels * self.gives.height * self.gives.width

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        a, b = (x - data.zero_point for x, data in zip(maps, self.takes, strict=True))
        if not self.rescale.single:
            return self.rescale.apply(a * b, self.gives.zero_point, self.clip)
        multiplier, shift = int(self.rescale.multiplier[0]), int(self.rescale.shift[0])
        if shift > FAINT:  # below half of a step whatever the product
            multiplier, shift = 0, 0
        moved = to_float32(a * b * multiplier) + (self.gives.zero_point << shift)
        y: Integers = np.clip(
            round_half_even(to_float32(moved), shift), self.clip.low, self.clip.high
        )
        return y
