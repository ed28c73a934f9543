"""What a plan is for, and what it comes to."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hw.engines import ENGINES
from hw.plan.option import Option
from hw.targets.cost import Cost
from hw.targets.device import Device

Figures = npt.NDArray[np.float64]
RESOURCES = ("multipliers", "LUTs", "block RAMs", "memory traffic")
"""Columns of figures; the last is bytes an image."""


@dataclass(frozen=True, eq=False)
class Goal:
    """What a plan is for.

    Parameters
    ----------
    device
        To fit on.
    clock
        In Hz.
    bandwidth
        Bytes a second to and from memory, or None where that is no limit.
    engines
        Names of the engines to use.
    storages
        Where weights may be; see `hw.plan.option.STORAGES`.
    """

    device: Device
    clock: float
    bandwidth: float | None = None
    engines: tuple[str, ...] = field(default_factory=lambda: tuple(ENGINES))
    storages: tuple[str, ...] = ("rom", "reloaded")

    def budget(self, cycles: float) -> Figures:
        """Return what there is of each of `RESOURCES` for an image that takes ``cycles``."""
        usable = self.device.usable
        traffic = np.inf if self.bandwidth is None else self.bandwidth * cycles / self.clock
        return np.array([usable.multipliers, usable.luts, usable.block_rams, traffic])


@dataclass(frozen=True, eq=False)
class Plan:
    """Units that do all layers of a network.

    Parameters
    ----------
    goal
        What it is for.
    units
        In the order of the layers that they begin with.
    """

    goal: Goal
    units: tuple[Option, ...]

    @property
    def cost(self) -> Cost:
        """Of all units."""
        return sum((unit.cost for unit in self.units), Cost())

    @property
    def cycles(self) -> int:
        """Of the slowest unit for an image, which is what an image takes in steady state."""
        return max(unit.cycles for unit in self.units)

    @property
    def exact(self) -> bool:
        """Whether `cycles` are exact, and not the most."""
        return not any(unit.paced for unit in self.units)

    @property
    def map_bytes(self) -> int:
        """Bytes of maps that move for an image."""
        return sum(unit.map_bytes for unit in self.units)

    @property
    def weight_bytes(self) -> int:
        """Bytes of weights that move for an image."""
        return sum(unit.weight_bytes for unit in self.units)

    @property
    def total_bytes(self) -> int:
        """Bytes that move for an image."""
        return self.map_bytes + self.weight_bytes

    @property
    def operations(self) -> int:
        """Multiplications and additions of an image."""
        return sum(unit.operations for unit in self.units)

    @property
    def fps_by_cycles(self) -> float:
        """Images a second that the units do."""
        return self.goal.clock / self.cycles

    @property
    def fps_by_traffic(self) -> float:
        """Images a second that memory allows."""
        bandwidth = self.goal.bandwidth
        return float("inf") if bandwidth is None else bandwidth / self.total_bytes

    @property
    def fps(self) -> float:
        """Images a second."""
        return min(self.fps_by_cycles, self.fps_by_traffic)
