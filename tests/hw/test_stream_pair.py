"""Two registers in turns: what goes in comes out, in order, at full rate, whoever waits."""

import random

import pytest
from amaranth.sim import Simulator, SimulatorContext

from hw.parts.streams import StreamPair

BITS = 9


@pytest.mark.parametrize(("source", "sink"), [(1.0, 1.0), (0.4, 1.0), (1.0, 0.4), (0.6, 0.6)])
def test_beats_come_out_in_order(source: float, sink: float) -> None:
    pair = StreamPair(shape=BITS)
    chance = random.Random(3)
    sent = [chance.getrandbits(BITS) for _ in range(200)]
    got: list[int] = []
    taken_at: list[int] = []
    given_at: list[int] = []

    async def run(ctx: SimulatorContext) -> None:
        at, offers, cycle = 0, False, 0
        while len(got) < len(sent):
            offers = at < len(sent) and (offers or chance.random() < source)
            accepts = chance.random() < sink
            ctx.set(pair.i.valid, offers)
            # Of what is not offered nothing is kept.
            ctx.set(pair.i.payload, sent[at] if offers else chance.getrandbits(BITS))
            ready = ctx.get(pair.i.ready)
            ctx.set(pair.o.ready, accepts)
            assert ctx.get(pair.i.ready) == ready
            if offers and ready:
                taken_at.append(cycle)
                at, offers = at + 1, False
            if ctx.get(pair.o.valid) and accepts:
                got.append(ctx.get(pair.o.payload))
                given_at.append(cycle)
            await ctx.tick()
            cycle += 1
            assert cycle < 10 * len(sent)

    simulator = Simulator(pair)
    simulator.add_clock(1e-6)
    simulator.add_testbench(run)
    simulator.run()
    assert got == sent
    if sink == 1.0:
        assert given_at == [when + 1 for when in taken_at]
    if source == sink == 1.0:
        assert taken_at == list(range(len(sent)))
