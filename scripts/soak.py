"""Ten million samples through engines, and a layer at full size, all compared: ``make soak``."""

import sys
import time
from dataclasses import replace
from pathlib import Path

import click
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from golden.direct.design import DirectDesign
from golden.layer.design import LayerDesign
from golden.line.design import LineDesign, Requantization
from golden.line.example import example_weights
from hw.build import LAYER_PRESETS
from hw.layer.config import read_layer
from sim.bulk import run_bulk

STALLS = (0.05, 0.05)
"""Of source and sink; both pause often enough for the buffers to run full and empty."""


def designs() -> list[tuple[DirectDesign, float]]:
    """Return the engines to try, and what part of the samples each gets."""
    requantized = Requantization(low=-100, high=120)
    shapes: list[tuple[DirectDesign, float]] = [
        (DirectDesign(name="full_rate", length=56, channels=4, rows=3, weights=None), 1.0),
        (DirectDesign(name="folded", length=13, macs=5, lanes=4, channels=3, weights=None), 0.1),
        (
            DirectDesign(
                name="scaled", length=28, macs=14, lanes=2, requantization=requantized, weights=None
            ),
            0.1,
        ),
    ]
    return [(_with_weights(design), part) for design, part in shapes]


def layer() -> LayerDesign:
    """Return ParC-Net-S's layer3 with weights in ROM."""
    return read_layer(
        LAYER_PRESETS / "parcnet_s_layer3.toml",
        name="parcnet_s_layer3",
        weights_port=False,
        residual=True,
    )


def _with_weights(design: DirectDesign) -> DirectDesign:
    weights = example_weights(
        length=design.length,
        channels=design.channels,
        data_bits=design.data_bits,
        weight_bits=design.weight_bits,
        requantized=design.output_range if design.requantization else None,
    )
    return replace(design, weights=weights)


@click.command()
@click.option("--samples", default=10_000_000, show_default=True, help="Through the first engine.")
@click.option("--seed", default=1, show_default=True, help="Of the samples.")
def main(samples: int, seed: int) -> None:
    """Stream random samples under Verilator, and compare the results with the golden models."""
    rows = [("engine", "samples", "cycles", "seconds")]
    runs: list[tuple[LineDesign | LayerDesign, int]] = [
        (design, int(samples * part)) for design, part in designs()
    ]
    for design, total in [*runs, (layer(), 1)]:  # of a layer, a frame
        begin = time.monotonic()
        with tqdm(total=total, unit="sample", unit_scale=True, desc=design.name) as bar:
            result = run_bulk(design, total, stalls=STALLS, seed=seed, progress=bar.update)
        seconds = f"{time.monotonic() - begin:.1f}"
        rows.append((design.name, f"{result.samples:,}", f"{result.cycles:,}", seconds))
    for row in rows:
        click.echo("{:18}{:>14}{:>14}{:>10}".format(*row))


if __name__ == "__main__":
    main()
