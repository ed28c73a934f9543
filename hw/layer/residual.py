"""The residual sum: the map that goes in is added to the one that comes out."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from golden.interval import Interval
from hw.delay import delay, delay_valid
from hw.layer.plan import Skipping
from hw.output import beat_layout
from hw.ports import Stream, StreamComponent, View, flipped
from hw.requantize import Requantizer
from hw.streams import OutputBuffer, connect_streams


class Residual(StreamComponent):
    """Keeps a layer's samples until their results come, scales them, and adds them.

    One beat a cycle; a sum leaves `latency` cycles after its result came.

    Parameters
    ----------
    plan
        What to build.

    Members
    -------
    i : In, stream of beats
        Samples, together with those that the layer takes.
    y : In, stream of beats
        Results, wide enough that none was clipped that a sum could bring back.
    o : Out, stream of beats
    """

    y: Stream

    def __init__(self, plan: Skipping) -> None:
        self._plan = plan
        lanes = plan.layer.lanes
        super().__init__(
            {
                "i": In(stream.Signature(beat_layout(plan.layer.data_bits, lanes))),
                "y": In(stream.Signature(beat_layout(plan.result_bits, lanes))),
                "o": Out(stream.Signature(beat_layout(plan.output_bits, lanes))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer, plan = self._plan.layer, self._plan
        m.submodules.kept = kept = OutputBuffer(
            shape=beat_layout(layer.data_bits, layer.lanes), depth=plan.depth, target=layer.target
        )
        m.submodules.buffer = buffer = OutputBuffer(
            shape=beat_layout(plan.output_bits, layer.lanes),
            depth=plan.buffer_depth,
            target=layer.target,
        )
        taken = Signal()
        joined = Signal()
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
        connect_streams(m, buffer.o, flipped(self.o))
        return m

    def _add(self, m: Module, samples: View, joined: Signal) -> None:
        layer, plan = self._plan.layer, self._plan
        buffer = m.submodules.buffer
        m.submodules.scale = scale = Requantizer(
            lanes=layer.lanes,
            accumulator=plan.centred,
            shifts=Interval(layer.skipped.shift, layer.skipped.shift),
            clip=layer.skipped.clip(plan.output_bits),
            zero_point=0,
            output_bits=plan.output_bits + 1,
            target=layer.target,
        )
        m.d.comb += [
            scale.i.valid.eq(delay_valid(m, joined, 1, name="joined")),
            scale.multiplier.eq(layer.skipped.multiplier),
            scale.shift.eq(0),
        ]
        results = delay(m, self.y.payload, plan.scaling, name="y")
        last = delay(m, results.last, 2, name="last")
        m.d.comb += [
            buffer.i.valid.eq(delay_valid(m, scale.o.valid, 2, name="scaled")),
            buffer.i.payload.last.eq(last),
        ]
        low, high = layer.output_range.low, layer.output_range.high
        for lane in range(layer.lanes):
            centred = Signal(signed(plan.centred.bits), name=f"centred_{lane}", reset_less=True)
            total = Signal(signed(plan.result_bits + 1), name=f"total_{lane}", reset_less=True)
            clipped = Signal(signed(plan.output_bits), name=f"clipped_{lane}", reset_less=True)
            m.d.sync += [
                centred.eq(samples[lane] - layer.skipped.zero_point),
                total.eq(results.samples[lane] + scale.o.payload[lane]),
                clipped.eq(Mux(total < low, low, Mux(total > high, high, total))),
            ]
            m.d.comb += [
                scale.i.payload[lane].eq(centred),
                buffer.i.payload.samples[lane].eq(clipped),
            ]
