"""Convolution over a map that goes on at its other end: ParC of every form, and global filters."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from golden.inputs.errors import ParameterError
from golden.network.kernels import Kernels
from golden.network.operator import check_shape
from golden.network.window import Window, correlate
from golden.numbers.interval import Integers


@dataclass(frozen=True, eq=False, kw_only=True)
class Circular(Kernels):
    """``y[o] = clip(round((bias[o] + sum w[o, c, k, l] * d[c, i + k, j + l]) * factor[o]) + z_y)``.

    At row i, column j; ``d = x + pe - z``, positions modulo the map's sides. The window is not
    larger than the map: a ParC along the height has one of the map's height by 1. Tap 0 stands on
    the result's own place.

    Parameters
    ----------
    embedding
        int64 ``[C, H, W]``, a side 1 along which it is the same: added to the map at its scale,
        not clipped, since it goes into what sums begin with: `start`.
    """

    kind: ClassVar[str] = "circular"
    formula: ClassVar[str] = "clip(rq(bias[o] + sum w[o] (x + pe - z) around the map) + z')"

    embedding: Integers

    def check(self) -> None:
        """See `Operator`."""
        super().check()
        (data,) = self.takes
        if max(np.subtract(self.weight.shape[2:], data.shape[1:])) > 0:
            raise ParameterError("weight", f"at most {data.shape[1:]} large", self.weight.shape)
        shape = self.embedding.shape
        sides = zip(shape[1:], data.shape[1:], strict=False)
        alike = len(shape) == 3 and shape[0] == data.channels
        if not alike or any(a not in (1, b) for a, b in sides):
            raise ParameterError("embedding", f"of shape {data.shape}, or 1 in places", shape)
        most = (1 << data.bits) - 1
        if np.abs(self.embedding).max() > most:
            worst = np.abs(self.embedding).max()
            raise ParameterError("embedding", f"from -{most} to {most}", worst)
        check_shape("gives", self.gives.shape, (len(self.weight), *data.shape[1:]))

    @cached_property
    def start(self) -> Integers:
        """What sums of samples less their zero point begin with: ``bias + sum w * pe``.

        ``[O, H, W]``, a side 1 along which it is the same.
        """
        start: Integers = self._around(self.embedding[None])[0] + self.bias[:, None, None]
        return start

    @property
    def starts(self) -> Integers:
        """See `Kernels`."""
        return self.start

    def totals(self, x: Integers) -> Integers:
        """See `Kernels`."""
        sums: Integers = self._around(x - self.takes[0].zero_point) + self.start
        return sums

    def _around(self, maps: Integers) -> Integers:
        """Return the kernels' sums over maps that go on at their other end."""
        flat = [side == 1 for side in maps.shape[2:]]
        weight = self.weight
        for axis, same in zip((2, 3), flat, strict=True):
            # What is the same all along gives what is the same.
            weight = weight.sum(axis=axis, keepdims=True) if same else weight
        more = [(0, size - 1) for size in weight.shape[2:]]
        wrapped = np.pad(maps, ((0, 0), (0, 0), *more), mode="wrap")
        window = Window(weight.shape[2:], (1, 1), (0, 0, 0, 0))
        return correlate(wrapped, weight, self.groups, window)


def circulant(kernel: Integers, length: int) -> Integers:
    """Return the matrix ``[length, length]`` that correlates a circular line with ``kernel``."""
    matrix = np.zeros((length, length), np.int64)
    rows = np.arange(length)
    for tap, weight in enumerate(kernel):
        matrix[rows, (rows + tap) % length] = weight
    return matrix
