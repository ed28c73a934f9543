"""The port to external memory: who reads takes turns, what is written goes in order."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.external.capacity import Capacity
from hw.accelerator.external.blocks import BurstSplitter
from hw.accelerator.external.bus import (
    LENGTH_BITS,
    ReadId,
    answer_layout,
    beat_signature,
    block_layout,
    burst_layout,
    written_layout,
)
from hw.parts.ports import Component, Stream, flipped
from hw.parts.streams import Flow, FlowSignature, StreamPair, connect_streams

MOST_WRITES = 15
"""Bursts that are written and not yet answered for."""
OUTSTANDING_BITS = 12


class ReadPort(Component):
    """Asks for bursts, one reader's after another's, and hands out what comes by its id.

    Parameters
    ----------
    capacity
        Of the accelerator.

    Members
    -------
    program, weights, loads : In, streams of bursts
        Who reads: `ReadId`.
    ar : Out, stream of bursts
    r : In, stream of answers
        Always taken.
    program_r, weights_r, loads_r : Out, flows of beats
    idle : Out
        All that was asked for has come.
    failed : Out
        Pulse: an answer tells of an error.
    """

    program: Stream
    weights: Stream
    loads: Stream
    ar: Stream
    r: Stream
    program_r: Flow
    weights_r: Flow
    loads_r: Flow
    idle: Signal
    failed: Signal

    def __init__(self, capacity: Capacity) -> None:
        bursts = stream.Signature(burst_layout(capacity))
        beats = FlowSignature(capacity.data_bits)
        names = [one.name.lower() for one in ReadId]
        super().__init__(
            {name: In(bursts) for name in names}
            | {f"{name}_r": Out(beats) for name in names}
            | {
                "ar": Out(bursts),
                "r": In(stream.Signature(answer_layout(capacity))),
                "idle": Out(1),
                "failed": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        readers = {one: getattr(self, one.name.lower()) for one in ReadId}
        self._choose(m, readers)
        answer = self.r.payload
        outstanding = Signal(OUTSTANDING_BITS)
        asked = Mux(self.ar.valid & self.ar.ready, self.ar.payload.length + 1, 0)
        m.d.comb += [
            self.r.ready.eq(1),
            self.failed.eq(self.r.valid & (answer.response != 0)),
            self.idle.eq((outstanding == 0) & ~self.ar.valid),
        ]
        m.d.sync += outstanding.eq(outstanding + asked - self.r.valid)
        for one in ReadId:
            flow = getattr(self, f"{one.name.lower()}_r")
            m.d.comb += [
                flow.payload.eq(answer.data),
                flow.valid.eq(self.r.valid & (answer.id == one)),
            ]
        return m

    def _choose(self, m: Module, readers: dict[ReadId, Stream]) -> None:
        """Take a burst into the register of the address channel: of who has waited longest."""
        free = ~self.ar.valid | self.ar.ready
        count = len(readers)
        turns = Signal(count, init=1)  # who is asked first
        some = Cat(*(reader.valid for reader in readers.values())).any()
        granted = Signal(count)
        for one, reader in readers.items():
            others = [
                turns[(one + count - before) % count]
                & ~Cat(
                    *(
                        readers[ReadId((one + count - b) % count)].valid
                        for b in range(1, before + 1)
                    )
                ).any()
                for before in range(count)
            ]
            m.d.comb += [
                granted[one].eq(reader.valid & Cat(*others).any()),
                reader.ready.eq(granted[one] & free),
            ]
        with m.If(free):
            chosen = {name: Value.cast(0) for name in self.ar.payload.shape().members}
            for one, reader in readers.items():
                for name in chosen:
                    value = int(one) if name == "id" else reader.payload[name]
                    chosen[name] |= Mux(granted[one], value, 0)
            m.d.sync += self.ar.valid.eq(some)
            with m.If(some):
                m.d.sync += [
                    *(self.ar.payload[name].eq(value) for name, value in chosen.items()),
                    turns.eq(Cat(granted[-1], granted[:-1])),
                ]


class BurstWriter(Component):
    """Writes blocks: addresses and beats of a burst, one burst after another.

    Once an address is out all its beats follow, or as many without strobes.

    Parameters
    ----------
    capacity
        Of the accelerator.

    Members
    -------
    block : In, stream of blocks
    i : In, stream of beats
    halt : In
        Nothing more is written: what is under way is ended without strobes.
    aw : Out, stream of bursts
    w : Out, stream of what is written
    b : In, stream of responses
    idle : Out
        All that was written is answered for.
    failed : Out
        Pulse: an answer tells of an error.
    written : Out
        Pulse: a beat went out with strobes.
    """

    block: Stream
    i: Stream
    halt: Signal
    aw: Stream
    w: Stream
    b: Stream
    idle: Signal
    failed: Signal
    written: Signal

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        super().__init__(
            {
                "block": In(stream.Signature(block_layout(capacity))),
                "i": In(beat_signature(capacity)),
                "halt": In(1),
                "aw": Out(stream.Signature(burst_layout(capacity))),
                "w": Out(stream.Signature(written_layout(capacity))),
                "b": In(stream.Signature(2)),
                "idle": Out(1),
                "failed": Out(1),
                "written": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.split = split = BurstSplitter(self._capacity)
        connect_streams(m, flipped(self.block), split.block)
        left = Signal(LENGTH_BITS + 1)  # beats of the burst whose address is out
        some = Signal()  # there are any
        last = Signal()  # there is a single one
        unanswered = Signal(range(MOST_WRITES + 1))
        begins = Signal()
        free = ~self.aw.valid | self.aw.ready
        m.d.comb += [
            split.halt.eq(self.halt),
            split.o.ready.eq(free & ~some & (unanswered != MOST_WRITES)),
            begins.eq(split.o.valid & split.o.ready),
            self.b.ready.eq(1),
            self.failed.eq(self.b.valid & (self.b.payload != 0)),
            self.idle.eq(~split.o.valid & ~some & (unanswered == 0) & split.block.ready),
        ]
        with m.If(free):
            m.d.sync += self.aw.valid.eq(0)
        with m.If(begins):
            m.d.sync += [self.aw.valid.eq(1), self.aw.payload.eq(split.o.payload)]
        m.d.sync += unanswered.eq(unanswered + begins - self.b.valid)
        beat = self._beat(m, some, last)
        with m.If(begins):
            length = split.o.payload.length
            m.d.sync += [left.eq(length + 1), some.eq(1), last.eq(length == 0)]
        with m.Elif(beat):
            m.d.sync += [left.eq(left - 1), some.eq(~last), last.eq(left == 2)]
        return m

    def _beat(self, m: Module, some: Signal, last: Signal) -> Signal:
        """Take a beat into the register of the channel; return whether one is taken.

        Or into one beside it: no path leads from the channel's `ready` to whoever gives beats.
        """
        beat = Signal()
        m.submodules.pair = pair = StreamPair(shape=self.w.payload.shape())
        coming, free = pair.i.payload, pair.i.ready
        connect_streams(m, pair.o, flipped(self.w))
        m.d.comb += [
            pair.i.valid.eq(some & (self.i.valid | self.halt)),
            beat.eq(pair.i.valid & free),
            self.i.ready.eq(some & free & ~self.halt),
            self.written.eq(beat & ~self.halt),
            coming.data.eq(self.i.payload),
            coming.strobe.eq(Mux(self.halt, 0, (1 << self._capacity.beat_bytes) - 1)),
            coming.last.eq(last),
        ]
        return beat
