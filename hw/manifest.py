"""The manifest: what a build promises, for people and programs."""

import hashlib
import importlib.metadata
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from golden.design import LineDesign, Requantization, slot_bits
from golden.weights import LineWeights
from hw.axi import PortNames, slots_of
from hw.engines import ENGINES
from hw.line import LineEngine, weights_layout

SCHEMA = 1


def _stream(bits: int) -> dict[str, Any]:
    return {"slot_bits": slot_bits(bits), "sample_bits": bits, "signed": True}


def describe(
    design: LineDesign,
    engine: LineEngine,
    names: PortNames,
    files: dict[str, str],
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
        Text of each file to simulate, by name.
    models
        Those of ``files`` that stand for a device's primitives, and are not to be synthesised.
    """
    streams: dict[str, Any] = {
        "s_axis": _stream(design.data_bits),
        "m_axis": _stream(design.output_bits),
    }
    if design.weights is None:
        streams["w_axis"] = {
            "beats_per_channel": design.coefficient_words,
            "fields": [vars(slot) for slot in slots_of(weights_layout(design))],
        }
    return {
        "schema": SCHEMA,
        "name": design.name,
        "top": design.name,
        "engine": design.engine,
        "clock": names.clock,
        "reset": {"name": names.reset, "active": names.reset_active},
        "files": list(files),
        "models": list(models),
        "sha256": {name: hashlib.sha256(t.encode()).hexdigest() for name, t in files.items()},
        "parameters": _parameters(design),
        "streams": streams,
        "timing": {
            "latency_cycles": engine.latency,
            "cycles_per_group": design.cycles_per_group,
        },
        "certificate": design.certificate(),
        "prediction": ENGINES[design.engine].predict(design).entry(),
        "versions": {
            package: importlib.metadata.version(package) for package in ("amaranth", "pyosys")
        },
    }


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
    own = {field.name for field in fields(design)} - {"weights"}
    requantization = None
    if parameters["output"] == "requantized":
        requantization = Requantization(
            bits=manifest["streams"]["m_axis"]["sample_bits"],
            low=parameters["output_low"],
            high=parameters["output_high"],
            zero_point=parameters["zero_point"] if weights is None else None,
        )
    return design(
        name=manifest["name"],
        weights=weights,
        requantization=requantization,
        **{key: value for key, value in parameters.items() if key in own},
    )
