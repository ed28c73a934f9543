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
from hw.accelerator.post import PostUnit
from hw.accelerator.reader import Reader
from hw.accelerator.sequencer import Sequencer
from hw.accelerator.weights import WeightsLoader
from hw.matrix.unit import MatrixUnit
from hw.parts.ports import Stream, StreamComponent
from hw.parts.streams import OutputBuffer, connect_streams
from hw.primitives.memory import Memory


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
        m.submodules.maps = maps = Memory(
            depth=layouts.map_words, width=DATA_BITS * sizes.tile, target=sizes.target
        )
        told = sequencer.told
        m.d.comb += [
            *(unit.told.eq(told) for unit in (reader, largest, loader)),
            reader.go.eq(sequencer.go & (told.kind != Kind.TAKE)),
            loader.go.eq(sequencer.go & (told.kind == Kind.COMPUTE)),
            maps.r_en.eq(1),
            maps.r_addr.eq(reader.r_addr),
            reader.r_data.eq(maps.r_data),
            sequencer.done.eq(post.done),
        ]
        connect_streams(m, reader.o, largest.i)
        connect_streams(m, loader.o, matrix.w)
        connect_streams(m, matrix.o, post.i)
        connect_streams(m, sequencer.finish, post.told)
        taken = self._take(m, sequencer, maps, post)
        read = self._read(m, sequencer, largest.o, loader, matrix)
        m.d.comb += sequencer.ended.eq(Mux(told.kind == Kind.TAKE, taken, read))
        return m

    def _take(self, m: Module, sequencer: Sequencer, maps: Memory, post: PostUnit) -> Value:
        """Write the words taken, and those computed; return whether the last one is taken."""
        told = sequencer.told
        address = Signal.like(maps.w_addr, name="taken_to")
        left = Signal.like(told.last_column, name="left")
        takes = Signal()
        taken = Signal()
        m.d.comb += [
            takes.eq(sequencer.busy & (told.kind == Kind.TAKE)),
            self.i.ready.eq(takes),
            taken.eq(self.i.valid & takes),
            maps.w_en.eq(taken | post.w_en),
            maps.w_addr.eq(Mux(takes, address, post.w_addr)),
            maps.w_data.eq(Mux(takes, self.i.payload.samples.as_value(), post.w_data)),
        ]
        with m.If(taken):
            m.d.sync += [address.eq(address + 1), left.eq(left - 1)]
        with m.If(sequencer.go):
            m.d.sync += [address.eq(told.base), left.eq(told.last_column)]
        ends: Value = taken & (left == 0)
        return ends

    def _read(
        self,
        m: Module,
        sequencer: Sequencer,
        positions: Stream,
        loader: WeightsLoader,
        matrix: MatrixUnit,
    ) -> Value:
        """Bring positions to where their descriptor wants them; return whether the last one is."""
        sizes, told = self._program.sizes, sequencer.told
        tile = sizes.tile
        m.submodules.given = given = OutputBuffer(
            shape=word_layout(tile), depth=OutputBuffer.depth_for(1), target=sizes.target
        )
        connect_streams(m, given.o, self.o)
        position = positions.payload
        gives = told.kind == Kind.GIVE
        passes = feed(m, sequencer, positions, loader, matrix, ready=~gives | given.credit)
        m.d.comb += [
            given.take.eq(passes & gives),
            given.i.valid.eq(passes & gives),
            given.i.payload.samples.eq(Cat(*(position.x[n][:DATA_BITS] for n in range(tile)))),
            given.i.payload.last.eq(position.ends & told.ends),
        ]
        ends: Value = passes & position.ends
        return ends
