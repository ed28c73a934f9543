"""Formats of our own for maps: scales that are powers of two, even zero points."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from golden.network.map import MAX_BITS, Map
from golden.numbers.interval import Interval
from golden.numbers.observe import PERCENTILE, Samples
from golden.operator.parc import Floats
from hw.convert.whole.steps import MOVES, Step

_SLACK = 2
"""Steps left over, for zero points that are even."""
N_STEPS = 255 - _SLACK
"""Of words of 8 bits that a range may fill."""
_LEAST_SCALE = -40
"""Binary logarithm of the least scale."""
_NARROWER = 4
"""Scales that are tried for the least square error, each half of the one before."""


def format_of(low: float, high: float, bits: int) -> tuple[float, int]:
    """Return scale and zero point of signed words of ``bits`` that hold a range, and 0."""
    low, high = min(low, 0.0), max(high, 0.0)
    words = Interval.signed(bits)
    room = words.high - words.low - _SLACK
    exponent = math.ceil(math.log2((high - low) / room)) if high > low else 0
    scale = 2.0 ** max(exponent, _LEAST_SCALE)
    return scale, zero_point(low, high, scale, bits)


def zero_point(low: float, high: float, scale: float, bits: int) -> int:
    """Return the even integer that stands for 0, the range in the middle of the words."""
    words = Interval.signed(bits)
    if low == 0:
        return words.low
    spare = words.high - words.low - (high - low) / scale
    zero = 2 * round((words.low + spare / 2 - low / scale) / 2)
    return min(max(zero, words.low), words.high - 1)


def _minmax(samples: Samples, bits: int) -> tuple[float, int]:
    return format_of(samples.low, samples.high, bits)


def _percentile(samples: Samples, bits: int) -> tuple[float, int]:
    low, high = np.percentile(samples.kept, (100 - PERCENTILE, PERCENTILE))
    return format_of(float(low), float(high), bits)


def _mean_square(samples: Samples, bits: int) -> tuple[float, int]:
    low, high = min(samples.low, 0.0), max(samples.high, 0.0)
    scale, _ = format_of(low, high, bits)
    words, kept = Interval.signed(bits), samples.kept

    def error(tried: tuple[float, int]) -> float:
        step, zero = tried
        q = np.clip(np.rint(kept / step) + zero, words.low, words.high)
        return float(np.mean(((q - zero) * step - kept) ** 2))

    tries = []
    for halved in range(_NARROWER):
        step = scale / 2**halved
        reach = step * (words.high - words.low)
        part = min(1.0, reach / (high - low)) if high > low else 1.0
        tries.append((step, zero_point(low * part, high * part, step, bits)))
    return min(tries, key=error)


OBSERVERS: Mapping[str, Callable[[Samples, int], tuple[float, int]]] = {
    "minmax": _minmax,
    "percentile": _percentile,
    "mse": _mean_square,
}


def observe(steps: Sequence[Step], traces: Iterable[Mapping[str, Floats]]) -> dict[str, Samples]:
    """Return what was seen of every step's map, by its name.

    Those that must have one format, since one of them only moves the other's samples, share it.

    Parameters
    ----------
    steps
        In order.
    traces
        Tensors of each image, by the file's names.
    """
    seen = {step.name: Samples() for step in steps}
    for trace in traces:
        for step in steps:
            if step.tensor and step.kind != "constant":
                seen[step.name].add(np.clip(step.as_map(trace[step.tensor]), *step.clip))
    return shared(steps, seen)


def shared(steps: Sequence[Step], seen: Mapping[str, Samples]) -> dict[str, Samples]:
    """Return one `Samples` for all maps that must have one format."""
    groups = {step.name: {step.name} for step in steps}
    moves = [step for step in steps if step.kind in MOVES]
    for names in ({step.name, *step.sources} for step in moves):
        together = set().union(*(groups[name] for name in names))
        groups |= dict.fromkeys(together, together)
    joined: dict[int, Samples] = {}
    for step in steps:
        samples = joined.setdefault(id(groups[step.name]), Samples())
        if step.kind == "constant":
            samples.add(step.real["table"])
        elif step.tensor:
            samples.join(seen[step.name])
    return {step.name: joined[id(groups[step.name])] for step in steps}


def maps_of(
    steps: Sequence[Step], seen: Mapping[str, Samples], *, observer: str, bits: int
) -> dict[str, Map]:
    """Return the map of every step in a format that suits what was seen."""
    choose = OBSERVERS[observer]
    chosen: dict[int, tuple[float, int]] = {}
    maps = {}
    for step in steps:
        samples = seen[step.name]
        key = id(samples)
        if key not in chosen:
            chosen[key] = choose(samples, bits)
        scale, zero = chosen[key]
        channels, height, width = step.shape
        maps[step.name] = Map.of((channels, height, width), scale, zero, bits=min(bits, MAX_BITS))
    return maps
