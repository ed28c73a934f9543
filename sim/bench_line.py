"""cocotb tests of a line engine's streams, whatever the engine; `sim.bench.Job` says which."""

import itertools
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import wraps
from typing import Any

import cocotb
import numpy as np

from sim.bench import JOB, Job
from sim.line import LineBench
from sim.stimulus import exact_results, random_weights, reaching_lines
from sim.stream import (
    Gaps,
    Readiness,
    after_valid,
    always,
    evenly,
    long_stalls,
    never,
    random_gaps,
    randomly,
    sparse_groups,
)


def line_test(test: Callable[[LineBench], Awaitable[None]]) -> Any:
    """Make a cocotb test of ``test``, which is given a running engine that has its weights."""

    @cocotb.test()
    @wraps(test)
    async def wrapper(dut: Any) -> None:
        bench = LineBench(dut, Job.load(os.environ[JOB]))
        await bench.start()
        await give_weights(bench)
        await test(bench)

    return wrapper


async def give_weights(bench: LineBench) -> None:
    """Load some weights where the engine has none in ROM."""
    if bench.design.weights is None:
        await bench.load(random_weights(bench.design, bench.generator), evenly(0))


def gaps_of(bench: LineBench, seed: int) -> dict[str, Gaps]:
    """Return the sources' paces by name."""
    emptied = bench.latency + 2 * bench.cycles_per_group
    return {
        "always": evenly(0),
        "random": random_gaps(0.7, seed),
        "slow": evenly(bench.cycles_per_group // bench.design.length),
        "sparse": sparse_groups(bench.design.length, emptied),
    }


def paces_of(bench: LineBench, seed: int) -> dict[str, Readiness]:
    """Return the sinks' paces by name."""
    return {
        "always": always,
        "random": randomly(0.7, seed),
        "after_valid": after_valid(),
        "stalls": long_stalls(seed, 4 * bench.latency),
    }


@line_test
async def latency_and_rate(bench: LineBench) -> None:
    """Hold the engine, unstalled, to the manifest's timing, cycle for cycle."""
    length, group = bench.design.length, bench.cycles_per_group
    # Over a channel's and a frame's end, and long enough to run out of what buffers hide.
    n_groups = max(bench.job.groups, bench.latency // group + 4)
    await bench.exchange(bench.stimulus(n_groups), evenly(0), always)
    starts = bench.o.taken[::length]
    first = bench.i.taken[0] + bench.latency
    assert starts == list(range(first, first + n_groups * group, group)), starts
    if group == length:
        for taken in (bench.i.taken, bench.o.taken):
            assert taken == list(range(taken[0], taken[0] + n_groups * length))


@line_test
async def all_paces(bench: LineBench) -> None:
    """Try every pair of paces: they change timing only. One follows the other in mid-frame."""
    names = itertools.product(gaps_of(bench, 0), paces_of(bench, 0))
    for seed, (gaps, ready) in enumerate(names):
        cocotb.log.info("source %s, sink %s", gaps, ready)
        lines = bench.stimulus(bench.job.groups)
        await bench.exchange(lines, gaps_of(bench, seed)[gaps], paces_of(bench, seed)[ready])


@line_test
async def accumulator_ends(bench: LineBench) -> None:
    """Take each channel's accumulator to its ends: those certified, errors allowed for."""
    assert bench.weights is not None
    lines = reaching_lines(bench.design, bench.weights)
    if bench.design.weights is not None:
        y = replace(bench.design, requantization=None).model(lines)
        certificate = bench.job.manifest["certificate"]
        error = certificate["max_abs_error"]
        assert 0 <= y.min() - certificate["accumulator_low"] <= 2 * error
        assert 0 <= certificate["accumulator_high"] - y.max() <= 2 * error
        off = np.abs(bench.design.model(lines) - exact_results(bench.design, lines))
        assert off.max() <= certificate["max_output_error"]
    await bench.exchange(lines, evenly(0), always)


@line_test
async def reset_in_midstream(bench: LineBench) -> None:
    """Reset for one cycle at any time: nothing is left of what was before."""
    within = bench.latency + 2 * bench.cycles_per_group
    for seed in range(bench.job.resets):
        lines = bench.stimulus(within // bench.cycles_per_group + 1)
        bench.i.send(bench.beats(lines), random_gaps(0.8, seed))
        bench.o.set_pace(never if seed % 4 == 0 else randomly(0.8, seed))
        await bench.run(int(bench.generator.integers(1, within)))
        await bench.reset()
        await give_weights(bench)
        await bench.exchange(bench.stimulus(2), evenly(0), always)


@line_test
async def wrong_last(bench: LineBench) -> None:
    """Misplace and omit tlast: that pulses its event for a cycle and changes nothing else."""
    lines = bench.stimulus(bench.job.groups)
    beats, expected = bench.misplace_last(bench.beats(lines))
    before = len(bench.i.taken)
    await bench.exchange(lines, random_gaps(0.8, 1), randomly(0.8, 2), beats)
    taken = bench.i.taken[before:]
    for name, indices in expected.items():
        assert bench.events.cycles[name] == [taken[index] + 1 for index in indices], name
