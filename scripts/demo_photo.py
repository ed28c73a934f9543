"""Photographs through EfficientNet-Lite0 in generated hardware: ``make demo-photo``.

The trained network is converted, built as the accelerator of docs/published.md, and each photograph
simulated from pixels to logits under Verilator; the five likeliest classes stand beside those of
onnxruntime on the file of the same integers, and of float.
"""

import sys
from pathlib import Path

import click
import numpy as np
import onnxruntime
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flow.converted import ROOT, converted
from flow.published import CLOCK, MEMORY, NAME, options
from golden.network.files import CONFIG
from golden.operator.parc import Floats
from hw import build
from hw.command import table
from hw.convert.whole.command import QDQ
from hw.run import CACHE, RunOptions, accelerated, parse_memory
from nets.efficientnet import trained
from nets.photographs import CLASSES, centre, crops, photographs

FOLDER = ROOT / "build" / "photo"
_OPTIONS = ("--observer=mse", "--equalise")
_BEST = 5


def best(logits: Floats) -> list[int]:
    """Return the likeliest classes, the first first."""
    return [int(one) for one in np.argsort(-logits.reshape(-1), kind="stable")[:_BEST]]


def told(classes: list[int]) -> str:
    """Return classes by their names, where these are known."""
    return ", ".join(CLASSES.get(one, str(one)) for one in classes)


@click.command()
@click.option("--photograph", "names", multiple=True, help="Of them.  [all]")
@click.option("--memory", default=MEMORY, show_default=True, help="As hw.run has it.")
def main(names: tuple[str, ...], memory: str) -> None:
    """Show the likeliest classes; exit where Verilog's are not those of onnxruntime."""
    shown = {name: centre(pixels) for name, pixels in photographs().items()}
    images = np.concatenate([np.stack(list(shown.values())), crops(9)])
    network = converted(FOLDER / "net", "nets.efficientnet:trained", images, _OPTIONS)
    config = ["--config", str(FOLDER / "net" / CONFIG), "--name", NAME]
    if build.run(["network", *config, *options(), "-o", str(FOLDER)]):
        sys.exit(1)
    request = RunOptions(memory=parse_memory(memory))
    ready = accelerated(FOLDER / f"{NAME}.json", CACHE, request)
    session = onnxruntime.InferenceSession(FOLDER / "net" / QDQ, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    output = network.maps[network.outputs[0]]
    rows = [["photograph", "by", "likeliest classes"]]
    same = True
    for name in names or shown:
        image = shown[name][None]
        (ran,) = ready.run(image.astype(np.float64))
        found = best(output.dequantize(ran.outputs[network.outputs[0]]))
        (logits,) = session.run(None, {given.name: image})
        referee = best(logits)
        with torch.no_grad():
            real = best(trained()(torch.from_numpy(image)).numpy())
        speed = f"{ran.cycles:,} cycles, {CLOCK / ran.cycles:.1f} a second at {CLOCK / 1e6:g} MHz"
        rows += [[name, f"Verilog, {speed}", told(found)]]
        rows += [["", "onnxruntime, the same integers", told(referee)], ["", "float", told(real)]]
        same &= found == referee and not sum(ran.different.values())
    click.echo(table(rows))
    if not same:
        sys.exit("Verilog's classes must be those of onnxruntime")


if __name__ == "__main__":
    main()
