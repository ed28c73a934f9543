"""cocotb bench of a unit: the same beats at many paces."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock

from sim.bench import check_beats
from sim.stream import (
    Gaps,
    Hush,
    Readiness,
    Sink,
    Source,
    Stepper,
    Wires,
    after_valid,
    always,
    evenly,
    long_stalls,
    random_gaps,
    randomly,
)
from sim.unit import CYCLES, UnitJob

_SETTLE = 100
"""Cycles after the last beat in which no other may come."""


@cocotb.test()
async def exchange(dut: Any) -> None:
    """Send all, and compare what comes: at full pace, then with gaps and stalls of many kinds."""
    folder = Path(os.environ["UNIT_FOLDER"])
    job = pickle.loads((folder / "unit.pickle").read_bytes())
    assert isinstance(job, UnitJob)
    Clock(dut.clk, 2, unit="step").start(start_high=False)
    unknown = "icarus" in cocotb.SIM_NAME.lower()
    sources = {
        name: Source(Wires.of(dut, name), seed=seed, unknown=unknown)
        for seed, name in enumerate(job.given)
    }
    sink = Sink(Wires.of(dut, "m_axis"))
    hush = Hush([*(getattr(dut, f"{name}_tready") for name in sources), dut.m_axis_tvalid])
    stepper = Stepper(dut.clk, [*sources.values(), sink, hush])
    paces: list[tuple[Callable[[int], Gaps], Readiness]] = [
        (lambda _seed: evenly(0), always),
        (lambda seed: random_gaps(0.5, seed), always),
        (lambda _seed: evenly(0), randomly(0.4, 1)),
        (lambda seed: random_gaps(0.3, seed), after_valid()),
        (lambda seed: random_gaps(0.8, seed), long_stalls(1, 60)),
    ]
    for index, (gaps, ready) in enumerate(paces[: job.paces or None]):
        dut.rst.value, hush.resets = 1, True
        for source in sources.values():
            source.reset()
        sink.reset()
        await stepper.run(3)
        dut.rst.value, hush.resets = 0, False
        await stepper.run(1)
        sink.set_pace(ready)
        for seed, (name, source) in enumerate(sources.items()):
            source.send(job.given[name], gaps(seed))
        await stepper.until(lambda: len(sink.beats) >= len(job.expected), limit=job.cycles)
        await stepper.run(_SETTLE)
        check_beats(sink.beats, job.expected)
        assert all(source.idle for source in sources.values()), "All beats must be taken"
        if index == 0:
            cycles = {name: source.taken for name, source in sources.items()}
            (folder / CYCLES).write_bytes(pickle.dumps(cycles | {"m_axis": sink.taken}))
