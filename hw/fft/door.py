"""Where lines enter the FFT engine."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.fft.design import FftDesign
from hw.fft.beats import AHEAD, Beats, BeatSignature
from hw.line.core import between_frames
from hw.line.output import beat_layout
from hw.parts.counter import Counter, Odometer
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Component, Stream, View
from hw.primitives.memory import READ_LATENCY, Memory


def door_latency(design: FftDesign) -> int:
    """Cycles from a sample taken to the sample.

    One more ahead of ranks whose counts are no powers of two: with those the way from the credit
    to a count was the longest of the engine, 187 MHz at 56 samples on an ECP5.
    """
    return AHEAD + (design.flow.odd > 1)


class Door(Component):
    """Takes lines, and fills them up to a block of the transform.

    Where the line is as long as the transform, a sample goes in as it comes. Else the line also
    goes into a memory, from which all samples but the last follow once more; zeros fill the rest.
    The next line is taken when the block is complete.

    Members
    -------
    i : In, stream of beats
    o : Out, `BeatSignature` of samples
        `AHEAD` cycles later; in fewer bits where they keep to a narrower range.
    credit, available : In
        Nothing is taken unless both are high.
    take : Out
        Pulse: a beat is taken.
    frame, idle : Out
        The last beat of a frame is taken; none was begun, and none begins in this cycle.
    """

    i: Stream
    o: Beats
    credit: Signal
    available: Signal
    take: Signal
    frame: Signal
    idle: Signal

    def __init__(self, design: FftDesign) -> None:
        self._design = design
        self._samples = data.ArrayLayout(signed(design.data_bits), design.lanes)
        super().__init__(
            {
                "i": In(stream.Signature(beat_layout(design.data_bits, design.lanes))),
                "o": Out(BeatSignature(design.formats.sections[0].entry, design.pairs)),
                "credit": In(1),
                "available": In(1),
                "take": Out(1),
                "frame": Out(1),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        m.submodules.place = place = Odometer(
            position=design.length, group=design.groups_per_channel, channel=design.channels
        )
        ready = Signal(init=1)  # the block before is complete
        m.d.comb += [
            self.i.ready.eq(self.credit & self.available & ready),
            self.take.eq(self.i.valid & self.i.ready),
            place.step.eq(self.take),
            self.frame.eq(self.take & place.last_channel),
        ]
        m.d.comb += self.idle.eq(between_frames(m, self.take, place.last_channel))
        later = door_latency(design)
        samples = delay(m, self.i.payload.samples, later, name="samples")
        if design.size == design.length:
            entered = delay_valid(m, self.take, later - AHEAD, name="entered")
            m.d.comb += [ready.eq(1), self.o.early.eq(entered)]
        else:
            samples = self._extend(m, place, ready, samples)
        for lane in range(design.lanes):
            m.d.comb += self.o.z[lane // 2]["im" if lane % 2 else "re"].eq(samples[lane])
        return m

    def _extend(self, m: Module, place: Odometer, ready: Signal, samples: View) -> View:
        design = self._design
        m.submodules.memory = memory = Memory(
            depth=design.length, width=len(samples.as_value()), target=design.target
        )
        m.submodules.rest = rest = Counter(design.size - design.length)
        again = Signal()
        m.d.comb += [
            again.eq(~ready),
            rest.step.eq(again),
            self.o.early.eq(self.take | again),
            memory.w_en.eq(self.take),
            memory.w_addr.eq(place.position),
            memory.w_data.eq(self.i.payload.samples.as_value()),
            memory.r_en.eq(1),
            memory.r_addr.eq(rest.value),
        ]
        with m.If(self.take & place.last_position):
            m.d.sync += ready.eq(0)
        with m.If(again & rest.last):
            m.d.sync += ready.eq(1)
        again_now = delay_valid(m, again, READ_LATENCY, name="again")
        zero = delay(m, rest.value >= design.length - 1, READ_LATENCY, name="zero")
        repeated = Mux(zero, 0, memory.r_data)
        return self._samples(Mux(again_now, repeated, samples.as_value()))
