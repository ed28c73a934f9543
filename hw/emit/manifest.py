"""The manifest: what a build promises, for people and programs."""

import importlib.metadata
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from golden.layer.design import LayerDesign
from golden.line.design import LineDesign, Requantization, slot_bits
from golden.line.registers import registers_of
from golden.line.weights import Arrays, LineWeights, check_weights
from golden.numbers.interval import Interval
from golden.registers import RegisterMap
from hw.emit.axi import PortNames, slots_of
from hw.engines import ENGINES
from hw.layer.layer import predict
from hw.line.engine import LineEngine
from hw.parts.ports import Component
from hw.predict import prediction

SCHEMA = 1


def _stream(bits: int) -> dict[str, Any]:
    return {"slot_bits": slot_bits(bits), "sample_bits": bits, "signed": True}


def describe_line(
    design: LineDesign,
    engine: LineEngine,
    names: PortNames,
    files: Collection[str],
    *,
    models: Sequence[str],
) -> dict[str, Any]:
    """Return the manifest of ``design`` as CONTRACT.md lays it out.

    Parameters
    ----------
    design, engine
        What was built.
    names
        Its clock and reset.
    files
        Names of the files to simulate.
    models
        Those of ``files`` that stand for a device's primitives, and are not to be synthesised.
    """
    loads = (
        {} if design.weights is not None else {"w": {"beats_per_channel": design.coefficient_words}}
    )
    return {
        **_heading(design.name, {"engine": design.engine}, names, files, models),
        "parameters": _parameters(design),
        "streams": _streams(design, engine, loads),
        "timing": {
            "latency_cycles": engine.latency,
            "cycles_per_group": design.cycles_per_group,
        },
        "certificate": design.certificate(),
        "prediction": prediction(design, ENGINES[design.engine].predict(design)),
        "versions": _versions(),
    }


def describe_layer(
    design: LayerDesign,
    layer: Any,
    names: PortNames,
    files: Collection[str],
    *,
    models: Sequence[str],
) -> dict[str, Any]:
    """Return the manifest of a layer; parameters as of `describe_line`."""
    return {
        **_heading(design.name, {"kind": "layer", "form": design.form}, names, files, models),
        "parameters": _layer_parameters(design),
        "engines": {
            name: {"engine": engine.engine, **_parameters(engine)}
            for name, engine in design.engines.items()
        },
        "streams": _streams(design, layer, design.weight_streams),
        "timing": {
            "latency_cycles": layer.latency,
            "cycles_per_frame": layer.cycles_per_frame,
            "first_frames": layer.first_frames,
        },
        "certificate": design.certificate(),
        "prediction": prediction(design, predict(design)),
        "versions": _versions(),
    }


def _heading(
    name: str,
    kind: dict[str, str],
    names: PortNames,
    files: Collection[str],
    models: Sequence[str],
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "name": name,
        "top": name,
        **kind,
        "clock": names.clock,
        "reset": {"name": names.reset, "active": names.reset_active},
        "files": list(files),
        "models": list(models),
    }


def _streams(
    design: LineDesign | LayerDesign,
    component: Component,
    loads: Mapping[str, Mapping[str, int]],
) -> dict[str, Any]:
    streams: dict[str, Any] = {
        "s_axis": _stream(design.data_bits),
        "m_axis": _stream(design.output_bits),
    }
    for port, facts in loads.items():
        layout = getattr(component, port).payload.shape()
        fields = [vars(slot) for slot in slots_of(layout)]
        streams[f"{port}_axis"] = {**facts, "fields": fields}
    return streams


def _versions() -> dict[str, str]:
    return {package: importlib.metadata.version(package) for package in ("amaranth", "pyosys")}


def _layer_parameters(design: LayerDesign) -> dict[str, Any]:
    out_channels, out_height, out_width = design.out_shape
    return {
        "channels": design.channels,
        "height": design.height,
        "width": design.width,
        "out_channels": out_channels,
        "out_height": out_height,
        "out_width": out_width,
        "lanes": design.lanes,
        "data_bits": design.data_bits,
        "weight_bits": design.weight_bits,
        "output": "requantized" if design.output else "accumulator",
        "output_low": design.output_range.low,
        "output_high": design.output_range.high,
        "zero_point": design.zero_point,
        "weights": "port" if design.loaded else "rom",
        "target": design.target,
        **({"after": list(design.after)} if design.after else {}),
    } | design.own_parameters


def _parameters(design: LineDesign) -> dict[str, Any]:
    return {
        "length": design.length,
        "channels": design.channels,
        "rows": design.lines_per_channel,
        "lanes": design.lanes,
        "data_bits": design.data_bits,
        "weight_bits": design.weight_bits,
        "output": "requantized" if design.requantization else "accumulator",
        "output_low": design.output_range.low,
        "output_high": design.output_range.high,
        "zero_point": design.zero_point,
        "weights": "port" if design.weights is None else "rom",
        "target": design.target,
    } | design.own_parameters


def design_of(manifest: dict[str, Any], weights: LineWeights | None) -> LineDesign:
    """Return the design that ``manifest`` describes, given its weights."""
    design = ENGINES[manifest["engine"]].design
    parameters = manifest["parameters"]
    requantization = None
    if parameters["output"] == "requantized":
        requantization = Requantization(
            bits=manifest["streams"]["m_axis"]["sample_bits"],
            low=parameters["output_low"],
            high=parameters["output_high"],
            zero_point=parameters["zero_point"] if weights is None else None,
            zero_point_port=weights is None and parameters["zero_point"] is None,
        )
    return design(
        name=manifest["name"],
        weights=weights,
        requantization=requantization,
        **design.fields_of(parameters),
    )


def integers_of(manifest: Mapping[str, Any], arrays: Arrays) -> LineWeights:
    """Return the weights that the line engine which ``manifest`` is of has of a file's arrays."""
    parameters = manifest["parameters"]
    requantized = None
    if parameters["output"] == "requantized":
        requantized = Interval(parameters["output_low"], parameters["output_high"])
    formats = {key: parameters[key] for key in ("length", "channels", "data_bits", "weight_bits")}
    return check_weights(arrays, **formats, requantized=requantized)


def line_registers(manifest: Mapping[str, Any]) -> RegisterMap:
    """Return the registers around the line engine that ``manifest`` is of."""
    fields = manifest["streams"].get("w_axis", {}).get("fields", [])
    bits = max((one["offset"] + one["slot_bits"] for one in fields), default=0)
    return registers_of(design_of(dict(manifest), None), bits)
