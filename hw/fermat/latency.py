"""Cycles that the steps of a transform take: what the stages keep to, and predictions add up."""

from golden.fermat import plan
from hw.parts.tables import Table

_WIDEST_AHEAD = 32
"""Bits of rings whose choices come ahead; in wider ones the chain of carries is the longest."""


def chooses_ahead(level: plan.Level) -> bool:
    """Whether a level chooses bits in a cycle ahead of its addition.

    Where words that pass are folded, the addition's cells have no room for the choice of the low
    bits: with a LUT there, the way to the chain of carries and along it was the engine's longest.
    """
    return level.folds and len(level.shifts) == 1 and level.bits <= _WIDEST_AHEAD


def level_latency(level: plan.Level) -> int:
    """Cycles from a word to its rotation: an addition for each shift."""
    return len(level.shifts) + chooses_ahead(level)


def step_latency(step: plan.Step) -> int:
    """Cycles from a block's first word to the first that leaves, with no gaps between."""
    if isinstance(step, plan.Rotation):
        return sum(map(level_latency, step.levels))
    if isinstance(step, plan.Fold):
        return 1
    if isinstance(step, plan.Reduction):
        return Table.latency + 1
    if not isinstance(step, plan.Butterfly):
        raise TypeError(f"Step must be one of golden.fermat.plan's, not {step!r}")
    if step.radix == 2:
        return step.delay + 1
    return step.radix * step.delay + 1 + (step.radix - 1).bit_length()
