"""The command line of sweeps."""

import importlib.util
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from golden.inputs.errors import ParameterError, check_range
from hw.command import table
from hw.emit.files import write_files
from hw.measured.store import DONE, FAILED, OPEN, TIMEOUT, Store, Swept
from hw.sweep.assignment import Assignment, ClusterOptions, open_tasks
from hw.sweep.front import csv_of, front
from hw.sweep.spec import Spec, read_spec
from hw.sweep.work import Folders

_MOST_SHOWN, _MOST_REASONS = 30, 5


@click.command()
@click.argument("spec", type=Path, metavar="SPEC.toml")
@click.option("-o", "--out", "store", type=Path, help="Store of results.  [build/NAME.sqlite]")
@click.option("--csv", type=Path, help="Write all points as CSV too.")
@click.option("--workers", type=int, help="Processes, or jobs of Slurm.  [one a core; one job]")
@click.option("--scheduler", metavar="ADDRESS", help="Run on a Dask scheduler that is there.")
@click.option("--slurm", is_flag=True, help="Run as jobs of Slurm.")
@click.option("--again", is_flag=True, help="Repeat what failed or ran out of time.")
@click.option("--cache", type=Path, default=Path("build/cache"), help="Kept steps.  [build/cache]")
@click.option(
    "--builds", type=Path, default=Path("build/sweep"), help="Kept builds.  [build/sweep]"
)
def main(
    spec: Path,
    store: Path | None,
    csv: Path | None,
    workers: int | None,
    scheduler: str | None,
    slurm: bool,
    again: bool,
    cache: Path,
    builds: Path,
) -> int:
    """Build, predict, and if asked simulate and place the product of lists of parameters.

    Results go to a store as they come: a run that was killed goes on where it was, and nothing is
    done twice that is known. docs/sweep.md says what SPEC.toml may hold.

    Ends with 1 where a point failed or ran out of time; what a generator refuses is a result.
    """
    if workers is not None:
        check_range("workers", workers, 1, 10_000)
    if scheduler is not None and (slurm or workers is not None):
        raise ParameterError("scheduler", "left out with --slurm and --workers", scheduler)
    wanted = read_spec(spec)
    tasks = [point.tasks(wanted.steps, wanted.seeds) for point in wanted.points]
    path = store or Path("build") / f"{spec.stem}.sqlite"
    _check_installed()
    with Store(path) as results, results.only_writer():
        if again:
            results.forget((FAILED, TIMEOUT))
        entries = [point.entry for point in wanted.points]
        keys = [[task.key for task in own] for own in tasks]
        best = (wanted.least, wanted.most)
        results.name_points(spec.stem, list(zip(entries, keys, strict=True)), best)
        paths = [str(path.resolve()) for path in (builds, cache, builds / "simulations")]
        where = Folders(paths[0], paths[1], paths[2], keep=bool(wanted.steps))
        left = open_tasks(tasks, results.known(), builds)
        if left:
            orders = [Assignment(task, where, wanted.limit_s) for task in left]
            _run(results, orders, ClusterOptions(workers, scheduler, slurm))
        rows = list(results.rows(spec.stem))
    if csv is not None:
        write_files({csv.name: csv_of(rows)}, csv.parent)
    return _told(rows, wanted)


def _check_installed() -> None:
    for package in ("distributed", "tqdm"):
        if importlib.util.find_spec(package) is None:
            raise click.ClickException(f"{package}, of the extra 'sweep', must be installed")


def _run(results: Store, orders: Sequence[Assignment], options: ClusterOptions) -> None:
    from tqdm import tqdm  # what a sweep needs may not be there, and takes a second to load

    from hw.sweep.cluster import client_at, run_tasks

    with (
        client_at(options) as client,
        tqdm(total=len(orders), unit="step", desc="sweeping", smoothing=0) as bar,
    ):
        run_tasks(client, orders, results, bar.update)


def _told(rows: Sequence[Swept], wanted: Spec) -> int:
    """Print how many points came to what, and the best; return the exit status."""
    states = Counter(row.state for row in rows)
    click.echo(", ".join(f"{count} {state}" for state, count in sorted(states.items())))
    reasons = Counter(row.why for row in rows if row.state not in (DONE, OPEN))
    for why, count in reasons.most_common(_MOST_REASONS):
        click.echo(f"  {count} x {why}")
    best = front(rows, wanted.least, wanted.most)
    names = [*wanted.least, *wanted.most]
    if best:
        click.echo(f"best of {', '.join(names)}:")
        best.sort(key=lambda row: [row.figures[name] for name in names])
        parameters = list(dict.fromkeys(name for row in best for name in row.point))
        shown = [
            [str(row.point.get(name, "")) for name in parameters]
            + [f"{row.figures[name]:g}" for name in names]
            for row in best[:_MOST_SHOWN]
        ]
        click.echo(table([[*parameters, *names], *shown]))
        if len(best) > _MOST_SHOWN:
            click.echo(f"and {len(best) - _MOST_SHOWN} more")
    return 1 if states[FAILED] or states[TIMEOUT] else 0
