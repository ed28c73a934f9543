"""The sequencer: descriptors out of memory, one after the other, frame after frame."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from amaranth.hdl import Module, Signal, Value, ValueLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.accelerator.descriptor import Kind, Weights
from hw.accelerator.layout import Layouts
from hw.parts.ports import Component, Stream, View, flipped, view
from hw.parts.streams import OutputBuffer, connect_streams
from hw.parts.tables import Table

MOST_PENDING = 2
"""Descriptors whose sums are on their way to a map."""
_QUEUE = 3
FETCH = Table.latency + 1
"""Cycles from a descriptor's beginning to that of the next where nothing holds it up but memory."""


class Sequencer(Component):
    """Fetches descriptors, holds each back until it may begin, and begins it.

    One begins when the one before has been read: its positions follow those behind each other, and
    its weights are brought as soon as the loader has none of another's to bring.

    Parameters
    ----------
    layouts
        Of descriptors.
    more
        Ports of a sequencer that takes descriptors from elsewhere.

    Members
    -------
    go : Out
        Pulse: `told` begins.
    told : Out
        Fields of the descriptor that begins, or is brought weights; they stand until it begins.
    free : In
        All that began has been read, or taken: never in the cycle after `go`.
    bring : Out
        Pulse: weights of `told` are to be brought, before it begins or with it.
    loader_free : In
        Whether they can be: not in the cycle after `bring`.
    kept : In
        Pulse: a gain is kept.
    finish : Out, stream
        Fields of descriptors whose sums are finished, for the post unit.
    done : In
        Pulse: the post unit has written all of one.
    """

    go: Signal
    told: View
    free: Signal
    bring: Signal
    loader_free: Signal
    kept: Signal
    finish: Stream
    done: Signal

    def __init__(
        self, layouts: Layouts, more: Mapping[str, wiring.Member] = MappingProxyType({})
    ) -> None:
        self._layouts = layouts
        super().__init__(
            {
                "go": Out(1),
                "told": Out(layouts.read),
                "free": In(1),
                "bring": Out(1),
                "loader_free": In(1),
                "kept": In(1),
                "finish": Out(stream.Signature(layouts.finish)),
                "done": In(1),
                **more,
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = OutputBuffer(
            shape=self._layouts.finish, depth=_QUEUE, target=self._layouts.sizes.target
        )
        now = view(self._layouts.whole, name="now", reset_less=True)
        held = Signal()  # a descriptor is there and has not begun
        load = Signal()
        m.d.comb += self.told.eq(now.read)
        fetched = self._fetch(m, load, held)
        # Taken whether it is there or not, as long as none is held: no logic drives so much.
        self._computes, self._needs_gain = Signal(name="computes"), Signal(name="needs_gain")
        with m.If(~held):
            m.d.sync += [
                now.eq(fetched),
                self._computes.eq(fetched.read.kind == Kind.COMPUTE),
                self._needs_gain.eq(fetched.read.weights == Weights.GAIN),
            ]
        with m.If(load):
            m.d.sync += held.eq(1)
        with m.If(self.go):
            m.d.sync += held.eq(0)
        brought = self._bring(m, now, held)
        self._begin(m, now, held, brought, queue)
        connect_streams(m, queue.o, flipped(self.finish))
        return m

    def _fetch(self, m: Module, load: Signal, held: Signal) -> View:
        """Drive ``load`` where a descriptor is taken; return that."""
        layout, words = self._layouts.whole, self._layouts.words
        m.submodules.program = program = Table(
            words=words, depth=len(words), width=layout.size, target=self._layouts.sizes.target
        )
        fetched = Signal(range(Table.latency + 2))  # cycles that its address has stood, and one
        address = Signal(range(max(len(words), 2)))
        m.d.comb += [
            program.addr.eq(address),
            load.eq(~held & (fetched == Table.latency)),
        ]
        with m.If(fetched != Table.latency):
            m.d.sync += fetched.eq(fetched + 1)
        with m.If(load):
            m.d.sync += [fetched.eq(0), address.eq(address + 1)]
            with m.If(address == len(words) - 1):
                m.d.sync += address.eq(0)
        return cast(View, layout(program.data))

    def _may(self, m: Module, now: View) -> ValueLike:
        """Return whether a descriptor may begin as far as what is outside is concerned."""
        del m, now
        return 1

    def _bring(self, m: Module, now: View, held: Signal) -> Value:
        """Have weights brought ahead; return whether they are on their way, where there are any."""
        read = now.read
        brought = Signal()
        gains = Signal()  # a gain is on its way
        computes = self._computes
        others = Signal()  # of a descriptor that has been there for a cycle
        m.d.sync += others.eq(~computes)
        m.d.comb += self.bring.eq(
            held & computes & ~brought & self.loader_free & ~(self._needs_gain & gains)
        )
        with m.If(self.bring):
            m.d.sync += brought.eq(1)
        with m.If(self.kept):
            m.d.sync += gains.eq(0)
        with m.If(self.go):
            m.d.sync += brought.eq(0)
            with m.If(read.kind == Kind.GAIN):
                m.d.sync += gains.eq(1)
        there: Value = brought | others
        return there

    def _begin(self, m: Module, now: View, held: Signal, ready: Value, queue: OutputBuffer) -> None:
        """Begin a descriptor once what it reads is written, and its sums have a place."""
        read = now.read
        pending = Signal(range(MOST_PENDING + 1))
        finishes = Signal()
        # Of a descriptor that has been there for a cycle; what it waits for once over stays over.
        may = Signal()
        stands = Signal()
        written = (pending == 0) | (~read.waits & (pending != MOST_PENDING))
        m.d.sync += [may.eq(written & self._may(m, now)), stands.eq(held & ~self.go)]
        m.d.comb += [
            self.go.eq(stands & ready & self.free & may),
            finishes.eq(self.go & read.final & self._computes),
            queue.take.eq(finishes),
            queue.i.valid.eq(finishes),
            queue.i.payload.eq(now.finish),
        ]
        m.d.sync += pending.eq(pending + finishes - self.done)
