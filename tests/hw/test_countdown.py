"""Loops whose number of steps is told when they begin."""

import random
from itertools import product

import pytest
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib.wiring import In, Out

from hw.parts.counter import Countdown, Nest
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


class _Loops(Component):
    """A `Nest` of three loops with ports."""

    limits: Signal
    begins: Signal
    step: Signal
    ends: Signal

    def __init__(self) -> None:
        super().__init__({"limits": In(9), "begins": In(1), "step": In(1), "ends": Out(3)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        kept = Signal.like(self.limits)
        with m.If(self.begins):
            m.d.sync += kept.eq(self.limits)
        told, stands = (
            {f"loop_{n}": limits.word_select(n, 3) for n in range(3)}
            for limits in (self.limits, kept)
        )
        nest = Nest(stands)
        nest.count(m, self.step)
        nest.begin(m, self.begins, told)
        m.d.comb += self.ends.eq(Cat(*nest.ends.values()))
        return m


def test_the_last_step_of_nested_loops_is_told(simulate) -> None:
    """Over and over again, whatever has been counted before, and not to its end."""
    dut, chance = _Loops(), random.Random(1)

    async def testbench(ctx):
        for last in [*product((0, 1, 2, 3, 7), repeat=3)]:
            ctx.set(dut.limits, last[0] | last[1] << 3 | last[2] << 6)
            ctx.set(dut.step, chance.randint(0, 1))
            await ctx.tick()
            ctx.set(dut.begins, 1)
            ctx.set(dut.step, chance.randint(0, 1))
            await ctx.tick()
            ctx.set(dut.begins, 0)
            ctx.set(dut.limits, chance.getrandbits(9))
            places = [*product(*(range(limit + 1) for limit in reversed(last)))]
            for place in (places * 2)[: chance.randint(len(places), 2 * len(places))]:
                ctx.set(dut.step, 0)
                for _ in range(chance.choice((0, 0, 1))):
                    await ctx.tick()
                at = [now == limit for now, limit in zip(reversed(place), last, strict=True)]
                expected = sum(all(at[: n + 1]) << n for n in range(3))
                assert ctx.get(dut.ends) == expected
                ctx.set(dut.step, 1)
                await ctx.tick()

    simulate(dut, testbench)
