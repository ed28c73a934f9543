"""Maps under two-dimensional kernels by fixed-point transforms, the error bounded by proof."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from golden.fft.design import FftDesign, multiply, radix_2_length
from golden.fft.flow import Complexes, TransformFlow
from golden.fft.format import Factor, MirroredFactor
from golden.fft.norms import KernelNorms
from golden.fft.odd import OddTransform
from golden.fft.proof import Floats, LinearPart, analyse_bands
from golden.inputs.errors import ParameterError
from golden.line.weights import LineWeights
from golden.numbers.fixed import SQ, Fixed
from golden.numbers.interval import Integers, Interval
from golden.plane.design import PlaneDesign
from golden.plane.kernels import KernelAxis, Plane, PlaneWeights, most_within

TURNING = 1
"""Cycles that an upper row's results wait, so that those below are in their memory when it ends."""
MAX_POINTS = 1 << 16
"""Of a transform along both axes."""


def transform_size(axis: KernelAxis) -> int:
    """Return the points along ``axis``: a power of two."""
    if axis.wraps:
        return radix_2_length(axis.length)
    return max(4, 1 << (axis.least_size - 1).bit_length())


def band_spectra(torus: Floats) -> Complexes:
    """Return the spectra of kernels ``[C, H, W]`` for maps in bands, ``[C, 2, H / 2, W]``.

    A band is a row z of complex numbers: its upper row x in the real parts, its lower row x' in the
    imaginary ones. With E and O the transforms of a kernel's even and odd rows, conjugated, and O'
    those of the odd rows a band lower, results y of upper rows are ``E * x + O * x'``, and of lower
    rows ``E * x' + O' * x``. Both are parts of one, since x and x' are ``(z + z') / 2`` and
    ``(z - z') / 2j``, where z' is the conjugate of the bin of the negative frequency::

        (E + j * (O' - O) / 2) * z + j * (O + O') / 2 * z'

    Returned are the first factor, and the second one's conjugate: the conjugate of its product with
    the bin itself is what is to be added.
    """
    even, odd = (np.conj(np.fft.fft2(torus[:, row::2])) for row in range(2))
    n_bands = even.shape[-2]
    lower = odd * np.exp(2j * np.pi * np.arange(n_bands) / n_bands)[:, None]
    return np.stack([even + 0.5j * (lower - odd), -0.5j * np.conj(odd + lower)], axis=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class PlaneFft(PlaneDesign, FftDesign):
    """A map of a channel after the other, through transforms along both axes; see `FftDesign`.

    Columns come first on the way in and last on the way out, on the same delay lines as rows: see
    `golden.fft.flow`. In bands, imaginary parts carry the lower row of every two: half the points,
    and half the cycles. Bins then meet two spectra: see `band_spectra`. So it is with two lanes,
    and with one where the transform gives time for it. Else imaginary parts carry nothing.
    """

    engine: ClassVar[str] = "plane_fft"
    length_range: ClassVar[tuple[int, int]] = (2, MAX_POINTS)
    analysis_cost: ClassVar[int] = 2
    most_lanes: ClassVar[int] = 2

    lanes: int = 1
    row_by_row: bool = False

    def _check_size(self) -> None:
        self._check_lanes()
        if self.size > MAX_POINTS:
            rule = f"a map whose transform has at most {MAX_POINTS} points"
            raise ParameterError("height", rule, f"one of {self.sizes[0]} x {self.sizes[1]}")

    @property
    def banded(self) -> bool:
        """Whether two rows of a map are one of complex numbers."""
        return self.lanes == 2 or self.folded

    @property
    def paired(self) -> bool:
        """See `FftDesign`."""
        return self.banded

    @cached_property
    def folded(self) -> bool:
        """Whether rows come one after the other and are put together in bands.

        A row of the transform must give time for two of the map's; and where the map's first band
        comes once more below the last one, for the next map's first row behind that.
        """
        rows, columns = self._whole_sizes
        vertical, width = self.plane.vertical, self.plane.width
        if self.row_by_row or self.lanes > 1 or columns < 2 * width:
            return False
        if vertical.wraps:
            return vertical.length % 2 == 0 and rows - vertical.length not in range(1, 4)
        return transform_size(self.plane.evened.vertical) == rows

    @property
    def nearer(self) -> Self | None:
        """See `FftDesign`: rows by themselves, whose bins meet one spectrum."""
        return replace(self, row_by_row=True) if self.folded else None

    @property
    def _whole_sizes(self) -> tuple[int, int]:
        """Points along a column and a row without bands."""
        return transform_size(self.plane.vertical), transform_size(self.plane.horizontal)

    @cached_property
    def sizes(self) -> tuple[int, int]:
        """Points along a column, and along a row."""
        rows, columns = self._whole_sizes
        return rows // 2 if self.banded else rows, columns

    @cached_property
    def even_plane(self) -> Plane:
        """The map that bands are of: with a row of zeros where it has an odd number."""
        return self.plane.evened if self.banded else self.plane

    @cached_property
    def grid(self) -> Plane:
        """See `PlaneDesign`."""
        return self.even_plane.in_bands(2 if self.banded else 1)

    @property
    def terms(self) -> int:
        """Spectra that a bin meets."""
        return 2 if self.banded else 1

    @property
    def held(self) -> int:
        """See `FftDesign`: a row for the next one, and a result for the end of its row's."""
        return self.plane.width + TURNING if self.folded else 0

    def beats_within(self, cycles: int) -> int:
        """Return the most beats that a map's door takes in so many cycles."""
        if not self.folded:
            return super().beats_within(cycles)
        width, grid = self.plane.width, self.grid
        enters = np.zeros(self.sizes, dtype=np.int64)
        # The lower row of a band, then the upper one of the next band.
        enters[: grid.height, : 2 * width] = 1
        if self.repeats_rows:
            enters[grid.height - 1, width : 2 * width] = 0
            enters[grid.height + 1, :width] = 1
        # Of the next map's first row, all can be waiting.
        return most_within(enters.reshape(-1), cycles) + width

    @property
    def repeats_rows(self) -> bool:
        """Whether a map's bands come once more below the last one."""
        return self.plane.wraps and self.sizes[0] > self.grid.height

    @cached_property
    def flow(self) -> TransformFlow:
        """Ranks and products in the order in which samples pass them."""
        return TransformFlow(self.size, self.twiddle_bits - 1, row=self.sizes[1])

    def spectra(self, weights: LineWeights) -> Complexes:
        """Return what the spectra of ``weights`` should be as they are stored.

        ``[C, size]``, or ``[C, 2, size]`` where maps come in bands.
        """
        kernels = self.even_plane.torus(weights.weight.astype(np.float64), self._whole_sizes)
        spectrum = band_spectra(kernels) if self.banded else np.conj(np.fft.fft2(kernels))
        bins = spectrum.reshape(*spectrum.shape[:-2], -1) / self.size
        return np.asarray(bins[..., self.flow.bins])

    @property
    def _largest_bin(self) -> float:
        return self._norms.sum_abs

    @cached_property
    def _norms(self) -> KernelNorms:
        # In bands a kernel has two spectra: the norms are its own, the words that are off two.
        return replace(self._own_norms, terms=self.terms)

    @property
    def _own_norms(self) -> KernelNorms:
        if self.weights is not None:
            return KernelNorms.of(self._kernels(self.weights))
        if self.plane.loaded_norms is not None:
            sum_abs, root_square = self.plane.loaded_norms
            return KernelNorms(1, sum_abs, root_square, root_square**2)
        return KernelNorms.of_format(self.plane.taps, self.weight_bits, 1)

    def _kernels(self, weights: LineWeights) -> Integers:
        return weights.weight[:, None]

    def searchable(self) -> None:
        """See `LineDesign`: what is a bound of planes' errors is not told by lines."""
        return

    def shares(self, kernel: Integers, samples: slice | Integers) -> Floats:
        """See `FftDesign`."""
        return self.even_plane.shares(kernel, samples)

    def _wanted_of_row(self, channel: int, row: int, samples: slice) -> Complexes:
        """Return what ``samples`` of the upper or lower rows should add to both rows' results."""
        assert self.weights is not None
        places = np.arange(self.even_plane.length).reshape(-1, 2, self.plane.width)
        upper, lower = places.swapaxes(0, 1).reshape(2, -1)
        taken = (upper, lower)[row][samples]
        shares = self.shares(self._kernels(self.weights)[channel, 0], taken)
        return np.asarray(shares[:, upper] + 1j * shares[:, lower])

    @cached_property
    def operator(self) -> LinearPart:
        """The linear part as quantised."""
        if not self.banded or self._values is None:
            return super().operator
        return analyse_bands(
            self.flow,
            self._values,
            self._wanted_of_row,
            entry=self.entry,
            outputs=self.outputs,
            data=self.data,
        )

    def _factor(self, product: int) -> Factor | OddTransform:
        factor = super()._factor(product)
        if not self.banded or product != self.flow.middle:
            return factor
        assert isinstance(factor, Factor)
        # Moduli of both spectra together: of loaded kernels, those of one are known.
        magnitude = factor.magnitude * (2**0.5 if self.weights is None else 1)
        return MirroredFactor(magnitude, factor.zeros, factor.f_bits, self.flow.mirror)

    def accumulate(self, lines: Integers, weights: LineWeights) -> Integers:
        """Return results of ``lines`` ``[L, N]`` bit for bit; no sum leaves 2^62."""
        if not self.banded:
            return super().accumulate(lines, weights)
        words = self.words(weights)[:: self.lanes]
        z = self.ahead(self._bands_of(lines))
        mirrored = Fixed(z.raw[..., self.flow.mirror], z.shape)
        own, other = (
            multiply(bins, self.spectra_of(words[:, term]))
            for term, bins in enumerate((z, mirrored))
        )
        conjugate = Fixed(other.raw * np.array([[1], [-1]]), other.shape)
        results = self.behind(own + conjugate)
        if self.folded:
            rows = results.reshape(len(results), 2, -1, self.plane.width).swapaxes(1, 2)
            results = rows.reshape(len(results), -1)[:, : self.length]
        return results.reshape(lines.shape) + weights.start()

    def _bands_of(self, lines: Integers) -> Integers:
        """Return upper and lower rows of maps' ``lines``, ``[M, 2, places of the grid]``."""
        if not self.folded:
            return lines.reshape(-1, 2, self.length)
        filled = np.pad(lines, ((0, 0), (0, self.even_plane.length - self.length)))
        bands = filled.reshape(len(lines), -1, 2, self.plane.width).swapaxes(1, 2)
        return bands.reshape(len(lines), 2, -1)

    @property
    def total(self) -> SQ:
        """Shape of the sum of both products of a bin, before it is rounded."""
        before, after = self.formats.sections[self.flow.middle : self.flow.middle + 2]
        return SQ(after.entry.i_bits, before.operand.f_bits + self.spectrum_f_bits)

    @property
    def coefficient_fields(self) -> dict[str, int]:
        """See `FftDesign`; in bands, a word of either spectrum."""
        spectra = ("", "mirrored_") if self.banded else ("",)
        return {f"{of}{part}": self.spectrum_bits for of in spectra for part in ("re", "im")}

    def coefficients(self, weights: LineWeights) -> dict[str, Integers]:
        """Return the spectra of ``weights``: ``[C, size]`` a field."""
        words = self.words(weights).reshape(-1, len(self.coefficient_fields), self.size)
        return dict(zip(self.coefficient_fields, np.moveaxis(words, 1, 0), strict=True))

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
