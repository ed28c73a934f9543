"""What moves samples and changes none: concatenation, selection, another arrangement."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from golden.inputs.errors import ParameterError
from golden.network.operator import Operator, check_count, check_same_format, check_shape
from golden.numbers.interval import Integers


@dataclass(frozen=True, eq=False, kw_only=True)
class Concatenate(Operator):
    """Maps behind each other, along the channels (axis 0), the height (1) or the width (2)."""

    kind: ClassVar[str] = "concatenate"
    formula: ClassVar[str] = "a, then b"

    axis: int = 0

    def check(self) -> None:
        """See `Operator`."""
        if self.axis not in (0, 1, 2):
            raise ParameterError("axis", "0, 1 or 2", self.axis)
        if not self.takes:
            raise ParameterError("takes", "at least 1 map", 0)
        check_same_format(self.takes, self.gives)
        shape = list(self.gives.shape)
        shape[self.axis] = 0
        for data in self.takes:
            shape[self.axis] += data.shape[self.axis]
        check_shape("gives", self.gives.shape, tuple(shape))
        for data in self.takes:
            sides = [
                s if axis == self.axis else g
                for axis, (s, g) in enumerate(zip(data.shape, shape, strict=True))
            ]
            check_shape("takes", data.shape, tuple(sides))

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        return np.concatenate(maps, axis=self.axis + 1)


@dataclass(frozen=True, eq=False, kw_only=True)
class Select(Operator):
    """``y[c, h, w] = x[channels[c], rows[h], columns[w]]``: slices, splits, nearest resizing.

    Parameters
    ----------
    channels, rows, columns
        int64, indices of what is given: any, in any order.
    """

    kind: ClassVar[str] = "select"
    formula: ClassVar[str] = "x[C, H, W], indices in a list each"

    channels: Integers
    rows: Integers
    columns: Integers

    def check(self) -> None:
        """See `Operator`."""
        check_count(self.takes, 1)
        check_same_format(self.takes, self.gives)
        sides = zip(("channels", "rows", "columns"), self.takes[0].shape, strict=True)
        shape = []
        for name, side in sides:
            index = getattr(self, name)
            if index.ndim != 1 or index.size == 0 or index.min() < 0 or index.max() >= side:
                raise ParameterError(name, f"a row of indices from 0 to {side - 1}", index)
            shape.append(len(index))
        check_shape("gives", self.gives.shape, tuple(shape))

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        (x,) = maps
        return x[:, self.channels][:, :, self.rows][:, :, :, self.columns]


@dataclass(frozen=True, eq=False, kw_only=True)
class Arrange(Operator):
    """The same samples in another shape: transposed, flattened, pixels as channels, and back.

    Parameters
    ----------
    parts
        The map ``[C, H, W]``, its sides split: a shape of as many samples.
    order
        Of the parts; what they give is read in the shape of the result.
    """

    kind: ClassVar[str] = "arrange"
    formula: ClassVar[str] = "x, its sides split, reordered and joined"

    parts: tuple[int, ...]
    order: tuple[int, ...]

    def check(self) -> None:
        """See `Operator`."""
        check_count(self.takes, 1)
        check_same_format(self.takes, self.gives)
        samples = math.prod(self.takes[0].shape)
        if min(self.parts, default=0) < 1 or math.prod(self.parts) != samples:
            raise ParameterError("parts", f"of {samples} samples", self.parts)
        if sorted(self.order) != list(range(len(self.parts))):
            raise ParameterError("order", f"of {len(self.parts)} parts", self.order)
        if math.prod(self.gives.shape) != samples:
            raise ParameterError("gives", f"of {samples} samples", self.gives.shape)

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        (x,) = maps
        order = (0, *(axis + 1 for axis in self.order))
        return x.reshape(-1, *self.parts).transpose(order).reshape(-1, *self.gives.shape)
