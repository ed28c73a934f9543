"""Hours of trials of readers and generated hardware: ``make campaign``.

What was done is kept: the same again goes on where it was stopped.
"""

import os
import sys
import time
from pathlib import Path

import click
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hw.command import table
from sim.campaign.part import Kept, Part, failures_of
from sim.campaign.parts import PARTS
from sim.campaign.pool import outcomes_of

ROOT = Path(__file__).resolve().parent.parent


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(PARTS)), help="Parts.  [all]")
@click.option("--minutes", type=float, help="After which no further point of a part is begun.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=os.cpu_count(),
    help="Points at a time.  [all cores]",
)
@click.option("--sample", is_flag=True, help="A few points of each part, as tests try them.")
@click.option("--figures", is_flag=True, help="Try nothing; say what is kept.")
@click.option(
    "--results",
    type=Path,
    default=ROOT / "build" / "campaign",
    help="Folder of what came of each point.  [build/campaign]",
)
def main(
    only: tuple[str, ...],
    minutes: float | None,
    jobs: int,
    sample: bool,
    figures: bool,
    results: Path,
) -> None:
    """Try readers and hardware; exit status 1 where anything is wrong."""
    failed = 0
    for name in only or PARTS:
        part = PARTS[name]()
        kept = Kept(results / f"{name}.jsonl")
        if not figures:
            _try(part, kept, minutes, jobs, sample=sample)
        click.echo(f"{name}\n{table([part.head, *part.figures(kept.outcomes)])}")
        wrong = failures_of(kept.outcomes)
        failed += len(wrong)
        for text in wrong:
            click.echo(f"{name}: {text}", err=True)
    sys.exit(1 if failed else 0)


def _try(part: Part, kept: Kept, minutes: float | None, jobs: int, *, sample: bool) -> None:
    """Try the points that are left, for some minutes."""
    points = [p for p in (part.sample() if sample else part.points()) if kept.needs(p)]
    end = time.monotonic() + 60 * (minutes or float("inf"))
    tried = outcomes_of(part.name, points, jobs, end)
    for point, outcome in tqdm(tried, part.name, len(points), unit="point", disable=None):
        kept.add(point, outcome)


if __name__ == "__main__":
    main()
