"""Bringing weights: rows of a ROM, or a diagonal of it, or gains that were computed."""

from collections.abc import Sequence
from typing import cast

from amaranth.hdl import Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.descriptor import Weights
from golden.accelerator.program import Rom
from golden.accelerator.sizes import CENTRED_BITS, DATA_BITS, Sizes
from hw.accelerator.layout import Layouts
from hw.matrix.unit import weights_layout
from hw.parts.counter import Counter
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Component, Stream, View, flipped, view
from hw.parts.streams import OutputBuffer, connect_streams
from hw.parts.tables import Table, encode

IN_FLIGHT = Table.latency + 1
"""Cycles from a step to its row before the buffer; the last keeps the diagonal."""
BUFFER = OutputBuffer.depth_for(IN_FLIGHT)
LARGE_DIAGONAL = 3
"""Beside `Weights`: a diagonal without signs, where it is not in ROM."""
LATENCY = IN_FLIGHT + OutputBuffer.latency_of(BUFFER)
"""Cycles from a step to its row on the stream."""


class WeightsLoader(Component):
    """Gives the rows of a descriptor's tiles of weights, the last output's first.

    Parameters
    ----------
    layouts
        Of descriptors.

    Members
    -------
    go, told : In
    free : Out
        As of the `Reader`.
    gain : In
        Kept samples: they stand while a descriptor has its weights from them.
    o : Out, stream of rows
    rows : In, stream
        The rows and diagonals of all descriptors in their order, `DATA_BITS` each; only where
        there is no ROM.
    waits : Out
        Whether it wants one that is not there.
    """

    go: Signal
    told: View
    free: Signal
    gain: View
    o: Stream
    rows: Stream
    waits: Signal

    def __init__(self, layouts: Layouts) -> None:
        sizes = layouts.sizes
        self._sizes = sizes
        self._rom = layouts.rom
        self._tile = sizes.tile
        self._row = data.ArrayLayout(signed(CENTRED_BITS), sizes.tile)
        ports = {
            "go": In(1),
            "told": In(layouts.read),
            "free": Out(1),
            "gain": In(self._row),
            "o": Out(stream.Signature(weights_layout(sizes.matrix))),
        }
        if layouts.rom is None:
            ports |= {"rows": In(stream.Signature(row_of_bytes(sizes))), "waits": Out(1)}
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        target = self._sizes.target
        shape = weights_layout(self._sizes.matrix)
        m.submodules.buffer = buffer = OutputBuffer(shape=shape, depth=BUFFER, target=target)
        m.submodules.row = rows = Counter(self._tile)
        busy = Signal()
        step = Signal()
        left = Signal.like(self.told.last_pass, name="left")
        self._kind = Signal.like(self.told.weights, name="kind")
        full = Signal()  # of the kind
        self._gains = Signal()  # likewise
        used = Signal()
        m.d.comb += [
            buffer.take.eq(step),
            rows.step.eq(step),
            used.eq(step & (rows.last | full)),
            self.free.eq(~busy),
        ]
        if self._rom is None:
            there, read = self._taken(m, used)
            m.d.comb += [
                step.eq(busy & buffer.credit & there),
                self.waits.eq(busy & buffer.credit & ~there),
            ]
        else:
            m.d.comb += step.eq(busy & buffer.credit)
            read = self._looked_up(m, self._rom, used)
        with m.If(step), m.If(rows.last):
            m.d.sync += left.eq(left - 1)
            with m.If(left == 0):
                m.d.sync += busy.eq(0)
        with m.If(self.go):
            m.d.sync += [
                busy.eq(1),
                left.eq(self.told.last_pass),
                self._kind.eq(self.told.weights),
                full.eq(self.told.weights == Weights.FULL),
                self._gains.eq(self.told.weights == Weights.GAIN),
            ]
        m.d.comb += [
            buffer.i.valid.eq(delay_valid(m, step, IN_FLIGHT, name="step")),
            buffer.i.payload.row.eq(self._chosen(m, read, rows.value)),
        ]
        connect_streams(m, buffer.o, flipped(self.o))
        return m

    def _looked_up(self, m: Module, rom: Rom, used: Value) -> View:
        """Return a row of the ROM."""
        words = [_packed(row) for row in rom.weights.tolist()]
        m.submodules.rom = table = Table(
            words=words, depth=len(words), width=self._row.size, target=self._sizes.target
        )
        address = Signal(range(max(len(words), 2)))
        m.d.comb += table.addr.eq(address)
        with m.If(used):
            m.d.sync += address.eq(address + 1)
        with m.If(self.go):
            m.d.sync += address.eq(self.told.weight_address)
        return cast(View, self._row(table.data))

    def _taken(self, m: Module, used: Value) -> tuple[Value, View]:
        """Return whether a row is there where one is wanted, and a row as late as a ROM's."""
        words = self.rows.payload
        m.d.comb += self.rows.ready.eq(used & ~self._gains)
        read = view(self._row, name="read", reset_less=True)
        for lane in range(self._tile):
            large = self._kind == LARGE_DIAGONAL
            m.d.sync += read[lane].eq(Mux(large, words[lane], words[lane].as_signed()))
        there: Value = self.rows.valid | self._gains
        return there, delay(m, read, Table.latency - 1, name="read_late")

    def _chosen(self, m: Module, read: View, row: Value) -> View:
        """Return a row: as it was read, or what of it or of the gains is on the diagonal."""
        row = delay(m, row, Table.latency, name="row")
        kind = delay(m, self._kind, Table.latency, name="kind")
        chosen = view(self._row, name="chosen", reset_less=True)
        for lane in range(self._tile):
            own = row == self._tile - 1 - lane
            word = Mux(kind == Weights.GAIN, self.gain[lane], read[lane])
            keeps = own | (kind == Weights.FULL)
            m.d.sync += chosen[lane].eq(Mux(keeps, word, 0))
        return chosen


def row_of_bytes(sizes: Sizes) -> data.ArrayLayout:
    """Return the layout of a row, or a diagonal, that is not in ROM."""
    return data.ArrayLayout(unsigned(DATA_BITS), sizes.tile)


def _packed(row: Sequence[int]) -> int:
    """Return a row as its table holds it."""
    words = encode(row, CENTRED_BITS)
    return sum(word << (lane * CENTRED_BITS) for lane, word in enumerate(words))
