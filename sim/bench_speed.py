"""cocotb test of how fast the driver is."""

import time
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from sim.bench_line import line_test
from sim.line import LineBench
from sim.stream import random_gaps, randomly

SHARE = 0.15
"""Least speed, of a loop's that only waits for the clock: machines differ, and are shared."""

_PARTS = 3


@line_test
async def speed(bench: LineBench) -> None:
    """Stream with stalls on both sides, checked, at `SHARE` of the simulator's own pace or more."""
    paces = [await _paces(bench) for _ in range(_PARTS)]
    bare, driven = (max(pace[which] for pace in paces) for which in (0, 1))
    measured: dict[str, Any] = {"cycles a second": round(driven), "without driver": round(bare)}
    assert driven >= SHARE * bare, measured
    cocotb.log.info("%s", measured)


async def _paces(bench: LineBench) -> tuple[float, float]:
    """Return cycles a second of a loop that waits, and of the driver, one behind the other."""
    start = time.process_time()
    for _ in range(waited := 2_000):
        await RisingEdge(bench.clock)
    between, cycle = time.process_time(), bench.cycle
    lines = bench.stimulus(bench.job.groups // _PARTS)
    begun = time.process_time()
    await bench.exchange(lines, random_gaps(0.8, 1), randomly(0.8, 2))
    return waited / (between - start), (bench.cycle - cycle) / (time.process_time() - begun)
