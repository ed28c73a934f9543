"""Every published network through conversion and hardware: part of ``make soak``."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from golden.inputs.read import read_json
from golden.inputs.write import arrays_archive
from golden.layer.design import LayerDesign
from golden.line.weights import Arrays
from golden.operator.networks import NETWORKS
from hw.command import table
from hw.layer.config import LayerConfig
from sim.frames import run_frames

ROOT = Path(__file__).resolve().parent.parent


def convert(name: str, folder: Path) -> list[Path]:
    """Convert a network with random parameters; return a configuration of each distinct layer."""
    size = NETWORKS[name].size
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "images.npz"
    generator = np.random.default_rng(1)
    images = generator.standard_normal((2, 3, size, size)).astype(np.float32)
    data.write_bytes(arrays_archive({"x": images}))
    place = f"nets.zoo:{name.replace('-', '_')}"
    options = [f"--input-size={size}x{size}", f"--calibration={data}", f"--out={folder}"]
    subprocess.run([sys.executable, "-m", "hw.convert", place, *options], cwd=ROOT, check=True)
    layers = read_json(folder / "network.json", "network")["layers"]
    expected = NETWORKS[name].layers()
    keys = ("form", "channels", "height", "width")
    shapes = [tuple(layer[key] for key in keys) for layer in layers]
    assert shapes == [tuple(getattr(shape, key) for key in keys) for shape in expected], name
    distinct = dict(zip(shapes, layers, strict=True))
    return [folder / layer["config"] for layer in distinct.values()]


def simulate(config: Path, frames: int) -> list[str]:
    """Send random maps through a layer, and compare; return the line of the table."""
    begin = time.monotonic()
    read = LayerConfig.read(config)
    design, weights = _streamed(read) if read.options["form"] == "dense" else (read.design(), None)
    shape = (frames, design.channels, design.height, design.width)
    low, high = design.data.low, design.data.high
    maps = np.random.default_rng(1).integers(low, high, shape, endpoint=True)
    with tqdm(total=frames, unit="frame", desc=design.name) as bar:
        result = run_frames(design, maps, config.parent / design.name, bar.update, weights=weights)
    differences = int(np.count_nonzero(result.maps != design.model(maps, weights)))
    size = " x ".join(map(str, shape[1:]))
    seconds = f"{time.monotonic() - begin:.0f}"
    cycles = f"{result.cycles / frames:.0f}"
    return [design.name, design.form, size, cycles, f"{differences}", seconds]


def _streamed(config: LayerConfig) -> tuple[LayerDesign, Arrays]:
    """Return a dense layer whose weights arrive on a port, all rows of a map side by side.

    In ROM its half a million weights take a C++ compiler gigabytes, and row by row a frame takes
    millions of cycles.
    """
    assert config.arrays is not None
    output = {**config.options["output"], "zero_point": int(config.arrays["output.zero_point"])}
    changes = {"output": output, "lanes": config.options["height"], "weights_port": True}
    options = {key: value for key, value in config.options.items() if key != "weights"}
    return LayerConfig(options | changes).design(), config.arrays


@click.command()
@click.argument("names", nargs=-1, metavar="[NETWORK]...")
@click.option("--frames", default=1, show_default=True, help="Through each layer.")
def main(names: Sequence[str], frames: int) -> None:
    """Convert networks, all by default, and simulate a layer of each distinct shape."""
    rows = [["layer", "form", "map", "cycles/frame", "mismatches", "seconds"]]
    for name in names or NETWORKS:
        for config in convert(name, ROOT / "build" / "networks" / name):
            rows.append(simulate(config, frames))
    click.echo(table(rows))
    if any(int(row[-2]) for row in rows[1:]):
        sys.exit(1)


if __name__ == "__main__":
    main()
