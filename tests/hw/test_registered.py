"""Registers around a line engine: what they count, the reset, and weights that a driver writes."""

import itertools
import json

import numpy as np
import pytest
from amaranth.hdl import Value

from golden.line.example import example_weights
from golden.line.registers import registers_of
from hw.build import run
from hw.engines import ENGINES
from hw.line.registered import (
    RESET_CYCLES,
    RegisteredEngine,
    registers_around,
    weight_slots,
)

LENGTH, CHANNELS, ROWS, FRAMES = 8, 2, 3, 2
FORMATS = {"length": LENGTH, "channels": CHANNELS, "data_bits": 8, "weight_bits": 8}


def design_of(engine, weights):
    kind = ENGINES[engine].design
    return kind(name="x", weights=weights, rows=ROWS, lanes=1, **FORMATS)


def lines_of(seed):
    lines = np.random.default_rng(seed).integers(-128, 128, (FRAMES * CHANNELS * ROWS, LENGTH))
    return lines.astype(np.int64)


class Session:
    """A driver, and both ends of the engine's streams."""

    def __init__(self, ctx, dut):
        self.ctx, self.dut, self.given = ctx, dut, []
        self.places = {name: one.at for name, one in dut.registers.registers.items()}
        ctx.set(dut.o.ready, 1)

    async def tick(self):
        """Go on, and keep what `o` gives."""
        ctx, o = self.ctx, self.dut.o
        if ctx.get(o.valid) and ctx.get(o.ready):
            self.given.append((ctx.get(o.payload.samples[0]), ctx.get(o.payload.last)))
        await ctx.tick()

    async def shake(self, *channels):
        for channel in channels:
            self.ctx.set(channel.valid, 1)
        for _ in range(400):
            taken = all(self.ctx.get(channel.ready) for channel in channels)
            await self.tick()
            if taken:
                break
        else:
            raise AssertionError("taken in time")
        for channel in channels:
            self.ctx.set(channel.valid, 0)

    async def write(self, name, value):
        dut, ctx = self.dut, self.ctx
        ctx.set(dut.s_aw.payload, self.places[name])
        ctx.set(dut.s_w.payload, {"data": value, "strobe": 15})
        ctx.set(dut.s_b.ready, 1)
        await self.shake(dut.s_aw, dut.s_w)
        assert (ctx.get(dut.s_b.valid), ctx.get(dut.s_b.payload)) == (1, 0)
        await self.tick()

    async def read(self, name):
        dut, ctx = self.dut, self.ctx
        ctx.set(dut.s_ar.payload, self.places[name])
        ctx.set(dut.s_r.ready, 1)
        await self.shake(dut.s_ar)
        await self.tick()
        await self.tick()
        assert (ctx.get(dut.s_r.valid), ctx.get(dut.s_r.payload.response)) == (1, 0)
        value = ctx.get(dut.s_r.payload.data)
        await self.tick()
        return value

    async def counts(self):
        names = [
            name for name, one in self.dut.registers.registers.items() if 0x20 <= one.at < 0x58
        ]
        return {name: count for name in names if (count := await self.read(name))}

    async def send(self, lines, wrong=()):
        """Send lines, with `last` as it must be but on the beats ``wrong``."""
        for beat, (line, at) in enumerate(itertools.product(range(len(lines)), range(LENGTH))):
            self.ctx.set(self.dut.i.payload.samples[0], int(lines[line, at]))
            self.ctx.set(self.dut.i.payload.last, (at == LENGTH - 1) ^ (beat in wrong))
            await self.shake(self.dut.i)

    async def expect(self, expected):
        for _ in range(400):
            if len(self.given) >= expected.size:
                break
            await self.tick()
        for _ in range(20):
            await self.tick()
        assert [last for _, last in self.given] == [at == LENGTH - 1 for at in range(LENGTH)] * len(
            expected
        )
        assert [value for value, _ in self.given] == expected.ravel().tolist()
        self.given = []


def beats_of(design, weights):
    tables = design.port_tables(weights)
    count = CHANNELS * design.coefficient_words
    columns = {name: np.asarray(table).ravel().tolist() for name, table in tables.items()}
    for beat in range(count):
        yield {name: column[beat] for name, column in columns.items()}, beat == count - 1


async def load_by_registers(session, design, weights):
    slots = weight_slots(design)
    words = [name for name in session.places if name.removeprefix("WEIGHTS_").isdigit()]
    for fields, last in beats_of(design, weights):
        beat = 0
        for name, value in fields.items():
            width = len(Value.cast(session.dut.w.payload[name]))
            beat |= (value & (1 << width) - 1) << slots[name]
        for number, name in enumerate(words):
            await session.write(name, beat >> 32 * number & 0xFFFFFFFF)
        await session.write("WEIGHTS_CONTROL", 1 | last << 1)
        while await session.read("WEIGHTS_STATUS"):
            pass


async def load_by_stream(session, design, weights):
    payload = session.dut.w.payload
    for fields, last in beats_of(design, weights):
        for name, value in fields.items():
            session.ctx.set(payload[name], value)
        session.ctx.set(payload.last, last)
        await session.shake(session.dut.w)


@pytest.mark.parametrize("engine", ["direct", "fermat"])
def test_weights_by_registers_and_by_stream(simulate, engine):
    design = design_of(engine, None)
    first = example_weights(**FORMATS, requantized=None)
    second = example_weights(**FORMATS, requantized=None)
    second.weight[:] = second.weight[::-1, ::-1]
    dut = RegisteredEngine(design)
    lines = lines_of(1)

    async def testbench(ctx):
        session = Session(ctx, dut)
        assert await session.read("ID") == int.from_bytes(b"ParL", "little")
        assert [await session.read(n) for n in ("LENGTH", "CHANNELS", "ROWS", "LANES")] == [
            *(LENGTH, CHANNELS, ROWS, 1)
        ]
        await load_by_registers(session, design, first)
        await session.send(lines)
        await session.expect(design.model(lines, first))
        groups = len(lines)
        right = {"GROUPS_TAKEN": groups, "GROUPS_GIVEN": groups, "FRAMES_GIVEN": FRAMES}
        assert await session.counts() == right
        await session.send(lines[:2], wrong=(3, LENGTH - 1, LENGTH))
        found = await session.counts()
        assert found.pop("GROUPS_GIVEN") in range(groups, groups + 3)
        wrong = {"GROUPS_TAKEN": groups + 2, "TLAST_UNEXPECTED": 2, "TLAST_MISSING": 1}
        assert found == {"FRAMES_GIVEN": FRAMES} | wrong
        await session.write("CONTROL", 1)
        # Nothing is taken now, nor before there are weights again.
        ctx.set(dut.i.valid, 1)
        for _ in range(RESET_CYCLES + 20):
            assert not ctx.get(dut.i.ready)
            assert not ctx.get(dut.o.valid)
            await session.tick()
        ctx.set(dut.i.valid, 0)
        session.given = []
        assert await session.counts() == {}
        await load_by_stream(session, design, second)
        await session.send(lines)
        await session.expect(design.model(lines, second))
        assert await session.counts() == right

    simulate(dut, testbench)


def test_weights_in_rom_have_no_registers(simulate):
    weights = example_weights(**FORMATS, requantized=None)
    design = design_of("direct", weights)
    dut = RegisteredEngine(design)
    assert not [name for name in dut.registers.registers if name.startswith("WEIGHTS")]
    lines = lines_of(2)

    async def testbench(ctx):
        session = Session(ctx, dut)
        await session.send(lines)
        await session.expect(design.model(lines))
        await session.write("CONTROL", 1)
        await session.send(lines[: CHANNELS * ROWS])
        await session.expect(design.model(lines[: CHANNELS * ROWS]))
        assert (await session.counts())["FRAMES_GIVEN"] == 1

    simulate(dut, testbench)


def test_build_with_registers(tmp_path, capsys):
    options = ["--length=8", "--registers", "--weights-port", "--name=eng", "-o", str(tmp_path)]
    assert run(["direct", *options]) == 0
    manifest = json.loads((tmp_path / "eng.json").read_text())
    design = design_of("direct", None)
    bits = registers_around(design).address_bits
    assert manifest["registers"] == {"file": "eng.rdl", "interface": "s_axi", "bytes": 1 << bits}
    assert registers_of(design, 33).address_bits == bits
    assert "reg {" in (tmp_path / "eng.rdl").read_text()
    assert ".s_axi_araddr(s_axi_araddr)" in (tmp_path / "eng.veo").read_text()
    assert run(["direct", *options, "--clock", "s_axi_rdata"]) == 2
    assert "--clock must be another name than that of s_axi_rdata" in capsys.readouterr().err
