"""Layers of two-dimensional filters: GFNet's global filters, and depthwise kernels.

Either form sends a map of one channel after the other through a two-dimensional engine.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from golden.engines import PLANE_DESIGNS, EngineChoice
from golden.fft.flow import Complexes
from golden.graph.graph import Node
from golden.inputs.config import Table, refusal
from golden.inputs.errors import check_range
from golden.layer.design import SOURCE, LayerDesign
from golden.line.example import example_scales
from golden.line.weights import Arrays, checked_array, checked_scalars
from golden.numbers.interval import Integers, Interval
from golden.numbers.quantize import BIAS_BITS, MAX_SHIFT, MULTIPLIER_BITS
from golden.plane.design import PlaneDesign
from golden.plane.kernels import SLACK, Floats, Plane, PlaneWeights, padded, plane_weights, wrapping
from golden.stages.plane import ENGINE, PlanePass

FILTER_ARRAYS = ("bias", "multiplier", "shift", "output.zero_point")
"""Keys of weights files beside the filters' own."""
MAX_KERNEL_F_BITS = 16


def filter_globally(maps: Floats, spectra: Complexes) -> Floats:
    """Return maps ``[..., C, H, W]`` under GFNet's filters ``[C, H, W // 2 + 1]``, in float64.

    Transform, product and transform back as that network's layer states them; the orthonormal
    scalings of the two transforms cancel.
    """
    shape = maps.shape[-2:]
    bins = np.fft.rfft2(maps, norm="ortho") * spectra
    return np.asarray(np.fft.irfft2(bins, s=shape, norm="ortho"))


def kernels_of_spectra(spectra: Complexes, width: int) -> Floats:
    """Return the kernels ``[C, H, W]`` that correlate as filters ``[C, H, W // 2 + 1]`` convolve.

    ``irfft2`` takes of the edge columns what a real map's spectrum can have.
    """
    impulses = np.fft.irfft2(spectra, s=(spectra.shape[-2], width))
    return np.asarray(np.roll(impulses[..., ::-1, ::-1], (1, 1), axis=(-2, -1)))


@dataclass(frozen=True, kw_only=True, eq=False)
class FilterDesign(LayerDesign):
    """A two-dimensional engine, and the maps that it takes channel by channel.

    Parameters
    ----------
    plane_engine
        One of `golden.engines.PLANE_DESIGNS`, and its options.
    """

    plane_engine: EngineChoice

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("height", self.height, 2, 256)
        check_range("width", self.width, 2, 256)
        self._check_own()
        if self.plane_engine.engine not in PLANE_DESIGNS:
            rule = f"one of {', '.join(PLANE_DESIGNS)}"
            raise refusal("engines.plane.engine", rule, repr(self.plane_engine.engine))
        self._take_example()
        self.engine  # noqa: B018 - raises where the engine cannot do its part

    @classmethod
    def take_options(cls, table: Table, *, port: bool) -> dict[str, Any]:
        """See `LayerDesign`."""
        return {"plane_engine": EngineChoice.take(table.table("engines").table("plane"), port=port)}

    @abstractmethod
    def _check_own(self) -> None:
        """Raise `ParameterError` where a parameter of the form breaks its rule."""

    @property
    @abstractmethod
    def plane(self) -> Plane:
        """The maps and their kernels."""

    @abstractmethod
    def wanted_kernels(self, arrays: Arrays) -> Floats | Integers:
        """Return the kernels ``[C, taps]`` that ``arrays`` stand for, held to their formats."""

    @abstractmethod
    def random_filters(self, generator: np.random.Generator) -> dict[str, Integers]:
        """Return arrays of filters, as the weights file holds them."""

    def _make_up(self, arrays: dict[str, Integers]) -> None:
        generator = np.random.default_rng(0)
        arrays |= self.random_filters(generator)
        most = 1 << self.data_bits
        arrays["bias"] = generator.integers(-most, most, self.channels, endpoint=True)
        if self.output is not None:
            scales = example_scales(
                self.wanted_kernels(arrays), self.data_bits, requantized=self.output.clip
            )
            names = ("multiplier", "shift", "output.zero_point")
            arrays |= {k: np.asarray(v) for k, v in zip(names, scales, strict=True)}

    @property
    def _rounds_kernels(self) -> bool:
        return PLANE_DESIGNS[self.plane_engine.engine].rounds_kernels

    def plane_weights(self, arrays: Arrays) -> PlaneWeights:
        """Return what ``arrays`` hold as the engine takes it."""
        kernels = self.wanted_kernels(arrays)
        if self._rounds_kernels:
            kernels = np.rint(kernels).astype(np.int64)
        each = (self.channels,)
        bias = checked_array(arrays, "bias", each, Interval.signed(BIAS_BITS), default=0)
        if self.output is None:
            return plane_weights(kernels, bias)
        scales = Interval(1, (1 << MULTIPLIER_BITS) - 1)
        return plane_weights(
            kernels,
            bias,
            checked_array(arrays, "multiplier", each, scales),
            checked_array(arrays, "shift", each, Interval(0, MAX_SHIFT)),
            checked_scalars(arrays, "output.zero_point", self.channels, self.output.clip),
        )

    @cached_property
    def engine(self) -> PlaneDesign:
        """The engine."""
        weights = None if self.weights is None else self.plane_weights(self.weights)
        table = Table({}, "engines.plane.")
        own = ("weights", "lanes", "height", "width", "weight_bits", "data_bits")
        options: dict[str, Any] = dict(self.plane_engine.options)
        with table.naming({key: key for key in own}):
            design = PLANE_DESIGNS[self.plane_engine.engine](
                name=f"{self.name}_plane",
                length=self.height * self.width // self.lanes,
                channels=self.channels,
                rows=self.lanes,
                lanes=self.lanes,
                data_bits=self.data_bits,
                weight_bits=self.weight_bits,
                requantization=self.output,
                weights=weights,
                target=self.target,
                plane=self.plane,
                **options,
            )
            finished = self.plane_engine.finish(design)
            finished.check()
        return finished

    def stages(self) -> Iterator[Node]:
        """See `LayerDesign`."""
        yield Node(ENGINE, PlanePass(self.taken, self.engine, self.sum_errors), (SOURCE,))

    def sets(self, arrays: Arrays) -> Mapping[str, Any]:
        """See `LayerDesign`."""
        return {ENGINE: self.plane_weights(arrays)}

    @cached_property
    def sum_errors(self) -> Sequence[float]:
        """Most that each channel's sums are off: kernels that were rounded, and the engine.

        From those of the filters as given; where filters are loaded, from those of the kernels that
        the stream's words stand for.
        """
        if self.weights is None:
            return self.engine.sum_errors
        wanted = self.wanted_kernels(self.weights)
        if wanted.dtype.kind == "i" or not self._rounds_kernels:
            return self.engine.sum_errors
        # A real tap is as good as double precision.
        rounded = np.abs(wanted - np.rint(wanted)) + np.abs(wanted) * (SLACK - 1)
        off = rounded.sum(axis=-1) * self.data.max_abs
        return [float(each) + own for each, own in zip(off, self.engine.sum_errors, strict=True)]


@dataclass(frozen=True, kw_only=True, eq=False)
class GlobalFilterDesign(FilterDesign):
    """GFNet's layer: every channel under a filter as large as the map, given by its spectrum.

    A true convolution, and circular. Parts of the spectrum are integers of ``weight_bits`` bits;
    what they are multiples of is the user's, and the accumulator's scale follows from it.

    Parameters
    ----------
    kernel_f_bits
        Fraction bits of the accumulator below that scale. The Fermat engine's kernels are integers
        at the accumulator's scale: a bit more brings them twice as near to the filters.
    """

    form: ClassVar[str] = "global_filter"
    array_names: ClassVar[tuple[str, ...]] = ("spectrum_re", "spectrum_im", *FILTER_ARRAYS)

    kernel_f_bits: int = 0

    def _check_own(self) -> None:
        check_range("kernel_f_bits", self.kernel_f_bits, 0, MAX_KERNEL_F_BITS)

    @classmethod
    def take_options(cls, table: Table, *, port: bool) -> dict[str, Any]:
        """See `LayerDesign`."""
        own = {"kernel_f_bits": table.take("kernel_f_bits", int, 0)}
        return own | super().take_options(table, port=port)

    @property
    def plane(self) -> Plane:
        """See `FilterDesign`."""
        peak = 2.0 ** (self.weight_bits - 1 + self.kernel_f_bits + 0.5)
        return wrapping(self.height, self.width, peak=peak)

    def wanted_kernels(self, arrays: Arrays) -> Floats:
        """See `FilterDesign`."""
        shape = (self.channels, self.height, self.width // 2 + 1)
        parts = Interval.signed(self.weight_bits)
        re, im = (checked_array(arrays, f"spectrum_{part}", shape, parts) for part in ("re", "im"))
        kernels = kernels_of_spectra(re + 1j * im, self.width) * 2.0**self.kernel_f_bits
        return kernels.reshape(self.channels, -1)

    def random_filters(self, generator: np.random.Generator) -> dict[str, Integers]:
        """See `FilterDesign`: spectra that fall off from the lowest frequencies, as learned."""
        rows = np.abs(np.fft.fftfreq(self.height))[:, None]
        columns = np.fft.rfftfreq(self.width)
        most = Interval.signed(self.weight_bits).high / (1 + 8 * np.hypot(rows, columns))
        shape = (2, self.channels, *most.shape)
        re, im = np.rint(generator.uniform(-1, 1, shape) * most).astype(np.int64)
        return {"spectrum_re": re, "spectrum_im": im}

    @property
    def own_parameters(self) -> dict[str, Any]:
        """See `LayerDesign`."""
        return {"kernel_f_bits": self.kernel_f_bits}


@dataclass(frozen=True, kw_only=True, eq=False)
class DepthwiseDesign(FilterDesign):
    """Every channel under a kernel of its own, with zeros around the map.

    ``y[r, c] = bias + sum_(s, t) weight[s, t] * x[r + s - oh, c + t - ow]``: what a depthwise
    convolution layer computes, the map's size kept.

    Parameters
    ----------
    kernel
        Taps along the height and along the width, K_h and K_w.
    origin
        Tap on the output's own position, ``(oh, ow)``; None takes (K - 1) // 2 of either.
    """

    form: ClassVar[str] = "depthwise"
    array_names: ClassVar[tuple[str, ...]] = ("weight", *FILTER_ARRAYS)

    kernel: tuple[int, int]
    origin: tuple[int, int] | None = None

    def _check_own(self) -> None:
        for taps in self.kernel:
            check_range("kernel", taps, 1, 255)
        if self.origin is not None:
            for place, taps in zip(self.origin, self.kernel, strict=True):
                check_range("origin", place, 0, taps - 1)

    @classmethod
    def take_options(cls, table: Table, *, port: bool) -> dict[str, Any]:
        """See `LayerDesign`."""
        own = {"kernel": table.sides("kernel"), "origin": table.sides("origin", None)}
        return own | super().take_options(table, port=port)

    @property
    def own_origin(self) -> tuple[int, int]:
        """Tap on the output's own position."""
        if self.origin is not None:
            return self.origin
        return (self.kernel[0] - 1) // 2, (self.kernel[1] - 1) // 2

    @property
    def plane(self) -> Plane:
        """See `FilterDesign`."""
        return padded(self.height, self.width, self.kernel, self.own_origin)

    def wanted_kernels(self, arrays: Arrays) -> Integers:
        """See `FilterDesign`."""
        shape = (self.channels, *self.kernel)
        taps = checked_array(arrays, "weight", shape, Interval.signed(self.weight_bits))
        return taps.reshape(self.channels, -1)

    def random_filters(self, generator: np.random.Generator) -> dict[str, Integers]:
        """See `FilterDesign`."""
        taps = Interval.signed(self.weight_bits)
        shape = (self.channels, *self.kernel)
        return {"weight": generator.integers(taps.low, taps.high, shape, endpoint=True)}

    @property
    def own_parameters(self) -> dict[str, Any]:
        """See `LayerDesign`. One number where it is the same along both axes."""
        sides = {"kernel": self.kernel, "origin": self.own_origin}
        return {key: side[0] if side[0] == side[1] else list(side) for key, side in sides.items()}
