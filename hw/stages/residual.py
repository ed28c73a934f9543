"""The residual sum: the map that goes in is added to the one that comes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import Cat, Module, Mux, Signal, Value, ValueLike, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.numbers.interval import Interval
from golden.numbers.quantize import MAX_SHIFT, MULTIPLIER_BITS
from golden.stages.residual import WIDER, ResidualSum, Skip
from hw.graph.count import Counted
from hw.graph.stage import StageHardware
from hw.line.core import between_frames
from hw.line.output import beat_layout
from hw.line.pace import BufferPace
from hw.line.weights_port import W_EVENTS, BankFollower, WeightsPort
from hw.parts.counter import Odometer
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Stream, StreamComponent, View, flipped
from hw.parts.requantize import Requantizer
from hw.parts.streams import OutputBuffer, connect_streams
from hw.parts.tables import Table, packed
from hw.predict import buffer, counter, product, ram, rom
from hw.primitives.memory import READ_LATENCY
from hw.targets.cost import Cost


def loads_layout(plan: "ResidualHardware") -> data.StructLayout:
    """Layout of a beat that loads a channel's scale."""
    fields = {
        "multiplier": unsigned(MULTIPLIER_BITS),
        "shift": unsigned(MAX_SHIFT.bit_length()),
        "zero_point": signed(plan.zero_points.bits),
    }
    return data.StructLayout(fields | {"last": unsigned(1)})


def word_layout(plan: "ResidualHardware") -> data.StructLayout:
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

    def __init__(self, plan: "ResidualHardware") -> None:
        self._plan = plan
        self._loaded = plan.stage.skip is None
        lanes = plan.place.lanes
        ports = {
            "i": In(stream.Signature(beat_layout(plan.stage.samples.bits, lanes))),
            "y": In(stream.Signature(beat_layout(plan.result_bits, lanes))),
            "o": Out(stream.Signature(beat_layout(plan.output_bits, lanes))),
        }
        if self._loaded:
            ports["w"] = In(stream.Signature(loads_layout(plan)))
            ports |= {f"event_w_{event}": Out(1) for event in W_EVENTS}
        super().__init__(ports)

    @property
    def loaders(self) -> list["Residual"]:
        """Itself: what scales are loaded into."""
        return [self]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        plan, stage, place = self._plan, self._plan.stage, self._plan.place
        m.submodules.kept = kept = OutputBuffer(
            shape=beat_layout(stage.samples.bits, place.lanes),
            depth=plan.depth,
            target=place.target,
        )
        m.submodules.buffer = buffer = OutputBuffer(
            shape=beat_layout(plan.output_bits, place.lanes),
            depth=plan.buffer_depth,
            target=place.target,
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
        plan, channels = self._plan, self._plan.stage.samples.channels
        skip = plan.stage.skip
        if skip is not None and not skip.varies:
            own = {name: int(value) for name, value in vars(skip).items()}
            return _Scale(own["multiplier"], 0, own["zero_point"]), 1
        layout = word_layout(plan)
        m.submodules.place = odometer = Odometer(beat=plan.plane_beats, plane=channels)
        m.submodules.scales = table = Table(
            words=None if skip is None else self._words(skip),
            depth=channels,
            width=layout.size,
            target=plan.place.target,
        )
        m.d.comb += [odometer.step.eq(joined), table.addr.eq(odometer.plane)]
        available = self._load(m, table, joined, odometer.last_plane) if self._loaded else 1
        later = layout(delay(m, table.data, 1, name="scale"))
        return _Scale(later.multiplier, later.shift, layout(table.data).zero_point), available

    def _words(self, skip: Skip) -> list[int]:
        each = skip.each(self._plan.stage.samples.channels)
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
            channels=self._plan.stage.samples.channels,
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
        plan, stage, place = self._plan, self._plan.stage, self._plan.place
        buffer = m.submodules.buffer
        m.submodules.scale = scale = Requantizer(
            lanes=place.lanes,
            accumulator=plan.centred,
            shifts=plan.shifts,
            clip=Skip.clip(plan.output_bits),
            zero_points=Interval(0, 0),
            output_bits=plan.output_bits + 1,
            target=place.target,
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
        low, high = stage.total.range.low, stage.total.range.high
        for lane in range(place.lanes):
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


class ResidualHardware(StageHardware[ResidualSum]):
    """See `Residual`."""

    marks_frames = None

    @cached_property
    def component(self) -> Residual:
        """See `StageHardware`."""
        return Residual(self)

    @property
    def takes(self) -> Sequence[str]:
        """See `StageHardware`."""
        return ("i", "y")

    @property
    def plane_beats(self) -> int:
        """Beats of a channel."""
        return self.place.plane_beats(self.stage.total)

    @property
    def output_bits(self) -> int:
        """Width of a sum."""
        return self.stage.total.bits

    @property
    def result_bits(self) -> int:
        """Width of what samples are added to."""
        return self.output_bits + WIDER

    @property
    def tabled(self) -> bool:
        """Whether a table has the scales, a channel each: they differ, or are loaded."""
        return self.stage.skip is None or self.stage.skip.varies

    @property
    def zero_points(self) -> Interval:
        """Range of what stands for 0 in a sample."""
        skip = self.stage.skip
        return self.stage.samples.range if skip is None else Interval.of(skip.zero_point)

    @property
    def shifts(self) -> Interval:
        """Range of the shifts that scale samples."""
        skip = self.stage.skip
        return Interval(0, MAX_SHIFT) if skip is None else Interval.of(skip.shift)

    @property
    def centred(self) -> Interval:
        """Range of a sample without its zero point."""
        data, zero_points = self.stage.samples.range, self.zero_points
        return Interval(data.low - zero_points.high, data.high - zero_points.low)

    @property
    def ahead(self) -> int:
        """Cycles that samples wait for the table's word."""
        return READ_LATENCY if self.tabled else 0

    @property
    def depth(self) -> int:
        """Samples that have room while their results are on the way."""
        return OutputBuffer.depth_for(self.place.waits[0])

    @property
    def scaling(self) -> int:
        """Cycles from a sample to its scaled value: its zero point off, then requantised."""
        return 1 + Requantizer.latency_on(self.place.target, y_bits=self.centred.bits)

    @property
    def in_flight(self) -> int:
        """Cycles from a sample that meets its result to the clipped sum."""
        return self.ahead + self.scaling + 2

    @property
    def buffer_depth(self) -> int:
        """Beats that the buffer at the end holds."""
        return OutputBuffer.depth_for(self.in_flight)

    @property
    def latency(self) -> int:
        """See `StageHardware`; from a result."""
        return self.in_flight + OutputBuffer.latency_of(self.buffer_depth)

    @property
    def cycles_per_frame(self) -> int:
        """See `StageHardware`."""
        return self.place.frame_beats(self.stage.total)

    @property
    def cost(self) -> Cost:
        """See `StageHardware`."""
        lanes, bits = self.place.lanes, self.output_bits
        cost = buffer(depth=self.depth, width=lanes * self.stage.samples.bits)
        cost += buffer(depth=self.buffer_depth, width=lanes * bits + 1)
        cost += product(lanes=lanes, a_bits=self.centred.bits, b_bits=_SCALE_BITS)
        if self.tabled:
            cost += self._scales
        return cost + Cost(luts=lanes * _SUM_LUTS * bits)

    @property
    def _scales(self) -> Cost:
        """Cost of the table of scales, of counting through it, and of aligning products by it."""
        channels, spread = self.stage.samples.channels, self.shifts.high - self.shifts.low
        aligned = self.centred.bits + _SCALE_BITS + spread
        cost = counter(self.plane_beats) + counter(channels)
        cost += Cost(luts=self.place.lanes * aligned * spread.bit_length())
        return cost + (self._in_rom if self.stage.skip is not None else self._loaded)

    @property
    def _in_rom(self) -> Cost:
        return rom(depth=self.stage.samples.channels, width=word_layout(self).size)

    @property
    def _loaded(self) -> Cost:
        channels = self.stage.samples.channels
        port = counter(channels) + Cost(luts=_PORT_LUTS)
        return port + ram(depth=2 * channels, width=word_layout(self).size)

    @property
    def saved_by_rom(self) -> Cost:
        """See `StageHardware`."""
        return Cost() if self.stage.skip is not None else self._loaded - self._in_rom

    @property
    def loads(self) -> Mapping[str, data.StructLayout]:
        """See `StageHardware`."""
        return {name: loads_layout(self) for name in self.stage.slots}

    def counted(self, planes: int) -> Counted:
        """See `StageHardware`."""
        return CountedResidual(self.depth)


class CountedResidual(Counted):
    """The control of a sum whose samples wait in a buffer."""

    def __init__(self, depth: int) -> None:
        self._kept = BufferPace(depth)

    def offers(self, given: Sequence[bool]) -> bool:
        """See `Counted`."""
        return given[1] and self._kept.valid

    def takes(self, o_ready: bool) -> Sequence[bool]:
        """See `Counted`."""
        return self._kept.credit, self._kept.valid and o_ready

    def step(self, given: Sequence[bool], o_ready: bool) -> None:
        """See `Counted`."""
        self._kept.step(given[0], given[0], given[1] and o_ready)


_SCALE_BITS = 18
_PORT_LUTS = 60
"""Control of a port that fills one small table."""
_SUM_LUTS = 8
"""A bit's share of scaling, sum and clip."""
