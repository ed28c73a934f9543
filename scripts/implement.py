"""Synthesis, place and route of a build: ``python scripts/implement.py build/NAME.json``."""

import os
import sys
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flow.cache import Cache
from flow.families import DEVICES, device_named
from flow.implement import implement, n_steps
from flow.product import load_product
from flow.progress import progress
from golden.errors import check_range
from hw.command import run_command
from hw.generate import write_files


@click.command()
@click.argument("manifest", type=Path, metavar="NAME.json")
@click.option("--device", default="lfe5u-85f-6", help=f"{', '.join(DEVICES)}.  [lfe5u-85f-6]")
@click.option("--seeds", type=int, default=3, help="Placements; Fmax is their median.  [3]")
@click.option("--jobs", type=int, default=os.cpu_count(), help="Placements at a time.  [all cores]")
@click.option("--yosys", type=Path, metavar="PATH", help="A Yosys >= 0.40.  [the pyosys wheel]")
@click.option("--nextpnr", type=Path, metavar="PATH", help="A native nextpnr.  [the wheel]")
@click.option("--cache", type=Path, default=Path("build/cache"), help="Kept steps.  [build/cache]")
@click.option("--no-cache", is_flag=True, help="Run every step, keep none.")
@click.option(
    "-o", "--out", type=Path, help="Report to write.  [NAME.DEVICE.json beside NAME.json]"
)
def main(
    manifest: Path,
    device: str,
    seeds: int,
    jobs: int,
    yosys: Path | None,
    nextpnr: Path | None,
    cache: Path,
    no_cache: bool,
    out: Path | None,
) -> None:
    """Synthesise, place and route a build out of context, every port registered.

    Prints the figures and writes them as JSON. Steps are kept by the content of all that goes into
    them, so a second run of the same build takes a second.
    """
    check_range("seeds", seeds, 1, 99)
    check_range("jobs", jobs, 1, 99)
    part = device_named(device)
    product = load_product(manifest)
    with progress("implementing", n_steps(seeds)) as step:
        report = implement(
            product,
            part,
            seeds=seeds,
            jobs=jobs,
            cache=Cache(None if no_cache else cache),
            progress=step,
            yosys=yosys,
            nextpnr=nextpnr,
        )
    click.echo(report.table())
    out = out or manifest.with_suffix(f".{part.name}.json")
    write_files({out.name: report.json()}, out.parent)
    click.echo(out)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status, 2 with one line on stderr for bad input."""
    return run_command(main, "implement", arguments)


if __name__ == "__main__":
    sys.exit(run())
