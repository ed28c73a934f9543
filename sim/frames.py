"""Given maps through a generated layer."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from golden.inputs.write import arrays_archive
from golden.layer.design import LayerDesign
from golden.line.weights import Arrays
from golden.numbers.interval import Integers
from hw.emit.axi import PortNames
from hw.emit.files import write_files
from hw.emit.generate import generate
from hw.targets.registry import models_for
from sim import bench_frames, bench_map
from sim.bench import Job
from sim.progress import watching
from sim.runner import build


@dataclass(frozen=True, eq=False)
class FramesResult:
    """What came of a run.

    Attributes
    ----------
    maps
        int64 ``[F, C, H, W]``, as the hardware gave them.
    cycles
        From the first sample taken to the last given.
    """

    maps: Integers
    cycles: int


def run_frames(
    design: LayerDesign,
    maps: Integers,
    folder: Path,
    progress: Callable[[int], object] = lambda _frames: None,
    *,
    weights: Arrays | None = None,
    simulator: str = "verilator",
) -> FramesResult:
    """Generate ``design``, and send ``maps`` ``[F, C, H, W]`` through it.

    Parameters
    ----------
    design
        The layer.
    maps
        In the range of its data.
    folder
        For the generated files, the log and the results.
    progress
        Called with the number of frames that have come out since the last call.
    weights
        To be loaded first, where the design's weights arrive on ports.
    simulator
        One of `sim.runner.simulators`.

    Raises
    ------
    sim.runner.SimulationError
        Where the simulation fails.
    """
    files = generate(design, PortNames())
    write_files(files, folder)
    manifest = json.loads(files[f"{design.name}.json"])
    models = models_for(files[f"{design.name}.v"].decode())
    sources = [folder / name for name in (f"{design.name}.v", *models)]
    simulation = build(sources, design.name, simulator=simulator)
    np.save(folder / bench_frames.MAPS, maps)
    if weights is not None:
        (folder / bench_frames.WEIGHTS).write_bytes(arrays_archive(weights))
    env = Job(design, manifest, groups=len(maps), resets=0).save(folder / "job.pickle")
    env[bench_map.FOLDER] = str(folder)
    with watching(folder / bench_map.PROGRESS, progress):
        simulation.run("sim.bench_frames", folder=folder, env=env)
    cycles = int((folder / bench_map.CYCLES).read_text(encoding="utf-8"))
    return FramesResult(np.load(folder / bench_map.RESULTS), cycles)
