"""What an implementation came to, for people and programs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from flow.floorplan import Floorplan
from hw.emit.files import to_json
from hw.targets.titles import TITLES

SCHEMA = 1


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
        By the keys of `hw.targets.titles`; the wrapper's cells are not among them.
    fmax_mhz
        Median of the seeds; None where nothing, or not enough, was timed.
    seeds
        Fmax by seed.
    critical_path
        Of the seed that the median is taken from.
    remarks
        What to know of the figures.
    floorplan
        Where cells are, with the seed that the median is taken from; where that was asked for.
    """

    name: str
    device: str
    how: str
    tools: list[str]
    resources: dict[str, int | float]
    fmax_mhz: float | None = None
    seeds: dict[int, float] = field(default_factory=dict)
    critical_path: CriticalPath | None = None
    remarks: list[str] = field(default_factory=list)
    floorplan: Floorplan | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """Return the report that ``entry`` of a JSON file is."""
        path = entry["critical_path"]
        path = path and CriticalPath(**path | {"steps": [Step(**step) for step in path["steps"]]})
        seeds = {int(seed): fmax for seed, fmax in entry["seeds"].items()}
        return cls(**{**entry, "seeds": seeds, "critical_path": path})

    def entry(self) -> dict[str, Any]:
        """Return this as JSON has it; a floorplan only where there is one."""
        return {key: value for key, value in asdict(self).items() if key != "floorplan" or value}

    def json(self) -> bytes:
        """Return this as a JSON file."""
        return to_json({"schema": SCHEMA} | self.entry())

    def table(self) -> str:
        """Return this as text for a terminal."""
        rows = [(TITLES[key], f"{value:,}") for key, value in self.resources.items()]
        if self.fmax_mhz is not None:
            seeds = ", ".join(f"{seed}: {mhz:.1f}" for seed, mhz in self.seeds.items())
            rows.append(("Fmax", f"{self.fmax_mhz:.1f} MHz, median of the seeds ({seeds})"))
        if (path := self.critical_path) is not None:
            rows.append(("critical path", f"{path.start} -> {path.end}"))
            rows.append(("", f"{path.logic_ns:.2f} ns logic, {path.routing_ns:.2f} ns routing"))
            rows += [("", f"{s.cell_ns:6.2f} + {s.net_ns:5.2f} ns  {s.net}") for s in path.steps]
        rows += [("remark", remark) for remark in self.remarks]
        width = max(len(title) for title, _ in rows)
        lines = [f"{self.name} on {self.device}: {self.how}"]
        return "\n".join(lines + [f"  {title:<{width}}  {text}" for title, text in rows])
