"""Averages and maxima under windows; the whole map is a window too."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from golden.network.operator import Operator, check_count, check_same_format, check_shape
from golden.network.rescale import Rescale
from golden.network.window import Window
from golden.numbers.interval import Integers, Interval


@dataclass(frozen=True, eq=False, kw_only=True)
class _Pool(Operator):
    """What both have: windows."""

    size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)

    def check(self) -> None:
        """See `Operator`."""
        check_count(self.takes, 1)
        (data,) = self.takes
        places = self.window.places(data.height, data.width)
        check_shape("gives", self.gives.shape, (data.channels, *places))

    @property
    def window(self) -> Window:
        """Where its windows stand."""
        return Window(self.size, self.stride, self.padding)

    def _under(self, padded: Integers) -> list[Integers]:
        """Return what lies under each tap."""
        places = (self.gives.height, self.gives.width)
        return [
            self.window.taps(padded, (row, column), places)
            for row, column in np.ndindex(*self.size)
        ]


@dataclass(frozen=True, eq=False, kw_only=True)
class Average(_Pool):
    """``y = clip(round(sum (x - z) * factor) + z_y)``; what is padded counts as 0.

    Parameters
    ----------
    size, stride, padding
        As of `Window`.
    rescale
        The factor: both scales' ratio, over the samples of a window.
    clip
        Of the results.
    """

    kind: ClassVar[str] = "average"
    formula: ClassVar[str] = "clip(rq(sum (x - z)) + z')"

    rescale: Rescale
    clip: Interval

    def check(self) -> None:
        """See `Operator`."""
        super().check()
        check_shape("multiplier", self.rescale.multiplier.shape, (1,))

    @property
    def sums(self) -> Interval:
        """See `Operator`."""
        whole = Interval.union([self.takes[0].centred, Interval(0, 0)])
        return whole.scaled(self.size[0] * self.size[1])

    @property
    def max_error(self) -> int:
        """See `Operator`.

        With scales of others, onnxruntime adds up the real numbers of windows, and those of signed
        words, in float32: what is half a step for us falls to either side there.
        """
        whole = self.size == self.takes[0].shape[1:] and not any(self.padding)
        return int(self.rescale.single and (self.takes[0].signed or not whole))

    @property
    def reach(self) -> Interval:
        """See `Operator`."""
        return self.clip

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        x = maps[0] - self.takes[0].zero_point
        whole = self.size == x.shape[2:] and not any(self.padding)
        if whole:
            sums = x.sum(axis=(2, 3), keepdims=True)
        else:
            sums = np.zeros((*x.shape[:2], *self.gives.shape[1:]), np.int64)
            for under in self._under(self.window.padded(x, 0)):
                sums += under
        return self.rescale.apply(sums, self.gives.zero_point, self.clip)


@dataclass(frozen=True, eq=False, kw_only=True)
class Maximum(_Pool):
    """``y = max x`` under a window; what is padded never is the greatest.

    Parameters
    ----------
    size, stride, padding
        As of `Window`.
    """

    kind: ClassVar[str] = "maximum"
    formula: ClassVar[str] = "max x"

    def check(self) -> None:
        """See `Operator`."""
        super().check()
        check_same_format(self.takes, self.gives)

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        padded = self.window.padded(maps[0], self.takes[0].range.low)
        first, *others = self._under(padded)
        largest = first.copy()
        for under in others:
            np.maximum(largest, under, out=largest)
        return largest
