"""Layers in integers: what `hw.build layer` reads, and the formats of what goes in and out."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from golden.engines import DESIGNS, PLANE_DESIGNS
from golden.graph.tensor import AXES
from golden.inputs.errors import ParameterError
from golden.layer.design import LayerDesign
from golden.layer.filter import MAX_KERNEL_F_BITS, kernels_of_spectra
from golden.numbers.interval import Integers
from golden.numbers.observe import describe
from golden.numbers.quantize import Activation, QuantizedKernel, quantize_lines, requantization
from golden.operator.parc import Floats
from hw.convert.compose import Chain, FoundLayer
from hw.convert.computed import Band, Computed, Pass, Patch, Torus
from hw.layer.config import LayerConfig


@dataclass(frozen=True)
class Formats:
    """Integer formats of a layer's maps.

    Parameters
    ----------
    data, output
        Of what goes in and out.
    between
        Of what passes from one axis to the other, where there are two in series.
    """

    data: Activation
    output: Activation
    between: Activation | None = None


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """A layer that has been quantised.

    Parameters
    ----------
    found
        In float64.
    formats
        Of its maps.
    config
        Its configuration, and its weights.
    design
        What `hw.build layer` makes of them.
    """

    found: FoundLayer
    formats: Formats
    config: LayerConfig
    design: LayerDesign

    def respond(self, x: Floats) -> Floats:
        """Return what the hardware gives for what it takes, ``[C, H, W]``, back in float64."""
        integers = self.formats.data.quantize(x)
        return self.formats.output.dequantize(self.design.model(integers[None])[0])

    def described(self) -> dict[str, Any]:
        """Return the layer's entry in ``network.json``."""
        found, formats = self.found, self.formats
        channels, height, width = found.shape
        out_channels, out_height, out_width = self.design.out_shape
        between = formats.between and describe(formats.between)
        return {
            "name": found.name,
            "config": f"{found.name}.toml",
            "weights": f"{found.name}.npz",
            "form": found.form,
            "channels": channels,
            "out_channels": out_channels,
            "height": height,
            "width": width,
            "out_height": out_height,
            "out_width": out_width,
            "residual": found.residual,
            "input": found.entry,
            "output": found.exit,
            **found.order(),
            "formats": {
                "data": describe(formats.data),
                "between": between,
                "output": describe(formats.output),
            },
        }


def to_integers(found: FoundLayer, formats: Formats, *, weight_bits: int) -> IntegerLayer:
    """Quantise a layer.

    Where the map is zero beyond its borders, the zero point of what goes in must be 0.

    Raises
    ------
    ValueError
        Where a bias or a scale does not fit the hardware's formats.
    """
    arrays, own = _FORMS[found.form](found, formats, weight_bits)
    if formats.between is not None:
        arrays["between.zero_point"] = np.array(formats.between.zero_point)
    arrays["output.zero_point"] = np.array(formats.output.zero_point)
    if found.residual:
        arrays |= _residual(formats)
    options = _options(found, formats, weight_bits, own)
    design = _first_that_does(options, arrays)
    return IntegerLayer(found, formats, LayerConfig(options, arrays), design)


def _first_that_does(options: dict[str, Any], arrays: Mapping[str, Integers]) -> LayerDesign:
    """Return the design with the first engines that can do it, and write them into ``options``."""
    names = list(options["engines"])
    engines = _engines_for(names)
    for engine in engines:
        options["engines"] = {name: {"engine": engine} for name in names}
        try:
            return LayerConfig(options, arrays).design()
        except ParameterError:
            if engine == engines[-1]:
                raise
    raise AssertionError("a form has an engine")


def _engines_for(names: Sequence[str]) -> list[str]:
    """Return the engines to try in their order, those that do not round first.

    Lines take the first one, which does all of them, until the planner chooses.
    """
    if names == ["plane"]:
        return sorted(PLANE_DESIGNS, key=lambda name: PLANE_DESIGNS[name].rounds)
    return list(DESIGNS)[:1]


def _of_lines(
    found: FoundLayer, formats: Formats, weight_bits: int
) -> tuple[dict[str, Integers], dict[str, Any]]:
    """Return arrays and own options of a form whose passes go through line engines."""
    passes: dict[str, list[QuantizedKernel]] = {}
    for chain in found.chains:
        for computed, data, output in _in_order(chain, formats):
            kernel = _quantize(computed, data, output, weight_bits)
            passes.setdefault(computed.kind[-1], []).append(kernel)
    keys = ("weight", "pe", "bias", "multiplier", "shift")
    arrays = {
        f"{axis}.{key}": np.concatenate([np.asarray(getattr(kernel, key)) for kernel in kernels])
        for axis, kernels in passes.items()
        for key in keys
    }
    axes = [axis for axis in AXES if axis in passes]
    own: dict[str, Any] = {}
    if found.form == "serial":
        own["order"] = [computed.kind[-1] for computed in found.chains[0].passes]
    if found.form == "dense":
        own["out_channels"] = sum(len(chain.passes[0].weight) for chain in found.chains)
        own["axis"] = "both" if len(found.chains) == 2 else axes[0]
    return arrays, own | {"engines": dict.fromkeys(axes)}


def _of_bands(
    found: FoundLayer, formats: Formats, weight_bits: int
) -> tuple[dict[str, Integers], dict[str, Any]]:
    arrays, own = _of_lines(found, formats, weight_bits)
    (chain,) = found.chains
    bands = [computed for computed in chain.passes if isinstance(computed, Band)]
    own["order"] = [band.axis for band in bands]
    own["kernels"] = {
        band.axis: {
            "taps": band.weight.shape[-1],
            "origin": band.origin,
            "stride": band.stride,
        }
        for band in bands
    }
    return {key: array for key, array in arrays.items() if not key.endswith(".pe")}, own


def _of_patch(
    found: FoundLayer, formats: Formats, weight_bits: int
) -> tuple[dict[str, Integers], dict[str, Any]]:
    (computed,) = found.chains[0].passes
    assert isinstance(computed, Patch)
    kernel = _quantize(computed, formats.data, formats.output, weight_bits)
    arrays = {key: np.asarray(getattr(kernel, key)) for key in ("bias", "multiplier", "shift")}
    arrays["weight"] = kernel.weight.reshape(computed.weight.shape)
    own = {"kernel": list(computed.taps), "origin": list(computed.origin)}
    return arrays, own | {"engines": {"plane": None}}


def _of_torus(
    found: FoundLayer, formats: Formats, weight_bits: int
) -> tuple[dict[str, Integers], dict[str, Any]]:
    """Return a global filter: its spectrum in integers, and an accumulator finer than those."""
    (computed,) = found.chains[0].passes
    assert isinstance(computed, Torus)
    height, width = computed.taps
    f_bits = min(math.ceil(math.log2(2 * height * width) / 2), MAX_KERNEL_F_BITS)
    # A filter convolves where a kernel correlates.
    spectra = np.fft.rfft2(np.roll(computed.weight[:, ::-1, ::-1], (1, 1), axis=(1, 2)))
    parts = np.stack([spectra.real, spectra.imag])
    limit = 2 ** (weight_bits - 1) - 1
    scale = np.abs(parts).max(axis=(0, 2, 3)) / limit
    # A filter too faint to show in the output is rounded to zero, as kernels of lines are.
    step = np.maximum(formats.output.scale, np.abs(computed.bias))
    scale = np.maximum(scale, step * 2.0**f_bits / (formats.data.scale * 2.0**30))
    integers = np.rint(parts / scale[:, None, None]).astype(np.int64)
    step = formats.data.scale * scale / 2.0**f_bits
    kernels = kernels_of_spectra(integers[0] + 1j * integers[1], width) * 2.0**f_bits
    moved = formats.data.zero_point * np.rint(kernels).sum(axis=(1, 2))
    multiplier, shift = requantization(step / formats.output.scale)
    arrays = {
        "spectrum_re": integers[0],
        "spectrum_im": integers[1],
        "bias": np.rint(computed.bias / step - moved).astype(np.int64),
        "multiplier": multiplier,
        "shift": shift,
    }
    return arrays, {"kernel_f_bits": f_bits, "engines": {"plane": None}}


_FORMS: Mapping[
    str, Callable[[FoundLayer, Formats, int], tuple[dict[str, Integers], dict[str, Any]]]
] = {
    **dict.fromkeys(("serial", "parallel", "metaformer", "dense"), _of_lines),
    "linear": _of_bands,
    "depthwise": _of_patch,
    "global_filter": _of_torus,
}
"""What makes the arrays of a form, and the options that it alone has."""


def _in_order(chain: Chain, formats: Formats) -> list[tuple[Computed, Activation, Activation]]:
    """Return the passes with the formats of what they take and give."""
    if len(chain.passes) == 1:
        return [(chain.passes[0], formats.data, formats.output)]
    assert formats.between is not None
    first, second = chain.passes
    return [(first, formats.data, formats.between), (second, formats.between, formats.output)]


def _quantize(
    computed: Computed, data: Activation, output: Activation, weight_bits: int
) -> QuantizedKernel:
    n_out = computed.weight.shape[0]
    embedding = computed.embedding if isinstance(computed, Pass) else None
    # One scale for all kernels of an output channel, as if they were one.
    kernel = quantize_lines(
        computed.weight.reshape(n_out, -1),
        embedding=None if computed.dense else embedding,
        bias=computed.bias,
        data=data,
        weight_bits=weight_bits,
        output=output,
    )
    if not computed.dense:
        return kernel
    assert embedding is not None
    pe = Activation(data.scale, 0, data.bits).quantize(embedding)
    return replace(kernel, weight=kernel.weight.reshape(computed.weight.shape), pe=pe)


def _residual(formats: Formats) -> dict[str, Integers]:
    multiplier, shift = requantization(np.array([formats.data.scale / formats.output.scale]))
    return {
        "residual.multiplier": np.array(multiplier[0]),
        "residual.shift": np.array(shift[0]),
        "residual.zero_point": np.array(formats.data.zero_point),
    }


def _options(
    found: FoundLayer, formats: Formats, weight_bits: int, own: Mapping[str, Any]
) -> dict[str, Any]:
    channels, height, width = found.shape
    options: dict[str, Any] = {
        "form": found.form,
        "name": found.name,
        "channels": channels,
        "height": height,
        "width": width,
        "data_bits": formats.data.bits,
        "weight_bits": weight_bits,
        "weights": f"{found.name}.npz",
    }
    if found.residual:
        options["residual"] = True
    options |= own
    if formats.between is not None:
        options["between"] = {"bits": formats.between.bits}
    options["output"] = {"bits": formats.output.bits}
    return options
