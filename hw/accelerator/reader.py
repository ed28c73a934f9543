"""Reading windows of a map: addresses without a multiplication, zeros around."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.descriptor import Lanes
from golden.accelerator.program import OUTSIDE
from golden.accelerator.sizes import CENTRED_BITS, DATA_BITS
from hw.accelerator.layout import Layouts
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Component, Stream, View, flipped, view
from hw.parts.streams import OutputBuffer, connect_streams
from hw.primitives.memory import READ_LATENCY

ADDRESS_STAGES = 2
"""Cycles from a step to its address: around the map's end, and added up."""
IN_FLIGHT = ADDRESS_STAGES + READ_LATENCY + 1
"""Cycles from a step to its samples before the buffer; the last takes off the zero point."""
BUFFER = OutputBuffer.depth_for(IN_FLIGHT)
LATENCY = IN_FLIGHT + OutputBuffer.latency_of(BUFFER)
"""Cycles from a step to its position on the stream."""


def read_layout(tile: int) -> data.StructLayout:
    """Return the layout of a position: samples, whether a pass and all passes end with it."""
    samples = data.ArrayLayout(signed(CENTRED_BITS), tile)
    return data.StructLayout({"x": samples, "last": 1, "ends": 1})


class Reader(Component):
    """Reads the windows of a descriptor, a position a cycle: for each tile, each tap, all windows.

    Parameters
    ----------
    layouts
        Of descriptors.

    Members
    -------
    go : In
        Begin, with the next cycle.
    told : In
        Fields of the descriptor, from then on until its last position has been taken.
    hold : In
        No address `ADDRESS_STAGES` cycles later: somebody else reads.
    r_addr, r_data : Out, In
        A map's word is there `READ_LATENCY` cycles after its address.
    o : Out, stream of positions
    """

    go: Signal
    told: View
    hold: Signal
    r_addr: Signal
    r_data: Signal
    o: Stream

    def __init__(self, layouts: Layouts) -> None:
        self._layouts = layouts
        self._tile = layouts.sizes.tile
        super().__init__(
            {
                "go": In(1),
                "told": In(layouts.read),
                "hold": In(1),
                "r_addr": Out(range(layouts.map_words)),
                "r_data": In(DATA_BITS * self._tile),
                "o": Out(stream.Signature(read_layout(self._tile))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.buffer = buffer = OutputBuffer(
            shape=read_layout(self._tile), depth=BUFFER, target=self._layouts.sizes.target
        )
        busy = Signal()
        step = Signal()
        m.d.comb += [step.eq(busy & buffer.credit & ~self.hold), buffer.take.eq(step)]
        ends = self._count(m, step)
        with m.If(step & ends["tile"]):
            m.d.sync += busy.eq(0)
        with m.If(self.go):
            m.d.sync += busy.eq(1)
        inside = self._address(m)
        x = self._centre(m, inside)
        m.d.comb += [
            buffer.i.valid.eq(delay_valid(m, step, IN_FLIGHT, name="step")),
            buffer.i.payload.x.eq(self._chosen(m, x)),
            buffer.i.payload.last.eq(delay(m, ends["row"], IN_FLIGHT, name="last")),
            buffer.i.payload.ends.eq(delay(m, ends["tile"], IN_FLIGHT, name="ends")),
        ]
        connect_streams(m, buffer.o, flipped(self.o))
        return m

    def _count(self, m: Module, step: Value) -> dict[str, Value]:
        """Step through the loops; return whether a step is the last inside each."""
        ends: dict[str, Value] = {}
        inner: Value = step
        all_last: Value = Value.cast(1)
        for name in ("column", "row", "kernel_column", "kernel_row", "tile"):
            limit = self.told[f"last_{name}"]
            count = Signal.like(limit, name=f"count_{name}")
            last = Signal(name=f"last_{name}")
            m.d.comb += last.eq(all_last & (count == limit))
            with m.If(inner):
                m.d.sync += count.eq(Mux(count == limit, 0, count + 1))
            inner, all_last = step & last, last
            ends[name] = last
        self._walk(m, step, ends)
        return ends

    def _walk(self, m: Module, step: Value, ends: dict[str, Value]) -> None:
        """Keep the row, its address and the column of the window's tap, and where a pass began."""
        told = self.told
        span, address = self._layouts.side, signed(self._layouts.line_bits)
        self._column, began_column = (Signal(range(-span, span), name=n) for n in ("c", "c_0"))
        self._row, began_row = (Signal(range(-span, span), name=n) for n in ("r", "r_0"))
        self._line, began_line = (Signal(address, name=n) for n in ("l", "l_0"))
        self._base = Signal(address.width)
        places: list[tuple[Any, Any, Value, Value, Value]] = [
            (self._column, began_column, told.column, told.kernel_column_stride, told.column),
            (self._row, began_row, told.row, told.kernel_row_stride, told.row),
            (self._line, began_line, told.row_address, told.kernel_row_step, told.row_address),
        ]
        column, row, line = places
        with m.If(step):
            m.d.sync += self._column.eq(self._column + told.column_stride)
            with m.If(ends["column"]):
                m.d.sync += [
                    self._column.eq(began_column),
                    self._row.eq(self._row + told.row_stride),
                    self._line.eq(self._line + told.row_step),
                ]
            with m.If(ends["row"]):
                m.d.sync += [self._row.eq(began_row), self._line.eq(began_line)]
                self._next(m, column, ends["kernel_column"])
            with m.If(ends["kernel_column"]):
                self._next(m, row, ends["kernel_row"])
                self._next(m, line, ends["kernel_row"])
            with m.If(ends["kernel_row"]):
                m.d.sync += self._base.eq(self._base + told.plane)
        with m.If(self.go):
            m.d.sync += self._base.eq(told.base)
            for place, began, start, _, _ in places:
                m.d.sync += [place.eq(start), began.eq(start)]

    @staticmethod
    def _next(m: Module, place: tuple[Any, Any, Value, Value, Value], over: Value) -> None:
        """Begin a pass one tap further on, or at the first tap again."""
        now, began, start, distance, _ = place
        following = Mux(over, start, began + distance)
        m.d.sync += [now.eq(following), began.eq(following)]

    def _address(self, m: Module) -> Value:
        """Drive the address; return whether it is inside the map, when its word is there."""
        told = self.told
        beyond_column = self._column >= told.width
        beyond_row = self._row >= told.height
        column = Signal.like(self._column, name="column", reset_less=True)
        line = Signal.like(self._line, name="line", reset_less=True)
        base = delay(m, self._base, 1, name="base")
        inside = Signal(reset_less=True)
        m.d.sync += [
            column.eq(Mux(told.around & beyond_column, self._column - told.width, self._column)),
            line.eq(Mux(told.around & beyond_row, self._line - told.plane, self._line)),
            inside.eq(
                told.around | ~(beyond_column | beyond_row | (self._column < 0) | (self._row < 0))
            ),
            self.r_addr.eq(base + line + column),
        ]
        return delay(m, inside, 1 + READ_LATENCY, name="inside")

    def _centre(self, m: Module, inside: Value) -> View:
        """Return the samples less their zero point; outside the map 0, or less than any."""
        layout = data.ArrayLayout(signed(CENTRED_BITS), self._tile)
        nothing = Mux(self.told.largest, OUTSIDE, 0)
        x = view(layout, name="x", reset_less=True)
        for lane in range(self._tile):
            word = self.r_data.word_select(lane, DATA_BITS)
            sample = Mux(self.told.signed, word.as_signed(), word)
            counts = inside
            if self._layouts.abilities.norm:
                lanes = Value.cast(self.told.lanes)
                most = (1 << len(lanes)) - 1
                counts = inside & ((lanes == 0) | (lane < lanes if lane < most else 0))
            m.d.sync += x[lane].eq(Mux(counts, sample - self.told.zero_point, nothing))
        return x

    def _chosen(self, m: Module, x: View) -> View:
        """Return all lanes, or half of them, each twice."""
        if not self._layouts.abilities.norm:
            return x
        chosen = view(x.shape(), name="chosen")
        for lane in range(self._tile):
            half, both = lane // 2, self._tile // 2 + lane // 2
            twice = Mux(self.told.half == Lanes.UPPER, x[both], x[half])
            m.d.comb += chosen[lane].eq(Mux(self.told.half == Lanes.ALL, x[lane], twice))
        return chosen
