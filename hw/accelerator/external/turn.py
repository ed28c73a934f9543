"""The corner turn: of so many words as a word has lanes, the lanes behind each other.

Words go in at one end of a square of registers while what is turned goes out at the other: down
where those before came from the side, and from the side where they came down.
"""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.external.capacity import Capacity
from golden.accelerator.sizes import DATA_BITS
from hw.accelerator.external.layout import layouts_for
from hw.parts.delay import copied, delay, delay_valid
from hw.parts.ports import Component, Stream, View

LATENCY = 2
"""Cycles from a step to the word that goes out."""


class LineTurn(Component):
    """Turns a tile of words of each line, and says where what comes of it goes.

    A word a cycle comes in, and one goes out of the line before; behind the last line those that
    are left.

    Parameters
    ----------
    capacity
        Of the accelerator.

    Members
    -------
    begin : In
        Pulse: what is told stands from then on until all is out.
    told : In
        `finish` of a descriptor: lines, words of each that are wanted, and where they go.
    i : In, stream
        Words, and whether one is the last.
    credit : In
        Whether a word may go out.
    take : Out
        Whether one is on its way, `LATENCY` cycles before it is there.
    o_valid, o_addr, o_data, o_last : Out
        A word, and whether it is the last.
    """

    begin: Signal
    told: View
    i: Stream
    credit: Signal
    take: Signal
    o_valid: Signal
    o_addr: Signal
    o_data: Signal
    o_last: Signal

    def __init__(self, capacity: Capacity) -> None:
        layouts = layouts_for(capacity)
        self._tile = capacity.sizes.tile
        word = DATA_BITS * self._tile
        coming = data.StructLayout({"word": unsigned(word), "ends": unsigned(1)})
        super().__init__(
            {
                "begin": In(1),
                "told": In(layouts.finish),
                "i": In(stream.Signature(coming)),
                "credit": In(1),
                "take": Out(1),
                "o_valid": Out(1),
                "o_addr": Out(range(layouts.map_words)),
                "o_data": Out(word),
                "o_last": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        at = Signal(range(self._tile))  # of a line's words
        full = Signal()  # a line is there
        drains = Signal()  # no other comes
        down = Signal()  # how words go
        wanted = Signal(init=1)  # whether the one that goes out is
        step = Signal()
        over = at == self._tile - 1
        closes = at == self.told.last_column[: len(at)]
        ends = drains & closes
        m.d.comb += [
            self.i.ready.eq(~drains & (~full | ~wanted | self.credit)),
            step.eq(Mux(drains, self.credit, self.i.valid & self.i.ready)),
            self.take.eq(step & full & wanted),
            self.o_valid.eq(delay_valid(m, self.take, LATENCY, name="valid")),
            self.o_last.eq(delay(m, ends, LATENCY, name="last")),
        ]
        with m.If(step):
            m.d.sync += [at.eq(at + 1), wanted.eq(wanted & ~closes)]
            with m.If(over):
                m.d.sync += [at.eq(0), full.eq(1), down.eq(~down), wanted.eq(1)]
            with m.If(self.i.payload.ends & ~drains):
                m.d.sync += drains.eq(1)
            with m.If(ends):
                m.d.sync += [at.eq(0), full.eq(0), drains.eq(0), wanted.eq(1)]
        self._place(m, closes)
        self._shift(m, step, down)
        return m

    def _place(self, m: Module, closes: Value) -> None:
        """Follow where words go."""
        told = self.told
        address, line = (
            Signal.like(self.o_addr, name=name, reset_less=True) for name in ("address", "line")
        )
        m.d.comb += self.o_addr.eq(delay(m, address, LATENCY, name="addr"))
        with m.If(self.take):
            m.d.sync += address.eq(address + told.target_column)
            with m.If(closes):
                following = line + told.target_row
                m.d.sync += [address.eq(following), line.eq(following)]
        with m.If(self.begin):
            m.d.sync += [address.eq(told.target), line.eq(told.target)]

    def _shift(self, m: Module, step: Value, down: Value) -> None:
        """Move words through the square."""
        tile = self._tile
        coming = delay(m, self.i.payload.word, 1, name="coming")
        lanes = [coming.word_select(lane, DATA_BITS) for lane in range(tile)]
        square = [
            [
                Signal(DATA_BITS, name=f"byte_{row}_{column}", reset_less=True)
                for column in range(tile)
            ]
            for row in range(tile)
        ]
        for row in range(tile):
            # A register each: they drive a row.
            moves = copied(m, step, name=f"moves_{row}")
            falls = copied(m, down, name=f"falls_{row}")
            for column in range(tile):
                below = square[row + 1][column] if row + 1 < tile else lanes[column]
                beside = square[row][column + 1] if column + 1 < tile else lanes[row]
                with m.If(moves):
                    m.d.sync += square[row][column].eq(Mux(falls, below, beside))
        falls = copied(m, down, name="falls")
        upper, first = Cat(*square[0]), Cat(*(row[0] for row in square))
        m.d.sync += self.o_data.eq(Mux(falls, upper, first))
