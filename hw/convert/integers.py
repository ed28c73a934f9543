"""Layers in integers: what `hw.build layer` reads, and the formats of what goes in and out."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from golden.config import Table, refusal
from golden.interval import Integers
from golden.layer import LayerDesign
from golden.layer_axes import AXES
from golden.observe import describe
from golden.parc import Floats
from golden.quantize import Activation, QuantizedKernel, quantize_lines, requantization
from hw.convert.compose import Chain, FoundLayer
from hw.convert.find import Pass
from hw.layer.registry import LAYERS
from hw.toml import to_toml


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
    options
        Its configuration.
    arrays
        Its weights file.
    design
        What `hw.build layer` makes of both.
    """

    found: FoundLayer
    formats: Formats
    options: Mapping[str, Any]
    arrays: Mapping[str, Integers]
    design: LayerDesign

    def respond(self, x: Floats) -> Floats:
        """Return what the hardware gives for a map ``[C, H, W]``, back in float64."""
        integers = self.formats.data.quantize(x)
        return self.formats.output.dequantize(self.design.model(integers[None])[0])

    def files(self) -> dict[str, bytes]:
        """Return configuration and weights by file name."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **self.arrays)
        name = self.found.name
        return {f"{name}.toml": to_toml(self.options), f"{name}.npz": buffer.getvalue()}

    def described(self) -> dict[str, Any]:
        """Return the layer's entry in ``network.json``."""
        found, formats = self.found, self.formats
        channels, height, width = found.shape
        between = formats.between and describe(formats.between)
        return {
            "name": found.name,
            "config": f"{found.name}.toml",
            "weights": f"{found.name}.npz",
            "form": found.form,
            "channels": channels,
            "out_channels": self.design.out_shape[0],
            "height": height,
            "width": width,
            "residual": found.residual,
            "input": found.entry,
            "output": found.exit,
            "formats": {
                "data": describe(formats.data),
                "between": between,
                "output": describe(formats.output),
            },
        }


def to_integers(found: FoundLayer, formats: Formats, *, weight_bits: int) -> IntegerLayer:
    """Quantise a layer.

    Raises
    ------
    ValueError
        Where a bias or a scale does not fit the hardware's formats.
    """
    arrays = _kernels(found, formats, weight_bits)
    if formats.between is not None:
        arrays["between.zero_point"] = np.array(formats.between.zero_point)
    arrays["output.zero_point"] = np.array(formats.output.zero_point)
    if found.residual:
        arrays |= _residual(formats)
    options = _options(found, formats, weight_bits)
    table = Table(options)
    form, _ = table.take("form", str), table.take("weights", str)
    if form not in LAYERS:
        raise refusal("form", f"one of {', '.join(LAYERS)}", repr(form))
    design = LAYERS[form].design.of_table(table, arrays, example=False)
    return IntegerLayer(found, formats, options, arrays, design)


def _kernels(found: FoundLayer, formats: Formats, weight_bits: int) -> dict[str, Integers]:
    passes: dict[str, list[QuantizedKernel]] = {}
    for chain in found.chains:
        for computed, data, output in _in_order(chain, formats):
            kernel = _quantize(computed, data, output, weight_bits)
            passes.setdefault(computed.axis, []).append(kernel)
    return {
        f"{axis}.{key}": np.concatenate([np.asarray(getattr(kernel, key)) for kernel in kernels])
        for axis, kernels in passes.items()
        for key in ("weight", "pe", "bias", "multiplier", "shift")
    }


def _in_order(chain: Chain, formats: Formats) -> list[tuple[Pass, Activation, Activation]]:
    """Return the passes with the formats of what they take and give."""
    if len(chain.passes) == 1:
        return [(chain.passes[0], formats.data, formats.output)]
    assert formats.between is not None
    first, second = chain.passes
    return [(first, formats.data, formats.between), (second, formats.between, formats.output)]


def _quantize(
    computed: Pass, data: Activation, output: Activation, weight_bits: int
) -> QuantizedKernel:
    n_out = computed.weight.shape[0]
    # One scale for all kernels of an output channel, as if they were one.
    kernel = quantize_lines(
        computed.weight.reshape(n_out, -1),
        embedding=None if computed.dense else computed.embedding,
        bias=computed.bias,
        data=data,
        weight_bits=weight_bits,
        output=output,
    )
    if not computed.dense:
        return kernel
    pe = Activation(data.scale, 0, data.bits).quantize(computed.embedding)
    return replace(kernel, weight=kernel.weight.reshape(computed.weight.shape), pe=pe)


def _residual(formats: Formats) -> dict[str, Integers]:
    multiplier, shift = requantization(np.array([formats.data.scale / formats.output.scale]))
    return {
        "residual.multiplier": np.array(multiplier[0]),
        "residual.shift": np.array(shift[0]),
        "residual.zero_point": np.array(formats.data.zero_point),
    }


def _options(found: FoundLayer, formats: Formats, weight_bits: int) -> dict[str, Any]:
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
    if found.form == "serial":
        options["order"] = [computed.axis for computed in found.chains[0].passes]
    if found.residual:
        options["residual"] = True
    if found.form == "dense":
        options["out_channels"] = sum(len(chain.passes[0].weight) for chain in found.chains)
        options["axis"] = "both" if len(found.chains) == 2 else found.chains[0].passes[0].axis
    axes = [a for a in AXES if any(a == p.axis for c in found.chains for p in c.passes)]
    options["engines"] = {axis: {"engine": "direct"} for axis in axes}
    if formats.between is not None:
        options["between"] = {"bits": formats.between.bits}
    options["output"] = {"bits": formats.output.bits}
    return options
