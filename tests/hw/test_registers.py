"""Registers behind AXI4-Lite: bytes, locks, answers, and that reading changes nothing."""

import random

import pytest

from golden.registers import Access, Field, Register, RegisterMap, whole
from hw.parts.registers import AxiResponse, RegisterBlock

MAP = RegisterMap(
    "a test",
    {
        "ID": whole(0x00, Access.CONSTANT, "who", reset=0x43726150),
        "PLAIN": whole(0x04, Access.KEPT, "a word", reset=0x01020304),
        "LOCKED": whole(0x08, Access.KEPT, "another", locks=True),
        "MIXED": Register(
            0x10,
            "fields of all kinds",
            {
                "GO": Field(Access.PULSE, "goes", 0, 1),
                "LOW": Field(Access.KEPT, "across a byte's end", 5, 7, reset=0x55),
                "WHY": Field(Access.STATUS, "why", 16, 5),
                "ONE": Field(Access.CAUSE, "happened", 22, 1),
                "TWO": Field(Access.CAUSE, "happened too", 31, 1),
            },
        ),
        "COUNT": whole(0x2C, Access.STATUS, "counts"),
    },
)
OKAY, SLVERR = AxiResponse.OKAY, AxiResponse.SLVERR


class Model:
    """What registers hold and answer."""

    def __init__(self):
        self.plain, self.locked, self.low, self.causes = 0x01020304, 0, 0x55, 0

    def read(self, at, why, count):
        mixed = self.low << 5 | why << 16 | (self.causes & 1) << 22 | self.causes >> 1 << 31
        words = {0: 0x43726150, 4: self.plain, 8: self.locked, 0x10: mixed, 0x2C: count}
        at &= ~3
        return (words[at], OKAY) if at in words else (0, SLVERR)

    def write(self, at, word, strobe, *, busy):
        """Return the answer, and whether there is a pulse."""
        at &= ~3
        mask = sum(255 << 8 * byte for byte in range(4) if strobe >> byte & 1)
        if at == 4:
            self.plain = self.plain & ~mask | word & mask
        if at == 8 and not busy:
            self.locked = self.locked & ~mask | word & mask
        if at == 0x10:
            self.low = self.low & ~(mask >> 5) & 127 | word >> 5 & mask >> 5 & 127
            ones = word & mask
            self.causes &= ~(ones >> 22 & 1 | ones >> 31 << 1)
        return OKAY if at in (4, 8, 0x10) else SLVERR, at == 0x10 and word & mask & 1


class Bench:
    """Both channels, an access at a time, each at any pace."""

    def __init__(self, dut, chance):
        self.dut, self.chance, self.pulses = dut, chance, 0

    async def tick(self, ctx):
        self.pulses += ctx.get(self.dut.pulses.mixed_go)
        await ctx.tick()

    async def wait(self, ctx, most=3):
        for _ in range(self.chance.randrange(most)):
            await self.tick(ctx)

    async def send(self, ctx, channels):
        """Offer on ``channels``, in any order, until all are taken."""
        offered = set()
        left = set(channels)
        for _ in range(50):
            for channel in left - offered:
                if self.chance.random() < 0.5:
                    ctx.set(channel.valid, 1)
                    offered.add(channel)
            taken = {channel for channel in offered & left if ctx.get(channel.ready)}
            await self.tick(ctx)
            for channel in taken:
                ctx.set(channel.valid, 0)
            left -= taken
            if not left:
                return
        raise AssertionError("taken in time")

    async def answer(self, ctx, channel, *values):
        await self.wait(ctx)
        ctx.set(channel.ready, 1)
        for _ in range(9):
            found = [ctx.get(value) for value in values] if ctx.get(channel.valid) else None
            await self.tick(ctx)
            if found is not None:
                ctx.set(channel.ready, 0)
                await self.wait(ctx)
                assert not ctx.get(channel.valid)
                return found
        raise AssertionError("answered in time")

    async def read(self, ctx, at):
        dut = self.dut
        ctx.set(dut.ar.payload, at)
        await self.send(ctx, [dut.ar])
        ctx.set(dut.ar.payload, self.chance.getrandbits(6))
        return tuple(await self.answer(ctx, dut.r, dut.r.payload.data, dut.r.payload.response))

    async def write(self, ctx, at, word, strobe):
        dut = self.dut
        ctx.set(dut.aw.payload, at)
        ctx.set(dut.w.payload.data, word)
        ctx.set(dut.w.payload.strobe, strobe)
        await self.send(ctx, [dut.aw, dut.w])
        (response,) = await self.answer(ctx, dut.b, dut.b.payload)
        return response


@pytest.mark.parametrize("seed", range(3))
def test_accesses_do_what_is_said(simulate, seed):
    dut, chance, model = RegisterBlock(MAP), random.Random(seed), Model()
    bench = Bench(dut, chance)
    answers = set()

    async def testbench(ctx):
        why = count = pulses = 0
        for _ in range(400):
            at = chance.choice([0, 4, 8, 0x10, 0x10, 0x2C, chance.randrange(64)])
            kind = chance.randrange(4)
            if kind == 0:
                why, count = chance.getrandbits(5), chance.getrandbits(32)
                ctx.set(dut.told.mixed_why, why)
                ctx.set(dut.told.count, count)
                causes = chance.getrandbits(2)
                ctx.set(dut.sets.mixed_one, causes & 1)
                ctx.set(dut.sets.mixed_two, causes >> 1)
                await bench.tick(ctx)
                ctx.set(dut.sets.mixed_one, 0)
                ctx.set(dut.sets.mixed_two, 0)
                model.causes |= causes
            elif kind == 1:
                busy = chance.getrandbits(1)
                ctx.set(dut.busy, busy)
                word, strobe = chance.getrandbits(32), chance.getrandbits(4)
                answer, pulse = model.write(at, word, strobe, busy=busy)
                pulses += pulse
                assert await bench.write(ctx, at, word, strobe) == answer
                answers.add(answer)
            else:
                # Twice: the first reading changed nothing.
                for _ in range(2):
                    assert await bench.read(ctx, at) == model.read(at, why, count)
            assert bench.pulses == pulses
            assert (ctx.get(dut.kept.plain), ctx.get(dut.kept.mixed_low)) == (
                model.plain,
                model.low,
            )

    simulate(dut, testbench)
    assert answers == {OKAY, SLVERR}


def test_a_cause_is_not_lost_to_the_write_that_clears_it(simulate):
    dut = RegisterBlock(MAP)

    async def testbench(ctx):
        ctx.set(dut.b.ready, 1)
        ctx.set(dut.aw.payload, 0x10)
        ctx.set(dut.w.payload, {"data": 1 << 31, "strobe": 15})
        for same_cycle in (1, 0):
            ctx.set(dut.sets.mixed_two, 1)
            await ctx.tick()
            ctx.set(dut.sets.mixed_two, 0)
            for channel in (dut.aw, dut.w):
                ctx.set(channel.valid, 1)
            assert ctx.get(dut.aw.ready)
            await ctx.tick()
            for signal in (dut.aw.valid, dut.w.valid):
                ctx.set(signal, 0)
            ctx.set(dut.sets.mixed_two, same_cycle)
            await ctx.tick()
            ctx.set(dut.sets.mixed_two, 0)
            assert ctx.get(dut.causes.mixed_two) == same_cycle

    simulate(dut, testbench)


def test_an_access_a_cycle_each(simulate):
    """Nothing waits that is taken and answered at once."""
    dut = RegisterBlock(MAP)

    async def testbench(ctx):
        for signal in (dut.ar.valid, dut.r.ready, dut.aw.valid, dut.w.valid, dut.b.ready):
            ctx.set(signal, 1)
        await ctx.tick().repeat(3)
        for _ in range(8):
            for signal in (dut.r.valid, dut.b.valid, dut.ar.ready, dut.aw.ready, dut.w.ready):
                assert ctx.get(signal)
            await ctx.tick()

    simulate(dut, testbench)


def test_places_are_held_apart():
    one = whole(4, Access.KEPT, "one")
    message = r"^Registers must each have a word of their own$"
    for registers in ({"A": one, "B": one}, {"A": whole(2, Access.KEPT, "odd")}):
        with pytest.raises(ValueError, match=message):
            RegisterMap("x", registers)
    for low in (7, 31):
        fields = {"A": Field(Access.KEPT, "a", 0, 8), "B": Field(Access.KEPT, "b", low, 2)}
        with pytest.raises(ValueError, match=r"^Fields of C must each have bits of their own$"):
            RegisterMap("x", {"C": Register(0, "c", fields)})
