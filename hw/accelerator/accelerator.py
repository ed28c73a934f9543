"""The accelerator with everything inside: pixels in, results out."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.descriptor import Kind
from golden.accelerator.program import Program
from golden.accelerator.sizes import DATA_BITS
from hw.accelerator.feed import feed
from hw.accelerator.largest import Largest
from hw.accelerator.layout import layouts_of
from hw.accelerator.maps import Maps
from hw.accelerator.post import PostUnit
from hw.accelerator.reader import ADDRESS_STAGES, Reader
from hw.accelerator.sequencer import Sequencer
from hw.accelerator.weights import WeightsLoader
from hw.matrix.unit import MatrixUnit
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Stream, StreamComponent
from hw.parts.streams import OutputBuffer, connect_streams

TAKES_AFTER = ADDRESS_STAGES + 2
"""Cycles from the beginning of a descriptor that takes words to the first one."""


def word_layout(tile: int) -> data.StructLayout:
    """Return the layout of a beat: the samples of a tile of channels of a position."""
    samples = data.ArrayLayout(signed(DATA_BITS), tile)
    return data.StructLayout({"samples": samples, "last": 1})


class Accelerator(StreamComponent):
    """Takes a frame's words, runs the program on them, gives the words of what comes of them.

    Parameters
    ----------
    program
        What it does; its weights are in ROM.

    Members
    -------
    i : In, stream of words
        `last` is not looked at.
    o : Out, stream of words
        `last` stands at the end of a frame.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        word = stream.Signature(word_layout(program.sizes.tile))
        super().__init__({"i": In(word), "o": Out(word)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        program, sizes = self._program, self._program.sizes
        layouts = layouts_of(program)
        m.submodules.sequencer = sequencer = Sequencer(layouts)
        m.submodules.reader = reader = Reader(layouts)
        m.submodules.largest = largest = Largest(layouts)
        m.submodules.loader = loader = WeightsLoader(layouts)
        m.submodules.matrix = matrix = MatrixUnit(sizes.matrix)
        m.submodules.post = post = PostUnit(layouts)
        m.submodules.maps = maps = Maps(sizes, layouts.map_words)
        told = sequencer.told
        m.d.comb += [
            *(unit.told.eq(told) for unit in (reader, loader)),
            reader.go.eq(sequencer.go & (told.kind != Kind.TAKE)),
            loader.go.eq(sequencer.bring),
            maps.r_addr.eq(reader.r_addr),
            reader.r_data.eq(delay(m, maps.r_data, 1, name="word")),
            sequencer.done.eq(post.done),
        ]
        connect_streams(m, reader.o, largest.i)
        connect_streams(m, loader.o, matrix.w)
        connect_streams(m, matrix.o, post.i)
        connect_streams(m, sequencer.finish, post.told)
        takes = self._take(m, sequencer, maps, post)
        m.d.comb += [
            sequencer.free.eq(reader.free & ~takes),
            sequencer.loader_free.eq(loader.free & ~takes),
        ]
        self._read(m, sequencer, largest.o, loader, matrix)
        return m

    def _take(self, m: Module, sequencer: Sequencer, maps: Maps, post: PostUnit) -> Value:
        """Write the words taken, and those computed; return whether any are to be taken."""
        told = sequencer.told
        go = sequencer.go & (told.kind == Kind.TAKE)
        address = Signal.like(maps.w_addr, name="taken_to")
        left = Signal.like(told.last_column, name="left")
        waits = Signal()
        takes = Signal()
        taken = Signal()
        m.d.comb += [
            self.i.ready.eq(takes),
            taken.eq(self.i.valid & takes),
            maps.w_en.eq(taken | post.w_en),
            maps.w_addr.eq(Mux(takes, address, post.w_addr)),
            maps.w_data.eq(Mux(takes, self.i.payload.samples.as_value(), post.w_data)),
        ]
        with m.If(taken):
            m.d.sync += [address.eq(address + 1), left.eq(left - 1)]
            with m.If(left == 0):
                m.d.sync += [takes.eq(0), waits.eq(0)]
        # What was read last may be where the first word goes.
        with m.If(delay_valid(m, go, TAKES_AFTER - 1, name="go")):
            m.d.sync += takes.eq(1)
        with m.If(go):
            m.d.sync += [address.eq(told.base), left.eq(told.last_column), waits.eq(1)]
        return waits

    def _read(
        self,
        m: Module,
        sequencer: Sequencer,
        positions: Stream,
        loader: WeightsLoader,
        matrix: MatrixUnit,
    ) -> None:
        """Bring positions to where their descriptor wants them."""
        sizes = self._program.sizes
        tile = sizes.tile
        m.submodules.given = given = OutputBuffer(
            shape=word_layout(tile), depth=OutputBuffer.depth_for(1), target=sizes.target
        )
        connect_streams(m, given.o, self.o)
        position = positions.payload
        gives = ~position.computes & ~position.gains
        passes = feed(m, sequencer, positions, loader, matrix, ready=~gives | given.credit)
        m.d.comb += [
            given.take.eq(passes & gives),
            given.i.valid.eq(passes & gives),
            given.i.payload.samples.eq(Cat(*(position.x[n][:DATA_BITS] for n in range(tile)))),
            given.i.payload.last.eq(position.closes),
        ]
