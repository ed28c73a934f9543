"""Train the networks of `nets.scenes`: part of ``make soak``, and resumed where it was stopped."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from torch import nn
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hw.command import table
from nets.scenes import NAMES, SIZE, TRAINED_SIZES, WEIGHTS, Size, blank, folded, right, scenes

STATE = Path(__file__).resolve().parent.parent / "build" / "scenes"
_BATCH = 64
_SAVED_EVERY = 200


@dataclass(frozen=True)
class Plan:
    """How long a network is trained, and how fast at most.

    Parameters
    ----------
    steps, rate
        Of `_BATCH` scenes, and the highest rate of learning.
    least, most
        Scenes to be right then, as a part of all.
    """

    steps: int
    rate: float
    least: float = 0.95
    most: float = 1.0


PLANS = {
    "scenes": Plan(4000, 3e-3),
    "scenes_blind": Plan(4000, 3e-3, least=0.15, most=0.3),
    "scenes_int8": Plan(800, 3e-4),
}


class Training:
    """A network on its way, with all that its next step depends on.

    Parameters
    ----------
    name
        One of `NAMES`.
    out
        Where trained networks lie: one that rounds begins with the one that does not.
    steps
        How many to take.
    """

    def __init__(self, name: str, out: Path, steps: int) -> None:
        torch.manual_seed(1)
        self.name, self.step, self.steps = name, 0, steps
        self.network = blank(name)
        if name == "scenes_int8":
            _begin_rounded(self.network, out)
        rate = PLANS[name].rate
        self._optimizer = torch.optim.AdamW(self.network.parameters(), lr=rate, weight_decay=0.01)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, rate, total_steps=steps
        )
        self._loss = nn.CrossEntropyLoss(label_smoothing=0.1)
        self._path = STATE / f"{name}_{steps}.pt"
        if self._path.exists():
            self._resume()

    def run(self) -> None:
        """Take the steps that are left; what was done is kept every few seconds."""
        with tqdm(total=self.steps, initial=self.step, unit="step", desc=self.name) as bar:
            while self.step < self.steps:
                self._take_step()
                bar.update()
                if self.step % _SAVED_EVERY == 0:
                    self._save()

    def forget(self) -> None:
        """Begin anew next time."""
        self._path.unlink(missing_ok=True)

    def _take_step(self) -> None:
        size = TRAINED_SIZES[self.step % len(TRAINED_SIZES)]
        seed = (NAMES.index(self.name), self.step)
        images, labels = scenes(size, _BATCH, seed=seed, test=False)
        logits = self.network(torch.from_numpy(images))
        self._optimizer.zero_grad()
        self._loss(logits.unflatten(1, (2, -1)).mT, torch.from_numpy(labels)).backward()
        self._optimizer.step()
        self._schedule.step()
        self.step += 1

    def _save(self) -> None:
        STATE.mkdir(parents=True, exist_ok=True)
        parts = (self.network, self._optimizer, self._schedule)
        whole = self._path.with_suffix(".part")
        torch.save((self.step, *(part.state_dict() for part in parts)), whole)
        whole.replace(self._path)

    def _resume(self) -> None:
        self.step, *states = torch.load(self._path)
        for part, state in zip(
            (self.network, self._optimizer, self._schedule), states, strict=True
        ):
            part.load_state_dict(state)


def _begin_rounded(network: nn.Module, out: Path) -> None:
    """Give a network that rounds the parameters that the other one has learned."""
    plain = blank("scenes")
    with np.load(out / "scenes.npz") as arrays:
        plain.load_state_dict({key: torch.from_numpy(arrays[key]) for key in arrays.files})
    learned = dict(folded(plain).named_parameters())
    for name, parameter in network.named_parameters():
        parameter.data.copy_(
            learned[name.replace("parametrizations.", "").replace(".original", "")]
        )


SHOWN = (*TRAINED_SIZES[:3], (28, 28), (36, 36), (40, 40), (40, 56), (56, 56), (64, 64))
"""Sizes that networks are tried at: some of those learned from, and others, kernels resized."""


def accuracy(network: nn.Module, size: Size = (SIZE, SIZE), count: int = 500) -> float:
    """Return the part of scenes of digits not seen before that have both answers right."""
    images, labels = scenes(size, count, seed=2022, test=True)
    with torch.no_grad():
        logits = network.eval()(torch.from_numpy(images))
    return float(right(logits, torch.from_numpy(labels)).float().mean())


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--part", default=1.0, show_default=True, help="Of the steps, for a try.")
@click.option("-o", "--out", type=Path, default=WEIGHTS, help="Folder to write to.")
def main(names: tuple[str, ...], part: float, out: Path) -> None:
    """Train networks, all by default, and write their parameters."""
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    trainings, missed = [], False
    rows = [["% right", *("x".join(map(str, size)) for size in SHOWN)]]
    for name in names or NAMES:
        begin, plan = time.process_time(), PLANS[name]
        training = Training(name, out, int(part * plan.steps))
        training.run()
        trainings.append(training)
        path = out / f"{name}.npz"
        state = {key: value.numpy() for key, value in training.network.state_dict().items()}
        np.savez_compressed(path, allow_pickle=False, **state)
        share, seconds = accuracy(training.network), time.process_time() - begin
        click.echo(f"{name}: {share:.1%} right, {seconds:.0f} s, {path.stat().st_size} bytes")
        rows.append([name, *(f"{accuracy(training.network, s):.1%}" for s in SHOWN)])
        missed |= part == 1 and not plan.least <= share <= plan.most
    click.echo(table(rows))
    for training in trainings:
        training.forget()
    if missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
