"""cocotb test of a network on a board: the classes that its LEDs show, one after the other."""

import os
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

CLASSES, PATIENCE, DIFFERENT = "PARC_CLASSES", "PARC_PATIENCE", "PARC_DIFFERENT"
"""Environment: the classes to come, with commas; cycles that an image may take; 1 where an output
differs from what is expected, or 0."""
RIGHT, WRONG, TURN = 1 << 4, 1 << 5, 1 << 6


async def next_class(dut: Any, before: int) -> int:
    """Return the LEDs once another image's class is shown."""
    for _ in range(int(os.environ[PATIENCE])):
        await FallingEdge(dut.clock)
        leds = dut.leds.value
        if leds.is_resolvable and (int(leds) ^ before) & TURN:
            return int(leds)
    raise AssertionError("Another class must be shown")


@cocotb.test()
async def shows(dut: Any) -> None:
    """Every image's class is shown, twice over; right lights with the last unless one was wrong."""
    expected = [int(word) for word in os.environ[CLASSES].split(",")]
    dut.restart.value = 0
    Clock(dut.clock, 2, unit="step").start()
    leds = 0
    for turn in range(2):
        for place, one in enumerate(expected):
            leds = await next_class(dut, leds)
            assert leds & 15 == one
            all_came = turn == 1 or place == len(expected) - 1
            assert bool(leds & RIGHT) == (all_came and not leds & WRONG)
    assert bool(leds & WRONG) == bool(int(os.environ[DIFFERENT]))
