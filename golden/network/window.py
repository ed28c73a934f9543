"""Windows that move over a map: where they stand, and sums of products under them."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from golden.inputs.errors import ParameterError, check_range
from golden.numbers.interval import Integers, Interval

Sides: TypeAlias = tuple[int, int]
"""Along the height and along the width."""
Samples: TypeAlias = npt.NDArray[Any]
MAX_WINDOW = 4096
EXACT_IN_FLOAT32 = 1 << 24
"""Integers up to here are float32 each."""


@dataclass(frozen=True)
class Window:
    """Where windows stand on a map.

    Parameters
    ----------
    size
        Of a window.
    stride
        From one window to the next.
    padding
        Samples around the map that stand for 0: above, left, below, right.

    Raises
    ------
    ParameterError
        Where one breaks its rule.
    """

    size: Sides
    stride: Sides
    padding: tuple[int, int, int, int]

    def __post_init__(self) -> None:
        for name, count, low in (("size", 2, 1), ("stride", 2, 1), ("padding", 4, 0)):
            values = getattr(self, name)
            if len(values) != count:
                raise ParameterError(name, f"{count} whole numbers", values)
            for value in values:
                check_range(name, value, low, MAX_WINDOW)

    def places(self, height: int, width: int) -> Sides:
        """Return how many windows stand along the height and the width of a map.

        Raises
        ------
        ParameterError
            Where a window is larger than the map with its padding.
        """
        above, left, below, right = self.padding
        sides = (height + above + below, width + left + right)
        if self.size[0] > sides[0] or self.size[1] > sides[1]:
            raise ParameterError("size", f"at most the padded map's, {sides}", self.size)
        rows, columns = (
            (side - size) // stride + 1
            for side, size, stride in zip(sides, self.size, self.stride, strict=True)
        )
        return rows, columns

    def padded(self, maps: Integers, value: int) -> Integers:
        """Return maps ``[F, C, H, W]`` with ``value`` around them."""
        above, left, below, right = self.padding
        around = ((0, 0), (0, 0), (above, below), (left, right))
        return np.pad(maps, around, constant_values=value) if any(self.padding) else maps

    def taps(self, maps: Samples, tap: Sides, places: Sides) -> Samples:
        """Return what lies under ``tap`` of every window of padded ``maps``, ``[..., H, W]``."""
        (row, column), (down, right), (rows, columns) = tap, self.stride, places
        under: Samples = maps[
            ...,
            row : row + (rows - 1) * down + 1 : down,
            column : column + (columns - 1) * right + 1 : right,
        ]
        return under


def bounds(weight: Integers, data: Interval) -> list[Interval]:
    """Return the range of ``sum w * x`` for each output, ``weight`` ``[O, I, K_h, K_w]``.

    ``data`` contains 0, so that what padding leaves out is within.
    """
    rows = weight.reshape(len(weight), -1)
    high = np.maximum(rows * data.low, rows * data.high).sum(axis=1)
    low = np.minimum(rows * data.low, rows * data.high).sum(axis=1)
    return [Interval(int(a), int(b)) for a, b in zip(low, high, strict=True)]


def correlate(maps: Integers, weight: Integers, groups: int, window: Window) -> Integers:
    """Return the sums of products under every window, exactly.

    They are made by a BLAS in float32 where no partial sum can reach 2^24, else in float64, where
    none of 32 bits is rounded either.

    Parameters
    ----------
    maps
        int64 ``[F, C, H, W]``, padded.
    weight
        int64 ``[O, C / groups, K_h, K_w]``.
    groups
        Of channels, that keep apart.
    window
        Its padding has been done.
    """
    largest = int(np.abs(maps).max(initial=0))
    most = int(np.abs(weight).reshape(len(weight), -1).sum(axis=1).max()) * largest
    real: type[np.floating[Any]] = np.float32 if most < EXACT_IN_FLOAT32 else np.float64
    n_frames, _, height, width = maps.shape
    places = Window(window.size, window.stride, (0, 0, 0, 0)).places(height, width)
    n_outputs, n_inputs = weight.shape[:2]
    grouped = maps.astype(real).reshape(n_frames, groups, n_inputs, height, width)
    kernels = weight.astype(real).reshape(groups, n_outputs // groups, *weight.shape[1:])
    total = np.zeros((n_frames, groups, n_outputs // groups, *places), real)
    for tap in np.ndindex(*window.size):
        under, taps = window.taps(grouped, (tap[0], tap[1]), places), kernels[..., *tap]
        if not taps.any():
            continue
        if n_inputs == 1:
            total += taps[..., None] * under
        else:
            flat = np.ascontiguousarray(under).reshape(*under.shape[:3], -1)
            total += (taps @ flat).reshape(total.shape)
    return total.reshape(n_frames, n_outputs, *places).astype(np.int64)
