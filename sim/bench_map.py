"""cocotb bench that sends a file of lines through an engine and keeps what comes out."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import cocotb
import numpy as np

from golden.line.design import LineDesign
from golden.numbers.interval import Integers
from sim.bench import JOB, Job
from sim.line import LineBench
from sim.stream import Beat, always, evenly

FOLDER = "MAP_FOLDER"
"""Environment variable that names the folder of the files below."""
LINES = "lines.npy"
"""int64 ``[L, N]``, to be sent."""
RESULTS = "results.npy"
"""int64 ``[L, N]``, what came out."""
CYCLES = "cycles"
"""Cycles from the first sample taken to the last result given."""
PROGRESS = "progress"
"""Lines that have come out so far."""


def samples_of(beats: list[Beat], lanes: int, slot_bits: int) -> Integers:
    """Return the samples of ``beats`` as ``[beats, lanes]``."""
    shifts = slot_bits * np.arange(lanes)
    mask, sign = (1 << slot_bits) - 1, 1 << (slot_bits - 1)
    words = [[(beat.data >> int(s) & mask ^ sign) - sign for s in shifts] for beat in beats]
    return np.array(words, dtype=np.int64)


def unpack(beats: list[Beat], design: LineDesign, slot_bits: int) -> Integers:
    """Return the samples of whole groups as ``[L, N]``."""
    words = samples_of(beats, design.lanes, slot_bits)
    table = words.reshape(-1, design.length, design.lanes)
    return table.transpose(0, 2, 1).reshape(-1, design.length)


def _have_come(bench: LineBench, n_groups: int) -> bool:
    return len(bench.o.beats) >= n_groups * bench.design.length


@cocotb.test()
async def whole_map(dut: Any) -> None:
    """Send every line, and write down the results."""
    folder = Path(os.environ[FOLDER])
    bench = LineBench(dut, Job.load(os.environ[JOB]))
    await bench.start()
    lines = np.load(folder / LINES)
    bench.i.send(bench.beats(lines), evenly(0))
    bench.o.set_pace(always)
    lanes = bench.design.lanes
    for n_groups in range(1, len(lines) // lanes + 1):
        await bench.until(partial(_have_come, bench, n_groups))
        (folder / PROGRESS).write_text(str(n_groups * lanes), encoding="utf-8")
    await bench.run(bench.latency + bench.cycles_per_group)
    slot = bench.job.manifest["streams"]["m_axis"]["slot_bits"]
    np.save(folder / RESULTS, unpack(bench.o.beats, bench.design, slot))
    (folder / CYCLES).write_text(str(bench.o.taken[-1] - bench.i.taken[0] + 1), encoding="utf-8")
    bench.check_no_events()
