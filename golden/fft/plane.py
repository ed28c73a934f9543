"""Maps under two-dimensional kernels by fixed-point transforms, the error bounded by proof."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from golden.fft.design import FftDesign, radix_2_length
from golden.fft.flow import Complexes, TransformFlow
from golden.fft.norms import KernelNorms
from golden.fft.proof import Floats
from golden.inputs.errors import ParameterError
from golden.line.weights import LineWeights
from golden.numbers.interval import Integers, Interval
from golden.plane.design import PlaneDesign
from golden.plane.kernels import KernelAxis, PlaneWeights

MAX_POINTS = 1 << 16
"""Of a transform along both axes."""


def transform_size(axis: KernelAxis) -> int:
    """Return the points along ``axis``: a power of two."""
    if axis.wraps:
        return radix_2_length(axis.length)
    return max(4, 1 << (axis.least_size - 1).bit_length())


@dataclass(frozen=True, kw_only=True, eq=False)
class PlaneFft(PlaneDesign, FftDesign):
    """A map of a channel after the other, through transforms along both axes; see `FftDesign`.

    Columns come first on the way in and last on the way out, on the same delay lines as rows: see
    `golden.fft.flow`. The imaginary parts carry nothing into the transform.
    """

    engine: ClassVar[str] = "plane_fft"
    length_range: ClassVar[tuple[int, int]] = (4, MAX_POINTS)
    analysis_cost: ClassVar[int] = 2

    lanes: int = 1

    def _check_size(self) -> None:
        self._check_lanes()
        if self.size > MAX_POINTS:
            rule = f"a map whose transform has at most {MAX_POINTS} points"
            raise ParameterError("height", rule, f"one of {self.sizes[0]} x {self.sizes[1]}")

    @cached_property
    def sizes(self) -> tuple[int, int]:
        """Points along a column, and along a row."""
        return transform_size(self.plane.vertical), transform_size(self.plane.horizontal)

    @cached_property
    def flow(self) -> TransformFlow:
        """Ranks and products in the order in which samples pass them."""
        return TransformFlow(self.size, self.twiddle_bits - 1, row=self.sizes[1])

    def spectra(self, weights: LineWeights) -> Complexes:
        """Return what the spectra of ``weights`` should be, ``[C, size]`` as they are stored."""
        torus = self.plane.torus(weights.weight.astype(np.float64), self.sizes)
        spectrum = np.conj(np.fft.fft2(torus)) / self.size
        return np.asarray(spectrum.reshape(len(torus), -1)[:, self.flow.bins])

    @cached_property
    def _norms(self) -> KernelNorms:
        if self.weights is not None:
            return KernelNorms.of(self._kernels(self.weights))
        if self.plane.loaded_norms is not None:
            sum_abs, root_square = self.plane.loaded_norms
            return KernelNorms(1, sum_abs, root_square, root_square**2)
        return KernelNorms.of_format(self.plane.taps, self.weight_bits, 1)

    def _kernels(self, weights: LineWeights) -> Integers:
        return weights.weight[:, None]

    def _shares(self, kernel: Integers, samples: slice) -> Floats:
        return self.plane.shares(kernel, samples)

    @property
    def fractional(self) -> bool:
        """Whether exact results are no integers."""
        if isinstance(self.weights, PlaneWeights):
            return self.weights.fractional
        return self.plane.peak is not None

    @property
    def own_parameters(self) -> dict[str, int | str]:
        """Points of the transform, and what decides its arithmetic."""
        height, width = self.sizes
        return {"transform_height": height, "transform_width": width} | super().own_parameters

    @property
    def sum_errors(self) -> Sequence[float]:
        """Most that each channel's sums are off; the next integer is a half away."""
        if not self.fractional:
            return super().sum_errors
        return [float(off) + 0.5 for off in self._bounds]

    @cached_property
    def sum_range(self) -> Interval:
        """Range of the correlation alone, the bias not yet added."""
        if self.weights is not None:
            return Interval.union(self.weights.sums(self.data)).widened(self.max_abs_error)
        most = int(np.ceil(self._norms.sum_abs * self.data.max_abs))
        return Interval(-most, most).widened(self.max_abs_error)
