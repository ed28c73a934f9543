"""ParC in the deepest layers of EfficientNet-Lite0, distilled on crops of photographs."""

import sys
import time
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from nets.efficientnet import trained
from nets.photographs import centre, crops, photographs
from nets.plugged import Tail, plug

_BEFORE, _LENGTH = 12, 7
"""Blocks ahead of those that can be changed, and the size of these ones' maps."""
_BATCH = 8


def decibels(wanted: Tensor, got: Tensor) -> float:
    """Return the ratio of what is wanted to what is off."""
    return float(10 * torch.log10(wanted.square().sum() / (wanted - got).square().sum()))


def compare(teacher: Tail, student: Tail, maps: Tensor) -> str:
    """Return how far the last map and the logits are, and how often the class is the same."""
    with torch.no_grad():
        (wanted, logits), (got, found) = teacher(maps), student(maps)
    same = float((logits.argmax(1) == found.argmax(1)).float().mean())
    return (
        f"map {decibels(wanted, got):.1f} dB, logits {decibels(logits, found):.1f} dB, "
        f"class {same:.1%}"
    )


def distil(teacher: Tail, student: Tail, maps: Tensor, steps: int) -> None:
    """Train the new layers to give the last map and the logits of the old ones."""
    parc = [parameter for parameter in student.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(parc, 1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
    with torch.no_grad():
        wanted, logits = teacher(maps)
    for _ in range(steps):
        chosen = torch.randint(len(maps), (_BATCH,))
        got, found = student(maps[chosen])
        loss = (got - wanted[chosen]).square().mean() / wanted.var()
        loss = loss + (found - logits[chosen]).square().mean() / logits.var()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


@click.command()
@click.option("--blocks", default=2, show_default=True, help="That get ParC, from the last on.")
@click.option("--steps", default=300, show_default=True, help="Of distillation.")
@click.option("--images", default=96, show_default=True, help="Crops to learn from.")
def main(blocks: int, steps: int, images: int) -> None:
    """Say how far the network with ParC stays from the one without, before and after."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = trained()
    ahead = nn.Sequential(network.stem, network.blocks[:_BEFORE])
    teacher = Tail(network, _BEFORE)
    student = Tail(plug(trained(), blocks, _LENGTH), _BEFORE)
    student.requires_grad_(False)
    for block in student.blocks[-blocks:]:
        block.conv.requires_grad_(True)
    # Crops of one photograph are alike: these are other crops, and no other photographs.
    unseen = crops(24, seed=1000)
    shown = np.stack([centre(pixels) for pixels in photographs().values()])
    with torch.no_grad():
        maps, others = (
            torch.cat([ahead(batch) for batch in torch.from_numpy(x).split(_BATCH)])
            for x in (crops(images), np.concatenate([unseen, shown]))
        )
    click.echo(f"before: {compare(teacher, student, others)}")
    begin = time.process_time()
    distil(teacher, student, maps, steps)
    seconds = time.process_time() - begin
    click.echo(f"after {steps} steps, {seconds:.0f} s: {compare(teacher, student, others)}")


if __name__ == "__main__":
    main()
