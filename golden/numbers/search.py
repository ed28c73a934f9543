"""A search for inputs as far off as a bound allows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.numbers.interval import Integers, Interval

Floats = npt.NDArray[np.float64]

_KEPT = 8
"""Inputs that others are made of."""
_CHILDREN = 48
_RATES = (1.5, 4.0, 12.0)
"""Samples of an input that are changed at a time."""


@dataclass(frozen=True)
class Certified:
    """What is off by no more than a bound.

    Parameters
    ----------
    bound
        That is proved.
    off
        Of inputs ``[P, ...]``, the most that each is off.
    shape
        Of an input.
    data
        Range of its samples.
    starts
        Inputs to begin with beside random ones, ``[S, ...]``.
    """

    bound: float
    off: Callable[[Integers], Floats]
    shape: tuple[int, ...]
    data: Interval
    starts: Integers | None = None


def climb(
    one: Certified,
    generations: int,
    random: np.random.Generator,
    *,
    kept: int = _KEPT,
    children: int = _CHILDREN,
) -> float:
    """Return the most that any input found is off: the worst are changed a little, again and again.

    Where the worst inputs of quantisation are known, roundings climb on from those.
    """
    data = one.data

    def draw(shape: tuple[int, ...]) -> Integers:
        return random.integers(data.low, data.high, shape, endpoint=True)

    spread = draw((64 * kept, *one.shape))
    ends = random.choice([data.low, data.high], (64 * kept, *one.shape))
    first = [spread, ends] if one.starts is None else [spread, ends, one.starts]
    inputs: Integers = np.concatenate(first)
    samples = int(np.prod(one.shape))
    for _ in range(generations):
        off = one.off(inputs)
        best = inputs[np.argsort(-off, kind="stable")[:kept]]
        parents = np.repeat(best, children, axis=0)
        rate = random.choice(_RATES) / samples
        changed = random.random(parents.shape) < rate
        made = np.where(changed, draw(parents.shape), parents)
        inputs = np.concatenate([best, made])
    return float(one.off(inputs).max())
