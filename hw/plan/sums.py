"""Sums of what units take, of which those are kept that no other one undercuts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from hw.plan.goal import RESOURCES, Figures
from hw.plan.network import PlannedLayer
from hw.plan.option import Option

_MOST_KEPT = 150
"""Sums that are kept at a time; of more, those that take the smallest shares of the device."""
_BLOCK = 64

Pick: TypeAlias = tuple[Option, tuple["Deal", ...]]
"""An option, and the layers of each unit that takes it."""
Deal: TypeAlias = tuple[PlannedLayer, ...]
"""What a unit serves."""


@dataclass(frozen=True, eq=False)
class Choices:
    """Options for units that do the same work.

    Parameters
    ----------
    options
        To choose one of.
    deals
        Layers of each unit.
    """

    options: tuple[Option, ...]
    deals: tuple[Deal, ...]

    @cached_property
    def cycles(self) -> Figures:
        return np.array([option.cycles for option in self.options], dtype=np.float64)

    @cached_property
    def figures(self) -> Figures:
        rows = [
            (o.cost.multipliers, o.cost.luts, o.cost.block_rams, o.map_bytes + o.weight_bytes)
            for o in self.options
        ]
        return len(self.deals) * np.array(rows, dtype=np.float64).reshape(-1, len(RESOURCES))

    def within(self, bound: float) -> "UnitSums":
        """Return the options that take up to ``bound`` cycles."""
        chosen = np.flatnonzero(self.cycles <= bound)
        picks = [((self.options[index], self.deals),) for index in chosen]
        return UnitSums(self.figures[chosen], picks)


@dataclass(frozen=True, eq=False)
class UnitSums:
    """What sets of units take together.

    Parameters
    ----------
    figures
        A row a set.
    picks
        The units of each.
    """

    figures: Figures
    picks: Sequence[tuple[Pick, ...]]

    @classmethod
    def nothing(cls) -> "UnitSums":
        """Return what no units take."""
        return cls(np.zeros((1, len(RESOURCES))), [()])

    @classmethod
    def of_all(cls, parts: Sequence["UnitSums"]) -> "UnitSums":
        """Return all of ``parts``."""
        figures = np.concatenate([part.figures for part in parts])
        return cls(figures, [pick for part in parts for pick in part.picks])

    def fitting(self, budget: Figures, shares: Figures) -> "UnitSums":
        """Return those that fit and that no other one undercuts, the smallest shares first."""
        rows = np.flatnonzero((self.figures <= budget).all(axis=1))
        rows = rows[np.argsort(self.figures[rows] @ shares, kind="stable")]
        kept: list[int] = []
        # What undercuts a set comes before it: whole blocks are held to those kept so far.
        while len(rows) and len(kept) < _MOST_KEPT:
            block, rows = rows[:_BLOCK], rows[_BLOCK:]
            figures = self.figures[np.concatenate([kept, block]).astype(int)]
            undercut = (figures[:, None] <= figures[None, len(kept) :]).all(axis=2)
            earlier = np.arange(len(figures))[:, None] < np.arange(len(kept), len(figures))
            kept += block[~(undercut & earlier).any(axis=0)].tolist()
        return UnitSums(self.figures[kept], [self.picks[row] for row in kept])

    def plus(self, other: "UnitSums", budget: Figures) -> "UnitSums":
        """Return each with each of ``other`` where both fit."""
        figures = self.figures[:, None] + other.figures[None]
        pairs = np.argwhere((figures <= budget).all(axis=2))
        picks = [self.picks[one] + other.picks[two] for one, two in pairs.tolist()]
        return UnitSums(figures[pairs[:, 0], pairs[:, 1]], picks)
