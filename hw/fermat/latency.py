"""Cycles that the steps of a transform take: what the stages keep to, and predictions add up."""

from golden.fermat import plan
from hw.parts.tables import Table


def step_latency(step: plan.Step) -> int:
    """Cycles from a block's first word to the first that leaves, with no gaps between."""
    if isinstance(step, plan.Rotation):
        return sum(len(level.shifts) for level in step.levels)
    if isinstance(step, plan.Fold):
        return 1
    if isinstance(step, plan.Reduction):
        return Table.latency + 1
    if not isinstance(step, plan.Butterfly):
        raise TypeError(f"Step must be one of golden.fermat.plan's, not {step!r}")
    if step.radix == 2:
        return step.delay + 1
    return step.radix * step.delay + 1 + (step.radix - 1).bit_length()
