"""Where maps enter a two-dimensional transform."""

from dataclasses import dataclass

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from golden.numbers.fixed import SQ
from golden.plane.design import PlaneDesign
from golden.plane.kernels import KernelAxis
from hw.fft.beats import AHEAD, PARTS, Beats, BeatSignature
from hw.line.core import between_frames
from hw.line.output import beat_layout
from hw.parts.counter import Counter, Odometer
from hw.parts.delay import delay
from hw.parts.ports import Component, Stream
from hw.primitives.memory import Memory


@dataclass(frozen=True)
class Side:
    """Where a block's place stands along one axis; all are wires.

    Attributes
    ----------
    last
        It is the last place.
    again
        The map's samples come to their end here.
    own
        The map's samples come here for the first time.
    filled
        There is a sample at all.
    """

    last: Value
    again: Value
    own: Value
    filled: Value


class PlaneDoor(Component):
    """Takes maps, and fills them up to blocks of the transform.

    A map's samples go in as they come. Where a transform is larger, zeros fill the rest of the
    block; where maps wrap, their samples, which were written into a memory, come once more before.
    Nothing is waited for meanwhile, and the next map is taken when the block is complete.

    Members
    -------
    i : In, stream of beats
    o : Out, `BeatSignature` of what stands at the places of blocks
        `AHEAD` cycles later; the second lane in the imaginary part, or nothing.
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

    def __init__(self, design: PlaneDesign) -> None:
        self._design = design
        super().__init__(
            {
                "i": In(stream.Signature(beat_layout(design.data_bits, design.lanes))),
                "o": Out(BeatSignature(SQ(design.data_bits, 0), 1)),
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
        plane, (height, width) = design.grid, design.sizes
        column = side(m, "column", plane.horizontal, width, self.o.early)
        row = side(m, "row", plane.vertical, height, self.o.early & column.last)
        own = Signal()
        m.d.comb += [
            own.eq(row.own & column.own),
            self.i.ready.eq(self.credit & self.available & own),
            self.take.eq(self.i.valid & self.i.ready),
            self.o.early.eq(self.take | ~own),
        ]
        self._track_frames(m)
        owned = delay(m, own, AHEAD, name="own")
        old: list[Value] = [Const(0, signed(design.data_bits))] * design.lanes
        if plane.wraps and design.size > design.length:
            filled = delay(m, row.filled & column.filled, AHEAD, name="filled")
            old = [Mux(filled, sample, 0) for sample in self._repeat(m, row, column)]
        for lane, part in enumerate(PARTS[: design.lanes]):
            fresh = delay(m, self.i.payload.samples[lane], AHEAD, name=f"fresh_{lane}")
            m.d.comb += self.o.z[0][part].eq(Mux(owned, fresh, old[lane]))
        return m

    def _track_frames(self, m: Module) -> None:
        design = self._design
        m.submodules.place = place = Odometer(position=design.length, channel=design.channels)
        m.d.comb += [
            place.step.eq(self.take),
            self.frame.eq(self.take & place.last_channel),
            self.idle.eq(between_frames(m, self.take, place.last_channel)),
        ]

    def _repeat(self, m: Module, row: Side, column: Side) -> list[Value]:
        """Write samples as they are taken; return those that stand where the map repeats."""
        design = self._design
        bits = design.data_bits
        m.submodules.memory = memory = Memory(
            depth=design.length, width=design.lanes * bits, target=design.target
        )
        address = walk_map(m, design, self.o.early, row, column)
        m.d.comb += [
            memory.w_en.eq(self.take),
            memory.w_addr.eq(address),
            memory.w_data.eq(self.i.payload.samples.as_value()),
            memory.r_en.eq(1),
            memory.r_addr.eq(address),
        ]
        lanes = range(design.lanes)
        return [memory.r_data[lane * bits :][:bits].as_signed() for lane in lanes]


def walk_map(m: Module, design: PlaneDesign, step: Value, row: Side, column: Side) -> Signal:
    """Return which of the grid's samples stands at a block's place; ``step`` leaves it."""
    samples = design.grid.length
    address, row_start, next_row = (
        Signal(range(samples), name=name) for name in ("address", "row_start", "next_row")
    )
    # Known long before a row of the transform ends: with no register this was the longest path.
    m.d.sync += next_row.eq(Mux(row.again, 0, row_start + design.grid.width))
    with m.If(step):
        m.d.sync += address.eq(address + 1)
        with m.If(column.again):
            m.d.sync += address.eq(row_start)
        with m.If(column.last):
            m.d.sync += [address.eq(next_row), row_start.eq(next_row)]
            with m.If(row.last):
                m.d.sync += [address.eq(0), row_start.eq(0)]
    return address


def side(m: Module, name: str, axis: KernelAxis, size: int, step: Value) -> Side:
    """Count the places of a block along ``axis``."""
    if size == axis.length:
        m.submodules[name] = place = Counter(size)
        m.d.comb += place.step.eq(step)
        return Side(place.last, place.last, Const(1), Const(1))
    m.submodules[name] = place = Counter(size)
    sample = Signal(range(axis.length), name=f"{name}_sample")
    own, filled = Signal(name=f"{name}_own", init=1), Signal(name=f"{name}_filled", init=1)
    again = Signal(name=f"{name}_again")
    m.d.comb += [place.step.eq(step), again.eq(sample == axis.length - 1)]
    n_filled = sum(int(entry >= 0) for entry in axis.entry(size))
    with m.If(step):
        m.d.sync += sample.eq(sample + 1)
        with m.If(again):
            m.d.sync += [sample.eq(0), own.eq(0)]
        with m.If(place.value == n_filled - 1):
            m.d.sync += filled.eq(0)
        with m.If(place.last):
            m.d.sync += [sample.eq(0), own.eq(1), filled.eq(1)]
    return Side(place.last, again, own, filled)


def within_map(m: Module, design: PlaneDesign, step: Value) -> Value:
    """Return whether the place that each ``step`` leaves behind is one of the map's own."""
    height, width = design.sizes
    m.submodules.out_place = place = Odometer(column=width, row=height)
    m.d.comb += place.step.eq(step)
    return inside_grid(design, place)


def inside_grid(design: PlaneDesign, place: Odometer) -> Value:
    """Return whether a place of a block, counted by column and row, is one of the map's own."""
    height, width = design.sizes
    inside: Value = Const(1)
    if width > design.grid.width:
        inside = inside & (place.column < design.grid.width)
    if height > design.grid.height:
        inside = inside & (place.row < design.grid.height)
    return inside
