"""cocotb tests of a board's self-test, by its LEDs."""

from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

DONE, PASS, FAIL = 1, 2, 4
RESULTS = DONE | PASS | FAIL
PATIENCE = 20_000
"""Cycles that a test may last."""


async def results(dut: Any) -> int:
    """Return which LEDs are lit once the test is done."""
    for _ in range(PATIENCE):
        await FallingEdge(dut.clock)
        if int(dut.leds.value) & RESULTS:
            return int(dut.leds.value) & RESULTS
    raise AssertionError(f"Done must light within {PATIENCE} cycles")


async def start(dut: Any) -> None:
    """Start the clock, with no button pressed."""
    dut.restart.value = 0
    Clock(dut.clock, 2, unit="step").start()
    await FallingEdge(dut.clock)


@cocotb.test()
async def passes(dut: Any) -> None:
    """Done and pass light, and again after the button was pressed."""
    await start(dut)
    assert await results(dut) == DONE | PASS
    dut.restart.value = 1
    for _ in range(4):
        await FallingEdge(dut.clock)
    assert not int(dut.leds.value) & RESULTS
    dut.restart.value = 0
    assert await results(dut) == DONE | PASS


@cocotb.test()
async def fails(dut: Any) -> None:
    """Done and fail light."""
    await start(dut)
    assert await results(dut) == DONE | FAIL
