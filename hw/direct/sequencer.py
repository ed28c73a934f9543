"""When the direct engine's two waves step."""

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import In, Out

from golden.direct.design import DirectDesign
from hw.line.core import between_frames
from hw.parts.counter import Counter, Odometer
from hw.parts.ports import Component


class Sequencer(Component):
    """Steps the new wave through a pass of N samples, and the old wave behind it through the rest.

    In step t of a pass, tap k <= t holds the partial sum of output t - k. After step N - 1 the taps
    still hold the last P - 1 outputs; the old wave finishes them in steps 0 to P - 2, on the same
    samples once more, in the taps k > t that the next pass has not reached. The new wave waits for
    samples; the old one waits for nothing but credit, so it stays ahead and no output is held back.

    Members
    -------
    available : In
        A sample for the new wave is there.
    credit : In
        The output buffer has room. Nothing steps without it.
    new, old : Out
        The waves step in this cycle.
    position, old_position : Out
        Of those steps.
    last_position, last_line, last_channel, last_frame : Out
        The new wave's step is the last of its pass, line, channel, frame.
    full : Out
        The new wave's step is the last tap's too.
    take : Out
        A result will come of this cycle's steps.
    idle : Out
        The new wave has begun no frame and begins none in this cycle.
    """

    available: Signal
    credit: Signal
    new: Signal
    old: Signal
    position: Signal
    old_position: Signal
    last_position: Signal
    last_line: Signal
    last_channel: Signal
    last_frame: Signal
    full: Signal
    take: Signal
    idle: Signal

    def __init__(self, design: DirectDesign) -> None:
        self._design = design
        super().__init__(
            {
                "available": In(1),
                "credit": In(1),
                "new": Out(1),
                "old": Out(1),
                "position": Out(range(design.length)),
                "old_position": Out(range(max(design.taps - 1, 1))),
                "last_position": Out(1),
                "last_line": Out(1),
                "last_channel": Out(1),
                "last_frame": Out(1),
                "full": Out(1),
                "take": Out(1),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        m.submodules.place = place = Odometer(
            position=design.length,
            turn=design.turns,
            group=design.groups_per_channel,
            channel=design.stored_channels,
        )
        m.d.comb += [
            self.new.eq(self.available & self.credit),
            place.step.eq(self.new),
            self.position.eq(place.position),
            self.last_position.eq(place.last_position),
            self.last_line.eq(place.last_turn),
            self.last_channel.eq(place.last_group),
            self.last_frame.eq(place.last_channel),
        ]
        m.d.comb += self.idle.eq(between_frames(m, self.new, self.last_frame))
        last_turn = Signal()
        m.d.comb += last_turn.eq(place.turn == design.turns - 1)
        finishes = self._follow(m, last_turn)
        m.d.comb += [
            self.full.eq(self._chain_full(m)),
            self.take.eq(finishes | (self.new & last_turn & self.full)),
        ]
        return m

    def _chain_full(self, m: Module) -> Signal:
        """High in the steps of the new wave that reach the last tap: P - 1 to N - 1."""
        taps = self._design.taps
        full = Signal(init=taps == 1)
        if taps == 1:
            m.d.comb += full.eq(1)
            return full
        with m.If(self.new):
            with m.If(self.position == taps - 2):
                m.d.sync += full.eq(1)
            with m.If(self.last_position):
                m.d.sync += full.eq(0)
        return full

    def _follow(self, m: Module, last_turn: Signal) -> Signal:
        """Run the old wave; return whether its step of this cycle finishes a result."""
        finishes = Signal()
        if self._design.taps == 1:
            return finishes
        active = Signal()
        in_last_turn = Signal()
        m.submodules.behind = behind = Counter(self._design.taps - 1)
        m.d.comb += [
            self.old.eq(active & self.credit),
            behind.step.eq(self.old),
            self.old_position.eq(behind.value),
            finishes.eq(self.old & in_last_turn),
        ]
        with m.If(self.old & behind.last):
            m.d.sync += active.eq(0)
        with m.If(self.new & self.last_position):
            m.d.sync += [active.eq(1), in_last_turn.eq(last_turn)]
        return finishes
