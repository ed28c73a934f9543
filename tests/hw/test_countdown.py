"""Loops whose number of steps is told when they begin."""

import random

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import In, Out

from hw.parts.counter import Countdown
from hw.parts.ports import Component


class _Loop(Component):
    """A `Countdown` with ports."""

    limit: Signal
    begins: Signal
    step: Signal
    last: Signal

    def __init__(self, lowest: int) -> None:
        self._lowest = lowest
        super().__init__({"limit": In(3), "begins": In(1), "step": In(1), "last": Out(1)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        kept = Signal.like(self.limit)
        loop = Countdown(kept, lowest=self._lowest, name="loop")
        loop.count(m, self.step)
        with m.If(self.begins):
            loop.begin(m, self.limit)
            m.d.sync += kept.eq(self.limit)
        m.d.comb += self.last.eq(loop.last)
        return m


@pytest.mark.parametrize("lowest", [0, 1])
def test_the_last_step_is_told(simulate, lowest: int) -> None:
    """Over and over again, whatever has been counted before."""
    dut, chance = _Loop(lowest), random.Random(lowest)

    async def testbench(ctx):
        for limit in [*range(lowest, 8), *(chance.randint(lowest, 7) for _ in range(20))]:
            ctx.set(dut.limit, limit)
            ctx.set(dut.begins, 1)
            ctx.set(dut.step, chance.randint(0, 1))
            await ctx.tick()
            ctx.set(dut.begins, 0)
            ctx.set(dut.limit, chance.randint(0, 7))
            steps = limit - lowest + 1
            for place in range(chance.randint(0, 3 * steps)):
                ctx.set(dut.step, 0)
                for _ in range(chance.randint(0, 2)):
                    await ctx.tick()
                assert ctx.get(dut.last) == (place % steps == steps - 1)
                ctx.set(dut.step, 1)
                await ctx.tick()

    simulate(dut, testbench)
