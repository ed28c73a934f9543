"""The sequencer that takes checked descriptors, and holds back who waits for transfers."""

from typing import cast

from amaranth.hdl import Module, Signal, ValueLike
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.descriptor import ANY, Kind
from golden.accelerator.external.capacity import Capacity
from hw.accelerator.external.layout import layouts_for, told_layout, transfer_layout
from hw.accelerator.sequencer import Sequencer
from hw.parts.ports import Stream, View, view


class ProgramSequencer(Sequencer):
    """A `Sequencer` of descriptors on a stream; transfers begin and go on by themselves.

    Parameters
    ----------
    capacity
        Of the accelerator.

    Members
    -------
    i : In, stream of checked descriptors
    transfer : Out
        Fields of a transfer that begins with `go`.
    load_ready, store_ready : In
        Whether a transfer can be taken.
    loaded, stored : In
        Pulse: a transfer is over.
    waits : Out
        Whether a descriptor is held back by transfers, or there is none.
    idle : Out
        Nothing is under way.
    """

    i: Stream
    transfer: View
    load_ready: Signal
    store_ready: Signal
    loaded: Signal
    stored: Signal
    waits: Signal
    idle: Signal

    def __init__(self, capacity: Capacity) -> None:
        self._told = told_layout(capacity)
        super().__init__(
            layouts_for(capacity),
            {
                "i": In(stream.Signature(self._told)),
                "transfer": Out(transfer_layout(capacity)),
                "load_ready": In(1),
                "store_ready": In(1),
                "loaded": In(1),
                "stored": In(1),
                "waits": Out(1),
                "idle": Out(1),
            },
        )

    def _fetch(self, m: Module, load: Signal, held: Signal) -> View:
        self._now = view(self._told, name="descriptor")
        m.d.comb += [
            load.eq(self.i.valid & ~held),
            self.i.ready.eq(~held),
            self.transfer.eq(self._now.transfer),
        ]
        with m.If(load):
            m.d.sync += self._now.eq(self.i.payload)
        self._held = held
        return cast(View, self.i.payload.whole)

    def _may(self, m: Module, now: View) -> ValueLike:
        loads, stores = now.read.kind == Kind.LOAD, now.read.kind == Kind.STORE
        loading, storing = (Signal(range(ANY + 1), name=n) for n in ("loading", "storing"))
        m.d.sync += [
            loading.eq(loading + (self.go & loads) - self.loaded),
            storing.eq(storing + (self.go & stores) - self.stored),
        ]
        clear = (loading <= self._now.loads) & (storing <= self._now.stores)
        room = (~loads | self.load_ready) & (~stores | self.store_ready)
        may = Signal()
        m.d.comb += [
            may.eq(clear & room),
            self.waits.eq(self.free & ~(self._held & may)),
            self.idle.eq(~self._held & self.free & (loading == 0) & (storing == 0)),
        ]
        return may
