"""Convolution under any window, in groups of channels; fully connected where the map is 1 x 1."""

from dataclasses import dataclass
from typing import ClassVar

from golden.network.kernels import Kernels
from golden.network.operator import check_shape
from golden.network.window import Window, correlate
from golden.numbers.interval import Integers


@dataclass(frozen=True, eq=False, kw_only=True)
class Convolution(Kernels):
    """``y[o] = clip(round((bias[o] + sum w[o] * (x - z)) * factor[o]) + z_y)``.

    Parameters
    ----------
    stride, padding
        As of `Window`; what is padded stands for 0.
    """

    kind: ClassVar[str] = "convolution"
    formula: ClassVar[str] = "clip(rq(bias[o] + sum w[o] (x - z)) + z')"

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)

    def check(self) -> None:
        """See `Operator`."""
        super().check()
        (data,) = self.takes
        shape = (len(self.weight), *self.window.places(data.height, data.width))
        check_shape("gives", self.gives.shape, shape)

    @property
    def window(self) -> Window:
        """Where its windows stand."""
        return Window(self.weight.shape[2:], self.stride, self.padding)

    @property
    def folded_bias(self) -> Integers:
        """Return what a sum begins with where samples keep their zero point.

        ``bias - z * sum w``; what is padded is z then.
        """
        folded: Integers = self.bias - self.takes[0].zero_point * self.weight.sum(axis=(1, 2, 3))
        return folded

    def totals(self, x: Integers) -> Integers:
        """See `Kernels`."""
        padded = self.window.padded(x - self.takes[0].zero_point, 0)
        sums = correlate(padded, self.weight, self.groups, self.window)
        sums += self.bias[:, None, None]
        return sums
