"""cocotb tests of a layer's streams, whatever its form; `sim.bench.Job` says which."""

import os
from collections.abc import Awaitable, Callable
from functools import wraps
from itertools import pairwise
from typing import Any

import cocotb

from sim.bench import JOB, Job
from sim.layer import LayerBench
from sim.stimulus import random_arrays
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


def layer_test(test: Callable[[LayerBench], Awaitable[None]]) -> Any:
    """Make a cocotb test of ``test``, which is given a running layer that has its weights."""

    @cocotb.test()
    @wraps(test)
    async def wrapper(dut: Any) -> None:
        bench = LayerBench(dut, Job.load(os.environ[JOB]))
        await bench.start()
        await give_weights(bench)
        await test(bench)

    return wrapper


async def give_weights(bench: LayerBench) -> None:
    """Load some weights where the layer has none in ROM."""
    if bench.design.loaded:
        await bench.load(random_arrays(bench.design, bench.generator), density=1)


def paces_of(bench: LayerBench) -> dict[str, tuple[Gaps, Readiness]]:
    """Return paces of source and sink by name; long stalls fill every buffer inside."""
    plane = bench.design.height * bench.design.width // bench.design.lanes
    return {
        "freely": (evenly(0), always),
        "randomly": (random_gaps(0.7, 1), randomly(0.7, 2)),
        "plane by plane": (sparse_groups(plane, bench.latency), after_valid()),
        "against long stalls": (random_gaps(0.9, 3), long_stalls(4, 3 * bench.latency)),
    }


@layer_test
async def latency_and_rate(bench: LayerBench) -> None:
    """Hold the layer, unstalled, to the manifest's timing, cycle for cycle."""
    first, frame = bench.first_frames, bench.cycles_per_frame
    n_frames = max(bench.job.groups, bench.latency // frame + 3, len(first) + 3)
    await bench.exchange(bench.stimulus(n_frames), evenly(0), always)
    out_beats = bench.design.out_frame_beats
    starts = bench.o.taken[::out_beats]
    latency = starts[0] - bench.i.taken[0]
    assert latency == bench.latency, (latency, bench.latency)
    cycles = [after - before for before, after in pairwise(starts)]
    promised = [*first, *[frame] * (len(cycles) - len(first))]
    assert cycles == promised, (cycles, promised)
    if frame == out_beats:
        steady = bench.o.taken[out_beats:]
        assert steady == list(range(steady[0], steady[0] + len(steady))), "Frames must not pause"


@layer_test
async def all_paces(bench: LayerBench) -> None:
    """Try paces of source and sink: they change timing only. One follows the other in time."""
    filling = 2 * bench.latency // bench.design.frame_beats + 1
    for name, (gaps, ready) in paces_of(bench).items():
        cocotb.log.info("%s", name)
        n_frames = bench.job.groups + (filling if ready is not always else 0)
        await bench.exchange(bench.stimulus(n_frames), gaps, ready)


@layer_test
async def reset_in_midstream(bench: LayerBench) -> None:
    """Reset for one cycle at any time: nothing is left of what was before."""
    within = bench.latency + bench.cycles_per_frame
    for seed in range(bench.job.resets):
        maps = bench.stimulus(within // bench.cycles_per_frame + 1)
        bench.i.send(bench.beats(maps), random_gaps(0.8, seed))
        bench.o.set_pace(never if seed % 4 == 0 else randomly(0.8, seed))
        await bench.run(int(bench.generator.integers(1, within)))
        await bench.reset()
        await give_weights(bench)
        await bench.exchange(bench.stimulus(1), evenly(0), always)


@layer_test
async def wrong_last(bench: LayerBench) -> None:
    """Misplace and omit tlast: that pulses its event for a cycle and changes nothing else."""
    maps = bench.stimulus(bench.job.groups)
    beats, expected = bench.misplace_last(bench.beats(maps))
    before = len(bench.i.taken)
    await bench.exchange(maps, random_gaps(0.8, 1), randomly(0.8, 2), beats)
    taken = bench.i.taken[before:]
    for name, indices in expected.items():
        assert bench.events.cycles[name] == [taken[index] + 1 for index in indices], name


@layer_test
async def sets_between_frames(bench: LayerBench) -> None:
    """Load new weights on all ports between frames: each frame has one set or the other."""
    for seed in range(2 if bench.design.loaded else 0):
        await bench.exchange(bench.stimulus(1), evenly(0), always)
        weights = random_arrays(bench.design, bench.generator)
        await bench.load(weights, density=0.6, seed=seed)
    await bench.exchange(bench.stimulus(bench.job.groups), evenly(0), always)
