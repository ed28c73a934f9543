"""Measure every engine and write docs/benchmarks.md: ``python scripts/bench.py``."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flow.bench import (
    DEVICE,
    LAYERS,
    LENGTHS,
    LayerResult,
    Result,
    cases,
    keep,
    measure,
    measure_layer,
    read_results,
    results_file,
)
from flow.benchmarks import markdown, plots
from flow.cache import Cache
from flow.families import part_named
from flow.implement import Means, n_steps
from flow.progress import progress
from golden.inputs.errors import check_range
from hw.command import run_command
from hw.emit.files import write_files
from hw.engines import ENGINES
from hw.measured.store import Store


@click.command()
@click.option(
    "--engine", "engines", multiple=True, type=click.Choice(list(ENGINES)), help="Only this."
)
@click.option("--length", "lengths", multiple=True, type=int, help="Only this one.")
@click.option("--again", is_flag=True, help="Only write anew what benchmarks.json has.")
@click.option("--seeds", type=int, default=3, help="Placements; Fmax is their median.  [3]")
@click.option("--jobs", type=int, default=os.cpu_count(), help="Placements at a time.  [all cores]")
@click.option("--cache", type=Path, default=Path("build/cache"), help="Kept steps.  [build/cache]")
@click.option(
    "--store",
    type=Path,
    default=Path("build/bench.sqlite"),
    help="Kept as points of hw.sweep.  [build/bench.sqlite]",
)
@click.option("-o", "--out", type=Path, default=Path("docs"), help="Folder to write to.  [docs]")
def main(
    engines: tuple[str, ...],
    lengths: tuple[int, ...],
    again: bool,
    seeds: int,
    jobs: int,
    cache: Path,
    store: Path,
    out: Path,
) -> None:
    """Build, place and time every engine and layer, and write tables and plots of it.

    An hour or more the first time; what was measured before is taken from the cache.
    """
    check_range("seeds", seeds, 1, 99)
    check_range("jobs", jobs, 1, 99)
    if again:
        _write(*read_results(out / "benchmarks.json"), seeds, out)
        return
    wanted = cases(engines or list(ENGINES), lengths or LENGTHS)
    # Of some engines or lengths only, it is no whole layer that is asked for.
    layers = [] if engines or lengths else LAYERS
    devices = [*(case.device for case in wanted), *(DEVICE for _ in layers)]
    n = sum(n_steps(part_named(device), seeds) for device in devices)
    with progress("measuring", n) as step:
        means = Means(seeds, jobs, Cache(cache), step)
        results = [measure(case, means) for case in wanted]
        whole = [measure_layer(config, means) for config in layers]
    with Store(store) as kept:
        keep(results, seeds, kept)
    _write(results, whole, seeds, out)


def _write(results: Sequence[Result], whole: Sequence[LayerResult], seeds: int, out: Path) -> None:
    files = {
        "benchmarks.md": markdown(results, whole, seeds).encode(),
        "benchmarks.json": results_file(results, whole),
        **plots(results),
    }
    write_files(files, out)
    click.echo(" ".join(str(out / name) for name in files))


if __name__ == "__main__":
    sys.exit(run_command(main, "bench"))
