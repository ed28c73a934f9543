"""Networks that are quantised already: their scales as they stand, rounded as float32 rounds."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from golden.inputs.errors import ParameterError
from golden.network.map import Map
from golden.network.rescale import SUM_BITS, Rescale
from golden.network.window import bounds
from golden.numbers.interval import Integers, Interval
from hw.convert.whole.quantise import Making
from hw.convert.whole.steps import MOVES, Format, Step


def is_quantised(steps: Sequence[Step]) -> bool:
    """Whether the file itself rounds any map."""
    return any(step.format is not None for step in steps)


def complete(steps: Sequence[Step]) -> list[Step]:
    """Return steps whose every map has a format, those that another scale needs among them.

    Raises
    ------
    ParameterError
        Names the first map that the file does not round.
    """
    made: dict[str, Step] = {}
    for step in steps:
        if step.format is None and step.kind in MOVES:
            step.format = made[step.sources[0]].format
        if step.format is None:
            rule = "quantised at every map that one operator gives another"
            raise ParameterError("model", rule, f"without a rounding behind {step.place}")
        if step.kind in MOVES:
            step.sources = tuple(_alike(made, name, step) for name in step.sources)
        made[step.name] = step
    return list(made.values())


def _alike(made: dict[str, Step], name: str, step: Step) -> str:
    """Return a map with the format of ``step``: another one where ``name`` has not."""
    if made[name].format == step.format:
        return name
    other = f"{name}_for_{step.name}"
    made[other] = Step(
        other, "pointwise", (name,), "", made[name].shape, place=step.place, format=step.format
    )
    return other


def maps_of(steps: Sequence[Step]) -> dict[str, Map]:
    """Return the maps in the file's own formats."""
    return {step.name: _map(step.shape, step.format) for step in steps if step.format}


def _map(shape: Sequence[int], format: Format) -> Map:
    words = Interval(format.low, format.high)
    return Map.of_range(shape, words, format.scale, format.zero_point)


class Imported(Making):
    """Makes operators with the factors that onnxruntime makes of scales, in float32."""

    def added(self) -> Rescale:
        """See `Making`."""
        y = np.float32(self.gives.scale)
        return _single([np.float32(data.scale) / y for data in self.takes])

    def multiplied(self) -> Rescale:
        """See `Making`."""
        first, second = (np.float32(data.scale) for data in self.takes)
        return _single([first * second / np.float32(self.gives.scale)])

    def averaged(self, samples: int) -> Rescale:
        """See `Making`."""
        (data,) = self.takes
        return _single(
            [np.float32(data.scale) / (np.float32(self.gives.scale) * np.float32(samples))]
        )

    def kernels(self) -> dict[str, Any]:
        """See `Making`."""
        real, (data,) = self.step.real, self.takes
        if "steps" not in real:
            raise ParameterError("weight", "rounded in the file", "real numbers")
        scales, *biases = real["steps"]
        weight, bias = real["weight"], real["bias"]
        each = np.broadcast_to(scales, (len(weight),))
        x, y = np.float32(data.scale), np.float32(self.gives.scale)
        factors = x * scales.astype(np.float32) / y
        sums = biases[0] if biases else float(x) * each
        weight = np.rint(weight / each[:, None, None, None]).astype(np.int64)
        rescale = Rescale.of_float32(factors.astype(np.float64))
        return {
            "weight": weight,
            "bias": self._fitting(np.rint(bias / sums).astype(np.int64), weight, rescale),
            "rescale": rescale,
            "groups": self.step.options["groups"],
            **self.ends,
        }

    def _fitting(self, bias: Integers, weight: Integers, rescale: Rescale) -> Integers:
        """Return biases with which no sum leaves 32 bits, where that changes no result.

        Quantisers leave channels of next to no weight with biases close to 2^31: whatever the map,
        such a channel gives the same word.
        """
        words = Interval.signed(SUM_BITS)
        data = Interval.union([self.takes[0].centred, Interval(0, 0)])
        reach = bounds(weight, data)
        low, high = (bias + np.array([getattr(r, end) for r in reach]) for end in ("low", "high"))
        moved = np.maximum(words.low - low, 0) - np.maximum(high - words.high, 0)
        ends = np.stack([low, high, low + moved, high + moved])
        made = rescale.apply(ends[:, :, None, None], self.gives.zero_point, self.clip)
        same = np.ptp(made, axis=0).ravel() == 0
        fitting: Integers = bias + np.where(same, moved, 0)
        return fitting


def _single(factors: Sequence[Any]) -> Rescale:
    return Rescale.of_float32(np.array(factors, np.float64))
