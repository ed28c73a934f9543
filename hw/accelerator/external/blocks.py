"""Splitting blocks into bursts, and keeping what was asked for until it is taken."""

from amaranth.hdl import Module, Mux, Signal, Value, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from golden.accelerator.external.capacity import Capacity
from hw.accelerator.external.bus import (
    LENGTH_BITS,
    PAGE,
    beat_signature,
    block_layout,
    burst_layout,
)
from hw.parts.ports import Component, Stream, flipped
from hw.parts.streams import Flow, FlowSignature, OutputBuffer, connect_streams


class BurstSplitter(Component):
    """Gives the bursts of a block, none across a multiple of ``burst`` beats; two cycles each.

    Parameters
    ----------
    capacity
        Of the accelerator.

    Members
    -------
    block : In, stream of blocks
    halt : In
        No more bursts; those of the block under way are left out.
    o : Out, stream of bursts
        Their `id` is 0. One that is offered may be taken back.
    """

    block: Stream
    halt: Signal
    o: Stream

    def __init__(self, capacity: Capacity) -> None:
        if capacity.burst * capacity.beat_bytes > PAGE:
            raise ValueError(f"Burst must be at most {PAGE} bytes")
        self._capacity = capacity
        super().__init__(
            {
                "block": In(stream.Signature(block_layout(capacity))),
                "halt": In(1),
                "o": Out(stream.Signature(burst_layout(capacity))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        burst = self._capacity.burst
        low = exact_log2(burst)
        address = Signal(self._capacity.beats_bits)
        left = Signal(self._capacity.beats_bits)
        length = Signal(LENGTH_BITS)
        sized = Signal()
        busy = Signal()
        ends = Signal()  # it is the block's last burst
        to_end = Signal(range(burst + 1))  # beats to the next multiple
        # Carries of a few bits alone: the size is chosen of two that are there.
        low_left = left[: len(to_end)]
        less = Signal(low)  # beats to the next multiple, less one
        fits = ~left[len(to_end) :].any() & (low_left <= to_end)
        m.d.comb += [
            self.block.ready.eq(~busy),
            self.o.valid.eq(sized & ~self.halt),
            self.o.payload.address.eq(address),
            self.o.payload.length.eq(length),
        ]
        with m.If(busy & ~sized):
            m.d.sync += [
                sized.eq(1),
                length.eq(Mux(fits, (low_left - 1)[:low], less)),
                ends.eq(fits),
            ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [
                sized.eq(0),
                busy.eq(~ends),
                # Where it goes on, it goes on at the next multiple.
                address.eq((address[low:] + 1) << low),
                left.eq(left - to_end),
                to_end.eq(burst),
                less.eq(burst - 1),
            ]
        with m.If(self.block.valid & self.block.ready):
            m.d.sync += [
                address.eq(self.block.payload.address),
                to_end.eq(burst - self.block.payload.address[:low]),
                less.eq(~self.block.payload.address[:low]),
                left.eq(self.block.payload.beats),
                busy.eq(self.block.payload.beats != 0),
            ]
        with m.If(self.halt):
            m.d.sync += [busy.eq(0), sized.eq(0)]
        return m


class BlockReader(Component):
    """Reads blocks: what is asked for always has its place, so answers are never refused.

    Parameters
    ----------
    capacity
        Of the accelerator.
    depth
        Beats that are asked for and not taken at most: a power of two, two bursts at least.

    Members
    -------
    block : In, stream of blocks
    halt : In
        As of the `BurstSplitter`.
    address : Out, stream of bursts
    r : In, flow of beats
    o : Out, stream of beats
    """

    block: Stream
    halt: Signal
    address: Stream
    r: Flow
    o: Stream

    def __init__(self, capacity: Capacity, *, depth: int) -> None:
        self._capacity = capacity
        self._depth = depth
        super().__init__(
            {
                "block": In(stream.Signature(block_layout(capacity))),
                "halt": In(1),
                "address": Out(stream.Signature(burst_layout(capacity))),
                "r": In(FlowSignature(unsigned(capacity.data_bits))),
                "o": Out(beat_signature(capacity)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        capacity = self._capacity
        m.submodules.split = split = BurstSplitter(capacity)
        m.submodules.buffer = buffer = OutputBuffer(
            shape=unsigned(capacity.data_bits), depth=self._depth, target=capacity.sizes.target
        )
        connect_streams(m, flipped(self.block), split.block)
        room = Signal(range(self._depth + 1), init=self._depth)
        spent = Signal(range(self._depth + 1))
        given = Signal()
        # Of a burst that has been there for a cycle: all that was asked for before is counted then.
        fits = Signal()
        asked: Value = self.address.valid & self.address.ready
        m.d.comb += [
            split.halt.eq(self.halt),
            self.address.valid.eq(fits),
            self.address.payload.eq(split.o.payload),
            split.o.ready.eq(self.address.ready & fits),
            buffer.take.eq(self.r.valid),
            buffer.i.valid.eq(self.r.valid),
            buffer.i.payload.eq(self.r.payload),
        ]
        m.d.sync += [
            spent.eq(Mux(asked, split.o.payload.length + 1, 0)),
            given.eq(buffer.o.valid & buffer.o.ready),
            room.eq(room - spent + given),
            fits.eq(~self.halt & split.o.valid & ~asked & (room > split.o.payload.length)),
        ]
        connect_streams(m, buffer.o, flipped(self.o))
        return m
