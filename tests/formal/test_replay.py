"""The line memory of a folded engine, proved for all time: it plays what it took, in order."""

import pytest
from amaranth.hdl import Module, Mux, Signal, Value

from golden.direct.design import DirectDesign
from hw.direct.replay import LineReplay
from sim.prove import Harness, Refuted

TIMEOUT = 240


class ReplayContract(Harness):
    """Samples that come as they like, and a player that steps as it likes while a line waits.

    One sample, any, is marked, as in the output buffer's contract: with the place in its line, and
    the number of lines before it that the player has not done with.
    """

    def __init__(self, length: int, taps: int, *, shift: int = 0) -> None:
        super().__init__()
        self.design = DirectDesign(
            name="replay", length=length, macs=taps, data_bits=2, weights=None
        )
        self.shift = shift

    def contract(self, m: Module) -> dict[str, Value]:
        design = self.design
        m.submodules.replay = replay = LineReplay(design)
        taken = Signal()
        m.d.comb += [
            replay.i.valid.eq(self.choice("valid")),
            replay.step.eq(self.choice("step") & replay.available),
            taken.eq(replay.i.valid & replay.i.ready),
        ]
        waiting, place = Signal(range(4)), Signal(range(design.length))
        line_taken, line_done = Signal(), Signal()
        m.d.comb += line_taken.eq(taken & (place == design.length - 1))
        with m.If(taken):
            m.d.sync += place.eq(Mux(line_taken, 0, place + 1))
        m.d.sync += waiting.eq(waiting + line_taken - line_done)
        played = self.play(m, replay, line_done)
        expected = self.mark(
            m, replay, taken=taken, place=place, waiting=waiting, done=line_done, played=played
        )
        return {
            "a sample is not what was taken": self.two_later(m, replay.step)
            & (replay.x[0] != -self.two_later(m, expected)),
            "a line is played before it is there": replay.available & (waiting == 0),
            "a line is not played": self.late(m, (waiting != 0) & ~replay.available, 1),
            "a sample is refused": self.late(m, (waiting < 2) & ~replay.i.ready, 1),
            "a third line is taken": waiting == 3,
        }

    def play(self, m: Module, replay: LineReplay, line_done: Signal) -> Signal:
        """Count steps and passes; return the place that the step of this cycle plays."""
        design = self.design
        step, turn = Signal(range(design.length)), Signal(range(design.passes))
        m.d.comb += [
            replay.last_pass_step.eq(step == design.length - 1),
            replay.last_line_step.eq(replay.last_pass_step & (turn == design.passes - 1)),
            line_done.eq(replay.step & replay.last_line_step),
        ]
        with m.If(replay.step):
            m.d.sync += step.eq(Mux(replay.last_pass_step, 0, step + 1))
            with m.If(replay.last_pass_step):
                m.d.sync += turn.eq(Mux(replay.last_line_step, 0, turn + 1))
        played = Signal(range(design.length))
        with m.Switch(turn):
            for number in range(design.passes):
                first = number * design.taps + self.shift
                with m.Case(number):
                    m.d.comb += played.eq((step + first) % design.length)
        return played

    def mark(
        self,
        m: Module,
        replay: LineReplay,
        *,
        taken: Signal,
        place: Signal,
        waiting: Signal,
        done: Signal,
        played: Signal,
    ) -> Signal:
        """Mark one sample by the only -1; return whether it is the one to be played."""
        marked, was_marked, kept = Signal(), Signal(), Signal()
        ahead, at = Signal.like(waiting), Signal.like(place)
        expected = Signal()
        m.d.comb += [
            marked.eq(taken & self.choice("mark") & ~was_marked),
            replay.i.payload.samples[0].eq(Mux(marked, -1, 0)),
            expected.eq(kept & (ahead == 0) & (at == played)),
        ]
        with m.If(marked):
            m.d.sync += [was_marked.eq(1), kept.eq(1), at.eq(place), ahead.eq(waiting - done)]
        with m.Elif(done):
            m.d.sync += ahead.eq(ahead - 1)
            with m.If(ahead == 0):
                m.d.sync += kept.eq(0)
        return expected

    @staticmethod
    def two_later(m: Module, bit: Value) -> Signal:
        once, twice = Signal(), Signal()
        m.d.sync += [once.eq(bit), twice.eq(once)]
        return twice


@pytest.mark.parametrize(("length", "taps"), [(2, 1), (3, 2), (4, 3)])
def test_lines_are_played_in_order(length: int, taps: int) -> None:
    ReplayContract(length, taps).prove(timeout=TIMEOUT)


def test_another_order_is_refuted() -> None:
    with pytest.raises(Refuted, match=r": a sample is not what was taken$"):
        ReplayContract(3, 2, shift=1).prove(timeout=TIMEOUT)


def test_mutants_are_refuted() -> None:
    survivors = ReplayContract(2, 1).survivors(20, module="replay", seed=1, timeout=TIMEOUT)
    assert len(survivors) <= 2, survivors
