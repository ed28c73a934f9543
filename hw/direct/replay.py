"""The direct engine's line memory: a line is played once for each pass."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.direct.design import DirectDesign
from hw.line.output import beat_layout
from hw.parts.counter import Counter
from hw.parts.ports import Component, Stream, View
from hw.primitives.memory import READ_LATENCY, Memory


class LineReplay(Component):
    """Takes lines into two buffers in turn, and plays each `passes` times.

    In pass b, step t plays sample ``(t + b * taps) mod N``. The next line is taken meanwhile.

    Members
    -------
    i : In, stream of beats
    available : Out
        A whole line waits or is being played.
    step : In
        Play the next sample.
    last_pass_step, last_line_step : In
        With `step`: it ends the pass, the line.
    x : Out, a sample a lane
        `latency` cycles after its step.
    """

    i: Stream
    available: Signal
    step: Signal
    last_pass_step: Signal
    last_line_step: Signal
    x: View

    latency = READ_LATENCY

    def __init__(self, design: DirectDesign) -> None:
        self._design = design
        samples = data.ArrayLayout(signed(design.data_bits), design.lanes)
        super().__init__(
            {
                "i": In(stream.Signature(beat_layout(design.data_bits, design.lanes))),
                "available": Out(1),
                "step": In(1),
                "last_pass_step": In(1),
                "last_line_step": In(1),
                "x": Out(samples),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        m.submodules.memory = memory = Memory(
            depth=2 * design.length,
            width=design.lanes * design.data_bits,
            target=design.target,
        )
        m.submodules.fill = fill = Counter(design.length)
        full = Signal(2)
        write_half = Signal()
        read_half = Signal()
        taken = Signal()
        address = Signal(range(design.length))
        m.d.comb += [
            self.i.ready.eq(~full.bit_select(write_half, 1)),
            taken.eq(self.i.valid & self.i.ready),
            fill.step.eq(taken),
            memory.w_en.eq(taken),
            memory.w_addr.eq(Cat(write_half, fill.value)),
            memory.w_data.eq(self.i.payload.samples.as_value()),
            self.available.eq(full.bit_select(read_half, 1)),
            memory.r_en.eq(1),
            memory.r_addr.eq(Cat(read_half, address)),
            self.x.eq(memory.r_data),
        ]
        with m.If(taken & fill.last):
            m.d.sync += [full.bit_select(write_half, 1).eq(1), write_half.eq(~write_half)]
        with m.If(self.step & self.last_line_step):
            m.d.sync += [full.bit_select(read_half, 1).eq(0), read_half.eq(~read_half)]
        self._walk(m, address)
        return m

    def _walk(self, m: Module, address: Signal) -> None:
        """Step ``address`` round the line, and on by `taps` from one pass to the next."""
        design = self._design
        wrapped = Signal()
        with m.If(self.step):
            m.d.sync += [address.eq(address + 1), wrapped.eq(address == design.length - 2)]
            with m.If(wrapped):
                m.d.sync += address.eq(0)
            with m.If(self.last_pass_step):
                self._start_pass(m, address, wrapped)

    def _start_pass(self, m: Module, address: Signal, wrapped: Signal) -> None:
        # At the last step of a pass the address is one before the pass's first.
        design = self._design
        base = Signal.like(address)
        start = Signal(range(design.length + design.taps))
        m.d.comb += start.eq(base + design.taps)
        with m.If(self.last_line_step):
            m.d.comb += start.eq(0)
        m.d.sync += [
            base.eq(start),
            address.eq(start),
            wrapped.eq(start == design.length - 1),
        ]
