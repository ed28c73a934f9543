"""Place and route, out of context, and nextpnr's report of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flow.cache import Cache, Step
from flow.families import Part
from flow.floorplan import PLACED, Floorplan, floorplan_of
from flow.tools import OutOfTimeError, Program
from hw.targets.synthesis import PlacedFamily

NETLIST = "netlist.json"
REPORT = "report.json"

# Paths are optimised by how far they fall behind the clock asked for; one that no design meets
# keeps every seed at work on the slowest path.
CLOCK_MHZ = 500

# Most placements route in one or two minutes. With some, of a device nearly full of multipliers,
# the router of nextpnr 0.11 rips up the same nets for ever; its other one ends, a third slower.
LIMIT_S = 900

LARGE = 40_000
"""Cells of a netlist that is placed and routed with what the family has for large ones.

Smaller ones are placed as ever, so that figures of before and of now are of the same tools.
"""
HUGE = 70_000
"""Cells of one that is placed and routed with what the family has for those."""
LARGE_ON_PINS = 20_000
"""The same onto a board's pins, of which there are no figures of before."""
LARGE_LIMIT_S = 7200


@dataclass(frozen=True)
class Effort:
    """What is spent on a netlist.

    Parameters
    ----------
    arguments
        Of nextpnr.
    limit_s
        After which it is given up.
    """

    arguments: tuple[str, ...]
    limit_s: float


def effort_for(netlist: bytes, device: Part, *, pins: bool = False) -> Effort:
    """Return what is spent on a netlist that Yosys wrote, out of context or onto pins."""
    family = device.family
    own: list[tuple[int, tuple[str, ...]]] = []
    if isinstance(family, PlacedFamily):
        out_of_context = [(HUGE, family.huge), (LARGE, family.large)]
        own = [(LARGE_ON_PINS, family.large_on_pins)] if pins else out_of_context
    cells = netlist.count(b'"type":')
    for least, arguments in own:
        if arguments and cells > least:
            return Effort(arguments, LARGE_LIMIT_S)
    return Effort((), LIMIT_S)


@dataclass(frozen=True)
class Segment:
    """A part of a path: through a cell, or along a net between two."""

    kind: str
    ns: float
    net: str | None
    source: str
    sink: str


@dataclass(frozen=True)
class Placement:
    """What one run of place and route came to.

    Parameters
    ----------
    seed
        Of the run.
    fmax_mhz
        Of the design's clock; 0 where nothing was timed.
    path
        The path that sets it.
    used
        Sites of each kind taken.
    floorplan
        Where cells are, where that was asked for.
    """

    seed: int
    fmax_mhz: float
    path: list[Segment]
    used: Mapping[str, int]
    floorplan: Floorplan | None = None


def place(
    netlist: bytes,
    clock: str,
    device: Part,
    seed: int,
    nextpnr: Program,
    cache: Cache,
    *,
    floorplan: bool = False,
) -> Placement | None:
    """Place and route ``netlist``, whose clock's port is ``clock``, with ``seed``.

    With ``floorplan``, where cells are is told too. None where the router has not ended after
    its limit, which is kept like any result.
    """
    effort = effort_for(netlist, device)
    arguments = [
        *device.arguments,
        *effort.arguments,
        *("--freq", str(CLOCK_MHZ), "--timing-allow-fail"),
        *("--json", NETLIST, "--report", REPORT, "--seed", str(seed)),
        *(("--write", PLACED) if floorplan else ()),
    ]
    log = f"{nextpnr.name}.log"
    more = (PLACED, log) if floorplan else ()

    def run(folder: Path) -> None:
        try:
            nextpnr.run(arguments, folder, limit_s=effort.limit_s)
        except OutOfTimeError:
            for name in (REPORT, *more):
                (folder / name).write_text("null", encoding="utf-8")

    inputs = {name: text.format(clock=clock).encode() for name, text in device.files.items()}
    step = Step(inputs | {NETLIST: netlist}, (nextpnr.version, *arguments), run, (REPORT, *more))
    kept = cache.run(step)
    report = json.loads(kept[REPORT])
    if report is None:
        return None
    return Placement(
        seed=seed,
        fmax_mhz=min((clock["achieved"] for clock in report["fmax"].values()), default=0.0),
        path=_clocked_path(report),
        used={kind: sites["used"] for kind, sites in report["utilization"].items()},
        floorplan=floorplan_of(kept[PLACED], kept[log].decode()) if floorplan else None,
    )


def placed_netlist(netlist: bytes, device: Part, nextpnr: Program, cache: Cache) -> bytes:
    """Return a netlist, placed and routed as it is, as nextpnr writes it."""
    arguments = [*device.arguments, "--json", NETLIST, "--write", PLACED]
    files = {name: text.encode() for name, text in device.files.items()}

    def run(folder: Path) -> None:
        nextpnr.run(arguments, folder)

    step = Step(files | {NETLIST: netlist}, (nextpnr.version, *arguments), run, (PLACED,))
    return cache.run(step)[PLACED]


def _clocked_path(report: dict[str, Any]) -> list[Segment]:
    """Return the slowest path from a register to a register."""
    paths = [
        [_segment(part) for part in path["path"]]
        for path in report["critical_paths"]
        if "edge" in path["from"] and "edge" in path["to"]
    ]
    return max(paths, key=lambda path: sum(segment.ns for segment in path), default=[])


def _segment(part: dict[str, Any]) -> Segment:
    return Segment(
        part["type"], part["delay"], part.get("net"), part["from"]["cell"], part["to"]["cell"]
    )
