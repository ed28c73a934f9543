"""Train the digits' networks: writes `nets/weights`, the same every time on one machine."""

import sys
import time
from pathlib import Path

import click
import torch
from torch import nn
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from golden.inputs.write import arrays_archive
from nets.digits import TASKS, WEIGHTS, digits

_BATCH = 64
_RATE = 4e-3


def train(name: str, epochs: int) -> tuple[nn.Module, float]:
    """Return a trained network, and its accuracy on the images kept back."""
    task = TASKS[name]
    torch.manual_seed(1)
    network = task.make()
    images, labels = (torch.from_numpy(a) for a in digits(task.size, test=False))
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.05)
    steps = epochs * (len(images) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    with tqdm(total=steps, unit="step", desc=name) as bar:
        for _ in range(epochs):
            for chosen in torch.randperm(len(images))[: steps // epochs * _BATCH].split(_BATCH):
                optimizer.zero_grad()
                loss(network(_moved(images[chosen])), labels[chosen]).backward()
                optimizer.step()
                schedule.step()
                bar.update()
    network.eval()
    images, labels = (torch.from_numpy(a) for a in digits(task.size, test=True))
    with torch.no_grad():
        right = (network(images).argmax(1) == labels).float().mean()
    return network, float(right)


def _moved(images: torch.Tensor) -> torch.Tensor:
    """Move images by up to an eighth of their size, to have more of them."""
    most = images.shape[-1] // 8
    padded = nn.functional.pad(images, (most,) * 4, value=-1.0)
    down, right = (int(n) for n in torch.randint(2 * most + 1, (2,)))
    height, width = images.shape[2:]
    return padded[:, :, down : down + height, right : right + width]


@click.command()
@click.option("--epochs", default=40, show_default=True, help="Times past all images.")
@click.option("-o", "--out", type=Path, default=WEIGHTS, help="Folder to write to.")
def main(epochs: int, out: Path) -> None:
    """Train both networks, and write their parameters."""
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for name in TASKS:
        begin = time.monotonic()
        network, accuracy = train(name, epochs)
        path = out / f"{name}.npz"
        state = {key: value.numpy() for key, value in network.state_dict().items()}
        path.write_bytes(arrays_archive(state, compressed=True))
        seconds = time.monotonic() - begin
        size = path.stat().st_size / 1000
        click.echo(f"{name}: {accuracy:.2%} in {seconds:.0f} s, {size:.0f} kB")


if __name__ == "__main__":
    main()
