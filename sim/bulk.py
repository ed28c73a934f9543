"""Millions of samples through a build: C++ under Verilator, compared with the golden model."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from golden.layer.design import LayerDesign
from golden.line.design import LineDesign
from golden.numbers.interval import Integers
from hw.emit.axi import PortNames
from hw.emit.generate import generate
from hw.simulate.verilator import Compiled, SimulationError
from sim.runner import CACHE

_SOURCE = Path(__file__).with_name("bulk.cpp")
_CHUNK = 1 << 16
"""About how many samples are made, sent and compared at a time."""


@dataclass(frozen=True)
class BulkResult:
    """What a bulk run came to; it had no mismatch.

    Attributes
    ----------
    samples
        Compared.
    cycles
        Simulated, from the first input to the last output.
    """

    samples: int
    cycles: int


def run_bulk(
    design: LineDesign | LayerDesign,
    samples: int,
    *,
    stalls: tuple[float, float] = (0.0, 0.0),
    seed: int = 1,
    progress: Callable[[int], object] = lambda _samples: None,
) -> BulkResult:
    """Send at least ``samples`` full-range random samples through ``design``, and compare all.

    Parameters
    ----------
    design
        With its weights in ROM. A layer gives as many results as it takes samples.
    samples
        Rounded up to whole frames.
    stalls
        Probabilities that the source, and the sink, pause in a cycle.
    seed
        Of the samples.
    progress
        Called with the number of samples just sent.

    Raises
    ------
    SimulationError
        With the first difference.
    """
    frame = frame_of(design)
    files = generate(design, PortNames())
    manifest = json.loads(files[f"{design.name}.json"])
    slots = [manifest["streams"][s]["slot_bits"] // 8 for s in ("s_axis", "m_axis")]
    beat_bytes = [str(slot * design.lanes) for slot in slots]
    timing = manifest["timing"]
    cycles = [value for value in timing.values() if isinstance(value, int)]
    patience = 1000 + 10 * sum([*cycles, *timing.get("first_frames", [])])
    per_mille = [str(round(1000 * p)) for p in stalls]
    top = f"{design.name}.v"
    program = Compiled(design.name, {top: files[top]}, _SOURCE).build(CACHE)
    command = [str(program), str(frame.last_every), *beat_bytes, *per_mille, str(patience)]
    size = int(np.prod(frame.shape))
    frames = max(1, _CHUNK // size)
    left = -(-samples // size)
    generator = np.random.default_rng(seed)
    sent = 0
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as bench:
        assert bench.stdin is not None
        try:
            while left:
                now = min(frames, left)
                left -= now
                data = design.data
                shape = (now, *frame.shape)
                maps = generator.integers(data.low, data.high, shape, endpoint=True)
                bench.stdin.write(np.uint32(maps.size // design.lanes).tobytes())
                bench.stdin.write(pack(maps, design.lanes, slots[0]))
                bench.stdin.write(pack(frame.model(maps), design.lanes, slots[1]))
                sent += maps.size
                progress(maps.size)
        except BrokenPipeError:
            pass  # it ended early, and says why
        out, err = bench.communicate()
    if bench.returncode:
        raise SimulationError(err.decode().strip() or f"Compiled ended with {bench.returncode}")
    report = json.loads(out)
    assert report["beats"] * design.lanes == sent
    return BulkResult(sent, report["cycles"])


@dataclass(frozen=True)
class Frame:
    """What comes in order, from channel 0 on: lines, the last axis, in groups of lanes.

    Parameters
    ----------
    shape
        Of the samples.
    last_every
        Beats from a tlast to the next.
    model
        Results of frames of samples.
    """

    shape: tuple[int, ...]
    last_every: int
    model: Callable[[Integers], Integers]


def frame_of(design: LineDesign | LayerDesign) -> Frame:
    """Return what a design takes in order."""
    if isinstance(design, LayerDesign):
        shape = (design.channels, design.height, design.width)
        return Frame(shape, design.frame_beats, design.model)
    length = design.length
    lines = (design.channels * design.lines_per_channel, length)

    def model(maps: Integers) -> Integers:
        return design.model(maps.reshape(-1, length))

    return Frame(lines, length, model)


def pack(maps: Integers, lanes: int, slot_bytes: int) -> bytes:
    """Return beats as tdata's bytes, the lowest first."""
    length = maps.shape[-1]
    beats = maps.reshape(-1, lanes, length).transpose(0, 2, 1)
    words: npt.NDArray[np.uint8] = np.ascontiguousarray(beats, "<i8").view(np.uint8)
    return words.reshape(-1, 8)[:, :slot_bytes].tobytes()
