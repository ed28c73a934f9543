"""Memories, multipliers, delays, tables and counters: values and latency, cycle for cycle."""

import random

import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data

from hw.parts.beat_delay import BeatDelay
from hw.parts.counter import Counter, Odometer
from hw.parts.delay import delay, delay_valid
from hw.parts.tables import Table, encode
from hw.primitives.memory import READ_LATENCY, Memory, blocks_on
from hw.primitives.multiplier import SharedMultiplier
from hw.targets.registry import TARGETS

TARGET = "generic"


@pytest.mark.parametrize(("lanes", "a_bits", "b_bits"), [(1, 8, 8), (3, 2, 18), (2, 18, 3)])
def test_multiplier(simulate, lanes, a_bits, b_bits) -> None:
    dut = SharedMultiplier(lanes=lanes, a_bits=a_bits, b_bits=b_bits, target=TARGET)
    chance = random.Random(lanes)

    def operand(bits: int) -> int:
        ends = [-(1 << (bits - 1)), (1 << (bits - 1)) - 1]
        return chance.choice([*ends, chance.randint(*ends)])

    expected: list[list[int]] = []

    async def testbench(ctx):
        for cycle in range(100):
            b = operand(b_bits)
            a = [operand(a_bits) for _ in range(lanes)]
            expected.append([x * b for x in a])
            ctx.set(dut.b, b)
            for lane in range(lanes):
                ctx.set(dut.a[lane], a[lane])
            if cycle >= dut.latency:
                have = [ctx.get(dut.p[lane]) for lane in range(lanes)]
                assert have == expected[cycle - dut.latency]
            await ctx.tick()

    simulate(dut, testbench)
    assert dut.latency == 2


@pytest.mark.parametrize(("depth", "writable"), [(1, True), (2, True), (13, True), (13, False)])
def test_memory(simulate, depth, writable) -> None:
    check_memory(simulate, depth, writable, TARGET)


@pytest.mark.parametrize(("depth", "writable"), [(5, True), (13, True), (16, True), (13, False)])
def test_memory_of_several_blocks(simulate, depth, writable, monkeypatch) -> None:
    # Blocks of four words are no blocks to the device, so they are inferred.
    monkeypatch.setattr(type(TARGETS["ecp5"].memory), "deepest", 4)
    check_memory(simulate, depth, writable, "ecp5")


def test_blocks_of_a_deep_memory() -> None:
    assert blocks_on("ecp5", depth=16384, width=3, writable=True) == 3
    assert blocks_on("ecp5", depth=2 * 16384 + 1024, width=9, writable=True) == 9 + 9 + 1


def check_memory(simulate, depth, writable, target) -> None:
    chance = random.Random(depth)
    words = [chance.getrandbits(9) for _ in range(depth)]
    dut = Memory(depth=depth, width=9, init=words, writable=writable, target=target)

    async def testbench(ctx):
        reads: list[int] = []
        for _ in range(300):
            enabled = chance.random() < 0.7
            address = chance.randrange(depth)
            write_to = chance.randrange(depth) if writable and chance.random() < 0.5 else None
            if write_to == address:
                write_to = None  # reading a word as it is written is undefined
            ctx.set(dut.r_en, enabled)
            ctx.set(dut.r_addr, address)
            if enabled:
                reads.append(words[address])
            if writable:
                word = chance.getrandbits(9)
                ctx.set(dut.w_en, write_to is not None)
                ctx.set(dut.w_addr, 0 if write_to is None else write_to)
                ctx.set(dut.w_data, word)
                if write_to is not None:
                    words[write_to] = word
            await ctx.tick()
            if len(reads) >= READ_LATENCY:
                assert ctx.get(dut.r_data) == reads[-READ_LATENCY]

    simulate(dut, testbench)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 17])
def test_beat_delay(simulate, depth) -> None:
    dut = BeatDelay(depth=depth, width=6, target=TARGET)
    chance = random.Random(depth)

    async def testbench(ctx):
        words: list[int] = []
        for _ in range(200):
            step = chance.random() < 0.6
            word = chance.getrandbits(6)
            ctx.set(dut.step, step)
            ctx.set(dut.i, word)
            if len(words) >= depth:
                assert ctx.get(dut.o) == words[-depth]
            if step:
                words.append(word)
            await ctx.tick()

    simulate(dut, testbench)


@pytest.mark.parametrize("cycles", [0, 1, 4])
def test_delay(simulate, cycles) -> None:
    m = Module()
    word = Signal(signed(5))
    view = Signal(data.ArrayLayout(signed(3), 2))
    valid = Signal()
    later = delay(m, word, cycles, name="word")
    later_view = delay(m, view, cycles, name="view")
    later_valid = delay_valid(m, valid, cycles, name="valid")
    m.d.sync += Signal().eq(1)  # a domain to clock, at no delay too

    async def testbench(ctx):
        values = [-16, 15, 3, -1, 0, 7, -9, 12]
        for cycle, value in enumerate(values):
            ctx.set(word, value)
            ctx.set(view[1], value % 4)
            ctx.set(valid, value > 0)
            assert ctx.get(later_valid) == (cycle >= cycles and values[cycle - cycles] > 0)
            if cycle >= cycles:
                assert ctx.get(later) == values[cycle - cycles]
                assert ctx.get(later_view[1]) == values[cycle - cycles] % 4
            await ctx.tick()

    simulate(m, testbench)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 9])
def test_counter(simulate, size) -> None:
    dut = Counter(size)
    chance = random.Random(size)

    async def testbench(ctx):
        value = 0
        for _ in range(8 * size):
            assert ctx.get(dut.last) == (value == size - 1)
            assert size == 1 or ctx.get(dut.value) == value
            step = chance.random() < 0.7
            ctx.set(dut.step, step)
            value = (value + step) % size
            await ctx.tick()

    m = Module()
    m.submodules.dut = dut
    m.d.sync += Signal().eq(1)  # a counter to 1 has no register of its own
    simulate(m, testbench)


@pytest.mark.parametrize("sizes", [(3, 2, 4), (2, 1, 3), (1, 3), (5, 1)])
def test_odometer(simulate, sizes) -> None:
    names = "abc"[: len(sizes)]
    dut = Odometer(**dict(zip(names, sizes, strict=True)))

    async def testbench(ctx):
        total = 1
        for size in sizes:
            total *= size
        ctx.set(dut.step, 1)
        for count in range(2 * total + 1):
            inside, inner_last = count, True
            for name, size in zip(names, sizes, strict=True):
                inner_last = inner_last and inside % size == size - 1
                assert size == 1 or ctx.get(getattr(dut, name)) == inside % size
                assert ctx.get(getattr(dut, f"last_{name}")) == inner_last
                inside //= size
            await ctx.tick()

    simulate(dut, testbench)


def test_table_in_rom(simulate) -> None:
    words = [-3, 2, 0, 1, -4]
    dut = Table(words=words, depth=5, width=3, target=TARGET)

    async def testbench(ctx):
        for cycle in range(5 + Table.latency):
            ctx.set(dut.addr, min(cycle, 4))
            if cycle >= Table.latency:
                assert ctx.get(dut.data) == words[cycle - Table.latency] % 8
            await ctx.tick()

    simulate(dut, testbench)


def test_table_of_two_banks(simulate) -> None:
    dut = Table(words=None, depth=5, width=7, target=TARGET)

    async def testbench(ctx):
        for bank in (0, 1):
            ctx.set(dut.load.write_bank, bank)
            ctx.set(dut.load.en, 1)
            for addr in range(5):
                ctx.set(dut.load.addr, addr)
                ctx.set(dut.load.data, 10 * bank + addr)
                await ctx.tick()
        ctx.set(dut.load.en, 0)
        for bank in (0, 1):
            ctx.set(dut.load.read_bank, bank)
            for addr in range(5):
                ctx.set(dut.addr, addr)
                await ctx.tick().repeat(Table.latency)
                assert ctx.get(dut.data) == 10 * bank + addr

    simulate(dut, testbench)


def test_encode() -> None:
    assert encode([-1, -4, 3], 3) == [7, 4, 3]
