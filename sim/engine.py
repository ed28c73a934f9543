"""From a design to a run of its benches."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from golden.layer.design import LayerDesign
from golden.line.design import LineDesign
from hw.emit.axi import PortNames
from hw.emit.files import write_files
from hw.emit.generate import generate
from hw.targets.registry import models_for
from sim.bench import Job
from sim.runner import build


def simulate(
    design: LineDesign | LayerDesign,
    bench: str,
    *,
    simulator: str,
    folder: Path,
    groups: int = 4,
    resets: int = 10,
    tests: Sequence[str] = (),
    names: PortNames | None = None,
    edit: Callable[[str], str] | None = None,
    seed: int = 1,
) -> list[str]:
    """Generate ``design``, build it for ``simulator`` and run a bench on it.

    Parameters
    ----------
    design
        The engine or layer.
    bench
        Module of the bench: ``sim.bench_line``, ``sim.bench_weights`` or ``sim.bench_layer``.
    simulator
        One of `sim.runner.simulators`.
    folder
        For the generated files, the log and the results.
    groups
        Groups of lines, or frames, to send in each experiment of the bench.
    resets
        Resets in midstream.
    tests
        Names of the tests to run; all by default.
    names
        Of clock and reset.
    edit
        Change of the Verilog before it is built, to see whether the bench finds it.
    seed
        Of every random number.

    Returns
    -------
    Names of the tests that passed.

    Raises
    ------
    sim.runner.SimulationError
        Where a test fails or none ran.
    """
    files = generate(design, names or PortNames())
    write_files(files, folder)
    manifest = json.loads(files[f"{design.name}.json"])
    source = folder / f"{design.name}.v"
    if edit is not None:
        source.write_text(edit(source.read_text(encoding="utf-8")), encoding="utf-8")
    models = models_for(source.read_text(encoding="utf-8"))
    write_files({name: text.encode() for name, text in models.items()}, folder)
    sources = [source, *(folder / name for name in models)]
    simulation = build(sources, manifest["top"], simulator=simulator)
    job = Job(design, manifest, groups, resets, seed)
    env = job.save(folder / "job.pickle")
    return simulation.run(bench, folder=folder, tests=tests, env=env, seed=seed)
