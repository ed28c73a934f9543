"""cocotb bench that sends a file of maps through a layer and keeps what comes out."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import cocotb
import numpy as np

from golden.inputs.read import read_arrays
from golden.layer.design import LayerDesign
from golden.numbers.interval import Integers
from sim.bench import JOB, Job
from sim.bench_map import CYCLES, FOLDER, PROGRESS, RESULTS, samples_of
from sim.layer import LayerBench
from sim.stream import Beat, always, evenly

MAPS = "maps.npy"
"""int64 ``[F, C, H, W]``, to be sent; what comes out is in `RESULTS`."""
WEIGHTS = "weights.npz"
"""Arrays of a weights file, to be loaded where weights arrive on ports."""


def unpack_maps(beats: list[Beat], design: LayerDesign, slot_bits: int) -> Integers:
    """Return the samples of whole frames as ``[F, C, H, W]``: `sim.layer.pack_maps` undone."""
    channels, height, width = design.out_shape
    bands = samples_of(beats, design.lanes, slot_bits).reshape(-1, width, design.lanes)
    return bands.swapaxes(1, 2).reshape(-1, channels, height, width)


def _have_come(bench: LayerBench, n_frames: int) -> bool:
    return len(bench.o.beats) >= n_frames * bench.design.out_frame_beats


@cocotb.test()
async def frames(dut: Any) -> None:
    """Send every map, and write down the results."""
    folder = Path(os.environ[FOLDER])
    bench = LayerBench(dut, Job.load(os.environ[JOB]))
    await bench.start()
    if bench.design.loaded:
        await bench.load(read_arrays(folder / WEIGHTS, "weights"), density=1)
    maps = np.load(folder / MAPS)
    bench.i.send(bench.beats(maps), evenly(0))
    bench.o.set_pace(always)
    for n_frames in range(1, len(maps) + 1):
        await bench.until(partial(_have_come, bench, n_frames))
        (folder / PROGRESS).write_text(str(n_frames), encoding="utf-8")
    await bench.run(bench.latency)
    slot = bench.job.manifest["streams"]["m_axis"]["slot_bits"]
    np.save(folder / RESULTS, unpack_maps(bench.o.beats, bench.design, slot))
    (folder / CYCLES).write_text(str(bench.o.taken[-1] - bench.i.taken[0] + 1), encoding="utf-8")
    bench.check_no_events()
