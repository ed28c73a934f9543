"""The command line: ``python -m hw.plan``."""

from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn

import click

from golden.accelerator.external.line_engines import LineEngines
from golden.inputs.errors import ParameterError
from golden.operator.networks import NETWORKS, Size
from hw.command import remark
from hw.emit.files import to_json, write_files, write_product
from hw.engines import ENGINES
from hw.measured.clock import MEASURED
from hw.plan import report
from hw.plan.choices import unable
from hw.plan.fmax import warnings
from hw.plan.goal import Goal, Plan
from hw.plan.memories import MEMORIES, memory_named, slower
from hw.plan.network import PlannedNetwork, converted, published
from hw.plan.operators import FILE, whole
from hw.plan.search import Planner
from hw.plan.whole import Planned, told, whole_plan
from hw.predict import reservation
from hw.targets.registry import device_named

_CLOCK = (1.0, 1000.0)
_FPS = (0.001, 1e9)
_BANDWIDTH = (0.001, 10_000.0)
_STORAGES = {"any": ("rom", "reloaded"), "rom": ("rom",), "loaded": ("port", "reloaded")}

_OPTIONS = [
    click.option("--device", default="lfe5u-85f-6", help="To fit on.  [lfe5u-85f-6]"),
    click.option("--clock", type=float, default=150.0, metavar="MHZ", help="Of all units.  [150]"),
    click.option(
        "--fps", type=float, help="The cheapest plan for so many frames a second.  [most]"
    ),
    click.option("--input-size", metavar="HxW", help="Of a published network's images.  [its own]"),
    click.option("--bandwidth", type=float, metavar="GB/S", help="Of memory.  [no limit]"),
    click.option("--engines", metavar="NAMES", help=f"To choose from.  [{','.join(ENGINES)}]"),
    click.option(
        "--weights",
        type=click.Choice(list(_STORAGES)),
        default="any",
        help="In ROM, loaded, or whatever serves.  [any]",
    ),
    click.option(
        "--memory",
        metavar="NAME",
        help="Plan the whole network on an accelerator with a memory outside: "
        f"{', '.join(MEMORIES)}, ideal, or LATENCY,BYTES: cycles, and bytes a cycle.",
    ),
    click.option("--tile", type=int, help="With --memory: channels at a time.  [most]"),
    click.option("--scalers", type=int, help="With --memory: sums scaled a cycle.  [most]"),
    click.option(
        "--depthwise",
        type=int,
        help="With --memory: products a cycle and channel of a unit for kernels a channel; 0 is "
        "none.  [3 where it fits and has a use]",
    ),
    click.option(
        "--lines",
        metavar="ENGINE:LENGTH",
        help="With --memory: line engines in that unit.  [what takes the fewest cycles]",
    ),
    click.option(
        "--plot",
        type=Path,
        metavar="FILE.svg",
        help="With --memory: draw its layers under the rooflines of it and of a slower one.",
    ),
    click.option(
        "--measured",
        type=Path,
        multiple=True,
        help="A store of sweeps whose clocks count too; more than once.",
    ),
    click.option("-o", "--out", type=Path, help="Write plan.json, plan.svg and LAYER.toml files."),
]


def _parameters(command: click.decorators.FC) -> click.decorators.FC:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command()
@click.argument("network", metavar="NETWORK")
@_parameters
def main(
    network: str,
    device: str,
    clock: float,
    fps: float | None,
    input_size: str | None,
    bandwidth: float | None,
    engines: str | None,
    weights: str,
    memory: str | None,
    tile: int | None,
    scalers: int | None,
    depthwise: int | None,
    lines: str | None,
    plot: Path | None,
    measured: tuple[Path, ...],
    out: Path | None,
) -> None:
    """Plan hardware for all ParC layers of a network.

    NETWORK is a folder that hw.convert wrote, or one of resnet50-parc, mobilenetv2-parc,
    convnext-xt-parc, convnext-t-parc and parcnet-s. Of what --whole wrote each circular convolution
    is a layer, other operators are left out. Each layer goes to a unit, which is what
    `hw.build layer` makes; layers of one shape may share a unit, which then takes their maps in
    turn: kernels of all are in ROM, or loaded while the map before is worked on. Frames overlap:
    a frame takes as many cycles as the slowest unit.

    \b
    python -m hw.plan parcnet-s --device lfe5u-85f-6 --clock 150
    python -m hw.plan build/net --fps 30 -o build/plan
    python -m hw.plan build/net --memory ddr3-x16 --plot roofline.svg

    With --memory NETWORK is a folder that hw.convert --whole wrote. All of it is planned, on the
    accelerator of `hw.build network --memory axi`.
    """
    sizes = {"tile": tile, "scalers": scalers, "depthwise": depthwise, "lines": lines}
    if _on_accelerator(Path(network), device, clock, memory, sizes, plot, out):
        return
    goal = Goal(
        device_named(device),
        _within("clock", clock, _CLOCK) * 1e6,
        None if bandwidth is None else _within("bandwidth", bandwidth, _BANDWIDTH) * 1e9,
        _engines(engines),
        _STORAGES[weights],
    )
    if fps is not None:
        _within("fps", fps, _FPS)
    planned = _network(network, _size(input_size))
    planner = Planner(planned, goal)
    plan = planner.fastest()
    limits: list[str] | None = planner.limits(plan)
    if fps is not None:
        limits = None
        plan = planner.cheapest(goal.clock / fps) or _too_fast(fps, plan)
    files = [] if out is None else _write(planner, plan, out)
    click.echo(report.table(plan))
    for line in (*report.summary(plan, limits), *_remarks(planner)):
        click.echo(line)
    for line in warnings(plan, (MEASURED, *measured)):
        remark(f"--clock is {clock:g} MHz; {line}")
    if out is not None:
        click.echo(" ".join(str(out / name) for name in files))


def _on_accelerator(
    folder: Path,
    device: str,
    clock: float,
    memory: str | None,
    sizes: Mapping[str, Any],
    plot: Path | None,
    out: Path | None,
) -> bool:
    """Plan a whole network on an accelerator; return whether that was asked for."""
    if memory is None:
        for name, value in {**sizes, "plot": plot}.items():
            if value is not None:
                raise ParameterError(name, "left out without --memory", value)
        return False
    hertz = _within("clock", clock, _CLOCK) * 1e6
    if plot is not None and plot.suffix != ".svg":
        raise ParameterError("plot", "a file .svg", repr(plot.name))
    beside = None if plot is None else memory_named(slower(memory), hertz)
    pace = memory_named(memory, hertz)
    lines = None if sizes["lines"] is None else LineEngines.parse(sizes["lines"])
    wanted = Planned(device_named(device), hertz, pace, **{**sizes, "lines": lines}, beside=beside)
    plan = whole_plan(folder, wanted)
    for line in told(plan):
        click.echo(line)
    for path, content in _whole_files(plan, plot, out):
        write_files({path.name: content}, path.parent)
        click.echo(str(path))
    return True


def _whole_files(
    plan: Mapping[str, Any], plot: Path | None, out: Path | None
) -> Iterator[tuple[Path, bytes]]:
    """Yield the files of a whole network's plan that were asked for."""
    if out is not None:
        yield out / report.PLAN, to_json(plan)
    if plot is not None:
        # Only here is matplotlib needed.
        from hw.plan.roofline import roofline

        yield plot, roofline(plan)


def _remarks(planner: Planner) -> Iterator[str]:
    """Yield what engines and layers can't do."""
    network, goal = planner.network, planner.goal
    gaps = unable(network.layers, goal.engines)
    for engine, lengths in gaps.items():
        yield f"{engine} engines do no lines of {', '.join(map(str, lengths))} samples"
    for layer, why in planner.refused.items():
        for engine, reason in why.items():
            if engine not in gaps:
                yield f"{layer}: no {engine} engine, since {reason[0].lower()}{reason[1:]}"


def _write(planner: Planner, plan: Plan, out: Path) -> list[str]:
    """Write all files of a plan, and return their names."""
    files = report.files(planner.network, plan, _picture(planner, plan))
    write_product(files, report.PLAN, out, inputs=planner.network.read_from)
    return list(files)


def _picture(planner: Planner, plan: Plan) -> dict[str, bytes]:
    try:
        # Only here is matplotlib needed.
        from hw.plan.draw import picture
    except ModuleNotFoundError:
        remark("plan.svg is left out, since matplotlib is not installed")
        return {}
    return {"plan.svg": picture(planner, plan)}


def _within(parameter: str, value: float, ends: tuple[float, float]) -> float:
    low, high = ends
    if not (isfinite(value) and low <= value <= high):
        raise ParameterError(parameter, f"from {low:g} to {high:g}", f"{value:g}")
    return value


def _engines(text: str | None) -> tuple[str, ...]:
    if text is None:
        return tuple(ENGINES)
    names = tuple(dict.fromkeys(text.split(",")))
    if not set(names) <= set(ENGINES):
        raise ParameterError("engines", f"some of {','.join(ENGINES)}", text)
    return names


def _size(text: str | None) -> Size | None:
    if text is None:
        return None
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise ParameterError("input_size", "a height and a width, as 224x224", repr(text))
    return int(height), int(width)


def _network(name: str, size: Size | None) -> PlannedNetwork:
    if name in NETWORKS or not Path(name).is_dir():
        return published(name, size)
    if size is not None:
        raise ParameterError(
            "input_size", "left out where NETWORK is a folder", f"{size[0]}x{size[1]}"
        )
    folder = Path(name)
    return whole(folder) if (folder / FILE).exists() else converted(folder)


def _too_fast(fps: float, best: Plan) -> NoReturn:
    clock = best.goal.clock / 1e6
    device = best.goal.device
    at = f"{device.name} at {clock:g} MHz{reservation(device.target)}"
    rule = f"at most {best.fps:,.1f} on {at}"
    raise ParameterError("fps", rule, f"{fps:g}")
