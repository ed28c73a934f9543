"""A plan's part of a page."""

from collections.abc import Mapping
from typing import Any

from hw.report import charts
from hw.report.facts import Fact, Origin
from hw.report.networks import add_program
from hw.report.part import Grid, Part, Picture
from hw.targets.titles import TITLES


def plan_part(said: Mapping[str, Any], name: str, key: str) -> Part:
    """Return the part of a plan.

    Parameters
    ----------
    said
        What ``plan.json`` holds: of units for layers, or of an accelerator for a whole network.
    name
        Of the part.
    key
        What ids of its plots begin with.
    """
    clock = said["clock_hz"] / 1e6
    about = f"plan for {said['device']} at {clock:g} MHz"
    part = Part(name, f"{about}.", prediction=said["prediction"])
    cycles = said.get("cycles_per_frame", said.get("cycles"))
    figures = {"frames a second": said["frames_per_second"], "cycles a frame": cycles}
    target = str(said["prediction"].get("target", ""))
    part.facts += [Fact(what, value, Origin.PREDICTED) for what, value in figures.items()]
    part.facts += [
        Fact(TITLES[figure], value, Origin.PREDICTED, target)
        for figure, value in said["prediction"].items()
        if figure in TITLES
    ]
    if "units" in said:
        _add_units(part, said, key)
    else:
        add_program(part, said, said["parameters"], said["prediction"]["multipliers"], key)
    return part


def _add_units(part: Part, said: Mapping[str, Any], key: str) -> None:
    units = {one["config"].removesuffix(".toml"): one for one in said["units"]}
    cycles = {name: one["cycles_per_frame"] for name, one in units.items()}
    drawn = charts.bars(cycles, f"{key}-units", "Cycles a frame of each unit", "cycles a frame")
    text = "Units work at the same time: the slowest gives the frames a second."
    part.pictures.append(Picture("Units", drawn, text))
    figures = [key for key in said["prediction"] if key in TITLES]
    columns = ["unit", "layers", "weights", "cycles a frame", *(TITLES[key] for key in figures)]
    rows = [
        [name, len(one["layers"]), one["weights"], one["cycles_per_frame"]]
        + [one["prediction"].get(figure, "") for figure in figures]
        for name, one in units.items()
    ]
    part.tables.append(Grid("Units", columns, rows))
