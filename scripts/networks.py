"""Plan the published networks and write docs/networks.md: ``python scripts/networks.py``."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flow.progress import Progress, progress
from golden.fermat.design import supported_lengths
from golden.inputs.errors import ParameterError
from golden.inputs.write import arrays_archive
from golden.operator.networks import NETWORKS, Size
from hw.command import run_command
from hw.emit.files import write_files
from hw.engines import ENGINES
from hw.plan.choices import unable
from hw.plan.goal import Goal, Plan
from hw.plan.network import PlannedNetwork, published
from hw.plan.operators import FILE
from hw.plan.operators import whole as read_whole
from hw.plan.search import Planner
from hw.targets.registry import device_named

DOCS = Path(__file__).resolve().parents[1] / "docs"
CLOCK = 150e6
PLACES = {"lfe5u-85f-6": "LFE5U-85F", "xc7a200t": "Artix-7 200T"}
SIZES: tuple[Size, ...] = ((256, 256), (320, 320), (1280, 800), (2048, 512))
"""Beside those that the networks were published for; the last two have maps of 80 x 50 and of
128 x 32 at stride 16, as in detection."""
_COLUMNS = (
    *("device", "engines", "frames/s", "cycles", "multipliers", "LUTs", "block RAMs"),
    *("limited by", "GB/s"),
)
ENGINE_SETS = {name: (name,) for name in ENGINES} | {"any": tuple(ENGINES)}

_MHZ = CLOCK / 1e6
_FERMAT = "\n  ".join(wrap(", ".join(map(str, supported_lengths())), 98))

_HEAD = f"""# Networks

<!-- Written by scripts/networks.py. -->

Whole networks on one accelerator: [published.md](published.md); ParC in all of their layers:
[early-stages.md](early-stages.md).

What the planner makes of the ParC layers of published networks, the other layers left out:

    python -m hw.plan parcnet-s --device lfe5u-85f-6 --clock 150 --fps 30 -o build/plan

Nothing here was placed or measured. Cycles are exact, or at most so many where halves of the
channels have engines of different rates: they are those of the layers that `hw.build layer` makes
of the plan's configurations, and tests simulate some. Multipliers and block RAMs are counted from
the parameters; LUTs are predicted, within 10 % of synthesis, for ECP5. All hold for any weights:
known ones in ROM often take fewer, for one thing because their shifts are more alike (a unit for
layer5 of parcnet-s may take two thirds of the LUTs that are planned). For the Artix-7 there is no
prediction: ECP5's counts stand for DSP48s, RAMB18s and LUT6s, an estimate that was not compared
with synthesis, and the planner says so. The clock is given, {_MHZ:g} MHz, and a full device may
not reach it: the planner warns where an engine alone was measured below it. LUTs may take 80 % of
a device. Frames overlap: a frame takes as many cycles as its slowest unit. Data and weights have
8 bits.

## Networks that were converted

`hw.convert` gives each map a scale and a zero point of its own, and ParC-Net's layers a residual
sum. Units are shared all the same, at the speed of the published shapes: so it was for the networks
of `nets.zoo` with random parameters on the LFE5U-85F (`python -m hw.plan build/net`).

No accuracy is given away for it: each layer keeps its own formats. A residual sum takes a
multiplier a lane. Where zero points and its scale are loaded, a unit of 24 x 8 x 8 with 2 lanes
grows by a quarter in LUTs as synthesised, most of it the residual's shifter.

{{whole}}

## How a plan is made

- A unit is what `hw.build layer` makes. Layers of one shape may share one, and take turns: kernels
  of all in ROM (`rom`), as channels of one map, first halves of all layers first; or one layer's at
  a time through the weights port (`reloaded`). Zero points, and the scales of residual sums, that
  differ stand in tables or come with the weights: a few LUTs, no multiplier, no cycle.
- A set may be sent from the first result of a map on, and is there before the map ends: what loads
  more slowly is not offered, so no cycle is lost. Dense layers' weights are streamed, an output
  channel at a time, and their cycles count it.
- Where block RAMs limit, layers are cut in 8 slices, each of as much of both halves of the
  channels; in 16, 4 or 2 where nothing fits else.
- plan.json says which layers a unit serves, in which order, and which files hold the sets that it
  is given. A slice has its share of the first half of the channels, then of the second.
- Each unit's engine, lanes and macs come from all that are useful, by what the predictions say.
  The search sums up what undercuts all else, and bisects over the cycles; of equally fast plans it
  takes the one with the least shares of the device.
- Dense layers on maps that are not square have an engine an axis, side by side in one unit.
- Every map comes from memory and goes back: traffic is those bytes, and weights as often as they
  are loaded.
- Fermat engines do lines of these lengths only, as far as the ring holds the sums:
  {_FERMAT}.
  Those fft engines that are not powers of two long take a transform of twice the length or more.
  Where an engine alone can't do a network's lines, the tables say so.
- Where nothing fits, the tables have the figures of the plan that takes the least.
"""


WHOLE = DOCS.parent / "build" / "networks" / "parcnet_s_whole"
_IMAGES, _SIZE = 2, 256


@click.command()
@click.option("--whole", type=Path, default=WHOLE, help="What was converted; made if it is not.")
def main(whole: Path) -> None:
    """Plan every network at every size, on every device, by every engine."""
    if not (whole / FILE).exists():
        _convert(whole)
    n = (sum(len(_sizes(name)) for name in NETWORKS) + 1) * len(PLACES) * len(ENGINE_SETS)
    with progress("networks", n) as step:
        head = _HEAD.replace("{whole}", "\n".join(converted_table(whole, step)))
        text = head + "".join(_section(name, step) for name in NETWORKS)
    write_files({"networks.md": text.encode()}, DOCS)


def _convert(out: Path) -> None:
    """Convert ParC-Net-S whole, with random parameters, which no figure depends on."""
    out.mkdir(parents=True)
    images = np.random.default_rng(1).standard_normal((_IMAGES, 3, _SIZE, _SIZE))
    data = out / "images.npz"
    data.write_bytes(arrays_archive({"x": images.astype(np.float32)}))
    options = [f"--input-size={_SIZE}x{_SIZE}", f"--calibration={data}", f"--out={out}"]
    command = [sys.executable, "-m", "hw.convert", "nets.zoo:parcnet_s", "--whole", *options]
    subprocess.run(command, cwd=DOCS.parent, check=True)


def converted_table(folder: Path, step: Progress) -> Iterator[str]:
    """Yield what is said of a network that was converted whole: its plans."""
    planned = read_whole(folder)
    text = (
        "What `hw.convert --whole` wrote is planned by its circular convolutions alone. ParC-Net-S "
        f"on images of {_SIZE} x {_SIZE} has {len(planned.layers)}: each half of the channels has "
        "one in each pass of a layer. Residual sums are operators of their own there, and left out "
        "(`python -m hw.convert nets.zoo:parcnet_s --whole`, `python -m hw.plan build/net`):"
    )
    yield from wrap(text, 100)
    yield ""
    yield from _table("parcnet-s, whole", planned, step)


def _sizes(name: str) -> list[Size]:
    own = NETWORKS[name].size
    return list(dict.fromkeys(((own, own), *SIZES)))


def _section(name: str, step: Progress) -> str:
    lines = [f"\n## {name}\n"]
    for size in _sizes(name):
        layers = NETWORKS[name].layers(size)
        maps = dict.fromkeys(f"{layer.height} x {layer.width}" for layer in layers)
        lines.append(f"### Images of {size[0]} x {size[1]}: maps of {', '.join(maps)}\n")
        title = f"{name} {size[0]} x {size[1]}"
        lines += [*_table(title, published(name, size), step), ""]
    return "\n".join(lines)


def _table(name: str, network: PlannedNetwork, step: Progress) -> Iterator[str]:
    yield f"| {' | '.join(_COLUMNS)} |"
    yield "|---|---|--:|--:|--:|--:|--:|---|--:|"
    for device, title in PLACES.items():
        for engines, names in ENGINE_SETS.items():
            goal = Goal(device_named(device), CLOCK, engines=names)
            cells = " | ".join(_cells(network, goal))
            step(f"{name}: {engines} on {device}")
            yield f"| {title} | {engines} | {cells} |"


def _cells(network: PlannedNetwork, goal: Goal) -> Sequence[str]:
    """Return the figures of the fastest plan, or what is in its way."""
    try:
        planner = Planner(network, goal)
    except ParameterError:
        gaps = unable(network.layers, goal.engines)
        lengths = [str(length) for missing in gaps.values() for length in missing]
        why = f"no lines of {', '.join(lengths)}" if lengths else "a layer alone has no room"
        return "none", *[""] * 4, why, ""
    try:
        plan = planner.fastest()
    except ParameterError:
        return "none", "", *_figures(planner.smallest()), "room: this is the least", ""
    limits = ", ".join(planner.limits(plan)) or "lanes"
    speed = f"{plan.fps:,.1f}", f"{'' if plan.exact else '≤ '}{plan.cycles:,}"
    return *speed, *_figures(plan), limits, f"{plan.total_bytes * plan.fps / 1e9:.2f}"


def _figures(plan: Plan) -> Sequence[str]:
    cost = plan.cost
    return f"{cost.multipliers:,}", f"{round(cost.luts):,}", f"{cost.block_rams:,}"


if __name__ == "__main__":
    sys.exit(run_command(main, "networks"))
