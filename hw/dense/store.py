"""Where all input lines of a group of channels are held while output lines are made of them."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.dense.design import DenseDesign
from hw.parts.counter import Counter, Odometer
from hw.parts.ports import Component, View
from hw.primitives.memory import READ_LATENCY, Memory

_LEAST_PACE = 2
"""Cycles from a group's first step to the cycle in which the next one's can be allowed."""


class GroupStore(Component):
    """Takes the lines of a group of channels into two halves in turn, and plays them for each sum.

    Each unit has a memory for its share of the input channels; all play in step. For a group of
    output lines the same lines of every input channel of the unit are played, each ``passes``
    times: in pass b, step t plays word ``(t + b * taps) mod N``. The next group of channels is
    taken meanwhile.

    Parameters
    ----------
    design
        Channels, units and lines.
    width
        Bits of a word.
    taps, passes
        Words from one pass to the next, and how often a line is played.
    pace
        Least cycles from the first step of a group of channels to that of the next, 0 for none.

    Members
    -------
    take : In
        Pulse: the door takes a beat.
    open : Out
        The door may take one.
    w_en, w_data : In
        A word for each beat of a transform, in order.
    available : Out
        A whole group is held.
    step : In
        Play the next word.
    last_position, last_turn, last_line, last_channel : In
        With `step`: it is the last of its pass, of its output line, of its output channel, and of
        its group of channels.
    x : Out, array of a word a unit
        `latency` cycles after its step.
    half, address : Out
        Where the word of this cycle's step is held in a unit.
    """

    take: Signal
    open: Signal
    w_en: Signal
    w_data: Signal
    available: Signal
    step: Signal
    last_position: Signal
    last_turn: Signal
    last_line: Signal
    last_channel: Signal
    x: View
    half: Signal
    address: Signal

    latency = READ_LATENCY

    def __init__(
        self,
        design: DenseDesign,
        *,
        width: int,
        taps: int | None = None,
        passes: int = 1,
        pace: int = 0,
    ) -> None:
        self._design = design
        self._width = width
        self._taps = taps or design.input_words
        self._passes = passes
        self._pace = pace
        words = data.ArrayLayout(width, design.products)
        flags = ("last_position", "last_turn", "last_line", "last_channel")
        super().__init__(
            {
                "take": In(1),
                "open": Out(1),
                "w_en": In(1),
                "w_data": In(width),
                "available": Out(1),
                "step": In(1),
                **{flag: In(1) for flag in flags},
                "x": Out(words),
                "half": Out(1),
                "address": Out(range(self._depth)),
            }
        )

    @property
    def _depth(self) -> int:
        return self._design.cycles_of_input // self._design.products

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        m.submodules.fill = fill = Odometer(word=self._depth, unit=design.products)
        write_half = Signal()
        read_half = Signal()
        address = Signal(range(self._depth))
        filled = Signal()
        released = Signal()
        held = Signal(range(3))  # halves
        m.d.comb += [
            fill.step.eq(self.w_en),
            filled.eq(self.w_en & fill.last_unit),
            released.eq(self.step & self.last_channel),
        ]
        # A register: much hangs on whether a step is taken.
        following = held + filled - released
        whole = Signal()
        m.d.sync += [held.eq(following), whole.eq(following[:2] != 0)]
        m.d.comb += [
            self.available.eq(whole & self._due(m)),
            self.half.eq(read_half),
            self.address.eq(address),
        ]
        with m.If(filled):
            m.d.sync += write_half.eq(~write_half)
        with m.If(released):
            m.d.sync += read_half.eq(~read_half)
        for unit in range(design.products):
            memory = Memory(depth=2 * self._depth, width=self._width, target=design.target)
            m.submodules[f"unit_{unit}"] = memory
            m.d.comb += [
                memory.w_en.eq(self.w_en & (fill.unit == unit)),
                memory.w_addr.eq(Cat(write_half, fill.word)),
                memory.w_data.eq(self.w_data),
                memory.r_en.eq(1),
                memory.r_addr.eq(Cat(read_half, address)),
                self.x[unit].eq(memory.r_data),
            ]
        self._guard(m, released)
        self._walk(m, address)
        return m

    def _due(self, m: Module) -> Value:
        """Return whether the next step is within a group, or begins one no sooner than it may."""
        if self._pace < _LEAST_PACE:
            return Const(1)
        fresh = Signal(init=1)
        due = Signal(init=1)
        rest = Signal(range(self._pace))
        with m.If(rest != 0):
            m.d.sync += rest.eq(rest - 1)
        with m.Else():
            m.d.sync += due.eq(1)
        with m.If(self.step):
            m.d.sync += fresh.eq(self.last_channel)
            with m.If(fresh):
                m.d.sync += [due.eq(0), rest.eq(self._pace - _LEAST_PACE)]
        return ~fresh | due

    def _guard(self, m: Module, released: Signal) -> None:
        """Let a group begin while a half is neither held nor promised to another."""
        design = self._design
        beats = design.length * design.in_channels * design.groups_per_channel
        m.submodules.door = door = Counter(beats)
        fresh = Signal(init=1)  # no group has begun
        promised = Signal(range(3))
        begins = Signal()
        m.d.comb += [
            door.step.eq(self.take),
            begins.eq(self.take & fresh),
            self.open.eq(~fresh | (promised < 2)),
        ]
        m.d.sync += promised.eq(promised + begins - released)
        with m.If(self.take):
            m.d.sync += fresh.eq(door.last)

    def _walk(self, m: Module, address: Signal) -> None:
        """Step ``address`` through a line's passes, the channels' lines, and line by line."""
        words = self._design.input_words
        next_channel = words * self._design.groups_per_channel
        line, row = Signal.like(address, name="line"), Signal.like(address, name="row")
        start = Signal(range(self._depth + next_channel), name="start")
        m.submodules.turn = turn = Counter(self._passes)
        m.d.comb += [turn.step.eq(self.step & self.last_position), start.eq(line + next_channel)]
        with m.If(self.last_turn):
            m.d.comb += start.eq(row + words)
        with m.If(self.last_line):
            m.d.comb += start.eq(0)
        wraps = self._go_round(m, line, start, turn) if self._passes > 1 else None
        with m.If(self.step):
            m.d.sync += address.eq(address + 1)
            if wraps is not None:
                with m.If(wraps):
                    m.d.sync += address.eq(line)
            with m.If(self.last_position):
                m.d.sync += address.eq(start)
                with m.If(turn.last):
                    m.d.sync += line.eq(start)
            with m.If(self.last_turn):
                m.d.sync += row.eq(start)

    def _go_round(self, m: Module, line: Signal, start: Signal, turn: Counter) -> Signal:
        """Begin a line's next pass `taps` words on; return whether the word is the line's last."""
        words = self._design.input_words
        begun = Signal.like(line, name="begun")  # the pass's first word
        offset = Signal(range(words + self._taps))  # its place in the line
        within = Signal(range(words))
        following = Signal.like(offset)
        wraps = Signal()
        m.d.comb += wraps.eq(within == words - 1)
        with m.If(~turn.last):
            m.d.comb += [start.eq(begun + self._taps), following.eq(offset + self._taps)]
        with m.If(self.step):
            m.d.sync += within.eq(Mux(wraps, 0, within + 1))
            with m.If(self.last_position):
                m.d.sync += [begun.eq(start), offset.eq(following), within.eq(following)]
        return wraps
