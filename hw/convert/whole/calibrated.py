"""Networks in formats of our own, from what is seen of images; equalised where that helps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from golden.network.network import Network
from golden.operator.parc import Floats
from hw.convert.whole.biases import corrected
from hw.convert.whole.equalise import Seen, equalised, gains_of, groups_of, watch
from hw.convert.whole.formats import maps_of, observe
from hw.convert.whole.measure import measure
from hw.convert.whole.model import Model
from hw.convert.whole.quantise import quantise
from hw.convert.whole.steps import Step

Bar = Callable[[str, int], AbstractContextManager[Any]]
_POWERS = (0.0, 0.5, 1.0)
"""Of how much channels differ, that gains may be: not at all, half way, all of it."""
_CORRECTING, _JUDGING = 8, 4
"""Images, the first ones, that biases are corrected on; the last ones, that it is decided on."""
_AS_IT_IS = "as it is"


@dataclass(frozen=True, eq=False)
class Calibrator:
    """Makes integers of steps.

    Parameters
    ----------
    model, steps, output
        The network, what it is made of, and its last step's name.
    images
        ``[n, C, H, W]``.
    observer, bits, weight_bits
        How formats are chosen.
    bar
        Shows how far it is.
    """

    model: Model
    steps: list[Step]
    output: str
    images: Floats
    observer: str
    bits: int
    weight_bits: int
    bar: Bar

    def made(self, steps: Sequence[Step]) -> Network:
        """Return steps in integers."""
        seen = observe(steps, self._traces(self.images))
        maps = maps_of(steps, seen, observer=self.observer, bits=self.bits)
        constants = self.model.constants
        return quantise(steps, maps, self.output, weight_bits=self.weight_bits, constants=constants)

    def best(self) -> tuple[list[Step], Network, dict[str, Any]]:
        """Return the steps and integers that measure best: as it is, or with gains and biases.

        And figures: decibels of each way, and which was taken.
        """
        tries = {_AS_IT_IS: (self.steps, self.made(self.steps))}
        ends = watch(self.steps, self._traces(self.images))
        seen = watch(self.steps, self._traces(self.images[:_CORRECTING]))
        groups = list(groups_of(self.steps, self.output))
        by_name = {step.name: step for step in self.steps}
        for power in _POWERS if groups else _POWERS[:1]:
            gains = [gains_of(group, by_name, ends, power) for group in groups]
            steps = equalised(self.steps, groups, gains)
            network = self.made(steps)
            shown = self.images[:_CORRECTING]
            with self.bar(f"correcting, gains to {power}", len(network.nodes)) as progress:
                network = corrected(network, _means(steps, seen), shown, progress.update)
            tries[f"gains to {power}"] = (steps, network)
        ratios = {name: self._judged(*made) for name, made in tries.items()}
        chosen = max(ratios, key=ratios.__getitem__)
        return *tries[chosen], {"chosen": chosen, "decibels": ratios, "groups": len(groups)}

    def _judged(self, steps: Sequence[Step], network: Network) -> float:
        """Return the decibels of the output."""
        images = self.images[-_JUDGING:]
        with self.bar("comparing", len(images)) as progress:
            figures = measure(self.model, steps, network, images, None, progress.update)
        return float("inf") if figures["output"] is None else float(figures["output"])

    def _traces(self, images: Floats) -> Iterator[Mapping[str, Floats]]:
        made = [s for s in self.steps if s.tensor and s.kind not in ("image", "constant")]
        names = dict.fromkeys(name for s in made for name in (s.tensor, s.unclipped[0]) if name)
        with self.bar("calibrating", len(images)) as progress:
            for image in images:
                tensors = self.model.run(list(names), image[None])
                yield {**tensors, self.model.input: image[None]}
                progress.update(1)


def _means(steps: Sequence[Step], seen: Mapping[str, Seen]) -> dict[str, Floats]:
    """Return the means of channels before clips, with the gains of steps."""
    means = {}
    for step in steps:
        mean = seen[step.name].mean if step.name in seen else None
        if mean is not None:
            means[step.name] = mean * (np.ones(1) if step.gain is None else step.gain)
    return means
