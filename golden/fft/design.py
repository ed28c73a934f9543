"""The FFT engine: about 1.5 * log2(N) multiplications a sample, its error bounded by proof."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from golden.fft.exact import EXACT
from golden.fft.flow import Complexes, Rank, TransformFlow, bin_order
from golden.fft.format import Factor, NodeFormats, Widths, choose_formats
from golden.fft.norms import KernelNorms, bound_noise, bound_operator, spectrum_factor
from golden.fft.odd import ODD_POINTS, OddTransform, odd_part
from golden.fft.proof import Floats, LinearPart, Noise, analyse, rounding_noise, upwards
from golden.fft.search import searchable
from golden.inputs.errors import ParameterError, check_range
from golden.line.design import LineDesign
from golden.line.options import EngineOption
from golden.line.weights import LineWeights
from golden.numbers.fixed import SQ, Fixed
from golden.numbers.interval import Integers
from golden.numbers.search import Certified
from golden.targets import FACTS

MAX_PRODUCT_BITS = 62
"""Widths of the two operands of a product together, so that the model stays inside int64."""
MAX_SPECTRUM_F_BITS = 40
MAX_ANALYSIS = 1 << 24
"""Channels times points squared up to which every sample is followed through, in half a minute."""


def transform_length(length: int) -> int:
    """Return the points of the transform: N itself, or a power of two from 2 * N - 1.

    N itself where it is a power of two from 4, or one of `ODD_POINTS` times a power of two.
    """
    return length if odd_part(length) in ODD_POINTS else radix_2_length(length)


def radix_2_length(length: int) -> int:
    """Return the points of a transform of a power of two: N itself from 4, else from 2 * N - 1."""
    if odd_part(length) == 1 and length >= 4:
        return length
    return 1 << (2 * length - 2).bit_length()


def spectrum_values(kernels: Integers, size: int) -> Complexes:
    """Return ``conj(DFT(kernel)) / size`` of each kernel, in the order in which it is stored.

    Parameters
    ----------
    kernels
        ``[C, N]``; zeros fill them up to ``size``.
    size
        Points of the transform.

    Returns
    -------
    complex128 ``[C, size]``
        Word p belongs to bin ``bin_order(size)[p]``.
    """
    spectrum = np.conj(np.fft.fft(kernels, size, axis=-1)) / size
    return np.asarray(spectrum[..., bin_order(size)])


def spectrum_words(kernels: Integers, size: int, f_bits: int) -> Integers:
    """Return `spectrum_values` as integers of ``f_bits`` fraction bits, ``[C, 2, size]``.

    This is what the weights port takes: word p of a channel holds
    ``round(2**f_bits / size * sum_n w[n] * cos(2 * pi * k * n / size))`` as `re` and the same with
    ``sin`` as `im`, for bin ``k = size - 1 - reversed(p)``, or `golden.fft.flow.bin_order`'s where
    the points have an odd divisor; `reversed` turns the
    ``log2(size)`` bits of p about. Halves round to even.
    """
    return quantised(spectrum_values(kernels, size), f_bits)


def quantised(values: Complexes, f_bits: int) -> Integers:
    """Return ``values`` ``[C, size]`` as integers of ``f_bits`` fraction bits, ``[C, 2, size]``."""
    scaled = values * 2.0**f_bits
    return np.rint(np.stack([scaled.real, scaled.imag], axis=-2)).astype(np.int64)


_formats: dict[tuple[object, ...], NodeFormats] = {}
"""Formats that hold for any weights, kept."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FftDesign(LineDesign):
    """Two lines in each complex transform; see `LineDesign` for what all engines share.

    Parameters
    ----------
    operand_bits
        Width of a multiplier's data operand: real part, imaginary part and their sum.
    twiddle_bits
        Width of a twiddle factor's parts; sums of two take a bit more.
    spectrum_bits
        Width that the spectrum's parts and the sums of two fit.
    guard_bits
        Fraction bits that adders and delay lines have below the operand behind them.
    result_f_bits
        Fraction bits of the results before they are rounded to integers.
    """

    engine: ClassVar[str] = "fft"
    length_range: ClassVar[tuple[int, int]] = (3, 4096)
    options: ClassVar[tuple[EngineOption, ...]] = (
        EngineOption(name="operand_bits", help="Width of a multiplier's data operand."),
        EngineOption(name="twiddle_bits", help="Width of a twiddle; sums have one more."),
        EngineOption(name="spectrum_bits", help="Width that a bin and its sums fit."),
        EngineOption(name="guard_bits", help="Bits of adders and delays below operands."),
        EngineOption(name="result_f_bits", help="Fraction bits before the last rounding."),
        EXACT,
    )
    rounds: ClassVar[bool] = True
    analysis_cost: ClassVar[int] = 1
    """Of following a sample through, to that of a line's."""

    lanes: int = 2
    operand_bits: int = 18
    twiddle_bits: int = 17
    spectrum_bits: int = 18
    guard_bits: int = 2
    result_f_bits: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_size()
        check_range("operand_bits", self.operand_bits, 8, 40)
        check_range("twiddle_bits", self.twiddle_bits, 6, 40)
        check_range("spectrum_bits", self.spectrum_bits, 6, 40)
        check_range("guard_bits", self.guard_bits, 0, 8)
        check_range("result_f_bits", self.result_f_bits, 0, 16)
        if (widest := FACTS[self.target].factor_bits) is not None:
            check_range("twiddle_bits", self.twiddle_bits, 6, widest - 1)
            check_range("spectrum_bits", self.spectrum_bits, 6, widest)
        factor_bits = max(self.twiddle_bits + 1, self.spectrum_bits)
        room = MAX_PRODUCT_BITS - (self.terms - 1).bit_length() - factor_bits
        if self.operand_bits > room:
            rule = f"at most {room} beside such factors"
            raise ParameterError("operand_bits", rule, self.operand_bits)

    def _check_size(self) -> None:
        """Raise `ParameterError` where the transform is too long."""
        if self.length > 2048 and self.size != self.length:
            odd = ", ".join(map(str, ODD_POINTS))
            rule = f"from 3 to 2048, 4096, or one of {odd} times a power of two"
            raise ParameterError("length", rule, self.length)

    @classmethod
    def least_circle(cls, length: int) -> int:
        """See `LineDesign`: its own points are fewer than a shorter one's extension has."""
        return max(1 << (length - 1).bit_length(), 4)

    @property
    def fractional(self) -> bool:
        """Whether exact results are no integers."""
        return False

    @property
    def paired(self) -> bool:
        """Whether two real lines are one of complex numbers."""
        return self.lanes > 1

    @property
    def nearer(self) -> Self | None:
        """The same results by a slower way with a smaller bound, where there is one."""
        return None

    @property
    def banded(self) -> bool:
        """Whether bins meet a second spectrum with those of the negative frequencies."""
        return False

    @property
    def held(self) -> int:
        """Cycles that samples, or their results, wait for others beside the transforms."""
        return 0

    @property
    def size(self) -> int:
        """Points of the transform."""
        return transform_length(self.length)

    @cached_property
    def flow(self) -> TransformFlow:
        """Ranks and products in the order in which samples pass them."""
        return TransformFlow(self.size, self.twiddle_bits - 1)

    @property
    def pairs(self) -> int:
        """Complex transforms side by side; an odd last lane has one to itself."""
        return -(-self.lanes // 2)

    @property
    def entry(self) -> Integers:
        """Sample of the line that each place of the transform takes, or -1 for zero."""
        place = np.arange(self.size)
        if self.size == self.length:
            return place
        return np.where(place < 2 * self.length - 1, place % self.length, -1)

    @property
    def outputs(self) -> Integers:
        """Place of the transform that each result leaves from."""
        return np.arange(self.length)

    def spectra(self, weights: LineWeights) -> Complexes:
        """Return what the spectra of ``weights`` should be, ``[C, size]`` as they are stored."""
        return spectrum_values(weights.weight, self.size)

    @cached_property
    def spectrum_f_bits(self) -> int:
        """Fraction bits of the spectrum's words: the most with which all of them fit."""
        if self.weights is None:
            largest = 2**0.5 * self._largest_bin / self.size
        else:
            values = self.spectra(self.weights)
            largest = float((np.abs(values.real) + np.abs(values.imag)).max())
        # Rounding moves each of two parts by half a unit at most.
        room = (1 << self.spectrum_bits - 1) - 2
        f_bits = int(np.floor(np.log2(room / max(largest, 2.0**-MAX_SPECTRUM_F_BITS))))
        return min(f_bits, MAX_SPECTRUM_F_BITS)

    @property
    def _largest_bin(self) -> float:
        """Most that a bin of a kernel comes to, where kernels are loaded."""
        return self._norms.sum_abs / self.terms

    def words(self, weights: LineWeights) -> Integers:
        """Return the spectra of ``weights`` as they are stored, ``[C, 2, size]``."""
        return quantised(self.spectra(weights), self.spectrum_f_bits)

    @property
    def terms(self) -> int:
        """Lines that a result is a sum of, T, each under its own kernel."""
        return self.summands // self.length

    def _kernels(self, weights: LineWeights) -> Integers:
        """Return the kernels of ``weights`` as ``[C, T, N]``."""
        return weights.weight.reshape(self.channels, self.terms, self.length)

    @cached_property
    def _values(self) -> Complexes | None:
        """The spectra as quantised, where every sample is followed through; else None."""
        work = self.analysis_cost * self.channels * self.terms * self.size**2
        if self.weights is None or work > MAX_ANALYSIS:
            return None
        re, im = np.moveaxis(self._stored(self.weights), -2, 0) / 2.0**self.spectrum_f_bits
        return np.asarray(re + 1j * im)

    @cached_property
    def _norms(self) -> KernelNorms:
        if self.weights is None:
            return KernelNorms.of_format(self.length, self.weight_bits, self.terms)
        return KernelNorms.of(self._kernels(self.weights))

    def _stored(self, weights: LineWeights) -> Integers:
        """Return the spectra of all kernels, ``[C, T, 2, size]``."""
        return self.words(weights).reshape(self.channels, self.terms, 2, self.size)

    def _wanted(self, channel: int, term: int, samples: slice) -> Floats:
        """Return what ``samples`` of a line should add to each result of ``channel``."""
        assert self.weights is not None
        return self.shares(self._kernels(self.weights)[channel, term], samples)

    def shares(self, kernel: Integers, samples: slice) -> Floats:
        """Return what ``samples`` add to each result under ``kernel``."""
        place = np.arange(self.length)
        return np.asarray(kernel[(place[samples, None] - place) % self.length])

    @cached_property
    def operator(self) -> LinearPart:
        """The linear part as quantised."""
        if self.weights is not None and self._values is not None:
            return analyse(
                self.flow,
                self._values,
                self._wanted,
                entry=self.entry,
                outputs=self.outputs,
                data=self.data,
                paired=self.paired,
            )
        return bound_operator(
            self.flow,
            self._norms,
            self.spectrum_f_bits,
            entry=self.entry,
            data=self.data,
            paired=self.paired,
            channels=self.channels,
        )

    @cached_property
    def formats(self) -> NodeFormats:
        """Shapes of every node."""
        if self.weights is not None:
            return self._chosen
        # Of any weights they follow from little, that designs of any lanes and channels share.
        sums = (self.flow, self._norms, self.spectrum_f_bits, self.data, self.paired)
        key = (*sums, self.entry.tobytes(), self._widths)
        if key not in _formats:
            _formats[key] = self._chosen
        return _formats[key]

    @property
    def _widths(self) -> Widths:
        return Widths(
            operand_bits=self.operand_bits,
            guard_bits=self.guard_bits,
            result_f_bits=self.result_f_bits,
        )

    @property
    def _chosen(self) -> NodeFormats:
        factors = [self._factor(product) for product in range(self.flow.n_products)]
        return choose_formats(self.flow, self.operator.reaches, factors, self._widths)

    def _factor(self, product: int) -> Factor | OddTransform:
        if odd := self.flow.odd_transform(product):
            return odd
        if product != self.flow.middle:
            return Factor.of(self._twiddles(product).raw[None, None], self.flow.twiddle_f_bits)
        if self.weights is None:
            return spectrum_factor(self.flow, self._norms, self.spectrum_f_bits)
        return Factor.of(self._stored(self.weights), self.spectrum_f_bits)

    def _twiddles(self, product: int) -> Fixed:
        """Factors of a product, ``[2, size]``."""
        return Fixed(self.flow.spread(product), SQ(2, self.flow.twiddle_f_bits))

    @cached_property
    def noise(self) -> Noise:
        """What roundings do to the results."""
        if self._values is not None:
            return rounding_noise(
                self.flow, self.formats, self._values, self.outputs, mirrored=self.banded
            )
        return bound_noise(
            self.flow,
            self.formats,
            self._norms,
            channels=self.channels,
            length=len(self.outputs),
        )

    @cached_property
    def _bounds(self) -> Floats:
        """Most that each channel's sums are off before they are rounded to integers."""
        return np.asarray((self.operator.deviation + self.noise.bound).max(axis=-1))

    @property
    def error_bound(self) -> float:
        """Most that a sum is off before it is rounded to an integer."""
        return float(self._bounds.max())

    @property
    def sum_errors(self) -> Sequence[float]:
        """Most that each channel's sums, integers, are off."""
        return [int(off) for off in np.floor(self._bounds + self._last_rounding)]

    @cached_property
    def max_abs_error(self) -> int:
        """Most that a sum is off, to the next integer above."""
        return math.ceil(max(self.sum_errors))

    @property
    def _last_rounding(self) -> float:
        """Most that rounding results to integers adds."""
        return 0.5 if self.formats.rounds_last else 0.0

    @property
    def cycles_per_group(self) -> int:
        """Cycles between groups in steady state: the points of the transform."""
        return self.size

    @property
    def coefficient_fields(self) -> dict[str, int]:
        """A spectrum's word, as `spectrum_words` makes it."""
        return {"re": self.spectrum_bits, "im": self.spectrum_bits}

    @property
    def coefficient_words(self) -> int:
        """Words of a spectrum: one for each point of the transform."""
        return self.size

    def coefficients(self, weights: LineWeights) -> dict[str, Integers]:
        """Return the spectra of ``weights``: ``[C, size]`` a field."""
        re, im = np.moveaxis(self.words(weights), -2, 0)
        return {name: part.reshape(self.channels, -1) for name, part in (("re", re), ("im", im))}

    @property
    def own_parameters(self) -> dict[str, int | str]:
        """Points of the transform, and what decides its arithmetic."""
        return {
            "transform_length": self.size,
            "operand_bits": self.operand_bits,
            "twiddle_bits": self.twiddle_bits,
            "spectrum_bits": self.spectrum_bits,
            "spectrum_f_bits": self.spectrum_f_bits,
            "guard_bits": self.guard_bits,
            "result_f_bits": self.result_f_bits,
        }

    @property
    def proof(self) -> dict[str, object]:
        """The error bound's parts.

        `error_bound` is the most that a sum is off before it is rounded to an integer.
        """
        return {
            "error_bound": upwards(self.error_bound),
            "error_bound_quantization": upwards(float(self.operator.deviation.max())),
            "error_bound_rounding": upwards(float(self.noise.bound.max())),
        }

    def searchable(self) -> Certified | None:
        """See `LineDesign`."""
        return searchable(self) if self.terms == 1 else None

    def accumulate(self, lines: Integers, weights: LineWeights) -> Integers:
        """Return results of ``lines`` ``[L, N]`` bit for bit; no product leaves 2^62."""
        words = self.words(weights)
        groups = lines.reshape(-1, self.lanes, self.length)
        odd = self.lanes % 2
        filled = np.pad(groups, ((0, 0), (0, odd), (0, 0)))
        pairs = filled.reshape(-1, 2, self.length)
        first = words.reshape(-1, self.lanes, 2, self.size)[:, ::2].reshape(-1, 2, self.size)
        results = self._correlate(pairs, first)
        out = results.reshape(-1, self.lanes + odd, self.length)[:, : self.lanes]
        return out.reshape(lines.shape) + weights.start()

    def _correlate(self, pairs: Integers, words: Integers) -> Integers:
        """Return results of pairs of lines ``[P, 2, N]`` under spectra ``[P, 2, size]``."""
        return self.behind(multiply(self.ahead(pairs), self.spectra_of(words)))

    def spectra_of(self, words: Integers) -> Fixed:
        """Return stored ``words`` of spectra as what they stand for."""
        i_bits = self.spectrum_bits - self.spectrum_f_bits
        return Fixed(words, SQ(i_bits, self.spectrum_f_bits))

    def ahead(self, pairs: Integers) -> Fixed:
        """Return the bins ``[..., 2, size]`` of pairs of lines ``[..., 2, N]``, as operands."""
        entry = self.entry
        samples = np.where(entry < 0, 0, pairs[..., entry])
        return self._through(Fixed(samples, SQ(self.data_bits, 0)), range(self.flow.middle + 1))

    def behind(self, products: Fixed) -> Integers:
        """Return the results ``[..., 2, N]`` of products of bins ``[..., 2, size]``."""
        z = self._through(products, range(self.flow.middle + 1, len(self.flow.sections)))
        return z.raw[..., self.outputs]

    def _through(self, z: Fixed, numbers: range) -> Fixed:
        """Take ``z`` through sections and the twiddles between them."""
        for number in numbers:
            section, shapes = self.flow.sections[number], self.formats.sections[number]
            z = z.quantize(shapes.entry)
            for rank, shape in zip(section.ranks, shapes.ranks, strict=True):
                z = exchange(z, rank).quantize(shape)
            z = z.quantize(shapes.operand)
            if number != numbers[-1]:
                z = self._between(z, number)
        return z

    def _between(self, z: Fixed, number: int) -> Fixed:
        """Take operands ``z`` through what stands behind a section, exact."""
        odd = self.flow.odd_transform(number)
        if odd is None:
            return multiply(z, self._twiddles(number))
        i_bits = z.shape.i_bits + odd.points.bit_length()
        return Fixed(odd.apply_raw(z.raw), SQ(i_bits, z.shape.f_bits + odd.f_bits))


def exchange(z: Fixed, rank: Rank) -> Fixed:
    """Return what a rank of butterflies makes of ``[..., 2, size]``, exact; parts are axis -2."""
    raw = z.raw
    turned = np.stack([-raw[..., 1, :], raw[..., 0, :]], axis=-2)
    if not rank.inverse:
        turned = -turned
    raw = np.where(rank.rotated(raw.shape[-1]), turned, raw)
    grown = SQ(z.shape.i_bits + 1, z.shape.f_bits)
    blocks = raw.reshape(*raw.shape[:-1], -1, 2, rank.span)
    early, late = Fixed(blocks[..., 0, :], grown), Fixed(blocks[..., 1, :], grown)
    pair = (early + late, late - early) if rank.inverse else (early - late, early + late)
    met = np.stack([p.raw for p in pair], axis=-2)
    return Fixed(met.reshape(raw.shape), pair[0].shape)


def multiply(z: Fixed, factor: Fixed) -> Fixed:
    """Return complex products of ``[..., 2, size]``, exact; parts are axis -2."""

    def part(operand: Fixed, index: int) -> Fixed:
        return Fixed(operand.raw[..., index, :], operand.shape)

    a, b, c, d = part(z, 0), part(z, 1), part(factor, 0), part(factor, 1)
    re, im = a * c - b * d, a * d + b * c
    return Fixed(np.stack([re.raw, im.raw], axis=-2), re.shape)
