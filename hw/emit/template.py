"""The instantiation template that stands beside the Verilog."""

import re
from collections.abc import Iterable
from textwrap import wrap
from typing import Any

from amaranth.hdl import _ir as ir

from golden.layer.design import LayerDesign
from golden.line.design import LineDesign
from hw.emit.axi import AxiWrapper, MemoryWrapper, instance_of
from hw.emit.files import fingerprint

_MADE_BY = "Made by: "
_WIDTH = 97
"""Characters of a line of comment."""


def instantiation(
    wrapper: AxiWrapper | MemoryWrapper, manifest: dict[str, Any], comment: Iterable[str]
) -> str:
    """Return Verilog text that instantiates a build, headed by the lines of ``comment``."""
    wires: list[str] = []
    pins: list[str] = []
    for name, (signal, direction) in wrapper.ports.items():
        arrow = "in " if direction is ir.PortDirection.Input else "out"
        if name not in (manifest["clock"], manifest["reset"]["name"]):
            width = f"[{len(signal) - 1}:0] " if len(signal) > 1 else ""
            wires.append(f"wire {width}{name};")
        pins.append(f"    .{name}({name}),  // {arrow} {len(signal)}")
    pins[-1] = pins[-1].replace("),", ") ", 1)
    name = manifest["name"]
    return "\n".join(
        [
            *(f"// {line.strip()}" for line in comment),
            "",
            *wires,
            "",
            f"{name} {instance_of(name)} (",
            *pins,
            ");",
            "",
        ]
    )


def header(manifest: dict[str, Any], comment: Iterable[str], command: str | None) -> str:
    """Return what stands at the head of a build's Verilog: what it is, and how it was made."""
    versions = ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())
    parameters = ", ".join(f"{key} {value}" for key, value in manifest["parameters"].items())
    lines = [
        *comment,
        *wrap(f"Parameters: {parameters}.", _WIDTH),
        *([] if command is None else [f"{_MADE_BY}{command}"]),
        f"Generator: parc-hdl (BSD-2-Clause) with {versions}.",
        f"Manifest: {manifest['name']}.json says what is proved of it; without `sha256` its own is",
        f"{fingerprint(manifest)}.",
    ]
    return "".join(f"// {line.strip()}\n" for line in lines)


def command_of(verilog: str) -> str | None:
    """Return what a build's Verilog says that it was made by."""
    found = re.search(rf"^// {_MADE_BY}(.*)$", verilog, re.MULTILINE)
    return found[1] if found else None


def explain_line(design: LineDesign, manifest: dict[str, Any]) -> list[str]:
    """Return what a user must know of the streams of a line engine."""
    s, m = manifest["streams"]["s_axis"], manifest["streams"]["m_axis"]
    timing = manifest["timing"]
    lines = [
        f"{design.name}: {design.engine} engine, lines of {design.length} samples, "
        f"{design.lanes} side by side.",
        f"A group is {design.length} beats; tlast stands on the last. Lane j of s_axis_tdata is "
        f"[{s['slot_bits']}*j +: {s['sample_bits']}], ",
        f"of m_axis_tdata [{m['slot_bits']}*j +: {m['sample_bits']}]; both are signed.",
        f"{design.lines_per_channel} lines of channel 0, then of channel 1, to channel "
        f"{design.channels - 1}, and again.",
        f"First result after {timing['latency_cycles']} cycles, a group every "
        f"{timing['cycles_per_group']}.",
    ]
    if "w_axis" in manifest["streams"]:
        lines.append(
            f"w_axis takes {design.channels} x {design.coefficient_words} beats before anything "
            "else; the fields are in the manifest."
        )
    if "registers" in manifest:
        lines.append(
            f"s_axi: AXI4-Lite of 32 bits, the registers of {manifest['registers']['file']}."
        )
    return lines


def explain_layer(design: LayerDesign, manifest: dict[str, Any]) -> list[str]:
    """Return what a user must know of the streams of a layer."""
    s, m = manifest["streams"]["s_axis"], manifest["streams"]["m_axis"]
    timing = manifest["timing"]
    channels, height, width = design.out_shape
    lines = [
        f"{design.name}: {design.form} layer of maps of {design.channels} x {design.height} x "
        f"{design.width}, {design.lanes} rows side by side.",
        f"A frame is {design.frame_beats} beats, channel by channel, row by row; tlast stands on "
        "the last.",
        f"Lane j of s_axis_tdata is [{s['slot_bits']}*j +: {s['sample_bits']}], of m_axis_tdata "
        f"[{m['slot_bits']}*j +: {m['sample_bits']}]; both are signed.",
        f"Results are maps of {channels} x {height} x {width}, {design.out_frame_beats} beats.",
        f"First result after {timing['latency_cycles']} cycles, a frame every "
        f"{timing['cycles_per_frame']}.",
    ]
    for port, facts in design.weight_streams.items():
        beats = facts["channels"] * facts["beats_per_channel"]
        when = f"{sets} times a frame" if (sets := facts.get("sets_per_frame")) else "first"
        lines.append(f"{port}_axis takes {beats} beats {when}; the fields are in the manifest.")
    return lines
