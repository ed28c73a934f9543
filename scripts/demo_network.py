"""Trained networks with every ParC layer in generated hardware: ``make demo-network``."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
import torch
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from matplotlib.figure import Figure

from golden.numbers.interval import Integers
from golden.operator.parc import Floats
from hw.command import table
from hw.convert.calibrate import Calibration, measure, quantize_network, stand_ins
from hw.convert.compose import compose
from hw.convert.find import find_passes
from hw.convert.graph import Graph
from hw.convert.integers import IntegerLayer
from hw.convert.read_torch import from_program
from hw.emit.files import write_files
from hw.emit.toml import config_files
from nets.digits import TASKS, digits, load_trained
from sim.frames import run_frames

ROOT = Path(__file__).resolve().parent.parent
MOST_LOST = 0.01
"""Accuracy that integers may cost."""
_CALIBRATION_IMAGES = 200
_SHOWN = 12


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of one network.

    Attributes
    ----------
    figures
        As `hw.convert.calibrate.measure` gives them, of all test images.
    images
        Those that went through the hardware.
    integers, hardware
        Results of the network for them, by the integer model and by the hardware.
    labels
        What they show.
    differences
        Samples of all layers in which hardware and model differ.
    rows
        Of the table, one a layer.
    """

    name: str
    figures: dict[str, float]
    images: Floats
    integers: Floats
    hardware: Floats
    labels: Integers
    differences: int
    rows: list[list[str]]

    @property
    def same(self) -> bool:
        """Whether hardware and integer model agree on every prediction, and in every sample."""
        predicted = [a.argmax(axis=1) for a in (self.integers, self.hardware)]
        return np.array_equal(*predicted) and self.differences == 0

    @property
    def lost(self) -> float:
        """Accuracy that integers cost."""
        return self.figures["float_accuracy"] - self.figures["integer_accuracy"]


def run_network(name: str, n_images: int, folder: Path) -> Outcome:
    """Convert a trained network, and compute its ParC layers in hardware for ``n_images``."""
    task = TASKS[name]
    example = torch.zeros(1, 1, task.size, task.size)
    program = torch.export.export(load_trained(name), (example,))
    graph = from_program(program, (task.size, task.size))
    training = Calibration(digits(task.size, test=False)[0][:_CALIBRATION_IMAGES].astype(float))
    x, labels = digits(task.size, test=True)
    test = Calibration(x.astype(float), labels)
    layers_found = compose(graph, find_passes(graph)[0])
    with tqdm(total=len(training.images), unit="image", desc=f"{name}: calibration") as bar:
        layers, left = quantize_network(graph, layers_found, training, progress=bar.update)
    assert not left, left
    with tqdm(total=len(x), unit="image", desc=f"{name}: accuracy") as bar:
        figures = measure(graph, layers, test, bar.update)
    integers, _ = _run(graph, layers, test, n_images, {}, "")
    chosen: dict[str, list[Floats]] = {}
    rows, differences = [], 0
    for layer in layers:
        begin = time.monotonic()
        _, entries = _run(graph, layers, test, n_images, chosen, layer.found.entry)
        maps = layer.formats.data.quantize(np.stack(entries))
        write_files(config_files(layer.config), folder)
        with tqdm(total=n_images, unit="image", desc=f"{name}: {layer.found.name}") as bar:
            result = run_frames(layer.design, maps, folder / layer.found.name, bar.update)
        differences += int(np.count_nonzero(result.maps != layer.design.model(maps)))
        chosen[layer.found.exit] = list(layer.formats.output.dequantize(result.maps))
        shape = " x ".join(map(str, layer.found.shape))
        seconds = f"{time.monotonic() - begin:.1f}"
        found = [layer.found.name, layer.found.form, shape, f"{result.maps.size}"]
        rows.append([*found, f"{result.cycles / n_images:.0f}", f"{differences}", seconds])
    hardware, _ = _run(graph, layers, test, n_images, chosen, "")
    return Outcome(
        name,
        figures,
        test.images[:n_images],
        integers,
        hardware,
        labels[:n_images],
        differences,
        rows,
    )


def _run(
    graph: Graph,
    layers: Sequence[IntegerLayer],
    data: Calibration,
    n_images: int,
    given: dict[str, list[Floats]],
    watched: str,
) -> tuple[Floats, list[Floats]]:
    """Run images through the network, layers in integers, but for the maps that are ``given``.

    Returns
    -------
    The network's results, and the value ``watched`` of every image.
    """
    results, seen = [], []
    for index in range(n_images):
        replace = stand_ins(layers)
        for name, maps in given.items():
            replace[name] = partial(_given, maps[index])
        names = {layer.found.entry for layer in layers} | {watched}
        result, values = graph.run(data.image(index), names, replace)
        results.append(result.numpy()[0])
        if watched:
            seen.append(values[watched].numpy()[0])
    return np.stack(results), seen


def _given(values: Floats, _seen: object) -> torch.Tensor:
    return torch.from_numpy(values)[None]


def draw(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the picture: digits, what each network read in hardware, and both accuracies."""
    figure = Figure(figsize=(1.2 * _SHOWN, 2.0 * len(outcomes)), layout="constrained")
    rows = figure.subplots(len(outcomes), _SHOWN, squeeze=False)
    for row, outcome in zip(rows, outcomes, strict=True):
        for index, axis in enumerate(row):
            guess, label = int(outcome.hardware[index].argmax()), int(outcome.labels[index])
            axis.imshow(outcome.images[index, 0], cmap="gray_r")
            axis.set_title(f"{guess}", color="black" if guess == label else "red")
            axis.set_xticks([])
            axis.set_yticks([])
        row[0].set_ylabel(outcome.name)
        scores = [outcome.figures[f"{kind}_accuracy"] for kind in ("float", "integer")]
        text = f"float {scores[0]:.1%}, integers {scores[1]:.1%}"
        row[_SHOWN // 2].set_xlabel(text, fontsize=9)
    figure.suptitle("What ParC networks read, their ParC layers in simulated Verilog")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


@click.command()
@click.option("--images", default=50, show_default=True, help="Through the hardware.")
@click.option("--picture", type=Path, default=ROOT / "build" / "demo_network" / "demo.png")
def main(images: int, picture: Path) -> None:
    """Quantise both digits' networks, and compute their ParC layers in generated hardware."""
    torch.set_num_threads(1)
    folder = ROOT / "build" / "demo_network"
    outcomes = [run_network(name, images, folder / name) for name in TASKS]
    draw(picture, outcomes)
    heads = ["layer", "form", "map", "samples", "cycles/image", "mismatches", "seconds"]
    for outcome in outcomes:
        click.echo(table([heads, *outcome.rows]))
        scores = [outcome.figures[f"{kind}_accuracy"] for kind in ("float", "integer")]
        right = np.count_nonzero(outcome.hardware.argmax(axis=1) == outcome.labels)
        click.echo(
            f"{outcome.name}: {scores[0]:.2%} right in float, {scores[1]:.2%} with ParC in "
            f"integers, of {outcome.figures['images']} test images; in hardware {right} of "
            f"{images}, every prediction {'the' if outcome.same else 'NOT the'} integer model's"
        )
    click.echo(f"picture: {picture}")
    if not all(outcome.same and outcome.lost <= MOST_LOST for outcome in outcomes):
        sys.exit(1)


if __name__ == "__main__":
    main()
