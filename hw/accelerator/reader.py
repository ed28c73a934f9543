"""Reading windows of a map: addresses without a multiplication, zeros around."""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.descriptor import Kind, Lanes
from golden.accelerator.program import OUTSIDE
from golden.accelerator.sizes import CENTRED_BITS, DATA_BITS
from hw.accelerator.layout import Layouts
from hw.accelerator.maps import MAPS_LATENCY
from hw.parts.counter import Nest
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Component, Stream, View, flipped, view
from hw.parts.streams import OutputBuffer, connect_streams

BEGINS = 2
"""Cycles from a descriptor's beginning to its first step."""
ADDRESS_STAGES = 2
"""Cycles from a step to its address: around the map's end, and added up."""
IN_FLIGHT = ADDRESS_STAGES + MAPS_LATENCY + 1
"""Cycles from a step to its samples before the buffer; the last takes off the zero point."""
BUFFER = OutputBuffer.depth_for(IN_FLIGHT)
LATENCY = IN_FLIGHT + OutputBuffer.latency_of(BUFFER)
"""Cycles from a step to its position on the stream."""


def read_layout(tile: int) -> data.StructLayout:
    """Return the layout of a position: its samples, and what is to be done with it.

    `last` and `ends` say that a pass and all passes end with it, `closes` that a frame does;
    `first` and `final` of which pass it is, `computes`, `gains` and `largest` of which descriptor,
    `raised` and `squares` of both. So nobody behind need know when the next descriptor begins.
    """
    samples = data.ArrayLayout(signed(CENTRED_BITS), tile)
    return data.StructLayout({"x": samples} | dict.fromkeys(_FLAGS, 1))


_FLAGS = (
    *("last", "ends", "closes", "first", "final"),
    *("computes", "gains", "largest", "raised", "squares"),
)


_STARTS = ("column", "row", "row_address")
"""Where the first window begins."""


class Reader(Component):
    """Reads the windows of a descriptor, a position a cycle: for each tile, each tap, all windows.

    Parameters
    ----------
    layouts
        Of descriptors.

    Members
    -------
    go : In
        Begin, `BEGINS` cycles later.
    told : In
        Fields of the descriptor, in the cycle of `go` and the one after.
    free : Out
        Whether it may begin: its last address is on its way.
    hold : In
        No address `ADDRESS_STAGES` cycles later: somebody else reads.
    wants : Out
        Whether it would read, `ADDRESS_STAGES` cycles later, unless it is held.
    r_en, r_addr, r_data : Out, In
        A map's word is there `MAPS_LATENCY` cycles after its address; `r_en` is whether it matters.
    o : Out, stream of positions
    """

    go: Signal
    told: View
    free: Signal
    hold: Signal
    wants: Signal
    r_en: Signal
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
                "free": Out(1),
                "hold": In(1),
                "wants": Out(1),
                "r_en": Out(1),
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
        self._now = view(self._layouts.read, name="now", reset_less=True)
        busy = Signal()
        step = Signal()
        # `begins` drives many registers; whether it may begin is known by one of its own.
        begins = Signal()
        self._begins = begins
        occupied = Signal()
        m.d.sync += begins.eq(self.go)
        m.d.comb += [
            self.wants.eq(busy & buffer.credit),
            step.eq(self.wants & ~self.hold),
            buffer.take.eq(step),
            self.free.eq(~occupied),
        ]
        ends = self._count(m, step)
        with m.If(step & ends["tile"]):
            m.d.sync += [busy.eq(0), occupied.eq(0)]
        with m.If(self.go):
            m.d.sync += occupied.eq(1)
        with m.If(begins):
            m.d.sync += [busy.eq(1), self._now.eq(self.told)]
        inside = self._address(m, step)
        x = self._centre(m, inside)
        flags = self._flags(m, step, ends)
        m.d.comb += [
            buffer.i.valid.eq(delay_valid(m, step, IN_FLIGHT, name="step")),
            buffer.i.payload.x.eq(self._chosen(m, x)),
            *(
                buffer.i.payload[name].eq(delay(m, flags[name], IN_FLIGHT, name=name))
                for name in _FLAGS
            ),
        ]
        connect_streams(m, buffer.o, flipped(self.o))
        return m

    def _flags(self, m: Module, step: Value, ends: Mapping[str, Value]) -> Mapping[str, Value]:
        """Return what is said of the position of a step."""
        now = self._now
        computes = now.kind == Kind.COMPUTE
        largest = now.largest & computes
        passes = Signal.like(now.last_pass, name="passes")
        with m.If(step & ends["row"] & ~largest):
            m.d.sync += passes.eq(passes + 1)
        with m.If(self._begins):
            m.d.sync += passes.eq(0)
        return {
            "last": ends["row"],
            "ends": ends["tile"],
            "closes": ends["tile"] & now.ends,
            "first": now.first & (passes == 0),
            "final": now.final & (passes == now.last_pass),
            "computes": computes,
            "gains": now.kind == Kind.GAIN,
            "largest": largest,
            "raised": now.raised & (passes == 0),
            "squares": now.squares,
        }

    def _count(self, m: Module, step: Value) -> Mapping[str, Value]:
        """Step through the loops; return whether a step is the last inside each."""
        loops = ("column", "row", "kernel_column", "kernel_row", "tile")
        nest = Nest({name: self._now[f"last_{name}"] for name in loops})
        nest.count(m, step)
        nest.begin(m, self._begins, {name: self.told[f"last_{name}"] for name in loops})
        self._walk(m, step, nest.ends)
        return nest.ends

    def _walk(self, m: Module, step: Value, ends: Mapping[str, Value]) -> None:
        """Keep the row, its address and the column of the window's tap, and where a pass began."""
        told = self._now
        span, address = self._layouts.side, signed(self._layouts.line_bits)
        self._column, began_column = (
            Signal(range(-span, span), name=n, reset_less=True) for n in ("c", "c_0")
        )
        self._row, began_row = (
            Signal(range(-span, span), name=n, reset_less=True) for n in ("r", "r_0")
        )
        self._line, began_line = (Signal(address, name=n, reset_less=True) for n in ("l", "l_0"))
        self._base = Signal(address.width, reset_less=True)
        places: list[tuple[Any, Any, Value, Value]] = [
            (self._column, began_column, told.column, told.kernel_column_stride),
            (self._row, began_row, told.row, told.kernel_row_stride),
            (self._line, began_line, told.row_address, told.kernel_row_step),
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
        with m.If(self._begins):
            m.d.sync += self._base.eq(self.told.base)
            for (place, began, *_), start in zip(places, _STARTS, strict=True):
                m.d.sync += [s.eq(self.told[start]) for s in (place, began)]

    @staticmethod
    def _next(m: Module, place: tuple[Any, Any, Value, Value], over: Value) -> None:
        """Begin a pass one tap further on, or at the first tap again."""
        now, began, start, distance = place
        following = Mux(over, start, began + distance)
        m.d.sync += [now.eq(following), began.eq(following)]

    def _address(self, m: Module, step: Value) -> Value:
        """Drive the address; return whether it is inside the map, when its word is there."""
        told = self._now
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
        matters = delay(m, inside, ADDRESS_STAGES - 1, name="matters")
        m.d.comb += self.r_en.eq(matters & delay_valid(m, step, ADDRESS_STAGES, name="reads"))
        return delay(m, inside, 1 + MAPS_LATENCY, name="inside")

    def _later(self, m: Module, cycles: int) -> View:
        """Return what is told of samples, for those of a step so many cycles ago."""
        fields = {n: self._now[n] for n in ("largest", "signed", "zero_point", "lanes", "half")}
        members = self._layouts.read.members
        told = view(data.StructLayout({n: members[n] for n in fields}), name=f"told_{cycles}")
        for name, value in fields.items():
            late = delay(m, Value.cast(value), cycles, name=f"{name}_for_{cycles}")
            m.d.comb += Value.cast(told[name]).eq(late)
        return told

    def _centre(self, m: Module, inside: Value) -> View:
        """Return the samples less their zero point; outside the map 0, or less than any."""
        layout = data.ArrayLayout(signed(CENTRED_BITS), self._tile)
        told = self._later(m, ADDRESS_STAGES + MAPS_LATENCY)
        nothing = Mux(told.largest, OUTSIDE, 0)
        x = view(layout, name="x", reset_less=True)
        for lane in range(self._tile):
            word = self.r_data.word_select(lane, DATA_BITS)
            sample = Mux(told.signed, word.as_signed(), word)
            counts = inside
            if self._layouts.abilities.norm:
                lanes = Value.cast(told.lanes)
                most = (1 << len(lanes)) - 1
                counts = inside & ((lanes == 0) | (lane < lanes if lane < most else 0))
            m.d.sync += x[lane].eq(Mux(counts, sample - told.zero_point, nothing))
        return x

    def _chosen(self, m: Module, x: View) -> View:
        """Return all lanes, or half of them, each twice."""
        if not self._layouts.abilities.norm:
            return x
        chosen = view(x.shape(), name="chosen")
        told = self._later(m, IN_FLIGHT)
        for lane in range(self._tile):
            half, both = lane // 2, self._tile // 2 + lane // 2
            twice = Mux(told.half == Lanes.UPPER, x[both], x[half])
            m.d.comb += chosen[lane].eq(Mux(told.half == Lanes.ALL, x[lane], twice))
        return chosen
