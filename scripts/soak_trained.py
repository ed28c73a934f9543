"""Trained networks, whole, in integers, beside float and onnxruntime: part of ``make soak``."""

import json
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from golden.inputs.write import arrays_archive
from golden.network.files import read_network
from hw.command import table
from nets.efficientnet import trained
from nets.photographs import centre, crops, photographs
from nets.texts import text_directions, texts

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "trained"


WAYS = {
    "efficientnet": ("--observer=mse", "--equalise"),
    "efficientnet_plain": (),
    "efficientnet_mse": ("--observer=mse",),
    "efficientnet_percentile": ("--observer=percentile",),
    "efficientnet_equalised": ("--equalise",),
    "efficientnet_percentile_equalised": ("--observer=percentile", "--equalise"),
}
"""Folders, and how ranges are chosen there: what docs/networks-in-integers.md compares."""


def convert(name: str, model: str | Path, size: str, *options: str) -> None:
    """Convert a network, and compare every map with onnxruntime's; exit where they differ."""
    command = [sys.executable, "-m", "hw.convert", str(model), "--whole", "--check"]
    places = [f"--calibration={FOLDER / name}.npz", f"--out={FOLDER / name}"]
    subprocess.run([*command, f"--input-size={size}", *places, *options], cwd=ROOT, check=True)


def report(name: str) -> list[str]:
    """Return how the integers of a network compare."""
    figures = json.loads((FOLDER / name / "report.json").read_text(encoding="utf-8"))
    check = figures["check"]
    same = f"{figures['same_class']:.1%} of {figures['images']}"
    different = str(len(check["different"]))
    return [name, f"{figures['output']:.1f}", same, f"{check['elements']:,}", different]


def classes() -> list[list[str]]:
    """Return the five likeliest classes of each photograph, in float and in integers."""
    network, integers = trained(), read_network(FOLDER / "efficientnet" / "network.toml")
    rows = [["photograph", "float", "integers"]]
    for name, pixels in photographs().items():
        image = centre(pixels)[None]
        with torch.no_grad():
            logits = network(torch.from_numpy(image)).numpy().reshape(-1)
        (found,) = integers.predict(image.astype(np.float64)).values()
        best = [np.argsort(-row, kind="stable")[:5] for row in (logits, found.reshape(-1))]
        rows.append([name, *(" ".join(map(str, five)) for five in best)])
    return rows


@click.command()
def main() -> None:
    """Convert EfficientNet-Lite0 and the classifier of texts' directions, and compare."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    shown = np.stack([centre(pixels) for pixels in photographs().values()])
    pictures = arrays_archive({"x": np.concatenate([crops(9), shown])})
    for name in WAYS:
        (FOLDER / f"{name}.npz").write_bytes(pictures)
    images, turned = texts(24, seed=1)
    (FOLDER / "texts.npz").write_bytes(arrays_archive({"x": images, "y": turned}))
    for name, options in WAYS.items():
        convert(name, "nets.efficientnet:trained", "224x224", *options)
    # The chances' softmax stays outside.
    convert("texts", text_directions(), "48x192", "--until=linear_1.tmp_1")
    heads = ["network", "dB", "same class", "samples compared", "maps that differ"]
    click.echo(table([heads, *map(report, WAYS), report("texts")]))
    click.echo(table(classes()))


if __name__ == "__main__":
    main()
