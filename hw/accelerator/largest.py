"""The largest samples of a window: its taps come one after the other."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import Layouts
from hw.accelerator.reader import read_layout
from hw.parts.ports import Component, Stream, flipped, view
from hw.parts.streams import connect_streams


class Largest(Component):
    """Gives positions as they are, or one a window where a descriptor wants the largest.

    Parameters
    ----------
    layouts
        Of descriptors.

    Members
    -------
    i, o : stream of positions
        `last` of a position that is the largest stands at the end of all.
    """

    i: Stream
    o: Stream

    def __init__(self, layouts: Layouts) -> None:
        self._looks = layouts.abilities.largest
        self._tile = layouts.sizes.tile
        positions = stream.Signature(read_layout(self._tile))
        super().__init__({"i": In(positions), "o": Out(positions)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self._looks:
            self._choose(m)
        else:
            connect_streams(m, flipped(self.i), flipped(self.o))
        return m

    def _choose(self, m: Module) -> None:
        merges = Signal()
        first = Signal(init=1)
        x, chooses = self.i.payload.x, self.i.payload.largest
        kept, best = (
            view(data.ArrayLayout(x[0].shape(), self._tile), name=name, reset_less=True)
            for name in ("kept", "best")
        )
        for lane in range(self._tile):
            m.d.comb += best[lane].eq(
                Mux(chooses & ~first & (kept[lane] > x[lane]), kept[lane], x[lane])
            )
        m.d.comb += [
            merges.eq(chooses & ~self.i.payload.last),
            self.o.valid.eq(self.i.valid & ~merges),
            self.o.payload.eq(self.i.payload),
            self.o.payload.x.eq(best),
            self.o.payload.last.eq(Mux(chooses, self.i.payload.ends, self.i.payload.last)),
            self.i.ready.eq(self.o.ready | merges),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [kept.eq(best), first.eq(self.i.payload.last)]
