"""Bringing weights: rows of a ROM, or a diagonal of it, or gains that were computed."""

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.descriptor import Weights
from golden.accelerator.sizes import CENTRED_BITS
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
        As of the `Reader`.
    gain : In
        Kept samples.
    o : Out, stream of rows
    """

    go: Signal
    told: View
    gain: View
    o: Stream

    def __init__(self, layouts: Layouts) -> None:
        sizes = layouts.sizes
        self._sizes = sizes
        assert layouts.rom is not None
        self._rom = layouts.rom.weights
        self._tile = sizes.tile
        self._row = data.ArrayLayout(signed(CENTRED_BITS), sizes.tile)
        super().__init__(
            {
                "go": In(1),
                "told": In(layouts.read),
                "gain": In(self._row),
                "o": Out(stream.Signature(weights_layout(sizes.matrix))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        target = self._sizes.target
        shape = weights_layout(self._sizes.matrix)
        m.submodules.buffer = buffer = OutputBuffer(shape=shape, depth=BUFFER, target=target)
        m.submodules.rows = rows = Counter(self._tile)
        words = [_packed(row) for row in self._rom.tolist()]
        m.submodules.rom = table = Table(
            words=words, depth=len(words), width=self._row.size, target=target
        )
        busy = Signal()
        step = Signal()
        passes = Signal.like(self.told.last_pass, name="passes")
        address = Signal(range(max(len(words), 2)))
        m.d.comb += [
            step.eq(busy & buffer.credit),
            buffer.take.eq(step),
            rows.step.eq(step),
            table.addr.eq(address),
        ]
        with m.If(step):
            with m.If(rows.last | (self.told.weights == Weights.FULL)):
                m.d.sync += address.eq(address + 1)
            with m.If(rows.last):
                m.d.sync += passes.eq(passes + 1)
                with m.If(passes == self.told.last_pass):
                    m.d.sync += busy.eq(0)
        with m.If(self.go):
            m.d.sync += [busy.eq(1), passes.eq(0), address.eq(self.told.weight_address)]
        m.d.comb += [
            buffer.i.valid.eq(delay_valid(m, step, IN_FLIGHT, name="step")),
            buffer.i.payload.row.eq(self._chosen(m, table, rows.value)),
        ]
        connect_streams(m, buffer.o, flipped(self.o))
        return m

    def _chosen(self, m: Module, table: Table, row: Value) -> View:
        """Return a row: as it was read, or what of it or of the gains is on the diagonal."""
        read = self._row(table.data)
        row = delay(m, row, Table.latency, name="row")
        chosen = view(self._row, name="chosen", reset_less=True)
        for lane in range(self._tile):
            own = row == self._tile - 1 - lane
            word = Mux(self.told.weights == Weights.GAIN, self.gain[lane], read[lane])
            keeps = own | (self.told.weights == Weights.FULL)
            m.d.sync += chosen[lane].eq(Mux(keeps, word, 0))
        return chosen


def _packed(row: Sequence[int]) -> int:
    """Return a row as its table holds it."""
    words = encode(row, CENTRED_BITS)
    return sum(word << (lane * CENTRED_BITS) for lane, word in enumerate(words))
