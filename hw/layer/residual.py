"""The residual sum: the map that goes in is added to the one that comes out."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, Value, ValueLike, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.layer.skip import Skip
from golden.numbers.interval import Interval
from golden.numbers.quantize import MAX_SHIFT, MULTIPLIER_BITS
from hw.layer.base import W_EVENTS
from hw.layer.plan import Skipping, plane_beats
from hw.line.core import between_frames
from hw.line.output import beat_layout
from hw.line.weights_port import BankFollower, WeightsPort
from hw.parts.counter import Odometer
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Stream, StreamComponent, View, flipped
from hw.parts.requantize import Requantizer
from hw.parts.streams import OutputBuffer, connect_streams
from hw.parts.tables import Table, packed


def loads_layout(plan: Skipping) -> data.StructLayout:
    """Layout of a beat that loads a channel's scale."""
    fields = {
        "multiplier": unsigned(MULTIPLIER_BITS),
        "shift": unsigned(MAX_SHIFT.bit_length()),
        "zero_point": signed(plan.zero_points.bits),
    }
    return data.StructLayout(fields | {"last": unsigned(1)})


def word_layout(plan: Skipping) -> data.StructLayout:
    """Layout of a channel's word in the table of scales."""
    return data.StructLayout(
        {
            "multiplier": unsigned(MULTIPLIER_BITS),
            "shift": unsigned((plan.shifts.high - plan.shifts.low).bit_length()),
            "zero_point": signed(plan.zero_points.bits),
        }
    )


@dataclass(frozen=True)
class _Scale:
    """How a beat's samples are scaled: the zero point with them, the rest a cycle later."""

    multiplier: ValueLike
    shift: ValueLike
    zero_point: ValueLike


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
    w : In, stream of `loads_layout`
        Where scales are loaded, a channel a beat. A set takes effect between frames of results.
    event_w_last_unexpected, event_w_last_missing : Out
        See `LineEngine`; of `w`.
    """

    y: Stream
    w: Stream
    event_w_last_unexpected: Signal
    event_w_last_missing: Signal

    def __init__(self, plan: Skipping) -> None:
        self._plan = plan
        self._loaded = plan.layer.skipped is None
        lanes = plan.layer.lanes
        ports = {
            "i": In(stream.Signature(beat_layout(plan.layer.data_bits, lanes))),
            "y": In(stream.Signature(beat_layout(plan.result_bits, lanes))),
            "o": Out(stream.Signature(beat_layout(plan.output_bits, lanes))),
        }
        if self._loaded:
            ports["w"] = In(stream.Signature(loads_layout(plan)))
            ports |= {f"event_w_{event}": Out(1) for event in W_EVENTS}
        super().__init__(ports)

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
        scale, available = self._scale(m, joined)
        may_join = buffer.credit & available
        m.d.comb += [
            taken.eq(self.i.valid & kept.credit),
            self.i.ready.eq(kept.credit),
            kept.take.eq(taken),
            kept.i.valid.eq(taken),
            kept.i.payload.eq(self.i.payload),
            joined.eq(self.y.valid & kept.o.valid & may_join),
            self.y.ready.eq(kept.o.valid & may_join),
            kept.o.ready.eq(self.y.valid & may_join),
            buffer.take.eq(joined),
        ]
        self._add(m, kept.o.payload.samples, joined, scale)
        connect_streams(m, buffer.o, flipped(self.o))
        return m

    def _scale(self, m: Module, joined: Signal) -> tuple[_Scale, ValueLike]:
        """Return the scale of the beat that joins its result, and whether there is one."""
        plan, channels = self._plan, self._plan.layer.channels
        skip = plan.layer.skipped
        if skip is not None and not skip.varies:
            own = {name: int(value) for name, value in vars(skip).items()}
            return _Scale(own["multiplier"], 0, own["zero_point"]), 1
        layout = word_layout(plan)
        m.submodules.place = place = Odometer(beat=plane_beats(plan.layer), plane=channels)
        m.submodules.scales = table = Table(
            words=None if skip is None else self._words(skip),
            depth=channels,
            width=layout.size,
            target=plan.layer.target,
        )
        m.d.comb += [place.step.eq(joined), table.addr.eq(place.plane)]
        available = self._load(m, table, joined, place.last_plane) if self._loaded else 1
        later = layout(delay(m, table.data, 1, name="scale"))
        return _Scale(later.multiplier, later.shift, layout(table.data).zero_point), available

    def _words(self, skip: Skip) -> list[int]:
        each = skip.each(self._plan.layer.channels)
        rows = zip(each["multiplier"], each["shift"], each["zero_point"], strict=True)
        high = self._plan.shifts.high
        return [
            packed(
                word_layout(self._plan),
                {"multiplier": int(a), "shift": high - int(s), "zero_point": int(z)},
            )
            for a, s, z in rows
        ]

    def _load(self, m: Module, table: Table, joined: Signal, last: Signal) -> Value:
        """Fill ``table`` from the port; return whether a set is in effect."""
        m.submodules.weights = port = WeightsPort(
            channels=self._plan.layer.channels,
            words=1,
            length=1,
            coefficient_bits=len(table.data),
            start_bits=0,
            scale_bits=0,
            stride=1,
        )
        frame = Signal()
        beat = self.w.payload
        shift = (MAX_SHIFT - beat.shift)[: MAX_SHIFT.bit_length()]
        m.d.comb += [
            frame.eq(joined & last),
            port.w.payload.coefficient.eq(Cat(beat.multiplier, shift, beat.zero_point)),
            port.w.payload.last.eq(beat.last),
            port.w.valid.eq(self.w.valid),
            self.w.ready.eq(port.w.ready),
            port.kernel_frame.eq(frame),
            port.kernel_idle.eq(between_frames(m, joined, last)),
            # No other reader follows; but as one that does, it must come later.
            port.output_frame.eq(delay_valid(m, frame, BankFollower.LAG, name="frame")),
            self.event_w_last_unexpected.eq(port.event_last_unexpected),
            self.event_w_last_missing.eq(port.event_last_missing),
        ]
        wiring.connect(m, port.coefficients, table.load)
        return port.available

    def _add(self, m: Module, samples: View, joined: Signal, own: _Scale) -> None:
        layer, plan = self._plan.layer, self._plan
        buffer = m.submodules.buffer
        m.submodules.scale = scale = Requantizer(
            lanes=layer.lanes,
            accumulator=plan.centred,
            shifts=plan.shifts,
            clip=Skip.clip(plan.output_bits),
            zero_points=Interval(0, 0),
            output_bits=plan.output_bits + 1,
            target=layer.target,
        )
        m.d.comb += [
            scale.i.valid.eq(delay_valid(m, joined, plan.ahead + 1, name="joined")),
            scale.multiplier.eq(own.multiplier),
            scale.shift.eq(own.shift),
        ]
        samples = delay(m, samples, plan.ahead, name="sample")
        results = delay(m, self.y.payload, plan.ahead + plan.scaling, name="y")
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
                centred.eq(samples[lane] - own.zero_point),
                total.eq(results.samples[lane] + scale.o.payload[lane]),
                clipped.eq(Mux(total < low, low, Mux(total > high, high, total))),
            ]
            m.d.comb += [
                scale.i.payload[lane].eq(centred),
                buffer.i.payload.samples[lane].eq(clipped),
            ]
