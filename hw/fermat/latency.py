"""Cycles that the steps of a transform take: what the stages keep to, and predictions add up."""

from golden import fermat_plan as plan
from hw.primitives.memory import READ_LATENCY
from hw.tables import Table

DEEPEST_IN_REGISTERS = 3
"""Words that a stage stores in registers; more are in a memory."""


def store_latency(depth: int) -> int:
    """Cycles from the address of one of a stage's stored words to the word."""
    return 0 if depth <= DEEPEST_IN_REGISTERS else READ_LATENCY


def step_latency(step: plan.Step) -> int:
    """Cycles from the first word of a block to the first that leaves, with no gaps between."""
    if isinstance(step, plan.Rotation):
        return sum(len(level.shifts) for level in step.levels)
    if isinstance(step, plan.Fold):
        return 1
    if isinstance(step, plan.Reduction):
        return Table.latency + 1
    if not isinstance(step, plan.Butterfly):
        raise TypeError(f"Step must be one of golden.fermat_plan's, not {step!r}")
    added = store_latency(step.delay) + 1
    if step.radix == 2:
        return step.delay + added
    return step.radix * step.delay + added + (step.radix - 1).bit_length()
