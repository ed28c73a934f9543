"""The output buffer's contract, proved for all time: no beat lost, doubled, changed or moved."""

import pytest
from amaranth.hdl import Module, Signal, Value

from hw.parts.streams import OutputBuffer
from sim.prove import Harness, Refuted

TIMEOUT = 600
"""Seconds, against a search without an end: machines differ threefold, and tests share them."""


class BufferContract(Harness):
    """Beats that enter while there is credit, arrive any time later, and leave when they may.

    One beat, any, is marked by the only 1 among the payloads. Since the buffer does not look at
    payloads, and any beat can be the marked one, all are given out once each and in order if every
    beat given out has the mark when the marked one's turn has come, and at no other time.
    """

    def __init__(self, depth: int, *, latency: int | None = None, honest: bool = True) -> None:
        super().__init__()
        self.depth = depth
        self.latency = OutputBuffer.latency_of(depth) if latency is None else latency
        self.honest = honest

    def contract(self, m: Module) -> dict[str, Value]:
        m.submodules.buffer = buffer = OutputBuffer(shape=1, depth=self.depth, target="generic")
        on_the_way, inside = (Signal(range(self.depth + 2), name=n) for n in ("on_the_way", "in"))
        arrives, given = Signal(), Signal()
        door = buffer.credit if self.honest else 1
        m.d.comb += [
            buffer.take.eq(self.choice("enter") & door & (on_the_way <= self.depth)),
            arrives.eq(self.choice("arrive") & (on_the_way != 0)),
            buffer.i.valid.eq(arrives),
            buffer.o.ready.eq(self.choice("ready")),
            given.eq(buffer.o.valid & buffer.o.ready),
        ]
        m.d.sync += [
            on_the_way.eq(on_the_way + buffer.take - arrives),
            inside.eq(inside + arrives - given),
        ]
        empty = (inside == 0) & (on_the_way == 0)
        return {
            "a beat is invented": buffer.o.valid & (inside == 0),
            "a beat is lost, doubled, changed or out of order": self.wrong_mark(
                m, buffer, arrives=arrives, given=given, inside=inside
            ),
            "a stalled beat moves": self.moved(m, buffer),
            # Whatever ready does: valid does not wait for it.
            "a beat is late": self.late(m, (inside != 0) & ~buffer.o.valid, self.latency),
            "a credit is lost": self.late(m, ~buffer.credit & empty, 3),
            "a beat is valid after reset": self.after_reset(m) & buffer.o.valid,
        }

    def wrong_mark(
        self, m: Module, buffer: OutputBuffer, *, arrives: Value, given: Value, inside: Signal
    ) -> Value:
        marked, next_out = Signal(), Signal()
        waits = Signal()  # the marked beat is in the buffer
        was_marked = Signal()
        ahead = Signal.like(inside)
        m.d.comb += [
            marked.eq(arrives & self.choice("mark") & ~was_marked),
            buffer.i.payload.eq(marked),
            next_out.eq(waits & (ahead == 0)),
        ]
        with m.If(marked):
            m.d.sync += [was_marked.eq(1), waits.eq(1), ahead.eq(inside - given)]
        with m.Elif(given):
            m.d.sync += ahead.eq(ahead - 1)
            with m.If(next_out):
                m.d.sync += waits.eq(0)
        return buffer.o.valid & (buffer.o.payload != next_out)

    @staticmethod
    def moved(m: Module, buffer: OutputBuffer) -> Value:
        stalled, payload = Signal(), Signal()
        m.d.sync += [stalled.eq(buffer.o.valid & ~buffer.o.ready), payload.eq(buffer.o.payload)]
        return stalled & (~buffer.o.valid | (buffer.o.payload != payload))


@pytest.mark.parametrize("depth", [3, 5])
def test_shallow_buffer_keeps_its_contract(depth: int) -> None:
    BufferContract(depth).prove(timeout=TIMEOUT)


@pytest.mark.bench
def test_deep_buffer_keeps_its_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deep form, its memory and the buffer behind it as small as they can be.

    One so small is not at full rate, hence the later bound.
    """
    monkeypatch.setattr(OutputBuffer, "SHALLOW", 3)
    monkeypatch.setattr(OutputBuffer, "depth_for", lambda _self, _in_flight: 3)
    BufferContract(4, latency=8).prove(timeout=TIMEOUT)


def test_latency_is_no_less() -> None:
    with pytest.raises(Refuted):
        BufferContract(3, latency=OutputBuffer.latency_of(3) - 1).prove(timeout=TIMEOUT)


def test_credit_is_needed() -> None:
    with pytest.raises(Refuted):
        BufferContract(3, honest=False).prove(timeout=TIMEOUT)


def test_mutants_are_refuted() -> None:
    survivors = BufferContract(3).survivors(20, module="buffer", seed=1, timeout=TIMEOUT)
    # What changes nothing: the clock's edge, which AIGER does not know, and the low bits of what is
    # compared with 0 for its sign.
    assert len(survivors) <= 2, survivors
