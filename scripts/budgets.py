"""Hold builds to their budgets: ``python scripts/budgets.py``, ``--rewrite`` to set new ones."""

import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flow.budgets import BUDGETS, Budget, budgets_file, load_budgets
from flow.cache import Cache
from flow.families import part_named
from flow.implement import Means, implement, n_steps
from flow.product import build
from flow.progress import progress
from flow.report import Report
from hw.command import run_command
from hw.emit.files import write_files

SEEDS = 3


@click.command()
@click.option("--rewrite", is_flag=True, help="Take what is measured as the new budgets.")
@click.option("--cache", type=Path, default=Path("build/cache"), help="Kept steps.  [build/cache]")
@click.option("--jobs", type=int, default=os.cpu_count(), help="Designs at a time.  [all cores]")
@click.pass_context
def main(context: click.Context, rewrite: bool, cache: Path, jobs: int) -> None:
    """Build, place and time every design that has a budget.

    Fails when a resource grows by more than 5 % or Fmax, the median of three seeds, falls under
    85 %.
    """
    budgets = load_budgets()
    n = sum(n_steps(part_named(budget.device), SEEDS) for budget in budgets)
    with progress("budgets", n) as step:
        reports = _measure(budgets, Means(SEEDS, 1, Cache(cache), step), jobs)
    if rewrite:
        renewed = [b.renewed(r) for b, r in zip(budgets, reports, strict=True)]
        write_files({BUDGETS.name: budgets_file(renewed)}, BUDGETS.parent)
    else:
        breaches = [line for b, r in zip(budgets, reports, strict=True) for line in b.breaches(r)]
        for line in breaches:
            click.echo(line, err=True)
        context.exit(bool(breaches))


def _measure(budgets: Sequence[Budget], means: Means, jobs: int) -> list[Report]:
    """Return what each comes to, ``jobs`` designs at a time: no core waits for a last seed."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        products = [
            build(budget.name, budget.arguments.split(), Path(folder) / budget.name)
            for budget in budgets
        ]
        devices = [part_named(budget.device) for budget in budgets]
        return list(pool.map(implement, products, devices, [means] * len(budgets)))


if __name__ == "__main__":
    sys.exit(run_command(main, "budgets"))
