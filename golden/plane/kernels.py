"""Maps under two-dimensional kernels: a map of one channel is a line of H * W samples, row by row.

The kernels stand on a torus, the plane of a transform: circular where the map wraps at its borders,
and with enough zeros around the map where it does not. Either axis has its own geometry.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from golden.line.weights import LineWeights
from golden.numbers.interval import Integers, Interval

Floats = npt.NDArray[np.float64]
Taps = npt.NDArray[Any]
"""Integers, or real numbers."""


@dataclass(frozen=True)
class KernelAxis:
    """One axis of a map, and of the kernels that run along it.

    Output i is ``sum_t kernel[t] * x[i + t - origin]``.

    Parameters
    ----------
    length
        Samples of the map, N.
    taps
        Of a kernel, K; N where the map wraps.
    origin
        Tap on the output's own position.
    wraps
        Whether positions count modulo N; beyond the borders there are zeros if not.
    """

    length: int
    taps: int
    origin: int
    wraps: bool

    @property
    def reach(self) -> int:
        """Samples to one side that an output takes in, of those that the map has."""
        return min(max(self.origin, self.taps - 1 - self.origin), self.length - 1)

    @property
    def least_size(self) -> int:
        """Least points of a transform, but for N itself where the map wraps."""
        return 2 * self.length - 1 if self.wraps else self.length + self.reach

    def entry(self, size: int) -> Integers:
        """Return the sample that each place of a transform of ``size`` takes, or -1 for zero."""
        place = np.arange(size)
        filled = self._filled_up if self.wraps and size > self.length else self.length
        return np.where(place < filled, place % self.length, -1)

    @property
    def _filled_up(self) -> int:
        """Places that samples come to of a larger transform, where the map wraps."""
        return 2 * self.length - 1

    def spot(self, size: int) -> Integers:
        """Return where each tap stands on a torus of ``size``, or -1 where none can use it."""
        offset = np.arange(self.taps) - self.origin
        if self.wraps:
            return offset % self.length
        return np.where(np.abs(offset) < self.length, offset % size, -1)

    def tap(self, sample: Integers, output: Integers) -> Integers:
        """Return the tap that takes ``sample`` to ``output``, or -1 for none."""
        tap = sample - output + self.origin
        if self.wraps:
            return tap % self.length
        return np.where((tap >= 0) & (tap < self.taps), tap, -1)


class BandAxis(KernelAxis):
    """A column of bands of rows, each of them one place: `length` counts bands."""

    @property
    def _filled_up(self) -> int:
        """See `KernelAxis`: of the last band, all rows but one are needed."""
        return 2 * self.length


@dataclass(frozen=True)
class Plane:
    """Both axes of a map.

    Parameters
    ----------
    vertical, horizontal
        The axis along a column, and that along a row.
    peak
        Largest modulus of a bin of filters that are loaded, where they are given by spectra.
    """

    vertical: KernelAxis
    horizontal: KernelAxis
    peak: float | None = None

    @property
    def loaded_norms(self) -> tuple[float, float] | None:
        """Most that the L1 and the L2 norm of a loaded filter can be."""
        if self.peak is None:
            return None
        return self.length**0.5 * self.peak, self.peak

    @property
    def height(self) -> int:
        """Rows of a map."""
        return self.vertical.length

    @property
    def width(self) -> int:
        """Samples of a row."""
        return self.horizontal.length

    @property
    def wraps(self) -> bool:
        """Whether maps wrap at their borders."""
        return self.vertical.wraps

    @property
    def length(self) -> int:
        """Samples of a map."""
        return self.height * self.width

    @property
    def taps(self) -> int:
        """Taps of a kernel."""
        return self.vertical.taps * self.horizontal.taps

    @property
    def evened(self) -> "Plane":
        """The map with an even number of rows, by zeros for one more; it must not wrap if odd."""
        axis = self.vertical
        return replace(self, vertical=replace(axis, length=axis.length + axis.length % 2))

    def in_bands(self, rows: int) -> "Plane":
        """Return the map as it comes in bands of ``rows`` rows side by side: a row each."""
        if rows == 1:
            return self
        axis = self.vertical
        bands = BandAxis(axis.length // rows, axis.taps, axis.origin, axis.wraps)
        return replace(self, vertical=bands)

    def entry(self, sizes: tuple[int, int]) -> Integers:
        """Return the sample that each place of a transform takes, or -1 for zero."""
        rows, columns = self.vertical.entry(sizes[0])[:, None], self.horizontal.entry(sizes[1])
        samples = np.where((rows < 0) | (columns < 0), -1, rows * self.width + columns)
        return samples.reshape(-1)

    def outputs(self, sizes: tuple[int, int]) -> Integers:
        """Return the place of a transform that each result leaves from."""
        rows, columns = np.arange(self.height)[:, None], np.arange(self.width)
        return (rows * sizes[1] + columns).reshape(-1)

    def beats_within(self, cycles: int, sizes: tuple[int, int]) -> int:
        """Return the most samples that can enter a transform in so many cycles."""
        enters = np.zeros(sizes[0] * sizes[1], dtype=np.int64)
        enters[self.outputs(sizes)] = 1
        return most_within(enters, cycles)

    def torus(self, kernels: Taps, sizes: tuple[int, int]) -> Taps:
        """Return kernels ``[C, taps]`` as they stand on a torus, ``[C, *sizes]``."""
        rows, columns = self.vertical.spot(sizes[0]), self.horizontal.spot(sizes[1])
        grids = kernels.reshape(-1, self.vertical.taps, self.horizontal.taps)
        torus = np.zeros((len(grids), *sizes), dtype=kernels.dtype)
        every = np.arange(len(grids))
        used = [np.flatnonzero(spots >= 0) for spots in (rows, columns)]
        torus[np.ix_(every, rows[used[0]], columns[used[1]])] = grids[np.ix_(every, *used)]
        return torus

    def shares(self, kernel: Taps, samples: slice | Integers) -> Floats:
        """Return what ``samples`` add to each result under a kernel ``[taps]``, as a matrix."""
        place = np.arange(self.length)
        sample = place[samples, None]
        rows = self.vertical.tap(sample // self.width, place // self.width)
        columns = self.horizontal.tap(sample % self.width, place % self.width)
        none = (rows < 0) | (columns < 0)
        taps = kernel.astype(np.float64)[np.where(none, 0, rows * self.horizontal.taps + columns)]
        return np.where(none, 0.0, taps)

    def correlate(self, maps: Taps, kernels: Taps) -> Taps:
        """Return maps ``[..., H, W]`` under kernels ``[..., taps]``, tap by tap as it is defined.

        Exact for integers while ``taps * max|w| * max|x| < 2^63``.
        """
        grids = kernels.reshape(*kernels.shape[:-1], self.vertical.taps, self.horizontal.taps)
        first_row, first_column = -self.vertical.origin, -self.horizontal.origin
        around = self.vertical.taps, self.horizontal.taps
        margin = [(0, 0)] * (maps.ndim - 2) + [(taps, taps) for taps in around]
        wide = np.pad(maps, margin, mode="wrap" if self.wraps else "constant")
        total = np.zeros(
            np.broadcast_shapes(maps.shape, (*kernels.shape[:-1], 1, 1)),
            dtype=np.result_type(maps, kernels),
        )
        for row, column in np.ndindex(*around):
            top, left = first_row + row + around[0], first_column + column + around[1]
            seen = wide[..., top : top + self.height, left : left + self.width]
            total += grids[..., row, column, None, None] * seen
        return total


def most_within(enters: Integers, cycles: int) -> int:
    """Return the most that comes in ``cycles``, where ``enters`` tells what does in each of some.

    These are gone through over and over.
    """
    block = len(enters)
    blocks, rest = divmod(cycles, block)
    before = np.concatenate([[0], np.cumsum(np.tile(enters, 2))])
    most = (before[rest : rest + block] - before[:block]).max()
    return int(blocks * enters.sum() + most)


def wrapping(height: int, width: int, *, peak: float | None = None) -> Plane:
    """Return the plane of maps that wrap, with kernels as large; tap 0 on the output's place."""
    return Plane(
        KernelAxis(height, height, 0, wraps=True), KernelAxis(width, width, 0, wraps=True), peak
    )


def padded(height: int, width: int, taps: tuple[int, int], origin: tuple[int, int]) -> Plane:
    """Return the plane of maps with zeros around them."""
    return Plane(
        KernelAxis(height, taps[0], origin[0], wraps=False),
        KernelAxis(width, taps[1], origin[1], wraps=False),
    )


@dataclass(frozen=True, eq=False)
class PlaneWeights(LineWeights):
    """Kernels ``[C, taps]``, row by row; a bias is all that is added.

    Kernels of a filter that is given by its spectrum are no integers in general.
    """

    def start(self) -> Integers:
        """Return the biases, ``[C, 1]``."""
        return self.bias[:, None]

    def sums(self, data: Interval) -> list[Interval]:
        """Range of the kernels' sums over ``data``, a channel each, to whole numbers outwards.

        `SLACK` covers what fractional taps lose in double precision.
        """
        if self.weight.dtype.kind == "i":
            return super().sums(data)
        high = np.maximum(self.weight * data.low, self.weight * data.high).sum(axis=-1)
        low = np.minimum(self.weight * data.low, self.weight * data.high).sum(axis=-1)
        return [
            Interval(int(np.floor(a * SLACK)), int(np.ceil(b * SLACK)))
            for a, b in zip(low, high, strict=True)
        ]

    @cached_property
    def fractional(self) -> bool:
        """Whether some taps are no integers."""
        return bool(np.any(self.weight != np.rint(self.weight)))


SLACK = 1 + 1e-9
"""Widening of a range that was added up in double precision."""


def plane_weights(
    kernels: Taps,
    bias: Integers | None = None,
    multiplier: Integers | None = None,
    shift: Integers | None = None,
    zero_point: int | Integers | None = None,
) -> PlaneWeights:
    """Return weights of kernels ``[C, ...]``."""
    channels = len(kernels)
    flat = kernels.reshape(channels, -1)
    none = np.zeros((channels, 1), dtype=np.int64)
    bias = np.zeros(channels, dtype=np.int64) if bias is None else bias
    return PlaneWeights(flat, none, bias, multiplier, shift, zero_point)
