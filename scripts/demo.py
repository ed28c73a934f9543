"""The main job from end to end, on a photograph: ``make demo``."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from matplotlib.figure import Figure

from golden.inputs.read import read_arrays, read_json
from golden.line.design import LineDesign
from golden.line.weights import correlate
from golden.numbers.interval import Integers
from golden.numbers.quantize import Activation, QuantizedKernel, quantize_lines
from golden.operator.parc import parc
from hw.command import table
from hw.emit.manifest import design_of, integers_of
from hw.engines import ENGINES
from sim import bench_map
from sim.bench import Job
from sim.photograph import Floats, feature_map, position_aware_kernels
from sim.progress import watching
from sim.runner import build

ROOT = Path(__file__).resolve().parent.parent
CHANNELS_SHOWN = (3, 6)


@dataclass(frozen=True)
class Run:
    """What came of one engine."""

    name: str
    design: LineDesign
    results: Integers
    golden: Integers
    exact: Integers
    cycles: int
    multipliers: int
    seconds: float

    def row(self) -> list[str]:
        """Return the run's line of the table."""
        samples = self.results.size
        return [
            self.name,
            f"{len(self.results)}",
            f"{samples}",
            f"{self.cycles}",
            f"{self.cycles / samples:.3f}",
            f"{self.multipliers}",
            f"{np.count_nonzero(self.results != self.golden)}",
            f"{np.abs(self.results - self.exact).max()}",
            f"{self.seconds:.1f}",
        ]


def simulate(name: str, kernel: QuantizedKernel, x: Integers) -> Run:
    """Build an engine by the command line, and send the map ``x`` ``[C, H, W]`` through it."""
    started = time.monotonic()
    folder = ROOT / "build" / "demo" / name
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / f"demo_{name}.npz"  # where hw.report looks for it
    kernel.save(weights)
    channels, height, width = x.shape
    formats = {"length": width, "channels": channels}
    options = [f"--{key}={value}" for key, value in formats.items()]
    command = ["-m", "hw.build", name, *options, f"--rows={height}", f"--name=demo_{name}"]
    subprocess.run(
        [sys.executable, *command, f"--weights={weights}", f"--out={folder}"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    manifest = read_json(folder / f"demo_{name}.json", "manifest")
    integers = integers_of(manifest, read_arrays(weights, "weights"))
    design = design_of(manifest, integers)
    lines = x.reshape(-1, width)
    results, cycles = _send(design, manifest, folder, lines)
    channel = np.repeat(np.arange(channels), height)
    exact = correlate(lines, integers.weight[channel]) + integers.start()[channel]
    multipliers = manifest["prediction"]["multipliers"]
    seconds = time.monotonic() - started
    golden = design.model(lines)
    return Run(name, design, results, golden, exact, cycles, multipliers, seconds)


def _send(
    design: LineDesign, manifest: dict[str, object], folder: Path, lines: Integers
) -> tuple[Integers, int]:
    np.save(folder / bench_map.LINES, lines)
    env = Job(design, manifest, groups=1, resets=0).save(folder / "job.pickle")
    env[bench_map.FOLDER] = str(folder)
    with tqdm(total=len(lines), unit="line", desc=f"{design.engine:>7}") as bar:
        bar.set_postfix_str("compiling")
        simulation = build([folder / f"{design.name}.v"], design.name, simulator="verilator")
        bar.set_postfix_str("simulating")
        with watching(folder / bench_map.PROGRESS, bar.update):
            simulation.run("sim.bench_map", folder=folder, env=env)
        bar.set_postfix_str("")
    cycles = int((folder / bench_map.CYCLES).read_text(encoding="utf-8"))
    return np.load(folder / bench_map.RESULTS), cycles


def draw(path: Path, x: Floats, y: Floats, runs: Sequence[Run], scale: Floats) -> None:
    """Write the picture: input, float64 ParC, what each engine gave, and its error."""
    columns = 3 + sum(1 + bool(np.any(run.results != run.exact)) for run in runs)
    size = (2.4 * columns, 2.6 * len(CHANNELS_SHOWN))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(CHANNELS_SHOWN), columns, squeeze=False)
    for row, channel in zip(axes, CHANNELS_SHOWN, strict=True):
        panels = [("input", x[channel], "gray"), ("ParC, float64", y[channel], "gray")]
        for run in runs:
            hardware = run.results.reshape(x.shape) * scale[:, None, None]
            panels.append((f"{run.name} engine", hardware[channel], "gray"))
            if run is runs[0]:
                panels.append(("quantisation error", (hardware - y)[channel], "RdBu"))
            elif np.any(run.results != run.exact):
                error = (run.results - run.exact).reshape(x.shape)
                panels.append((f"{run.name} error, steps", error[channel], "RdBu"))
        for axis, (title, image, colours) in zip(row, panels, strict=True):
            limit = np.abs(image).max() or 1.0
            centred = {"vmin": -limit, "vmax": limit} if colours == "RdBu" else {}
            shown = axis.imshow(image, cmap=colours, **centred)
            axis.set_title(title, fontsize=10)
            axis.set_xticks([])
            axis.set_yticks([])
            if centred:
                figure.colorbar(shown, ax=axis, shrink=0.7)
        row[0].set_ylabel(f"channel {channel}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


@click.command()
@click.option("--picture", type=Path, default=ROOT / "build" / "demo" / "demo.png")
def main(picture: Path) -> None:
    """Convolve a photograph's feature map in generated hardware, and compare every sample."""
    x = feature_map()
    kernels, embedding, bias = position_aware_kernels(*x.shape[::2])
    data = Activation.symmetric(float(np.abs(x).max()), 8)
    kernel = quantize_lines(kernels, embedding=embedding, bias=bias, data=data)
    quantized = data.quantize(x)
    runs = [simulate(name, kernel, quantized) for name in ENGINES]
    y = parc(x, kernels, axis="width", embedding=embedding, bias=bias)
    draw(picture, x, y, runs, kernel.accumulator_scale)
    heads = ["engine", "lines", "samples", "cycles", "cycles/sample", "multipliers"]
    heads += ["mismatches", "worst error", "seconds"]
    click.echo(table([heads, *(run.row() for run in runs)]))
    exact = [run for run in runs if not run.design.rounds]
    agree = all(np.array_equal(run.results, exact[0].results) for run in exact)
    same = "every bit" if agree else "not every bit"
    names = " and ".join(run.name for run in exact)
    click.echo(f"{names} agree in {same}; errors are in steps of the accumulator")
    click.echo(f"picture: {picture}")
    builds = [ROOT / "build" / "demo" / run.name / f"demo_{run.name}.json" for run in runs]
    page = picture.with_name("report.html")
    subprocess.run(
        [sys.executable, "-m", "hw.report", *builds, "--no-simulation", "-o", page],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    click.echo(f"what was built, and what is known of it: {page}")
    if any(np.any(run.results != run.golden) for run in runs):
        sys.exit(1)


if __name__ == "__main__":
    main()
