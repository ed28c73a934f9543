"""The sequencer that takes checked descriptors, and holds back who waits for transfers."""

from typing import cast

from amaranth.hdl import Cat, Module, Signal, ValueLike
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.descriptor import ANY, Kind
from golden.accelerator.external.capacity import Capacity
from hw.accelerator.external.layout import (
    depthwise_layout,
    layouts_for,
    told_layout,
    transfer_layout,
)
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
    load_ready, store_ready, depthwise_ready : In
        Whether a transfer, or a descriptor for the depthwise unit, can be taken.
    loaded, stored, slid : In
        Pulse: it is over.
    task, banks : Out
        What the depthwise unit is told, which begins with `go`, and halves of the buffer of maps
        that `told` reads; only where there is such a unit.
    waits : Out
        Whether a descriptor is held back by transfers, or there is none.
    idle : Out
        Nothing is under way.
    """

    i: Stream
    transfer: View
    load_ready: Signal
    store_ready: Signal
    depthwise_ready: Signal
    loaded: Signal
    stored: Signal
    slid: Signal
    task: View
    banks: Signal
    waits: Signal
    idle: Signal

    def __init__(self, capacity: Capacity) -> None:
        self._told = told_layout(capacity)
        self._capacity = capacity
        task = {}
        if capacity.depthwise:
            task = {"task": Out(depthwise_layout(capacity)), "banks": Out(2)}
        super().__init__(
            layouts_for(capacity),
            {
                "i": In(stream.Signature(self._told)),
                "transfer": Out(transfer_layout(capacity)),
                **task,
                **{f"{name}_ready": In(1) for name in ("load", "store", "depthwise")},
                **{name: In(1) for name in ("loaded", "stored", "slid")},
                "waits": Out(1),
                "idle": Out(1),
            },
        )

    def _fetch(self, m: Module, load: Signal, held: Signal) -> View:
        self._now = view(self._told, name="descriptor", reset_less=True)
        m.d.comb += [
            load.eq(self.i.valid & ~held),
            self.i.ready.eq(~held),
            self.transfer.eq(self._now.transfer),
        ]
        if self._capacity.depthwise:
            m.d.comb += [
                self.task.read.eq(self._now.whole.read),
                self.task.finish.eq(self._now.whole.finish),
                self.task.apart.eq(self._now.apart),
                self.task.banks.eq(self._now.banks),
                self.banks.eq(self._now.banks),
            ]
        with m.If(~held):
            m.d.sync += self._now.eq(self.i.payload)
        self._held = held
        return cast(View, self.i.payload.whole)

    def _may(self, m: Module, now: View) -> ValueLike:
        beside = [
            (Kind.LOAD, self._now.loads, self.load_ready, self.loaded),
            (Kind.STORE, self._now.stores, self.store_ready, self.stored),
        ]
        if self._capacity.depthwise:
            ready, over = self.depthwise_ready, self.slid
            beside.append((Kind.DEPTHWISE, self._now.depthwise, ready, over))
        free, rests = [], []
        for kind, most, ready, over in beside:
            ours = now.read.kind == kind
            way = Signal(range(ANY + 1), name=f"{kind.name.lower()}_under_way")
            m.d.sync += way.eq(way + (self.go & ours) - over)
            free += [way <= most, ~ours | ready]
            rests.append(way == 0)
        may = Signal()
        m.d.comb += may.eq(Cat(*free).all())
        m.d.sync += [
            self.waits.eq(self.free & ~(self._held & may)),
            self.idle.eq(~self._held & self.free & Cat(*rests).all()),
        ]
        return may
