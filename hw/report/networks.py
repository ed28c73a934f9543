"""A network's part of a page: its layers in time, under the roofline, and in memory."""

from collections.abc import Mapping, Sequence
from typing import Any

from hw.report import charts
from hw.report.part import Grid, Part, Picture

_WAITS = ("memory", "weights")
"""What limits a layer that waits for memory: for maps, and for weights."""
Layer = Mapping[str, Any]


def add_program(
    part: Part,
    program: Mapping[str, Any],
    parameters: Mapping[str, Any],
    multipliers: int,
    key: str,
    measured: Mapping[str, int] | None = None,
) -> None:
    """Add what is known of a network on an accelerator.

    Parameters
    ----------
    part
        What it is added to.
    program
        ``layers``, ``cycles`` and ``products`` of a frame, and if need be ``model``, ``memory``,
        ``scratch`` or ``maps``: an entry of a manifest's, or of a plan.
    parameters
        Of the accelerator.
    multipliers
        That it has.
    key
        What ids of plots begin with.
    measured
        Cycles of layers as they were seen.
    """
    seen = measured or {}
    layers: list[Layer] = [
        {**one, "cycles": seen.get(one["name"], one["cycles"])} for one in program["layers"]
    ]
    model = str(program.get("model", "the network"))
    _add_timeline(part, model, layers, multipliers, key)
    moved = [one for one in layers if one["products"] and one["cycles"] and "read_bytes" in one]
    if moved:
        rate = (program.get("memory") or {}).get("bytes_per_cycle")
        page = {"memory": {"bytes_per_cycle": rate}, "layers": layers, "cycles": program["cycles"]}
        plan = {"parameters": parameters, "products": program["products"]}
        given = f"{rate:g} bytes a cycle" if rate else "a beat every cycle"
        text = (
            f"Memory gives {given}. A dot a layer, by what limits it, as large as its share of the "
            "cycles; the star is all of them."
        )
        drawn = charts.roofline(plan, page, f"{key}-roofline")
        part.pictures.append(Picture(f"Roofline of {model}", drawn, text))
    if program.get("scratch"):
        title = "Maps in the scratch region of memory, over a frame"
        drawn = charts.memory_map(program["scratch"], f"{key}-memory", title)
        text = "Maps that leave the chip: where each lies in the scratch region, and how long."
        part.pictures.append(Picture(f"Memory of {model}", drawn, text))
    if program.get("maps"):
        title = "Maps in the accelerator's own memory, over a frame"
        drawn = charts.memory_map(program["maps"], f"{key}-inside", title)
        text = "Where each map lies inside the chip, from its first word to the last use of it."
        part.pictures.append(Picture(f"Memory inside, of {model}", drawn, text))


def _add_timeline(
    part: Part, model: str, layers: Sequence[Layer], multipliers: int, key: str
) -> None:
    uses = [one["products"] / max(one["cycles"], 1) / (2 * multipliers) for one in layers]
    rows = list(zip(layers, uses, strict=True))
    bars = [(one["name"], one["cycles"], use, one.get("limit") in _WAITS) for one, use in rows]
    text = "Blue: the products' own time, were all multipliers at work. Orange: waiting for memory."
    drawn = charts.timeline(bars, f"{key}-layers")
    part.pictures.append(Picture(f"Layers of {model}", drawn, text))
    limited = any("limit" in one for one in layers)
    columns = ["layer", "cycles", "products", "products a multiplier a cycle"]
    cells = [
        [one["name"], one["cycles"], one["products"], round(2 * use, 3)]
        + ([one.get("limit", "")] if limited else [])
        for one, use in rows
    ]
    heads = [*columns, "limited by"] if limited else columns
    part.tables.append(Grid(f"Layers of {model}", heads, cells))
