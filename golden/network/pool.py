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

    Where single, onnxruntime has integers for the whole map alone. Under other windows it adds real
    numbers in float32, sample by sample, and rounds ``sum / n / scale + z_y``; so does this.

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
    def reach(self) -> Interval:
        """See `Operator`."""
        return self.clip

    @property
    def whole(self) -> bool:
        """Whether there is one window, and it is the map."""
        return self.size == self.takes[0].shape[1:] and not any(self.padding)

    def totals(self, x: Integers) -> Integers:
        """Return the sums of a map, less its zero point, under all windows."""
        centred = x - self.takes[0].zero_point
        if self.whole:
            whole: Integers = centred.sum(axis=(2, 3), keepdims=True)
            return whole
        sums = np.zeros((*x.shape[:2], *self.gives.shape[1:]), np.int64)
        for under in self._under(self.window.padded(centred, 0)):
            sums += under
        return sums

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        if self.rescale.single and not self.whole:
            return self._in_float32(maps[0])
        return self.rescale.apply(self.totals(maps[0]), self.gives.zero_point, self.clip)

    def _in_float32(self, x: Integers) -> Integers:
        """Return means of real numbers, added in the order of their windows.

        They are no function of their sum: two windows of one sum may be rounded to either side.
        """
        (data,) = self.takes
        sums = np.zeros((*x.shape[:2], *self.gives.shape[1:]), np.float32)
        for under in self._under(self.window.padded(x - data.zero_point, 0)):
            sums += under.astype(np.float32) * np.float32(data.scale)
        steps = sums / np.float32(np.prod(self.size)) / np.float32(self.gives.scale)
        y = np.rint(steps + np.float32(self.gives.zero_point))
        return np.clip(y, self.clip.low, self.clip.high).astype(np.int64)


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
