"""cocotb test of a layer whose weights change from frame to frame, without a pause."""

from functools import partial

import numpy as np

from sim.bench import check_beats
from sim.bench_layer import layer_test
from sim.layer import LayerBench
from sim.stimulus import random_arrays
from sim.stream import always, evenly


@layer_test
async def sets_beside_frames(bench: LayerBench) -> None:
    """Send each set as the frame before gives its first result: no frame waits for its set."""
    await bench.reset()
    n_frames = bench.job.groups
    sets = [random_arrays(bench.design, bench.generator) for _ in range(n_frames)]
    maps = bench.stimulus(n_frames)
    expected = []
    for frame, weights in zip(maps, sets, strict=True):
        bench.weights = weights
        expected += bench.expected(frame[np.newaxis])
    await bench.load(sets[0], density=1)
    bench.o.set_pace(always)
    bench.i.send(bench.beats(maps), evenly(0))
    out_beats = bench.design.out_frame_beats
    for number, weights in enumerate(sets[1:]):
        await bench.until(partial(_has_come, bench, number * out_beats))
        bench.send_set(weights)
    await bench.until(lambda: len(bench.o.beats) >= len(expected))
    await bench.run(bench.latency)
    check_beats(bench.o.beats, expected)
    bench.check_no_events()
    steps = np.diff(bench.o.taken[::out_beats])[1:]
    assert len(steps) > 1
    assert (steps == bench.cycles_per_frame).all(), (steps, bench.cycles_per_frame)


def _has_come(bench: LayerBench, beat: int) -> bool:
    return len(bench.o.beats) > beat
