"""cocotb tests of what any build does while it is in reset: nothing is taken, and nothing given."""

import os
from typing import Any

import cocotb
import numpy as np

from golden.line.design import LineDesign
from golden.numbers.interval import Integers
from sim.bench import JOB, Job, check_beats
from sim.layer import LayerBench
from sim.line import LineBench
from sim.stream import always, evenly, never

CYCLES = 4
"""Length of a reset."""

AnyBench = LineBench | LayerBench


def bench_of(dut: Any) -> AnyBench:
    """Return the bench of the run's build."""
    job = Job.load(os.environ[JOB])
    return LineBench(dut, job) if isinstance(job.design, LineDesign) else LayerBench(dut, job)


@cocotb.test()
async def offered_in_reset(dut: Any) -> None:
    """Leave reset earlier than the build, by any number of cycles: it takes all, and only after."""
    bench = bench_of(dut)
    await bench.start()
    for early in range(CYCLES + 1):
        offered = stimulus(bench, bench.job.groups)

        def offer(offered: Integers = offered) -> None:
            bench.offer_weights(bench.job.groups)
            bench.i.send(bench.beats(offered), evenly(0))

        await bench.reset(CYCLES, offer=offer, early=early)
        await finish(bench, offered)
        bench.check_no_events()


@cocotb.test()
async def held_over_reset(dut: Any) -> None:
    """Reset the build alone, at any time: it goes on with what its source had not given yet."""
    bench = bench_of(dut)
    await bench.start()
    paced = unit_cycles(bench)
    for number in range(bench.job.resets):
        # So many that some are left, and results are on their way out.
        n_units = bench.latency // paced + bench.job.groups
        bench.offer_weights(n_units)
        offered = stimulus(bench, n_units)
        bench.i.send(bench.beats(offered), evenly(0))
        bench.o.set_pace(never if number % 2 else always)
        within = bench.latency + bench.job.groups * paced
        await bench.run(int(bench.generator.integers(within)) if number else 0)
        n_taken = len(bench.i.taken)
        rest, filling = rest_of(bench, offered, n_taken)
        bench.i.send(filling, evenly(number % 3))
        await bench.reset(1 + number % CYCLES, held=True)
        bench.offer_weights(n_units + 2)
        await finish(bench, rest)
        assert len(bench.i.taken) == n_taken + rest.size // bench.design.lanes
        await bench.reset()


def unit_cycles(bench: AnyBench) -> int:
    """Return the cycles of a group of lines, or of a frame, unstalled."""
    return bench.cycles_per_group if isinstance(bench, LineBench) else bench.cycles_per_frame


def beats_per_unit(bench: AnyBench) -> int:
    """Beats of a group of lines, or of a frame."""
    if isinstance(bench, LineBench):
        return bench.design.length
    return bench.design.frame_beats


def stimulus(bench: AnyBench, n_units: int) -> Integers:
    """Return groups of lines, or maps, whatever the weights."""
    if isinstance(bench, LayerBench):
        return bench.stimulus(n_units)
    design = bench.design
    shape = (n_units * design.lanes, design.length)
    return bench.generator.integers(design.data.low, design.data.high, shape, endpoint=True)


def rest_of(bench: AnyBench, offered: Integers, n_taken: int) -> tuple[Integers, list[Any]]:
    """Return lines or maps that begin after ``n_taken`` beats, and the beats that fill them."""
    lanes, per_unit = bench.design.lanes, beats_per_unit(bench)
    filled = stimulus(bench, 2)
    both = [samples.reshape(-1, lanes, samples.shape[-1]) for samples in (offered, filled)]
    columns = [part.swapaxes(1, 2).reshape(-1, lanes) for part in both]
    n_filling = n_taken % per_unit + per_unit
    rest = np.concatenate([columns[0][n_taken:], columns[1][:n_filling]])
    width = offered.shape[-1]
    lines = rest.reshape(-1, width, lanes).swapaxes(1, 2)
    shape = (-1, width) if isinstance(bench, LineBench) else (-1, *offered.shape[1:])
    return lines.reshape(shape), bench.beats(filled)[:n_filling]


async def finish(bench: AnyBench, offered: Integers) -> None:
    """Take all results of ``offered``, and hold them to the model."""
    expected = bench.expected(offered)
    bench.o.set_pace(always)
    await bench.until(lambda: len(bench.o.beats) >= len(expected))
    await bench.run(bench.latency)
    check_beats(bench.o.beats, expected)
