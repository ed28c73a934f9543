# amaranth: UnusedElaboratable=no
# A component that refuses its parameters is never elaborated.
"""The output buffer's timing and contract, and what `connect_streams` refuses."""

import random
import re

import pytest
from amaranth.hdl import ClockDomain, Module, signed, unsigned
from amaranth.lib import data, stream

from hw.parts.streams import FlowSignature, OutputBuffer, connect_streams

TARGET = "generic"


@pytest.mark.parametrize("depth", [2, 16, 18, 34, 63])
def test_depth_is_refused(depth) -> None:
    message = f"^Depth must hold a ring of a power of two, at least 2, not {depth}$"
    with pytest.raises(ValueError, match=message):
        OutputBuffer(shape=8, depth=depth, target=TARGET)


def buffer_of(depth: int) -> OutputBuffer:
    return OutputBuffer(shape=unsigned(16), depth=depth, target=TARGET)


@pytest.mark.parametrize("flight", [1, 4, 40])
@pytest.mark.parametrize("depth", [3, 17, 33, 64])
@pytest.mark.parametrize(("take", "give"), [(1, 0), (1, 0.3), (1, 0.9), (1, 1), (0.3, 0.3)])
def test_buffer_keeps_every_beat(simulate, flight, depth, take, give) -> None:
    """A door that lets beats in while there is credit, and `flight` cycles to the buffer."""
    dut = buffer_of(depth)
    chance = random.Random(f"{flight} {depth} {take} {give}")
    in_flight = [False] * flight
    sent: list[int] = []
    taken: list[int] = []
    ends = 600

    def arrive(ctx, *, open_door: bool) -> None:
        lets_in = open_door and bool(ctx.get(dut.credit)) and chance.random() < take
        in_flight.append(lets_in)
        arrives, value = in_flight.pop(0), chance.getrandbits(16)
        ctx.set(dut.take, lets_in)
        ctx.set(dut.i.valid, arrives)
        ctx.set(dut.i.payload, value)
        if arrives:
            sent.append(value)

    async def testbench(ctx):
        stalled = None
        # All that went in must come out at the end, with no more going in.
        for cycle in range(ends + flight + 2 * depth + 10):
            arrive(ctx, open_door=cycle < ends)
            ready = chance.random() < give or cycle >= ends
            ctx.set(dut.o.ready, ready)
            beat = ctx.get(dut.o.payload) if ctx.get(dut.o.valid) else None
            assert stalled in (None, beat)
            stalled = None if ready else beat
            if ready and beat is not None:
                taken.append(beat)
            await ctx.tick()

    simulate(dut, testbench)
    assert len(sent) >= depth
    assert taken == sent


@pytest.mark.parametrize("flight", [1, 2, 12, 13, 28, 29, 70])
def test_buffer_latency_and_full_rate(simulate, flight) -> None:
    depth = OutputBuffer.depth_for(flight)
    dut, latency = buffer_of(depth), OutputBuffer.latency_of(depth)
    cycles = flight + 2 * depth

    async def testbench(ctx):
        ctx.set(dut.o.ready, 1)
        out = []
        for cycle in range(cycles):
            assert ctx.get(dut.credit), "Credit must never run out while every beat is taken"
            ctx.set(dut.take, 1)
            ctx.set(dut.i.valid, cycle >= flight)
            ctx.set(dut.i.payload, cycle)
            if ctx.get(dut.o.valid):
                out.append((cycle, ctx.get(dut.o.payload)))
            await ctx.tick()
        assert out == [(cycle, cycle - latency) for cycle in range(flight + latency, cycles)]

    simulate(dut, testbench)


@pytest.mark.parametrize("depth", [3, 17, 33, 64])
def test_credits_number_the_depth(simulate, depth) -> None:
    dut = buffer_of(depth)

    async def testbench(ctx):
        ctx.set(dut.take, 1)
        taken = 0
        while ctx.get(dut.credit):
            taken += 1
            await ctx.tick()
        assert taken == depth

    simulate(dut, testbench)


SAME = data.StructLayout({"x": signed(4), "last": 1})


@pytest.mark.parametrize(
    ("have", "want"),
    [
        (unsigned(8), signed(8)),
        (signed(8), signed(9)),
        (SAME, unsigned(5)),
        (SAME, data.StructLayout({"x": unsigned(4), "last": 1})),
    ],
)
def test_unequal_shapes_are_not_joined(have, want) -> None:
    source, sink = FlowSignature(have).create(), FlowSignature(want).create()
    message = f"^{re.escape(f'Payload must be {want!r}, not {have!r}')}$"
    with pytest.raises(TypeError, match=message):
        connect_streams(Module(), source, sink)


@pytest.mark.parametrize("shape", [unsigned(8), signed(3), SAME])
def test_streams_are_joined(simulate, shape) -> None:
    source, sink = stream.Signature(shape).create(), stream.Signature(shape).create()
    m = Module()
    m.domains.sync = ClockDomain()
    connect_streams(m, source, sink)

    async def testbench(ctx):
        for valid, ready in [(0, 0), (0, 1), (1, 0), (1, 1)]:
            ctx.set(source.valid, valid)
            ctx.set(sink.ready, ready)
            assert ctx.get(sink.valid) == valid
            assert ctx.get(source.ready) == ready

    simulate(m, testbench)
