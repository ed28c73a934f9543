"""`docs/published.md`: published networks on one accelerator, from what was simulated of them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from flow.markdown import table_lines
from golden.accelerator.abilities import LEAST
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.program import ExternalProgram
from golden.accelerator.sizes import Sizes
from golden.inputs.read import read_json
from golden.network.network import Network
from hw.accelerator.external.layers import LayerCycles, predicted, spent
from hw.accelerator.external.predict import predict_external
from hw.accelerator.external.timing import MemoryPace
from hw.emit.svg import as_svg
from hw.plan.roofline import draw_roofline, limits_of

FIGURES = Path(__file__).resolve().parents[1] / "docs" / "published.json"
"""What `scripts/soak_published.py` measured."""
PAGES = FIGURES.with_name("rooflines.json")
"""What it predicts for `RATES`, layer by layer."""
ROOFLINES = PAGES.with_suffix(".svg")
RATES = (9.1, 3.4, 1.5)
"""Bytes a cycle, at 150 MHz: DDR3 of 16 bits, what open controllers make of it, and SDRAM."""
LATENCY = 40
"""Of memory, in cycles."""
MEMORY = f"{LATENCY},{RATES[0]}"
"""That frames are simulated with, as `hw.run` has it."""
NAME = "published"
CAPACITY = Capacity(
    sizes=Sizes(tile=16, scalers=8, positions=256, target="ecp5"),
    data_bits=128,
    depthwise=3,
    abilities=replace(LEAST, norm=768),
)
"""Of the accelerator: all multipliers of an LFE5U-85F."""
CLOCK = 150e6
"""In Hz: given, not placed."""

Frame = Mapping[str, Any]
Page = Mapping[str, Any]
_DOT = ("products", "read_bytes", "written_bytes", "cycles", "limit")
_WIDEST = 2
_PAIRS = 2
"""Networks beside each other in the picture."""


@dataclass(frozen=True)
class Peer:
    """An accelerator that was published with figures of MobileNetV2 at 224 x 224.

    Parameters
    ----------
    name
        First author and year.
    fps, products
        Frames a second a DSP block; products a block and cycle.
    """

    name: str
    fps: float
    products: float

    @property
    def clock(self) -> float:
        """The clock, in Hz, that both figures come to."""
        return self.fps * MOBILENETV2_PRODUCTS / self.products


MOBILENETV2_PRODUCTS = 300_774_272
PEERS = (
    Peer("Zhao 2024", 1.17, 1.76),
    Peer("Jiang 2023", 1.49, 1.34),
    Peer("Li 2021", 0.66, 1.00),
    Peer("Wu 2019", 0.97, 0.68),
    Peer("DPU B4096", 0.47, 0.48),
    Peer("Bai 2018", 0.21, 0.47),
)

_HEAD = """\
# Published networks on one accelerator

<!-- Written by scripts/published.py. -->

One Verilog, of a tile of 16 with a depthwise unit, takes {multipliers} multipliers, all of an
LFE5U-85F's:

    python -m hw.build network {options} \\
        --config a/network.toml --config b/network.toml

Each network was converted whole, compiled for it, and one frame simulated from pixels to what it
gives, under Verilator, with a memory of 40 cycles and 9.1 bytes a cycle, which is DDR3 of 16 bits
at 85 % of its peak where the clock is 150 MHz (`python scripts/soak_published.py --figures`, in
`make soak`; figures: [published.json](published.json)). Sizes are a program's, not the Verilog's.
EfficientNet-Lite0 and the directions of texts are trained, others have random parameters, which no
cycle depends on. Every word that was written to the buffer of maps was compared with the program's
model, and what comes out with the network's: *differ* counts samples. *Predicted* are the cycles
that `hw.build` says, all that there is where a frame was not simulated; *waiting* is what the
accelerator itself counts as waiting for memory. ParC is the share of cycles of layers in which ParC
is done. Frames a second are at 150 MHz, which is given: no accelerator of this size was placed at
it (benchmarks.md, at the end).

## Frames
"""
_MEMORIES = f"""
## With other memories

The same programs, predicted, with memories of {LATENCY} cycles and as many bytes a cycle as heads
say; *bandwidth* is the share of it that is used.
"""
_ROOFLINES = """
## Rooflines

A dot a layer, a star for all of a frame; what a layer could do at most is the line. Larger dots
have more of the cycles; what lies above the line was done beside others, whose cycles these are.

![Products a cycle against products a byte, a panel a network and memory](rooflines.svg)
"""
_BESIDE = """
## Beside published accelerators

MobileNetV2 at 224 x 224, batch 1. What this table cannot tell:

- Peers' figures are those of their papers, as surveyed, most of them measured on boards; ours are
  cycles, simulated or predicted as the line says, at a clock that is given.
- A DSP48E2 and a block of an Arria 10 do two products of 8 bits in one, a MULT18X18D one of 18;
  two products a multiplier are made here by pairs (docs/accelerator.md). Each block counts as one.
- Jiang's (a ZCU102, 8 bits) is a dataflow made for one network; Bai's (an Arria 10) has 16 bits.
  Here the network is a program, and its weights come from memory.
- The clock of a peer is what its two figures come to: {products:,} products a frame.
"""
_FRAME_COLUMNS = (
    *("network", "size", "products", "predicted", "cycles", "waiting", "MB read", "MB written"),
    *("products a multiplier and cycle", "frames/s", "ParC", "limited by", "differ"),
)
_PAGE_COLUMNS = (
    *("network", "MB a frame"),
    *(
        f"{rate:g}: {what}"
        for rate in RATES
        for what in ("products a multiplier and cycle", "frames/s", "bandwidth")
    ),
)
_PEER_COLUMNS = (
    *("", "frames/s a multiplier", "products a multiplier and cycle", "MHz"),
    "frames/s a multiplier, at its MHz / 1000",
)


def options() -> list[str]:
    """Return what `hw.build network` is given to make the accelerator."""
    sizes = CAPACITY.sizes
    given: dict[str, int | str] = {
        **{name: getattr(sizes, name) for name in ("tile", "scalers")},
        **{name: getattr(sizes, name) for name in ("positions", "target")},
        **{name: getattr(CAPACITY, name) for name in ("data_bits", "depthwise")},
        "norm": CAPACITY.abilities.norm,
    }
    words = [(f"--{name.replace('_', '-')}", str(value)) for name, value in given.items()]
    return ["--memory", "axi", *(word for pair in words for word in pair)]


def foreseen(
    network: Network, program: ExternalProgram, pace: MemoryPace
) -> tuple[Frame, list[LayerCycles]]:
    """Return what is known of a frame before it is simulated, and of its layers.

    Parameters
    ----------
    network, program
        Which, and compiled for `CAPACITY`.
    pace
        Of memory.
    """
    cycles, layers = predicted(network, program, pace)
    return {
        "multipliers": predict_external(program.capacity).multipliers,
        "products": network.products,
        "predicted": cycles,
        "read_bytes": program.read_bytes,
        "written_bytes": program.written_bytes,
        "descriptors": len(program.descriptors),
        "samples": sum(math.prod(data.shape) for data in network.maps.values()),
        **spent(network, {layer.name: layer.cycles for layer in layers}, layers),
    }, layers


def pages_of(network: Network, program: ExternalProgram) -> list[Page]:
    """Return what a frame takes with memories of `RATES`, of each layer what a roofline shows."""
    pages: list[Page] = []
    for rate in RATES:
        cycles, layers = predicted(network, program, MemoryPace(LATENCY, rate))
        described = (layer.described(1) for layer in layers)
        dots = [[one[key] for key in _DOT] for one in described]
        pages.append({"memory": {"bytes_per_cycle": rate}, "cycles": cycles, "layers": dots})
    return pages


def read_pages() -> dict[str, list[Page]]:
    """Return by network what `pages_of` said, layers by what their values are."""
    found: dict[str, list[Page]] = read_json(PAGES, "figures")
    return {
        network: [
            {**page, "layers": [dict(zip(_DOT, dot, strict=True)) for dot in page["layers"]]}
            for page in pages
        ]
        for network, pages in found.items()
    }


def rooflines(frames: Sequence[Frame], pages: Mapping[str, Sequence[Page]]) -> bytes:
    """Return an SVG: a panel a network and memory, the two that are widest."""
    shown = [one for one in frames if one["place"] == "own" and one["network"] in pages]
    colours = limits_of([page for one in shown for page in pages[one["network"]]])
    rows = -(-len(shown) // _PAIRS)
    figure = Figure(figsize=(4 * _WIDEST * _PAIRS, 3.2 * rows), layout="constrained")
    panels = figure.subplots(rows, _WIDEST * _PAIRS, sharex=True, sharey=True, squeeze=False)
    for panel in panels.flat:
        panel.set_visible(False)
    parameters = {"tile": CAPACITY.sizes.tile, "data_bits": CAPACITY.data_bits}
    for number, one in enumerate(shown):
        plan = {"parameters": parameters, "products": one["products"]}
        for place, page in enumerate(pages[one["network"]][:_WIDEST]):
            panel = panels[number // _PAIRS, number % _PAIRS * _WIDEST + place]
            panel.set_visible(True)
            draw_roofline(panel, plan, page, colours)
            panel.minorticks_off()
            panel.set_title(
                f"{one['network']}, {page['memory']['bytes_per_cycle']:g} bytes a cycle"
            )
    panels[0, 0].legend(fontsize="small", title="limited by")
    return as_svg(figure, "rooflines", outlines=False)


def read_frames() -> list[Frame]:
    """Return what was simulated, in its order."""
    found: list[Frame] = read_json(FIGURES, "figures")["frames"]
    return found


def markdown(frames: Sequence[Frame], pages: Mapping[str, Sequence[Page]]) -> str:
    """Return the document."""
    head = _HEAD.format(multipliers=frames[0]["multipliers"], options=" ".join(options()))
    lines = [head, *table_lines(_FRAME_COLUMNS, map(_frame_row, frames))]
    lines += [_MEMORIES, *table_lines(_PAGE_COLUMNS, _page_rows(frames, pages))]
    lines += [_BESIDE.format(products=MOBILENETV2_PRODUCTS)]
    lines += [*table_lines(_PEER_COLUMNS, _beside(frames)), _ROOFLINES.rstrip()]
    return "\n".join(lines) + "\n"


def cycles_of(one: Frame) -> int:
    """Return a frame's cycles: simulated, or else predicted."""
    cycles: int = one.get("cycles", one["predicted"])
    return cycles


def _use(one: Frame, cycles: int) -> float:
    """Return products a multiplier and cycle."""
    use: float = one["products"] / (cycles * one["multipliers"])
    return use


def _frame_row(one: Frame) -> Sequence[str]:
    if "refused" in one:
        empty = [""] * (len(_FRAME_COLUMNS) - 3)
        return one["network"], one["size"], *empty, one["refused"]
    cycles, circular = cycles_of(one), one.get("circular_cycles")
    limits = [f"{name} {share / cycles:.0%}" for name, share in one["limits"].items()]
    simulated = [f"{one[key]:,}" if key in one else "-" for key in ("cycles", "waiting")]
    differ = f"{one['mismatches']} of {one['samples']:,}" if "cycles" in one else "-"
    return (
        one["network"],
        one["size"].replace("x", " x "),
        *(f"{one[key]:,}" for key in ("products", "predicted")),
        *simulated,
        *(f"{one[key] / 1e6:.2f}" for key in ("read_bytes", "written_bytes")),
        f"{_use(one, cycles):.2f}",
        f"{CLOCK / cycles:,.1f}",
        f"{circular / cycles:.1%}" if circular else "-",
        ", ".join(limits[:2]),
        differ,
    )


def _page_rows(
    frames: Sequence[Frame], pages: Mapping[str, Sequence[Page]]
) -> Iterator[Sequence[str]]:
    for one in frames:
        if one["place"] != "own" or one["network"] not in pages:
            continue
        moved = one["read_bytes"] + one["written_bytes"]
        row = [one["network"], f"{moved / 1e6:.2f}"]
        for page in pages[one["network"]]:
            cycles, rate = page["cycles"], page["memory"]["bytes_per_cycle"]
            row += [
                f"{_use(one, cycles):.2f}",
                f"{CLOCK / cycles:,.1f}",
                f"{moved / (cycles * rate):.0%}",
            ]
        yield row


def _beside(frames: Sequence[Frame]) -> Iterator[Sequence[str]]:
    for one in frames:
        if one["network"] == "mobilenetv2" and one["size"] == "224x224":
            fps = CLOCK / cycles_of(one) / one["multipliers"]
            how = "simulated" if "cycles" in one else "predicted"
            yield f"this, {how}", *_rates(fps, _use(one, cycles_of(one)), CLOCK)
    for peer in PEERS:
        yield peer.name, *_rates(peer.fps, peer.products, peer.clock)


def _rates(fps: float, products: float, clock: float) -> Sequence[str]:
    return f"{fps:.2f}", f"{products:.2f}", f"{clock / 1e6:.0f}", f"{fps / (clock / 1e9):.2f}"
