"""cocotb test of how fast the driver is."""

import time
from typing import Any

from sim.bench_line import line_test
from sim.line import LineBench
from sim.stream import random_gaps, randomly

CYCLES_A_SECOND = 20_000
"""Least speed, in the simulator's own processor time: others may use the machine meanwhile."""


@line_test
async def speed(bench: LineBench) -> None:
    """Stream with stalls on both sides, checked, at `CYCLES_A_SECOND` or more."""
    lines = bench.stimulus(bench.job.groups)
    start = time.process_time(), bench.cycle
    await bench.exchange(lines, random_gaps(0.8, 1), randomly(0.8, 2))
    seconds, cycles = time.process_time() - start[0], bench.cycle - start[1]
    measured: dict[str, Any] = {"cycles": cycles, "cycles a second": round(cycles / seconds)}
    assert cycles / seconds >= CYCLES_A_SECOND, measured
