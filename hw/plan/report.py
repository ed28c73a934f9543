"""What a plan says: the table for reading, the file for programs, the configurations to build."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from golden.inputs.write import arrays_archive
from golden.numbers.interval import Integers
from hw.emit.files import with_manifest
from hw.emit.toml import config_files
from hw.engines import ENGINES
from hw.layer.config import LayerConfig
from hw.line.candidates import EngineTable
from hw.plan.forms import FORMS
from hw.plan.goal import Plan
from hw.plan.network import PlannedNetwork, in_rom
from hw.plan.option import Option
from hw.predict import figures, is_predicted
from hw.targets.registry import REFERENCE, counted_for

PLAN = "plan.json"
"""What names a plan's files."""
_HEADINGS = (
    *("unit", "form", "map", "layers", "engines", "lanes", "weights", "cycles"),
    *("multipliers", "LUTs", "block RAMs"),
)


def table(plan: Plan) -> str:
    """Return the units as lines of a table, and what they take together."""
    rows = [_HEADINGS, *(_row(name, unit) for name, unit in named_units(plan))]
    cost, usable = plan.cost, plan.goal.device.usable
    figures = (f"{cost.multipliers:,}", f"{round(cost.luts):,}", f"{cost.block_rams:,}")
    there = (usable.multipliers, round(usable.luts), usable.block_rams)
    rows.append(("together", *[""] * 6, f"{plan.cycles:,}", *figures))
    rows.append((f"of {plan.goal.device.name}", *[""] * 7, *(f"{n:,}" for n in there)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    # Words stand to the left, numbers to the right.
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 7 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _row(name: str, unit: Option) -> tuple[str, ...]:
    design = unit.design
    return (
        name,
        design.form,
        f"{unit.channels} x {design.height} x {design.width}",
        str(len(unit.layers)) + (f" in {unit.slices} parts" if unit.slices > 1 else ""),
        engines_text(unit),
        str(unit.lanes),
        unit.storage,
        f"{unit.cycles:,}",
        f"{unit.cost.multipliers:,}",
        f"{round(unit.cost.luts):,}",
        f"{unit.cost.block_rams:,}",
    )


def named_units(plan: Plan) -> list[tuple[str, Option]]:
    """Return the units by names, which are those of the first layers that they serve."""
    return [(f"unit_{unit.layers[0].name}", unit) for unit in plan.units]


def engines_text(unit: Option) -> str:
    """Return the engines in words: one, or along the height and along the width."""
    texts = list(map(_engine_text, unit.engines.values()))
    return texts[0] if texts[0] == texts[-1] else " / ".join(texts)


def _engine_text(engine: EngineTable) -> str:
    own = (f" {key} {value}" for key, value in engine.items() if key != "engine")
    return f"{engine['engine']}{','.join(own)}"


def summary(plan: Plan, limits: Sequence[str] | None) -> Iterator[str]:
    """Yield lines on speed, on what limits it (unless ``limits`` is None), and on traffic."""
    goal = plan.goal
    clock = goal.clock / 1e6
    exact = "exact" if plan.exact else "at most"
    speed = f"{plan.fps:,.1f} frames a second at {clock:g} MHz"
    yield f"{speed}: {plan.cycles:,} cycles a frame, {exact}"
    if limits is not None:
        most = f"{' and '.join(limits)} of {goal.device.name}" if limits else "lanes of engines"
        if limits and limits[0] == "memory traffic":
            most = f"memory traffic: {plan.fps_by_cycles:,.1f} a second were possible without it"
        yield f"limited by {most}"
    moved = plan.total_bytes
    text = (
        f"{moved / 1e6:,.3f} MB a frame ({plan.map_bytes / 1e6:,.3f} maps, "
        f"{plan.weight_bytes / 1e6:,.3f} weights), {plan.operations / moved:,.1f} operations a byte"
    )
    if goal.bandwidth is None:
        yield f"{text}, {moved * plan.fps / 1e9:,.3f} GB/s"
    else:
        allowed = f"{plan.fps_by_traffic:,.1f} frames a second"
        yield f"{text}; {goal.bandwidth / 1e9:g} GB/s allow {allowed}"
    used = {str(engine["engine"]) for unit in plan.units for engine in unit.engines.values()}
    for name in ENGINES:
        if name in used and ENGINES[name].design.rounds:
            yield f"{name} engines round: their manifests bound the error"
    yield from remarks(plan)


def remarks(plan: Plan) -> Iterator[str]:
    """Yield what figures are not what they are called."""
    target = plan.goal.device.target
    if not is_predicted(target):
        yield (
            f"no prediction for {target}: multipliers, LUTs and block RAMs are what "
            f"{REFERENCE.name.upper()} would take, an estimate that was not compared with synthesis"
        )
    if paced := [name for name, unit in named_units(plan) if unit.paced]:
        yield (
            f"cycles of {', '.join(paced)} are the most: halves of the channels have engines of "
            "different rates, and the manifest says exactly"
        )


def files(
    network: PlannedNetwork, plan: Plan, more: Mapping[str, bytes] | None = None
) -> dict[str, bytes]:
    """Return a configuration a unit with the weights that it holds, ``more``, and plan.json."""
    out: dict[str, bytes] = {}
    for name, unit in named_units(plan):
        out |= config_files(unit_config(name, unit, plan.goal.device.target))
        if unit.storage != "rom" and unit.layers[0].arrays is not None:
            sets = zip(set_names(name, unit), weight_sets(unit), strict=True)
            out |= {file: arrays_archive(arrays) for file, arrays in sets}
    return with_manifest(out | dict(more or {}), PLAN, entry(network, plan))


def unit_config(name: str, unit: Option, target: str) -> LayerConfig:
    """Return what `hw.build layer` takes for a unit, with the weights that it holds."""
    config = unit.config(name, target)
    if unit.storage != "rom":
        return LayerConfig(config)
    config = in_rom(config)
    if unit.layers[0].arrays is None:
        return LayerConfig(config)
    return LayerConfig(config | {"weights": f"{name}.npz"}, joined(unit))


def entry(network: PlannedNetwork, plan: Plan) -> dict[str, Any]:
    """Return the plan as JSON has it."""
    goal = plan.goal
    cells = counted_for(goal.device.target).name
    return {
        "schema": 1,
        "network": network.name,
        "input": network.size and list(network.size),
        "device": goal.device.name,
        "clock_hz": goal.clock,
        "frames_per_second": plan.fps,
        "cycles_per_frame": plan.cycles,
        "exact": plan.exact,
        "prediction": figures(cells, plan.cost),
        "remarks": list(remarks(plan)),
        "traffic": {"map_bytes": plan.map_bytes, "weight_bytes": plan.weight_bytes},
        "operations": plan.operations,
        "units": [
            {
                "config": f"{name}.toml",
                "layers": [layer.name for layer in unit.layers],
                "weights": unit.storage,
                "slices": unit.slices,
                "sets": set_names(name, unit),
                "cycles_per_frame": unit.cycles,
                "prediction": figures(cells, unit.cost),
            }
            for name, unit in named_units(plan)
        ],
    }


def joined(unit: Option) -> dict[str, Integers]:
    """Return the arrays of all layers of a unit, as those of one layer of all their channels."""
    held = [layer.arrays for layer in unit.layers if layer.arrays is not None]
    if len(held) == 1:
        return dict[str, Any](held[0])
    form = FORMS[unit.layers[0].form]
    out: dict[str, Any] = {}
    for key, first in held[0].items():
        parts = [arrays[key] for arrays in held]
        in_halves = form.in_halves
        if first.ndim == 0:
            if all(part == first for part in parts):
                out[key] = first
                continue
            # What a layer has for all of its channels, the unit has for each, in a map's order.
            channels = (layer.channels for layer in unit.layers)
            parts = [np.full(n, part) for n, part in zip(channels, parts, strict=True)]
            in_halves = form.map_in_halves
        if in_halves:
            halves = [np.split(part, 2) for part in parts]
            parts = [half for side in zip(*halves, strict=True) for half in side]
        out[key] = np.concatenate(parts)
    return out


def set_names(name: str, unit: Option) -> list[str]:
    """Return the files of the weights that a unit is given through its port, in their order."""
    if unit.storage == "rom" or unit.layers[0].arrays is None:
        return []
    if unit.storage == "port":
        return [f"{name}_set.npz"]
    return [
        f"{name}_{layer.name}" + (f"_{number}.npz" if unit.slices > 1 else ".npz")
        for layer in unit.layers
        for number in range(unit.slices)
    ]


def weight_sets(unit: Option) -> Iterator[dict[str, Integers]]:
    """Yield the arrays of each set that a unit is given through its port."""
    if unit.storage == "port":
        yield joined(unit)
        return
    for layer in unit.layers:
        arrays = joined(replace(unit, layers=(layer,)))
        for number in range(unit.slices):
            yield {
                key: _cut(array, number, unit.slices, halves=FORMS[layer.form].in_halves)
                for key, array in arrays.items()
            }


def _cut(array: Integers, number: int, slices: int, *, halves: bool) -> Integers:
    """Return a slice of an array's rows, of both halves of them where a map has them so."""
    if array.ndim == 0 or slices == 1:
        return array
    parts = np.split(array, 2) if halves else [array]
    return np.concatenate([np.split(part, slices)[number] for part in parts])
