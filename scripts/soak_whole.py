"""Published networks, whole, in integers, beside onnxruntime: part of ``make soak``."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from golden.inputs.write import arrays_archive
from golden.operator.networks import NETWORKS
from hw.command import table
from nets.settle import images
from nets.zoo import FACTORIES

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "whole"
_SIZE, _IMAGES, _SEED = 224, 2, 7


def convert(name: str) -> list[str]:
    """Convert a network, compare every map with onnxruntime's, and return a line of the table."""
    size = NETWORKS[name].size if name in NETWORKS else _SIZE
    out = FOLDER / name
    out.mkdir(parents=True, exist_ok=True)
    data = FOLDER / f"images_{size}.npz"
    seen = images((size, size), _IMAGES, seed=_SEED).numpy()
    data.write_bytes(arrays_archive({"x": seen}))
    place = f"nets.zoo:{name.replace('-', '_')}"
    options = [f"--input-size={size}x{size}", f"--calibration={data}", f"--out={out}"]
    command = [sys.executable, "-m", "hw.convert", place, "--whole", "--check", *options]
    subprocess.run(command, cwd=ROOT, check=True)
    figures = json.loads((out / "report.json").read_text(encoding="utf-8"))
    check = figures["check"]
    maps, samples = f"{check['maps']}", f"{check['elements']:,}"
    same = f"{figures['same_class']:.0%} of {_IMAGES}"
    return [f"{name} {size}", maps, samples, f"{figures['output']:.1f}", same]


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(FACTORIES)))
def main(names: Sequence[str]) -> None:
    """Convert networks, all by default; exit where a map is not as onnxruntime computes it."""
    heads = ["network", "maps", "samples, all equal", "dB", "same class"]
    click.echo(table([heads, *map(convert, names or FACTORIES)]))


if __name__ == "__main__":
    main()
