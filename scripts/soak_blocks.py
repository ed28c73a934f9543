"""ParC's blocks at their published shapes through the accelerator: part of ``make soak``.

Each is converted whole, built, and simulated; every map is compared with the integer model's, and
cycles with the manifest's. What was done is kept: the same again goes on where it was stopped.
"""

import json
import sys
import tempfile
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from golden.inputs.write import arrays_archive
from hw import build, run
from hw.command import run_command
from hw.convert import load_command
from nets.single import PUBLISHED, Shape, to_onnx

KEPT = Path("build") / "soak" / "blocks.json"
_IMAGES = 2


def soak(name: str, shape: Shape, folder: Path, sizes: list[str]) -> dict[str, int]:
    """Return cycles and mismatches of a block's maps."""
    sides = (shape.channels, shape.length, shape.length)
    images = np.random.default_rng(1).normal(size=(_IMAGES, *sides)).astype(np.float32)
    (folder / "images.npz").write_bytes(arrays_archive({"x": images}))
    file = folder / f"{name}.onnx"
    to_onnx(name, shape, file)
    given = ["--whole", "--input-size", f"{shape.length}x{shape.length}"]
    data = ["--calibration", str(folder / "images.npz")]
    arguments = [str(file), *given, *data, "-o", str(folder / "net")]
    _hold(run_command(load_command(), "hw.convert", arguments))
    config = ["--config", str(folder / "net" / "network.toml")]
    _hold(build.run(["network", *config, *sizes, "--name", name, "-o", str(folder)]))
    made = [str(folder / f"{name}.json"), "--images", str(folder / "images.npz")]
    out = folder / "run.json"
    _hold(run.run([*made, "--layers", "-o", str(out), "--cache", str(folder / "cache")]))
    report = json.loads(out.read_text(encoding="utf-8"))
    return {"cycles": report["frames"][0]["cycles"], "mismatches": report["mismatches"]}


def _hold(status: int) -> None:
    if status:
        sys.exit(status)


@click.command()
@click.option("--kept", default=KEPT, type=Path, show_default=True, help="What came of each.")
@click.option("--tile", default=16, show_default=True)
@click.option("--scalers", default=4, show_default=True)
@click.option("--slimming", default=1, show_default=True, help="Divides channels: a quick look.")
def main(kept: Path, tile: int, scalers: int, slimming: int) -> None:
    """Compare every map of each block; end with the first that is wrong."""
    done = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    sizes = ["--tile", str(tile), "--scalers", str(scalers)]
    for name, full in PUBLISHED.items():
        shape = Shape(full.channels // slimming, full.length)
        key = f"{name} {shape} {sizes}"
        if key not in done:
            with tempfile.TemporaryDirectory() as folder:
                done[key] = soak(name, shape, Path(folder), sizes)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(done, indent=1), encoding="utf-8")
        click.echo(f"{key}: {done[key]}")


if __name__ == "__main__":
    main()
