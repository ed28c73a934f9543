"""The instantiation template that stands beside the Verilog."""

from typing import Any

from amaranth.hdl import _ir as ir

from golden.design import LineDesign
from hw.axi import AxiWrapper


def instantiation(design: LineDesign, wrapper: AxiWrapper, manifest: dict[str, Any]) -> str:
    """Return Verilog text that instantiates ``design``, with its streams explained."""
    wires: list[str] = []
    pins: list[str] = []
    for name, (signal, direction) in wrapper.ports.items():
        arrow = "in " if direction is ir.PortDirection.Input else "out"
        if name not in (manifest["clock"], manifest["reset"]["name"]):
            width = f"[{len(signal) - 1}:0] " if len(signal) > 1 else ""
            wires.append(f"wire {width}{name};")
        pins.append(f"    .{name}({name}),  // {arrow} {len(signal)}")
    pins[-1] = pins[-1].replace("),", ") ", 1)
    return "\n".join(
        [
            *_explain(design, manifest),
            "",
            *wires,
            "",
            f"{design.name} {design.name}_i (",
            *pins,
            ");",
            "",
        ]
    )


def _explain(design: LineDesign, manifest: dict[str, Any]) -> list[str]:
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
    return [f"// {line.strip()}" for line in lines]
