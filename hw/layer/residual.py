"""The residual sum: the map that goes in is added to the one that comes out."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.interval import Interval
from golden.layer_forms import MetaFormerDesign
from golden.layer_skip import WIDER
from hw.delay import delay, delay_valid
from hw.output import beat_layout
from hw.requantize import Requantizer
from hw.streams import OutputBuffer, connect_streams


class Residual(wiring.Component):
    """Keeps a layer's samples until their results come, scales them, and adds them.

    One beat a cycle; a sum leaves `latency` cycles after its result came.

    Parameters
    ----------
    design
        The layer.
    wait
        Beats that come in before a result does, at full rate: as many and more have room.

    Members
    -------
    i : In, stream of beats
        Samples, together with those that the layer takes.
    y : In, stream of beats
        Results, wider by `WIDER` bits.
    o : Out, stream of beats
    """

    def __init__(self, design: MetaFormerDesign, *, wait: int) -> None:
        if design.output is None:
            raise ValueError("Output must be requantised, not whole")
        self._design = design
        self._clip = design.output.clip
        self._skip = design.skipped
        self._bits = design.output.bits
        self._wait = wait
        samples = Interval.signed(design.data_bits)
        z = self._skip.zero_point
        self._centred = Interval(samples.low - z, samples.high - z)
        lanes = design.lanes
        super().__init__(
            {
                "i": In(stream.Signature(beat_layout(design.data_bits, lanes))),
                "y": In(stream.Signature(beat_layout(self._bits + WIDER, lanes))),
                "o": Out(stream.Signature(beat_layout(self._bits, lanes))),
            }
        )

    @property
    def depth(self) -> int:
        """Beats that have room while their results are on the way."""
        return OutputBuffer.depth_for(self._wait)

    @property
    def _scaling(self) -> int:
        """Cycles from a sample to its scaled value: without its zero point, then requantised."""
        bits = self._centred.bits
        return 1 + Requantizer.latency_on(self._design.target, y_bits=bits)

    @property
    def _in_flight(self) -> int:
        return self._scaling + 2

    @property
    def buffer_depth(self) -> int:
        """Beats that the buffer at the end holds."""
        return OutputBuffer.depth_for(self._in_flight)

    @property
    def latency(self) -> int:
        """Cycles from a result to its sum."""
        return self._in_flight + OutputBuffer.latency_of(self.buffer_depth)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        target, lanes = self._design.target, self._design.lanes
        m.submodules.kept = kept = OutputBuffer(
            shape=beat_layout(self._design.data_bits, lanes), depth=self.depth, target=target
        )
        m.submodules.buffer = buffer = OutputBuffer(
            shape=beat_layout(self._bits, lanes), depth=self.buffer_depth, target=target
        )
        taken, joined = Signal(), Signal()
        m.d.comb += [
            taken.eq(self.i.valid & kept.credit),
            self.i.ready.eq(kept.credit),
            kept.take.eq(taken),
            kept.i.valid.eq(taken),
            kept.i.payload.eq(self.i.payload),
            joined.eq(self.y.valid & kept.o.valid & buffer.credit),
            self.y.ready.eq(kept.o.valid & buffer.credit),
            kept.o.ready.eq(self.y.valid & buffer.credit),
            buffer.take.eq(joined),
        ]
        self._add(m, kept.o.payload.samples, joined)
        connect_streams(m, buffer.o, wiring.flipped(self.o))
        return m

    def _add(self, m: Module, samples: data.View, joined: Signal) -> None:
        buffer = m.submodules.buffer
        m.submodules.scale = scale = Requantizer(
            lanes=self._design.lanes,
            accumulator=self._centred,
            shifts=Interval(self._skip.shift, self._skip.shift),
            clip=self._skip.clip(self._bits),
            zero_point=0,
            output_bits=self._bits + 1,
            target=self._design.target,
        )
        m.d.comb += [
            scale.i.valid.eq(delay_valid(m, joined, 1, name="joined")),
            scale.multiplier.eq(self._skip.multiplier),
            scale.shift.eq(0),
        ]
        results = delay(m, self.y.payload, self._scaling, name="y")
        last = delay(m, results.last, 2, name="last")
        m.d.comb += [
            buffer.i.valid.eq(delay_valid(m, scale.o.valid, 2, name="scaled")),
            buffer.i.payload.last.eq(last),
        ]
        for lane in range(self._design.lanes):
            centred = Signal(signed(self._centred.bits), name=f"centred_{lane}", reset_less=True)
            total = Signal(signed(self._bits + WIDER + 1), name=f"total_{lane}", reset_less=True)
            clipped = Signal(signed(self._bits), name=f"clipped_{lane}", reset_less=True)
            low, high = self._clip.low, self._clip.high
            m.d.sync += [
                centred.eq(samples[lane] - self._skip.zero_point),
                total.eq(results.samples[lane] + scale.o.payload[lane]),
                clipped.eq(Mux(total < low, low, Mux(total > high, high, total))),
            ]
            m.d.comb += [
                scale.i.payload[lane].eq(centred),
                buffer.i.payload.samples[lane].eq(clipped),
            ]
