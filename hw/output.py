"""The end of every engine: start values, requantisation, and the buffer that beats leave from."""

import numpy as np
from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.design import LineDesign
from golden.interval import Interval
from golden.quantize import MAX_SHIFT, MULTIPLIER_BITS
from hw.counter import Odometer
from hw.delay import delay, delay_valid
from hw.requantize import Requantizer
from hw.streams import FlowSignature, OutputBuffer, connect_streams
from hw.tables import LoadSignature, Table, walk_channels


def beat_layout(bits: int, lanes: int) -> data.StructLayout:
    """Layout of a beat on a stream: one sample of `bits` bits a lane, and the end of a group."""
    return data.StructLayout({"samples": data.ArrayLayout(signed(bits), lanes), "last": 1})


def scale_layout(shifts: Interval) -> data.StructLayout:
    """Layout of a channel's word in the table of scales."""
    return data.StructLayout(
        {
            "multiplier": unsigned(MULTIPLIER_BITS),
            "shift": unsigned((shifts.high - shifts.low).bit_length()),
        }
    )


def shift_range(design: LineDesign) -> Interval:
    """Range of the shifts that occur: of the ROM's, or all where they are loaded."""
    if design.weights is None or design.weights.shift is None:
        return Interval(0, MAX_SHIFT)
    return Interval(int(design.weights.shift.min()), int(design.weights.shift.max()))


class OutputStage(wiring.Component):
    """Adds the start value to an engine's sums, requantises where asked, and buffers the result.

    One beat a cycle. `latency` cycles from a sum on `i` to its result on `o`.

    Parameters
    ----------
    design
        What the engine was told.
    in_flight
        Most cycles between `take` and its sum on `i`: the buffer holds as many beats and more.

    Members
    -------
    i : In, flow of a sum a lane
    early : In
        `i.valid` as it will be `LOOKAHEAD` cycles later: the tables are read meanwhile.
    take, credit : see `OutputBuffer`
    o : Out, stream of beats
    frame : Out
        Pulse, with `early`: the tables are read for the last beat of a frame.
    starts, scales : In, `LoadSignature`
        Where weights are loaded.
    """

    LOOKAHEAD = Table.latency

    def __init__(self, design: LineDesign, *, in_flight: int) -> None:
        self._design = design
        self._in_flight = in_flight
        self._shifts = shift_range(design)
        start = design.start
        self._has_start = start is None or bool(np.any(start))
        ports = {
            "i": In(FlowSignature(data.ArrayLayout(signed(design.sum_range.bits), design.lanes))),
            "early": In(1),
            "take": In(1),
            "credit": Out(1),
            "o": Out(stream.Signature(beat_layout(design.output_bits, design.lanes))),
            "frame": Out(1),
        }
        if start is None:
            depth = design.channels * design.length
            ports["starts"] = In(LoadSignature(depth=depth, width=design.start_range.bits))
            scale_bits = self._scale_bits
            ports["scales"] = In(LoadSignature(depth=design.channels, width=scale_bits))
        super().__init__(ports)

    @property
    def _scale_bits(self) -> int:
        if self._design.requantization is None:
            return 0
        return scale_layout(self._shifts).size

    @property
    def latency(self) -> int:
        """Cycles from a sum to its result."""
        return self._pipeline_latency + OutputBuffer.latency_of(self.buffer_depth)

    @property
    def _pipeline_latency(self) -> int:
        latency = int(self._has_start)
        if self._design.requantization is not None:
            latency += Requantizer.latency_on(
                self._design.target, y_bits=self._design.accumulator.bits
            )
        return latency

    @property
    def buffer_depth(self) -> int:
        """Beats that the buffer holds: what can be on the way at full rate, and more."""
        return OutputBuffer.depth_for(self._in_flight + self._pipeline_latency)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        m.submodules.place = place = Odometer(
            position=design.length, group=design.groups_per_channel, channel=design.channels
        )
        m.submodules.buffer = buffer = OutputBuffer(
            shape=beat_layout(design.output_bits, design.lanes),
            depth=self.buffer_depth,
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
        last = delay(m, place.last_position, self.LOOKAHEAD + self._pipeline_latency, name="last")
        m.d.comb += [
            buffer.i.payload.samples.eq(results.payload),
            buffer.i.payload.last.eq(last),
            buffer.i.valid.eq(results.valid),
        ]
        connect_streams(m, buffer.o, wiring.flipped(self.o))
        return m

    def _add_start(self, m: Module, place: Odometer) -> wiring.PureInterface:
        design = self._design
        if not self._has_start:
            return self.i
        start = design.start
        words = None if start is None else [int(q) for q in start.flat]
        width = design.start_range.bits
        m.submodules.starts = table = Table(
            words=words,
            depth=design.channels * design.length,
            width=width,
            target=design.target,
        )
        if words is None:
            wiring.connect(m, wiring.flipped(self.starts), table.load)
        address = Signal.like(table.addr)
        m.d.comb += table.addr.eq(address)
        walk_channels(m, address, place)
        sums = FlowSignature(data.ArrayLayout(signed(design.accumulator.bits), design.lanes))
        total = sums.create(path=("total",))
        m.d.comb += total.valid.eq(delay_valid(m, self.i.valid, 1, name="valid"))
        for lane in range(design.lanes):
            y = Signal(signed(design.accumulator.bits), name=f"y_{lane}", reset_less=True)
            m.d.sync += y.eq(self.i.payload[lane] + table.data.as_signed())
            m.d.comb += total.payload[lane].eq(y)
        return total

    def _requantize(
        self, m: Module, place: Odometer, sums: wiring.PureInterface
    ) -> wiring.PureInterface:
        design = self._design
        clip = design.output_range
        m.submodules.requantize = requantize = Requantizer(
            lanes=design.lanes,
            accumulator=design.accumulator,
            shifts=self._shifts,
            clip=clip,
            zero_point=design.zero_point,
            output_bits=design.output_bits,
            target=design.target,
        )
        m.submodules.scales = table = Table(
            words=self._scale_words(),
            depth=design.channels,
            width=self._scale_bits,
            target=design.target,
        )
        if design.weights is None:
            wiring.connect(m, wiring.flipped(self.scales), table.load)
        word = scale_layout(self._shifts)(delay(m, table.data, int(self._has_start), name="scale"))
        m.d.comb += [
            table.addr.eq(place.channel),
            requantize.multiplier.eq(word.multiplier),
            requantize.shift.eq(word.shift),
        ]
        connect_streams(m, sums, requantize.i)
        return requantize.o

    def _scale_words(self) -> list[int] | None:
        weights = self._design.weights
        if weights is None or weights.multiplier is None or weights.shift is None:
            return None
        layout = scale_layout(self._shifts)
        return [
            layout.const({"multiplier": int(a), "shift": self._shifts.high - int(s)}).as_bits()
            for a, s in zip(weights.multiplier, weights.shift, strict=True)
        ]
