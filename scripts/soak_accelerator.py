"""Operators drawn at random through the accelerator's Verilog: part of ``make soak``.

What was done is kept: the same again goes on where it was stopped.
"""

import json
import sys
import tempfile
from pathlib import Path

import click
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from golden.accelerator.sizes import Sizes
from sim.accelerator import KINDS, run_cases

KEPT = Path("build") / "soak" / "accelerator.json"
SIZES = [
    Sizes(positions=32),
    Sizes(tile=8, scalers=2, positions=7),
    Sizes(tile=12, scalers=12, positions=64, target="ecp5"),
    Sizes(tile=16, scalers=4, positions=48),
]


@click.command()
@click.option("--cases", default=240, show_default=True, help="Of operators, over all kinds.")
@click.option("--first", default=1000, show_default=True, help="Seed of the first.")
@click.option("--batch", default=24, show_default=True, help="Cases that one program does.")
@click.option("--kept", default=KEPT, type=Path, show_default=True, help="What came of each.")
def main(cases: int, first: int, batch: int, kept: Path) -> None:
    """Compare words and cycles; end with the first that is wrong."""
    done = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for index, begin in enumerate(tqdm(range(first, first + cases, batch), unit="program")):
        sizes, own = SIZES[index % len(SIZES)], index % 3 < 2
        key = f"{begin} {batch} {own} {sizes}"
        if key in done:
            continue
        with tempfile.TemporaryDirectory() as folder:
            seeds = range(begin, min(begin + batch, first + cases))
            cycles = run_cases(seeds, sizes, Path(folder), simulator="verilator", own=own)
        done[key] = cycles
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(done, indent=1), encoding="utf-8")
    click.echo(f"{cases} cases of {len(KINDS)} operators: all words and cycles equal")


if __name__ == "__main__":
    main()
