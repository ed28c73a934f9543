"""Maps of a network: integers, and the real numbers that they stand for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from golden.graph.tensor import Tensor
from golden.inputs.errors import ParameterError, check_range
from golden.numbers.interval import Integers, Interval
from golden.operator.parc import Floats

MAX_BITS = 8


@dataclass(frozen=True)
class Map(Tensor):
    """A map whose sample q stands for ``scale * (q - zero_point)``.

    Parameters
    ----------
    channels, height, width, range, runs
        As of `Tensor`; `range` is that of a signed or unsigned word, or part of it.
    scale
        Value of a step, positive.
    zero_point
        The integer that stands for 0, within the range.

    Raises
    ------
    ParameterError
        Where one breaks its rule.
    """

    scale: float = 1.0
    zero_point: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.scale < math.inf:
            raise ParameterError("scale", "positive and finite", self.scale)
        check_range("zero_point", self.zero_point, self.range.low, self.range.high)
        wide = Interval(-(1 << MAX_BITS - 1), (1 << MAX_BITS) - 1)
        if not wide.holds(self.range) or self.range.high - self.range.low >= 1 << MAX_BITS:
            found = f"{self.range.low} to {self.range.high}"
            raise ParameterError("range", f"of at most {MAX_BITS} bits", found)

    @classmethod
    def of(
        cls,
        shape: tuple[int, int, int],
        scale: float,
        zero_point: int = 0,
        *,
        bits: int = MAX_BITS,
        signed: bool = True,
    ) -> Self:
        """Return a map ``[C, H, W]`` of words of ``bits`` bits."""
        check_range("bits", bits, 2, MAX_BITS)
        words = Interval.signed(bits) if signed else Interval(0, (1 << bits) - 1)
        return cls.of_range(shape, words, scale, zero_point)

    @classmethod
    def of_range(cls, shape: Sequence[int], words: Interval, scale: float, zero_point: int) -> Self:
        """Return a map ``[C, H, W]`` of ``words``."""
        channels, height, width = shape
        return cls(channels, height, width, words, scale=scale, zero_point=zero_point)

    @property
    def signed(self) -> bool:
        """Whether words are in two's complement."""
        return self.range.low < 0

    @property
    def offset(self) -> int:
        """What makes its words unsigned ones."""
        return 1 << MAX_BITS - 1 if self.signed else 0

    @property
    def unsigned(self) -> Self:
        """The same map with words that are not signed, moved by `offset`."""
        words = self.range + Interval(self.offset, self.offset)
        return replace(self, range=words, zero_point=self.zero_point + self.offset)

    @property
    def centred(self) -> Interval:
        """Range of ``q - zero_point``."""
        return self.range + Interval(-self.zero_point, -self.zero_point)

    @property
    def format(self) -> tuple[Interval, float, int]:
        """Range, scale and zero point: what two maps have in common that need no rescaling."""
        return self.range, self.scale, self.zero_point

    def dequantize(self, q: Integers) -> Floats:
        """Return what integers stand for."""
        values: Floats = (q - self.zero_point) * np.float64(self.scale)
        return values

    def __str__(self) -> str:
        sides = " x ".join(map(str, self.shape))
        low, high = self.range.low, self.range.high
        return f"{sides} of {low} to {high}, scale {self.scale:g}, zero point {self.zero_point}"
