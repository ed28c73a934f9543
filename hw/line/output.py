"""The end of every engine: start values, requantisation, and the buffer that beats leave from."""

import numpy as np
from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.line.design import LineDesign
from golden.numbers.interval import Interval
from golden.numbers.quantize import MAX_SHIFT, MULTIPLIER_BITS
from hw.parts.counter import Odometer
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Component, Stream, flipped
from hw.parts.requantize import Requantizer
from hw.parts.streams import Flow, FlowSignature, OutputBuffer, connect_streams
from hw.parts.tables import Load, LoadSignature, Table, packed, walk_channels


def beat_layout(bits: int, lanes: int) -> data.StructLayout:
    """Layout of a beat on a stream: one sample of `bits` bits a lane, and the end of a group."""
    return data.StructLayout({"samples": data.ArrayLayout(signed(bits), lanes), "last": 1})


def scale_layout(design: LineDesign) -> data.StructLayout:
    """Layout of a channel's word in the table of scales."""
    shifts = shift_range(design)
    fields = {
        "multiplier": unsigned(MULTIPLIER_BITS),
        "shift": unsigned((shifts.high - shifts.low).bit_length()),
    }
    if design.zero_points_vary:
        fields["zero_point"] = signed(design.zero_points.bits)
    return data.StructLayout(fields)


def shift_range(design: LineDesign) -> Interval:
    """Range of the shifts that occur: of the ROM's, or all where they are loaded."""
    if design.weights is None or design.weights.shift is None:
        return Interval(0, MAX_SHIFT)
    return Interval(int(design.weights.shift.min()), int(design.weights.shift.max()))


def scale_bits(design: LineDesign) -> int:
    """Width of a channel's word in the table of scales; 0 without requantisation."""
    return 0 if design.requantization is None else scale_layout(design).size


def has_start(design: LineDesign) -> bool:
    """Whether there are start values to add."""
    return design.added_table is None or bool(np.any(design.added_table))


def stage_latency(design: LineDesign) -> int:
    """Cycles from a sum to the buffer: start value, requantisation."""
    if design.requantization is None:
        return int(has_start(design))
    y_bits = design.accumulator.bits
    return has_start(design) + Requantizer.latency_on(design.target, y_bits=y_bits)


def buffer_depth(design: LineDesign, *, in_flight: int) -> int:
    """Beats that the buffer holds: what can be on the way at full rate, and more."""
    return OutputBuffer.depth_for(in_flight + stage_latency(design))


def output_latency(design: LineDesign, *, in_flight: int) -> int:
    """Cycles from a sum to its result."""
    depth = buffer_depth(design, in_flight=in_flight)
    return stage_latency(design) + OutputBuffer.latency_of(depth)


class OutputStage(Component):
    """Adds the start value to an engine's sums, requantises where asked, and buffers the result.

    One beat a cycle. `latency` cycles from a sum on `i` to its result on `o`.

    Parameters
    ----------
    design
        What the engine was told.
    in_flight
        Most cycles between `take` and its sum on `i`: the buffer holds as many beats and more.
    ahead
        Cycles that `early` is ahead, at least `LOOKAHEAD`. Where it is more, what the tables give
        stands beside what it is added to: a block RAM is far from there.

    Members
    -------
    i : In, flow of a sum a lane
    early : In
        `i.valid` as it will be ``ahead`` cycles later: the tables are read meanwhile.
    take, credit : see `OutputBuffer`
    o : Out, stream of beats
    frame : Out
        Pulse, with `early`: the tables are read for the last beat of a frame.
    starts, scales : In, `LoadSignature`
        Where weights are loaded.
    """

    i: Flow
    early: Signal
    take: Signal
    credit: Signal
    o: Stream
    frame: Signal
    starts: Load
    scales: Load

    LOOKAHEAD = Table.latency

    def __init__(self, design: LineDesign, *, in_flight: int, ahead: int = Table.latency) -> None:
        self._design = design
        self._ahead = ahead
        self._in_flight = in_flight
        self._depth = buffer_depth(design, in_flight=in_flight)
        self._shifts = shift_range(design)
        ports = {
            "i": In(FlowSignature(data.ArrayLayout(signed(design.core_bits), design.lanes))),
            "early": In(1),
            "take": In(1),
            "credit": Out(1),
            "o": Out(stream.Signature(beat_layout(design.output_bits, design.lanes))),
            "frame": Out(1),
        }
        if design.weights is None:
            depth = design.stored_channels * design.start_words
            ports["starts"] = In(LoadSignature(depth=depth, width=design.added_bits))
            width = scale_bits(design)
            ports["scales"] = In(LoadSignature(depth=design.stored_channels, width=width))
        super().__init__(ports)

    @property
    def latency(self) -> int:
        """Cycles from a sum to its result."""
        return output_latency(self._design, in_flight=self._in_flight)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        m.submodules.place = place = Odometer(
            position=design.length,
            group=design.groups_per_channel,
            channel=design.stored_channels,
        )
        m.submodules.buffer = buffer = OutputBuffer(
            shape=beat_layout(design.output_bits, design.lanes),
            depth=self._depth,
            target=design.target,
        )
        m.d.comb += [
            place.step.eq(self.early),
            self.frame.eq(self.early & place.last_channel),
            buffer.take.eq(self.take),
            self.credit.eq(buffer.credit),
        ]
        results = self._add_start(m, place)
        if design.requantization is not None:
            results = self._requantize(m, place, results)
        cycles = self._ahead + stage_latency(design)
        last = delay(m, place.last_position, cycles, name="last")
        m.d.comb += [
            buffer.i.payload.samples.eq(results.payload),
            buffer.i.payload.last.eq(last),
            buffer.i.valid.eq(results.valid),
        ]
        connect_streams(m, buffer.o, flipped(self.o))
        return m

    def _add_start(self, m: Module, place: Odometer) -> Flow:
        design = self._design
        if not has_start(design):
            return self.i
        added = design.added_table
        words = None if added is None else [int(q) for q in added.flat]
        width = design.added_bits
        m.submodules.starts = table = Table(
            words=words,
            depth=design.stored_channels * design.start_words,
            width=width,
            target=design.target,
        )
        if words is None:
            wiring.connect(m, flipped(self.starts), table.load)
        if design.start_words == 1:
            m.d.comb += table.addr.eq(place.channel)
        else:
            address = Signal.like(table.addr)
            m.d.comb += table.addr.eq(address)
            walk_channels(m, address, place)
        start = delay(m, table.data, self._ahead - self.LOOKAHEAD, name="start")
        sums = FlowSignature(data.ArrayLayout(signed(design.accumulator.bits), design.lanes))
        total = sums.create(path=("total",))
        m.d.comb += total.valid.eq(delay_valid(m, self.i.valid, 1, name="valid"))
        for lane in range(design.lanes):
            y = Signal(signed(design.accumulator.bits), name=f"y_{lane}", reset_less=True)
            m.d.sync += y.eq(self.i.payload[lane] + start.as_signed())
            m.d.comb += total.payload[lane].eq(y)
        return total

    def _requantize(self, m: Module, place: Odometer, sums: Flow) -> Flow:
        design = self._design
        clip = design.output_range
        m.submodules.requantize = requantize = Requantizer(
            lanes=design.lanes,
            accumulator=design.accumulator,
            shifts=self._shifts,
            clip=clip,
            zero_points=design.zero_points,
            output_bits=design.output_bits,
            target=design.target,
        )
        m.submodules.scales = table = Table(
            words=self._scale_words(),
            depth=design.stored_channels,
            width=scale_bits(self._design),
            target=design.target,
        )
        if design.weights is None:
            wiring.connect(m, flipped(self.scales), table.load)
        cycles = self._ahead - self.LOOKAHEAD + has_start(design)
        words = delay(m, table.data, cycles, name="scale")
        word = scale_layout(self._design)(words)
        m.d.comb += [
            table.addr.eq(place.channel),
            requantize.multiplier.eq(word.multiplier),
            requantize.shift.eq(word.shift),
        ]
        if design.zero_points_vary:
            m.d.comb += requantize.zero_point.eq(word.zero_point)
        connect_streams(m, sums, requantize.i)
        return requantize.o

    def _scale_words(self) -> list[int] | None:
        design = self._design
        weights = design.weights
        if weights is None or weights.multiplier is None:
            return None
        layout = scale_layout(design)
        words = []
        for a, s, z in zip(*weights.scales(), weights.zero_points(), strict=True):
            word = {"multiplier": int(a), "shift": self._shifts.high - int(s)}
            own = {"zero_point": int(z)} if design.zero_points_vary else {}
            words.append(packed(layout, word | own))
        return words
