"""Between the transforms of a split line: flows side by side, and their sum."""

from collections.abc import Sequence

from amaranth.hdl import Module

from golden.fermat.design import FermatDesign
from hw.fermat.chain import latency_of
from hw.fermat.words import Word, add_all, words_layout
from hw.parts.delay import delay, delay_valid
from hw.parts.streams import Flow, FlowSignature


def latency_before(design: FermatDesign) -> int:
    """Cycles from a word behind the transform to the same word before its fold."""
    return max(latency_of(branch.before.steps) for branch in design.branches)


def latency_behind(design: FermatDesign) -> int:
    """Cycles from a product to the sum of all branches."""
    added_up = (len(design.branches) - 1).bit_length()
    return max(latency_of(branch.after.steps) for branch in design.branches) + added_up


def held(m: Module, flow: Flow, cycles: int, *, name: str) -> Flow:
    """Return ``flow`` as it was ``cycles`` cycles ago."""
    if not cycles:
        return flow
    later = FlowSignature(flow.payload.shape()).create(path=(name,))
    m.d.comb += [
        later.payload.eq(delay(m, flow.payload, cycles, name=f"{name}_word")),
        later.valid.eq(delay_valid(m, flow.valid, cycles, name=f"{name}_valid")),
    ]
    return later


def add_flows(m: Module, flows: Sequence[Flow], design: FermatDesign) -> Flow:
    """Return the sum of the branches' words, which come side by side."""
    if len(flows) == 1:
        return flows[0]
    total = FlowSignature(words_layout(design.inverse_entry, design.lanes)).create(path=("total",))
    ranges = [branch.o for branch in design.branches]
    for lane in range(design.lanes):
        words = [Word(f.payload[lane], o, 0) for f, o in zip(flows, ranges, strict=True)]
        added = add_all(m, words, name=f"branches_{lane}")
        m.d.comb += total.payload[lane].eq(added.value)
    added_up = (len(flows) - 1).bit_length()
    m.d.comb += total.valid.eq(delay_valid(m, flows[0].valid, added_up, name="branches_valid"))
    return total
