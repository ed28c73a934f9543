"""Whole trained networks, pixels to classes, in generated hardware: ``make demo-network``."""

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
import torch
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from matplotlib.figure import Figure

from flow.bench import SINGLES
from golden.inputs.read import read_json
from golden.inputs.write import arrays_archive
from golden.numbers.interval import Integers
from golden.operator.parc import Floats
from hw.command import table
from hw.run import Ran, RunOptions, accelerated
from nets.digits import TASKS, Task, digits, load_trained

ROOT = Path(__file__).resolve().parent.parent
TILE = 8
MOST_LOST = 0.01
"""Accuracy that integers may cost."""
_CALIBRATION_IMAGES = 200
_SHOWN = 10
"""Maps of an image."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of one network.

    Attributes
    ----------
    right
        Share of the test images of which the class is right: in float, in integers, in Verilog.
    ran
        What came of each image in Verilog; of the first one every map.
    image
        The first one ``[size, size]``.
    seconds
        That all of it took.
    """

    name: str
    right: tuple[float, float, float]
    ran: list[Ran]
    image: Floats
    seconds: float

    @property
    def different(self) -> int:
        """Samples that differ from the integer model's."""
        return sum(sum(one.different.values()) for one in self.ran)

    @property
    def compared(self) -> list[int]:
        """Samples of each map of an image, all of which are compared."""
        return [data.size for data in self.ran[0].maps.values()]

    @property
    def good(self) -> bool:
        """Whether nothing differs, and integers cost little."""
        return not self.different and self.right[0] - self.right[1] <= MOST_LOST

    def row(self) -> list[str]:
        """Return the network's line of the table."""
        cycles = {one.cycles for one in self.ran}
        clock = clock_of(self.name)
        rates = {f"{clock * 1e6 / count:,.0f}" for count in cycles} if clock else {"-"}
        return [
            self.name,
            *(f"{share:.2%}" for share in self.right),
            f"{len(self.ran)}",
            f"{sum(self.compared) * len(self.ran)}",
            f"{self.different}",
            " ".join(map(str, sorted(cycles))),
            f"{clock}" if clock else "-",
            " ".join(sorted(rates)),
            f"{self.seconds:.0f}",
        ]


def build_name(name: str) -> str:
    """Return how `flow.bench.SINGLES` calls the accelerator of a network."""
    return f"network: digits' {name}, `--tile {TILE}`"


def clock_of(name: str) -> float | None:
    """Return the clock in MHz that the accelerator of a network was placed at on an LFE5U-85F."""
    builds = read_json(SINGLES, "singles")["builds"]
    placed = [one["fmax_mhz"] for one in builds if one["build"] == build_name(name)]
    return float(placed[0]) if placed else None


def run_network(name: str, task: Task, folder: Path, line: int) -> Outcome:
    """Convert a trained network, build it, and send all test images through its Verilog.

    Progress is shown in a line of its own.
    """
    torch.set_num_threads(1)
    begun = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    network = load_trained(name)
    program = torch.export.export(network, (torch.zeros(1, 1, task.size, task.size),))
    torch.export.save(program, folder / "trained.pt2")
    images = digits(task.size, test=False)[0][:_CALIBRATION_IMAGES]
    (folder / "calibration.npz").write_bytes(arrays_archive({"x": images}))
    size, out = f"--input-size={task.size}x{task.size}", f"--out={folder}"
    calibration = f"--calibration={folder / 'calibration.npz'}"
    _call("hw.convert", str(folder / "trained.pt2"), "--whole", size, calibration, out)
    config = f"--config={folder / 'network.toml'}"
    _call("hw.build", "network", config, f"--tile={TILE}", f"--name=digits_{name}", out)
    manifest, cache = folder / f"digits_{name}.json", ROOT / "build" / "run"
    x, labels = digits(task.size, test=True)
    real = x.astype(np.float64)
    ready = accelerated(manifest, cache, RunOptions(layers=True))
    ran: list[Ran] = []
    with tqdm(total=len(x), unit="image", desc=f"{name}: in Verilog", position=line) as bar:
        for one in ready.run(real):
            # Only the first one's maps are shown.
            ran.append(replace(one, maps={}) if ran else one)
            bar.update()
    with torch.no_grad():
        in_float = network(torch.from_numpy(x)).numpy()
    (in_integers,) = ready.network.predict(real).values()
    chosen = [in_float.argmax(axis=1), in_integers.reshape(len(x), -1).argmax(axis=1)]
    chosen.append(np.array([one.chosen for one in ran]))
    right = tuple(float(np.mean(classes == labels)) for classes in chosen)
    seconds = time.monotonic() - begun
    return Outcome(name, (right[0], right[1], right[2]), ran, real[0, 0], seconds)


def _call(module: str, *arguments: str) -> None:
    command = [sys.executable, "-m", module, *arguments]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def draw(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the picture: of each network an image, maps on its way, and the outputs."""
    shape = (2.1 * len(outcomes), 1.5 * (_SHOWN + 2))
    figure = Figure(figsize=shape[::-1], layout="constrained")
    rows = figure.subplots(len(outcomes), _SHOWN + 2, squeeze=False)
    for row, outcome in zip(rows, outcomes, strict=True):
        for axis in row:
            axis.set_xticks([])
            axis.set_yticks([])
        row[0].imshow(outcome.image, cmap="gray_r")
        row[0].set_ylabel(outcome.name)
        row[0].set_title("pixels")
        for axis, (name, data) in zip(row[1:-1], _chosen(outcome.ran[0]), strict=True):
            axis.imshow(_mosaic(data), cmap="gray")
            axis.set_title(" x ".join(map(str, data.shape)), fontsize=9)
            axis.set_xlabel(name, fontsize=6)
        (outputs,) = outcome.ran[0].outputs.values()
        colours = ["0.6"] * outputs.size
        colours[outcome.ran[0].chosen] = "C0"
        row[-1].bar(range(outputs.size), outputs.ravel(), color=colours)
        row[-1].set_xticks(range(outputs.size))
        row[-1].set_title(f"class {outcome.ran[0].chosen}")
    figure.suptitle(
        "A digit on its way through whole networks in simulated Verilog, 8 bits a sample"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def _chosen(ran: Ran) -> list[tuple[str, Integers]]:
    """Return some maps, from first to last, and short names of theirs."""
    maps = [(n, data) for n, data in ran.maps.items() if min(data.shape[1:]) > 1]
    picked = np.linspace(0, len(maps) - 1, _SHOWN + 1).round().astype(int)[1:]
    return [(f"{index} of {len(maps)}", maps[index][1]) for index in picked]


def _mosaic(data: Integers) -> Integers:
    """Return the first channels ``[C, H, W]`` in a square, two a side or more."""
    side = 4 if len(data) >= 16 else 2
    shown = data[: side * side].reshape(side, side, *data.shape[1:])
    square: Integers = np.concatenate(np.concatenate(shown, axis=1), axis=1)
    return square


@click.command()
@click.option("--picture", type=Path, default=ROOT / "build" / "demo_network" / "demo.png")
def main(picture: Path) -> None:
    """Convert both digits' networks, build them, and compare every map of every test image."""
    folder = ROOT / "build" / "demo_network"
    # Processes of their own: torch's threads do not outlive a fork.
    apart = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(TASKS), mp_context=apart) as pool:
        given = ((name, task, folder / name) for name, task in TASKS.items())
        runs = [pool.submit(run_network, *one, line) for line, one in enumerate(given)]
        outcomes = [run.result() for run in runs]
    draw(picture, outcomes)
    heads = ["network", "right: float", "int8", "Verilog", "images", "samples", "mismatches"]
    heads += ["cycles/frame", "MHz placed", "frames/s", "seconds"]
    click.echo(table([heads, *(outcome.row() for outcome in outcomes)]))
    click.echo(f"picture: {picture}")
    page = picture.with_name("report.html")
    builds = [str(folder / name / f"digits_{name}.json") for name in TASKS]
    _call("hw.report", *builds, "-o", str(page))
    click.echo(f"what was built, and what is known of it: {page}")
    if not all(outcome.good for outcome in outcomes):
        sys.exit(1)


if __name__ == "__main__":
    main()
