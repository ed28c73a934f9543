"""The Fermat engine's transforms, forward and back, as chains of stages in a module."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Value

from golden.fermat import plan
from golden.fermat.design import FermatDesign
from golden.numbers.interval import Interval
from hw.fermat.butterfly import Butterfly, PointTransform
from hw.fermat.latency import step_latency
from hw.fermat.reduction import Reduction
from hw.fermat.rotation import Fold, Rotation
from hw.fermat.words import LEAD, words_layout
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import View
from hw.parts.streams import Flow, FlowSignature, connect_streams

DOOR = 1
"""Cycles from taking a sample to its valid bit before the first stage."""


def _stage(step: plan.Step, *, lanes: int, target: str) -> Any:
    """Return the component that does ``step``."""
    if isinstance(step, plan.Butterfly):
        build: Any = Butterfly if step.radix == 2 else PointTransform
    else:
        build = {plan.Rotation: Rotation, plan.Fold: Fold, plan.Reduction: Reduction}[type(step)]
    return build(step, lanes=lanes, target=target)


def steps_after(design: FermatDesign) -> tuple[plan.Step, ...]:
    """Return what follows the products."""
    return (*design.inverse.steps, *design.reductions)


def latency_of(steps: Sequence[plan.Step]) -> int:
    """Cycles from a line's first word to the first that leaves the last of ``steps``."""
    return sum(map(step_latency, steps))


def words_of(m: Module, samples: View, taken: Value, words: Interval) -> Flow:
    """Return samples that are taken as a flow of words, away from the door's gates.

    ``words`` is what samples keep to, which may need fewer bits than they come in.
    """
    layout = words_layout(words, len(samples))
    flow = FlowSignature(layout).create(path=("samples",))
    late = delay(m, samples, DOOR + LEAD, name="sample")
    m.d.comb += [
        *(word.eq(sample) for word, sample in zip(flow.payload, late, strict=True)),
        flow.valid.eq(delay_valid(m, taken, DOOR, name="taken")),
    ]
    return flow


def run_chain(
    m: Module,
    name: str,
    steps: Sequence[plan.Step],
    flow: Flow,
    design: FermatDesign,
) -> Flow:
    """Lead ``flow`` through ``steps``; return what leaves the last."""
    for index, step in enumerate(steps):
        stage = _stage(step, lanes=design.lanes, target=design.target)
        m.submodules[f"{name}_{index}"] = stage
        connect_streams(m, flow, stage.i)
        flow = stage.o
    return flow
