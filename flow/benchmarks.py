"""`docs/benchmarks.md` and its plots, from what `flow.bench` measured."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from flow.bench import CAPACITY, DEVICE, OTHER_LENGTH, PEERS, SINGLES, LayerResult, Result
from golden.inputs.read import read_json
from hw.emit.svg import as_svg
from hw.targets.device import USABLE
from hw.targets.titles import TITLES

Cell = str | int | float | None

HOW = """\
# Benchmarks

Written by `make bench`; the same figures, with every seed's clock and the critical paths, are in
[benchmarks.json](benchmarks.json). Every line is int8 by int8 with the weights in ROM and every bit
of the sum on the output.

How the figures were got:

- Builds are those of `python -m hw.build ENGINE --length N --target ecp5`, with the engine's own
  defaults otherwise{folding}.
- Synthesis, place and route by {tools}, onto {device}, out of context, with a register in every
  port; those registers are not counted.
- LUT4-equivalents are nextpnr's TRELLIS_COMB sites: one for a LUT4, two for a carry cell (CCU2C),
  four for a distributed RAM cell (TRELLIS_DPR16X4), and what placement adds at the ends of carry
  chains.
- Fmax is the median of {seeds} seeds, as nextpnr times the part. Nothing here was measured on
  silicon.
- Samples a second are Fmax times lanes times samples a cycle, in steady state, both from the
  manifest, whose timing the tests measure exactly.
- The bound is the certificate's: the largest error against the exact sum over every input.
- Rows of `direct`, and of `fft` at N = 14, 56 and 112, are of the engines before pairs of taps and
  before transforms of 7 * 2^m points: what was measured since stands at the end.
"""


def markdown(results: Sequence[Result], layers: Sequence[LayerResult], seeds: int) -> str:
    """Return the document."""
    here = [result for result in results if result.case.device == DEVICE]
    measured = next(result.report for result in here if result.report is not None)
    folded = [result for result in here if "--macs" in result.case.arguments]
    folding = "".join(
        f"; `{r.case.engine}` at N = {r.case.length} has {r.case.arguments[-1]} multipliers, "
        "since the device has no more"
        for r in folded
    )
    parts = [
        HOW.format(
            folding=folding,
            tools=" and ".join(measured.tools),
            device=DEVICE.upper(),
            seeds=seeds,
        ),
        *_engines(here),
        *_layers(layers),
        *_full_device(here),
        *_peers(),
        *_elsewhere([result for result in results if result.case.device != DEVICE]),
        *_singles(),
    ]
    return "\n".join(parts)


def _engines(results: Sequence[Result]) -> Iterator[str]:
    yield "## Engines\n"
    yield _table(
        (
            *("engine", "N", "lanes", "multipliers", "LUT4-equivalents", "FF", "block RAM"),
            *("distributed RAM", "MHz", "Msample/s", "Msample/s a multiplier", "latency", "bound"),
        ),
        [
            (
                *(result.case.engine, result.case.length, result.lanes),
                *(result.figure(k) for k in ("dsp", "lut4_equivalents", "ff", "block_ram")),
                *(result.figure("distributed_ram"), result.report.fmax_mhz, result.msamples),
                *(result.msamples_per_multiplier, result.latency_cycles, result.max_abs_error),
            )
            for result in results
            if result.report is not None
        ],
    )
    yield "![Multipliers against N](benchmarks-multipliers.svg)\n"
    yield "![LUT4-equivalents against N](benchmarks-luts.svg)\n"
    notes = [
        f"- `{result.case.engine}` at N = {result.case.length}: {remark}."
        for result in results
        for remark in (result.report.remarks if result.report else [f"none: {result.why_not}"])
    ]
    yield from [*notes, ""] if notes else []


def _layers(layers: Sequence[LayerResult]) -> Iterator[str]:
    if not layers:
        return
    yield "## Whole layers\n"
    yield (
        "Builds of `python -m hw.build layer` with the configurations in `flow/layers/`, corner "
        "turns and requantisation included.\n"
    )
    yield _table(
        (
            *("layer", "form", "map", "engines", "multipliers", "LUT4-equivalents", "FF"),
            *("block RAM", "MHz", "cycles a map", "maps a second", "latency"),
        ),
        [
            (
                *(layer.name, layer.form, " x ".join(map(str, layer.shape))),
                ", ".join(layer.engines),
                *(layer.report.resources.get(k) for k in ("dsp", "lut4_equivalents", "ff")),
                *(layer.report.resources.get("block_ram"), layer.report.fmax_mhz),
                *(layer.cycles_per_frame, layer.frames, layer.latency_cycles),
            )
            for layer in layers
        ],
    )
    notes = [f"- `{layer.name}`: {remark}." for layer in layers for remark in layer.report.remarks]
    yield from [*notes, ""] if notes else []


def _full_device(results: Sequence[Result]) -> Iterator[str]:
    share = ", ".join(
        f"{int(USABLE[kind] * 100)} % of {CAPACITY[kind]:,} {TITLES[kind]}" for kind in CAPACITY
    )
    yield "## A full LFE5U-85F\n"
    yield (
        f"Copies that fit by count, at the Fmax of one: no more than {share}. An estimate: full "
        "devices were not placed.\n"
    )
    yield _table(
        ("engine", "N", "copies", "Msample/s"),
        [
            (result.case.engine, result.case.length, result.copies, result.full_device_msamples)
            for result in results
            if result.report is not None
        ],
    )
    yield "![Throughput of a full LFE5U-85F](benchmarks-throughput.svg)\n"


def _peers() -> Iterator[str]:
    peers = read_json(PEERS, "peers")
    yield "## Other open cores\n"
    yield f"{peers['note']}\n"
    yield (
        "Circular convolution put together from them: forward transform, product, inverse, and "
        "buffers where orders differ; one complex sample, so two real lines, a cycle. The "
        "estimated ones were not built.\n"
    )
    yield _table(
        (
            *("from", "N", "", "multipliers", "LUT4-equivalents", "FF", "block RAM", "MHz"),
            *("Msample/s", "Msample/s a multiplier", "SQNR dB"),
        ),
        [
            (
                *(p["from"], p["length"], p["how"], p["dsp"], p["lut4_equivalents"], p["ff"]),
                *(p["block_ram"], p["fmax_mhz"], 2 * p["fmax_mhz"], 2 * p["fmax_mhz"] / p["dsp"]),
                p["sqnr_db"],
            )
            for p in peers["convolutions"]
        ],
    )
    yield "The forward transform alone:\n"
    yield _table(
        ("core", "N", "multipliers", "LUT4-equivalents", "FF", "MHz", "SQNR dB"),
        [
            tuple(
                p[k]
                for k in ("from", "length", "dsp", "lut4_equivalents", "ff", "fmax_mhz", "sqnr_db")
            )
            for p in peers["transforms"]
        ],
    )


def _elsewhere(results: Sequence[Result]) -> Iterator[str]:
    yield f"## Other devices, N = {OTHER_LENGTH}\n"
    yield (
        "UP5K, GW2A, GateMate and Nexus are placed and routed as above; Xilinx and Cyclone V are "
        "counted after synthesis, which gives no clock.\n"
    )
    yield _table(
        ("device", "engine", "multipliers", "LUTs", "carry cells", "FF", "block RAM", "MHz"),
        [
            (
                *(result.case.device, result.case.engine),
                *(result.figure(k) for k in ("dsp", "lut", "carry", "ff", "block_ram")),
                result.report.fmax_mhz,
            )
            for result in results
            if result.report is not None
        ],
    )
    remarks = {
        f"- {result.case.device}, `{result.case.engine}`: {remark}."
        for result in results
        for remark in (result.report.remarks if result.report else [result.why_not])
    }
    yield from sorted(remarks)
    yield ""


def _singles() -> Iterator[str]:
    singles = read_json(SINGLES, "singles")
    yield "## Builds measured one by one\n"
    yield f"{singles['note']}\n"
    keys = ("seeds", "dsp", "lut4_equivalents", "block_ram", "fmax_mhz", "cycles")
    yield _table(
        (
            *("build", "seeds", "multipliers", "LUT4-equivalents", "block RAM", "MHz"),
            "cycles a group or map",
        ),
        [(single["build"], *(single[key] for key in keys)) for single in singles["builds"]],
    )


def _table(titles: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    lines = [" | ".join(titles), " | ".join("---" for _ in titles)]
    lines += [" | ".join(_text(cell) for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.3g}" if cell < 10 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def plots(results: Sequence[Result]) -> dict[str, bytes]:
    """Return the document's plots, SVG, by name."""
    here = [result for result in results if result.case.device == DEVICE and result.report]
    peers = read_json(PEERS, "peers")["convolutions"]

    def copies(peer: dict[str, Any]) -> int:
        return min(int(CAPACITY[k] * USABLE[k] / peer[k]) for k in CAPACITY if peer.get(k))

    figures: dict[str, tuple[str, Callable[[Result], Any], Callable[[dict[str, Any]], Any]]] = {
        "multipliers": ("multipliers", lambda r: r.figure("dsp"), lambda p: p["dsp"]),
        "luts": (
            "LUT4-equivalents",
            lambda r: r.figure("lut4_equivalents"),
            lambda p: p["lut4_equivalents"],
        ),
        "throughput": (
            "Msample/s of a full LFE5U-85F",
            lambda r: r.full_device_msamples,
            lambda p: 2 * p["fmax_mhz"] * copies(p),
        ),
    }
    matplotlib.use("svg")
    return {
        f"benchmarks-{name}.svg": _plot(title, here, ours, peers, theirs)
        for name, (title, ours, theirs) in figures.items()
    }


def _plot(
    title: str,
    results: Sequence[Result],
    ours: Callable[[Result], Any],
    peers: Sequence[dict[str, Any]],
    theirs: Callable[[dict[str, Any]], Any],
) -> bytes:
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for engine in dict.fromkeys(result.case.engine for result in results):
        points = [(r.case.length, ours(r)) for r in results if r.case.engine == engine]
        _line(axes, points, engine, "o-")
    for name in dict.fromkeys(peer["from"] for peer in peers):
        points = [(p["length"], theirs(p)) for p in peers if p["from"] == name]
        _line(axes, points, f"{name}, as a user would build it", "s--")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel("line length N")
    axes.set_ylabel(title)
    lengths = sorted({result.case.length for result in results})
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    plt.close(figure)
    return as_svg(figure, "benchmarks")


def _line(axes: Axes, points: Sequence[tuple[int, Any]], label: str, style: str) -> None:
    known = sorted((x, y) for x, y in points if y)
    axes.plot([x for x, _ in known], [y for _, y in known], style, label=label)
