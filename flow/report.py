"""What an implementation came to, for people and programs."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from flow.families import Family
from flow.netlist import Netlist
from flow.place import Placement, Segment
from flow.synthesis import own_name

SCHEMA = 1

TITLES = {
    "lut4_equivalents": "LUT4-equivalents",
    "lut": "LUTs of these",
    "carry": "carry cells",
    "ff": "flip-flops",
    "dsp": "multipliers",
    "block_ram": "block RAMs",
    "distributed_ram": "distributed RAM cells",
}


@dataclass(frozen=True)
class Step:
    """A routed net of the critical path, and how long it and the cells before it take."""

    net: str
    cell_ns: float
    net_ns: float


@dataclass(frozen=True)
class CriticalPath:
    """The slowest path, in the design's own names.

    Parameters
    ----------
    start, end
        What the registers at its ends hold.
    logic_ns, routing_ns
        Time in cells and on nets.
    steps
        Nets in order.
    """

    start: str
    end: str
    logic_ns: float
    routing_ns: float
    steps: list[Step]


@dataclass(frozen=True)
class Report:
    """Figures of one build on one device.

    Parameters
    ----------
    name, device
        Build and device.
    how
        How the figures were got.
    tools
        Versions.
    resources
        By the keys of `TITLES`; the wrapper's registers are not among them.
    fmax_mhz
        Median of the seeds.
    seeds
        Fmax by seed.
    critical_path
        Of the seed that the median is taken from.
    """

    name: str
    device: str
    how: str
    tools: list[str]
    resources: dict[str, int]
    fmax_mhz: float
    seeds: dict[int, float]
    critical_path: CriticalPath

    def json(self) -> bytes:
        """Return this as a JSON file."""
        return (json.dumps({"schema": SCHEMA} | asdict(self), indent=2) + "\n").encode()

    def table(self) -> str:
        """Return this as text for a terminal."""
        seeds = ", ".join(f"{seed}: {mhz:.1f}" for seed, mhz in self.seeds.items())
        path = self.critical_path
        rows = [(TITLES[key], str(value)) for key, value in self.resources.items()]
        rows += [
            ("Fmax", f"{self.fmax_mhz:.1f} MHz, median of the seeds ({seeds})"),
            ("critical path", f"{path.start} -> {path.end}"),
            ("", f"{path.logic_ns:.2f} ns logic, {path.routing_ns:.2f} ns routing"),
        ]
        rows += [("", f"{s.cell_ns:6.2f} + {s.net_ns:5.2f} ns  {s.net}") for s in path.steps]
        width = max(len(title) for title, _ in rows)
        lines = [f"{self.name} on {self.device}: {self.how}"]
        return "\n".join(lines + [f"  {title:<{width}}  {text}" for title, text in rows])


def resources(netlist: Netlist, family: Family, placement: Placement) -> dict[str, int]:
    """Return the figures of `TITLES`."""
    placed = {
        figure: sum(placement.used[kind] for kind in kinds)
        for figure, kinds in family.placed.items()
    }
    return placed | {figure: netlist.count(cells) for figure, cells in family.cells.items()}


def median_placement(placements: Sequence[Placement]) -> Placement:
    """Return the one with the median Fmax; of an even number the slower of the two."""
    fmax = statistics.median_low(placement.fmax_mhz for placement in placements)
    return next(placement for placement in placements if placement.fmax_mhz == fmax)


def critical_path(path: Sequence[Segment], wrapped: Netlist) -> CriticalPath:
    """Return ``path`` through the wrapped netlist in the design's own names."""
    steps: list[Step] = []
    cell_ns = 0.0
    for segment in path:
        # A carry chain's own wires take no time: the chain counts as one cell.
        if segment.net is None or segment.ns == 0:
            cell_ns += segment.ns
        else:
            steps.append(Step(own_name(segment.net), round(cell_ns, 3), round(segment.ns, 3)))
            cell_ns = 0.0
    routing = sum(step.net_ns for step in steps)
    total = sum(segment.ns for segment in path)
    return CriticalPath(
        start=own_name(wrapped.register_name(path[0].source)),
        end=own_name(wrapped.register_name(path[-1].sink)),
        logic_ns=round(total - routing, 3),
        routing_ns=round(routing, 3),
        steps=steps,
    )
