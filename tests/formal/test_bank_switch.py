"""The switch of table banks, proved for all time: no reader sees a bank change or being written."""

import pytest
from amaranth.hdl import Module, Signal, Value

from hw.line.weights_port import BankFollower, BankSwitch
from hw.parts.delay import delay_valid
from sim.prove import Harness, Refuted

TIMEOUT = 240


class SwitchContract(Harness):
    """Frames that begin and end as they like, read twice, and sets that fill the idle bank.

    The kernels' reader is in one frame at a time. The output's reader comes to the steps of each
    at least ``lag`` cycles later, and ends it at most ``frames`` behind. One frame, any, is marked,
    and the bank noted that its kernels are read from: the output's reader must find the same bank
    at its turn.
    """

    def __init__(
        self,
        frames: int,
        *,
        lag: int = BankFollower.LAG,
        writes_only_when_writable: bool = True,
    ) -> None:
        super().__init__()
        self.frames = frames
        self.lag = lag
        self.writes_only_when_writable = writes_only_when_writable

    def contract(self, m: Module) -> dict[str, Value]:
        m.submodules.switch = switch = BankSwitch()
        reading, begins, behind = self.kernels(m, switch)
        open_door = switch.writable if self.writes_only_when_writable else 1
        writes = self.choice("write") & open_door
        m.d.comb += switch.full.eq(writes & self.choice("last"))
        kernel_bank = Signal()
        m.d.sync += kernel_bank.eq(switch.kernel_bank)
        in_use, wrong_bank, noted_bank = self.marked(m, switch, begins=begins, behind=behind)
        idle = ~reading & ~begins & (behind == 0)
        had_a_set = self.had_a_set(m, switch)
        return {
            "a bank changes in a frame": reading & (switch.kernel_bank != kernel_bank),
            "a frame's output finds another bank": wrong_bank,
            "a bank in use is written": writes & in_use & (noted_bank != switch.kernel_bank),
            "the output's bank is written": writes & (switch.output_bank != switch.kernel_bank),
            "there is a set before the first": switch.available & ~had_a_set,
            "the first set is late": self.late(m, had_a_set & ~switch.available, 2),
            "a bank is not given back": self.late(m, idle & ~switch.writable, 5),
        }

    def kernels(self, m: Module, switch: BankSwitch) -> tuple[Signal, Signal, Signal]:
        """Return whether the kernels' reader is inside a frame, begins one, and the frames ended
        by it that the output's reader has not ended."""
        reading, begins, in_frame = Signal(), Signal(), Signal()
        behind, out = Signal(range(self.frames + 1)), Signal(range(self.frames + 1))
        m.d.comb += [
            begins.eq(self.choice("begin") & ~reading & switch.available),
            in_frame.eq(reading | begins),
            switch.kernel_idle.eq(~in_frame),
            switch.kernel_frame.eq(in_frame & self.choice("end") & (behind != self.frames)),
            switch.output_frame.eq(self.choice("leave") & (out != 0)),
        ]
        m.d.sync += [
            out.eq(
                out
                + delay_valid(m, switch.kernel_frame, self.lag - 1, name="kernel_frame")
                - switch.output_frame
            ),
            reading.eq(in_frame & ~switch.kernel_frame),
            behind.eq(behind + switch.kernel_frame - switch.output_frame),
        ]
        return reading, begins, behind

    def marked(
        self, m: Module, switch: BankSwitch, *, begins: Signal, behind: Signal
    ) -> tuple[Value, Value, Value]:
        """Return whether the marked frame is in flight, finds another bank, and its bank."""
        chosen, in_flight, bank = Signal(), Signal(), Signal()
        ahead = Signal.like(behind)
        m.d.comb += chosen.eq(begins & self.choice("mark") & ~in_flight)
        with m.If(chosen):
            m.d.sync += [
                in_flight.eq(1),
                bank.eq(switch.kernel_bank),
                ahead.eq(behind - switch.output_frame),
            ]
        with m.Elif(switch.output_frame):
            m.d.sync += ahead.eq(ahead - 1)
            with m.If(ahead == 0):
                m.d.sync += in_flight.eq(0)
        begun: Value = in_flight
        for cycle in range(1, self.lag):
            begun = begun & delay_valid(m, in_flight, cycle, name=f"in_flight_{cycle}_ago")
        return in_flight, begun & (ahead == 0) & (switch.output_bank != bank), bank

    def had_a_set(self, m: Module, switch: BankSwitch) -> Value:
        had = Signal()
        with m.If(switch.full):
            m.d.sync += had.eq(1)
        return had


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_banks_are_never_written_while_read(frames: int) -> None:
    SwitchContract(frames).prove(timeout=TIMEOUT)


def test_writable_is_needed() -> None:
    with pytest.raises(Refuted):
        SwitchContract(2, writes_only_when_writable=False).prove(timeout=TIMEOUT)


def test_the_lag_is_needed() -> None:
    with pytest.raises(Refuted):
        SwitchContract(2, lag=BankFollower.LAG - 1).prove(timeout=TIMEOUT)


def test_mutants_are_refuted() -> None:
    for module in ("switch", "switch.output"):
        survivors = SwitchContract(2).survivors(20, module=module, seed=1, timeout=TIMEOUT)
        # What changes nothing here: the edge of an only clock, the value after a reset that the
        # proof starts behind, bits that two frames never reach.
        assert len(survivors) <= 2, survivors
