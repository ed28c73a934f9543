"""cocotb tests of the weights port of a line engine, whatever the engine."""

import os
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import cocotb

from golden.line.weights import LineWeights
from golden.numbers.interval import Integers
from sim.bench import JOB, Job, check_beats
from sim.line import LineBench
from sim.stimulus import random_weights
from sim.stream import Beat, Gaps, Readiness, Source, always, evenly, random_gaps, randomly

TAKES_EFFECT = 1
"""A set is in effect for frames that begin more than so many cycles after its last beat."""


def weights_test(test: Callable[[LineBench, Source], Awaitable[None]]) -> Any:
    """Make a cocotb test of ``test``, which is given an engine with no weights, and their port."""

    @cocotb.test()
    @wraps(test)
    async def wrapper(dut: Any) -> None:
        bench = LineBench(dut, Job.load(os.environ[JOB]))
        assert bench.w is not None
        await bench.start()
        await test(bench, bench.w)

    return wrapper


@weights_test
async def waits_for_the_first_set(bench: LineBench, port: Source) -> None:
    """Present lines first: nothing comes out until a whole set is in, and then what is right."""
    weights = random_weights(bench.design, bench.generator)
    lines = bench.stimulus(bench.job.groups, weights)
    bench.i.send(bench.beats(lines), evenly(0))
    beats = bench.set_beats(weights)
    port.send(beats[:-1], random_gaps(0.7, 1))
    await bench.until(lambda: port.idle)
    await bench.run(bench.latency + 2 * bench.cycles_per_group)
    assert not bench.o.beats, "No beat must come before the first set of weights"
    port.send(beats[-1:], evenly(0))
    bench.weights = weights
    expected = bench.expected(lines)
    await bench.until(lambda: len(bench.o.beats) >= len(expected))
    await bench.run(bench.latency)
    check_beats(bench.o.beats, expected)


@weights_test
async def reset_forgets_sets(bench: LineBench, port: Source) -> None:
    """Reset in the middle of a set, and with one in effect: a whole set is needed again."""
    design = bench.design
    for sent in (1, design.channels * design.coefficient_words, None):
        beats = bench.set_beats(random_weights(design, bench.generator))
        port.send(beats[:sent], evenly(0))
        if sent is None:  # and half of another
            port.send(beats[: len(beats) // 2], evenly(0))
        await bench.until(lambda: port.idle)
        await bench.reset()
        await use_one_set(bench)


async def use_one_set(bench: LineBench) -> None:
    """Load a set and send lines through it."""
    weights = random_weights(bench.design, bench.generator)
    await bench.load(weights, evenly(0))
    await bench.exchange(bench.stimulus(2), evenly(0), always)
    await bench.reset()


@weights_test
async def sets_change_between_frames(bench: LineBench, port: Source) -> None:
    """Load sets while lines stream: the kernels change between two frames, all at once."""
    slow = 3 * bench.cycles_per_group / (bench.design.channels * bench.design.coefficient_words)
    for seed, (w_gaps, i_gaps, ready) in enumerate(
        [
            (evenly(0), evenly(0), always),
            (evenly(int(slow)), evenly(0), always),
            (random_gaps(0.5, 1), random_gaps(0.5, 2), randomly(0.7, 3)),
            (random_gaps(1 / (1 + slow), 4), random_gaps(0.9, 5), randomly(0.3, 6)),
        ]
    ):
        cocotb.log.info("interleaving %d", seed)
        await change_sets(bench, port, w_gaps, i_gaps, ready)
        await bench.reset()


async def change_sets(
    bench: LineBench, port: Source, w_gaps: Gaps, i_gaps: Gaps, ready: Readiness
) -> None:
    """Stream frames and sets together, and find each frame computed with a set that it may have."""
    groups_a_frame = bench.frame_lines // bench.design.lanes
    n_frames = max(6, bench.job.groups // groups_a_frame)
    sets = [random_weights(bench.design, bench.generator) for _ in range(4)]
    lines = bench.stimulus(n_frames * groups_a_frame, sets[0])
    n_beats = lines.size // bench.design.lanes
    for weights in sets:
        port.send(bench.set_beats(weights), w_gaps)
    bench.i.send(bench.beats(lines), i_gaps)
    bench.o.set_pace(ready)
    await bench.until(lambda: len(bench.o.beats) >= n_beats)
    await bench.until(lambda: port.idle)
    await bench.run(bench.latency)
    assert len(bench.o.beats) == n_beats
    bench.check_no_events()
    used = sets_used(bench, port, lines, sets)
    assert len(set(used)) > 1, "Sets must change while frames stream"


def sets_used(
    bench: LineBench, port: Source, lines: Integers, sets: list[LineWeights]
) -> list[int]:
    """Return which set each frame was computed with, held to those that it may have been."""
    per_set = bench.design.channels * bench.design.coefficient_words
    loaded = port.taken[per_set - 1 :: per_set]
    frame_beats = bench.frame_lines // bench.design.lanes * bench.design.length
    used: list[int] = []
    for number in range(len(bench.o.beats) // frame_beats):
        beats = slice(number * frame_beats, (number + 1) * frame_beats)
        frame = lines[number * bench.frame_lines : (number + 1) * bench.frame_lines]
        begins, gives = bench.i.taken[beats][0], bench.o.taken[beats][0]
        surely = sum(begins > cycle + TAKES_EFFECT for cycle in loaded) - 1
        perhaps = sum(gives > cycle for cycle in loaded) - 1
        candidates = range(max(surely, *used[-1:], 0), perhaps + 1)
        matching = [
            n for n in candidates if computed(bench, frame, sets[n]) == bench.o.beats[beats]
        ]
        assert matching, f"Frame {number} must be computed with one of the sets {candidates}"
        used.append(matching[0])
    return used


def computed(bench: LineBench, frame: Integers, weights: LineWeights) -> list[Beat]:
    """Return the beats of a frame under ``weights``."""
    return bench.result_beats(bench.design.model(frame, weights))


@weights_test
async def wrong_last_of_sets(bench: LineBench, port: Source) -> None:
    """Misplace and omit tlast on w_axis: its event pulses, and the set is loaded all the same."""
    weights = random_weights(bench.design, bench.generator)
    beats = bench.set_beats(weights)
    beats[0] = Beat(beats[0].data, True)
    beats[-1] = Beat(beats[-1].data, False)
    port.send(beats, evenly(1))
    await bench.until(lambda: port.idle)
    await bench.run(3)
    assert bench.events.cycles == {
        "event_tlast_unexpected": [],
        "event_tlast_missing": [],
        "event_w_tlast_unexpected": [port.taken[0] + 1],
        "event_w_tlast_missing": [port.taken[-1] + 1],
    }
    bench.weights = weights
    lines = bench.stimulus(2)
    await bench.exchange(lines, evenly(0), always, bench.beats(lines))
