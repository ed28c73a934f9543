"""Operators of networks against onnxruntime, drawn at random: part of ``make soak``."""

import sys
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from golden.network.cases import Draw
from golden.network.registry import OPERATORS
from hw.command import table
from hw.convert.whole.referee import Referee


@click.command()
@click.option("--cases", default=500, show_default=True, help="Of operators, over all kinds.")
@click.option("--first", default=1000, show_default=True, help="Seed of the first.")
def main(cases: int, first: int) -> None:
    """Compare operators in both modes; exit with 1 where one is not as it must be."""
    kinds = tuple(OPERATORS)
    counts = {kind: np.zeros(3, np.int64) for kind in kinds}
    for index in tqdm(range(cases), unit="case"):
        kind, own = kinds[index % len(kinds)], bool(index // len(kinds) % 2)
        network, words = Draw(first + index, own=own).case(kind)
        image = network.maps[network.input].dequantize(words)
        for difference in Referee(network).compare(image):
            counts[kind] += (1, difference.elements, not difference.right)
            if not difference.right:
                click.echo(f"seed {first + index}, {kind}, own {own}: {difference}", err=True)
    rows = [[kind, *map(str, count)] for kind, count in counts.items()]
    click.echo(table([["operator", "maps", "samples", "wrong"], *rows]))
    if any(count[2] for count in counts.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
