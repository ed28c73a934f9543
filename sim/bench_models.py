"""cocotb tests of the primitives' models, each beside the same thing inferred (`sim.pairs`)."""

import itertools
import random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from sim.pairs import OPERAND_BITS

CORNERS = [
    *(0, 1, (1 << OPERAND_BITS) - 1, 1 << (OPERAND_BITS - 1), (1 << (OPERAND_BITS - 1)) - 1),
    *(0x15555, 0x2AAAA, 0x00FF, 0x3FF00),
]
N_RANDOM = 3000
READ_CYCLES = 2


async def start(dut: Any) -> None:
    """Start the clock; inputs change at its falling edge."""
    for name in ("rst", "enable", "clear", "w_en", "r_en"):
        if hasattr(dut, name):
            getattr(dut, name).value = 0
    Clock(dut.clk, 2, unit="step").start()
    await FallingEdge(dut.clk)


@cocotb.test()
async def products(dut: Any) -> None:
    """Every pair of corners, then random operands, enables and clears."""
    await start(dut)
    generator = random.Random(1)
    operands = list(itertools.product(CORNERS, CORNERS))
    draw = (1 << OPERAND_BITS) - 1
    operands += [(generator.randint(0, draw), generator.randint(0, draw)) for _ in range(N_RANDOM)]
    seen = set()
    for cycle, (a, b) in enumerate(operands):
        directed = cycle < len(CORNERS) ** 2
        dut.a.value, dut.b.value = a, b
        dut.enable.value = directed or generator.random() < 0.8
        dut.clear.value = not directed and generator.random() < 0.05
        await FallingEdge(dut.clk)
        assert dut.modelled.value == dut.inferred.value, cycle
        seen.add(int(dut.modelled.value))
    assert len(seen) > N_RANDOM // 2


@cocotb.test()
async def words(dut: Any) -> None:
    """Contents after configuration, then random writes and reads, never of one word at a time."""
    await start(dut)
    generator = random.Random(2)
    depth, width = 1 << len(dut.r_addr), len(dut.w_data)
    dut.r_addr.value, dut.r_en.value = 0, 1
    for _ in range(READ_CYCLES):  # what the inferred one's registers start with is not defined
        await FallingEdge(dut.clk)
    addresses = list(range(depth)) + [generator.randrange(depth) for _ in range(N_RANDOM)]
    seen = set()
    for cycle, address in enumerate(addresses):
        at_first = cycle < depth
        # Half of the words are read soon after they were written.
        written = addresses[cycle + 1] if cycle + 1 < len(addresses) else 0
        if generator.random() < 0.5:
            written = generator.randrange(depth)
        dut.r_addr.value, dut.w_addr.value = address, written
        dut.r_en.value = at_first or generator.random() < 0.8
        dut.w_en.value = not at_first and written != address and generator.random() < 0.7
        dut.w_data.value = generator.getrandbits(width)
        await FallingEdge(dut.clk)
        assert dut.modelled.value == dut.inferred.value, cycle
        seen.add(int(dut.modelled.value))
    assert len(seen) > 1
