"""cocotb bench of a unit: the same beats at many paces, and behind resets of what was unknown."""

import os
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cocotb

from sim.bench import StreamBench, check_beats
from sim.stream import (
    Gaps,
    Readiness,
    Source,
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


class UnitBench(StreamBench):
    """A unit between sources of its streams and a sink.

    Attributes
    ----------
    job
        What the run is about.
    sources
        By the names of their streams.
    """

    def __init__(self, dut: Any) -> None:
        job = pickle.loads((_folder() / "unit.pickle").read_bytes())
        assert isinstance(job, UnitJob)
        self.job = job
        unknown = "icarus" in cocotb.SIM_NAME.lower()
        self.sources = {
            name: Source(Wires.of(dut, name), seed=seed, unknown=unknown)
            for seed, name in enumerate(job.given)
        }
        super().__init__(dut.clk, dut.rst, 1, self.sources, dut)

    def send(self, gaps: Callable[[int], Gaps]) -> None:
        """Begin to send all beats, each stream with gaps of its own."""
        for seed, (name, source) in enumerate(self.sources.items()):
            source.send(self.job.given[name], gaps(seed))

    async def exchange(self, gaps: Callable[[int], Gaps], ready: Readiness) -> None:
        """Send all, and compare what comes."""
        self.o.set_pace(ready)
        self.send(gaps)
        expected = self.job.expected
        await self._stepper.until(lambda: len(self.o.beats) >= len(expected), limit=self.job.cycles)
        await self.run(_SETTLE)
        check_beats(self.o.beats, expected)
        assert all(source.idle for source in self.sources.values()), "All beats must be taken"


def _folder() -> Path:
    return Path(os.environ["UNIT_FOLDER"])


@cocotb.test()
async def exchange(dut: Any) -> None:
    """Send all, and compare what comes: at full pace, then with gaps and stalls of many kinds."""
    bench = UnitBench(dut)
    bench.start_clock()
    paces: list[tuple[Callable[[int], Gaps], Readiness]] = [
        (lambda _seed: evenly(0), always),
        (lambda seed: random_gaps(0.5, seed), always),
        (lambda _seed: evenly(0), randomly(0.4, 1)),
        (lambda seed: random_gaps(0.3, seed), after_valid()),
        (lambda seed: random_gaps(0.8, seed), long_stalls(1, 60)),
    ]
    for index, (gaps, ready) in enumerate(paces[: bench.job.paces or None]):
        await bench.reset(3)
        await bench.exchange(gaps, ready)
        if index == 0:
            cycles = {name: source.taken for name, source in bench.sources.items()}
            (_folder() / CYCLES).write_bytes(pickle.dumps(cycles | {"m_axis": bench.o.taken}))


@cocotb.test()
async def reset_once(dut: Any) -> None:
    """Reset a unit that is unknown for one cycle: it is as any other."""
    bench = UnitBench(dut)
    await bench.start_unknown()
    await bench.exchange(lambda _seed: evenly(0), always)


@cocotb.test()
async def reset_at_every_cycle(dut: Any) -> None:
    """Reset at cycles of a run whose data are X, all or every so many: nothing of it is left."""
    bench = UnitBench(dut)
    await bench.start_unknown()
    for cycle in range(0, bench.job.cycles // 2, bench.job.step):
        for source in bench.sources.values():
            source.hides = True
        bench.o.blind = True
        # Full pace by turns, for which no handshake may wait for what is unknown.
        paused = cycle % 3
        bench.o.set_pace(randomly(0.8, cycle) if paused else always)
        bench.send(partial(random_gaps, 0.8) if paused else lambda _seed: evenly(0))
        await bench.run(cycle)
        await bench.reset(1)
        await bench.exchange(lambda _seed: evenly(0), always)
