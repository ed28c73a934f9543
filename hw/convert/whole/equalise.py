"""Equalisation across layers: channels of a map are made alike, and what reads it undoes that.

What makes a map has channel c's kernel and bias times a gain, what reads it has its kernel of that
channel divided by it (Nagel et al., "Data-free quantization through weight equalization and bias
correction", ICCV 2019). Weights have a scale an output channel here, so it is the maps that gain:
one scale serves all of a map's channels. Sums hold maps together: all of a residual stream have
the same gains.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from golden.operator.parc import Floats
from hw.convert.whole.formats import N_STEPS
from hw.convert.whole.steps import Step

_KERNELS = ("convolution", "circular")
_PARAMETERS = {
    **dict.fromkeys(_KERNELS, ("weight", "bias")),
    "constant": ("table",),
    "layer_norm": ("gamma", "beta"),
}
"""Kinds whose result takes a gain a channel into parameters: these, channels first."""
_ALIKE = ("add", "average", "maximum", "resize")
"""Kinds whose results have the gains of what they take."""
_MOST = 16.0
"""Gain of a channel over another's: one that was hardly seen may be more another time."""
_FILLS = tuple((2.0 ** (np.arange(16) / 16)).tolist())
"""Gains of all channels that are tried, to fill the words where scales are powers of two."""
_LEAST = 1e-30


@dataclass(frozen=True, eq=False)
class Seen:
    """What was seen of a map's channels.

    Parameters
    ----------
    low, high
        The least and the greatest samples, at most and at least 0.
    mean
        Of what is there before the clip, None where the network has no such tensor.
    """

    low: Floats
    high: Floats
    mean: Floats | None

    @property
    def reach(self) -> Floats:
        """How far from 0 each channel goes."""
        return np.maximum(-self.low, self.high)


def watch(steps: Sequence[Step], traces: Iterable[Mapping[str, Floats]]) -> dict[str, Seen]:
    """Return what is seen of the channels of every map, of the tensors of each image."""
    low, high, means = ({step.name: list[Floats]() for step in steps} for _ in range(3))
    for trace in traces:
        for step in steps:
            if not step.tensor or step.kind == "constant":
                continue
            values = np.clip(step.as_map(trace[step.tensor]), *step.clip)
            low[step.name].append(values.min(axis=(0, 2, 3)))
            high[step.name].append(values.max(axis=(0, 2, 3)))
            tensor, axes = step.unclipped
            if tensor in trace:
                means[step.name].append(step.as_map(trace[tensor], axes).mean(axis=(0, 2, 3)))
    return {
        name: Seen(
            np.minimum(np.min(low[name], axis=0), 0),
            np.maximum(np.max(high[name], axis=0), 0),
            np.mean(means[name], axis=0) if means[name] else None,
        )
        for name in low
        if low[name]
    }


@dataclass(frozen=True, eq=False)
class Group:
    """Maps whose channels have the same gains.

    Parameters
    ----------
    maps
        Names of the steps that give them.
    readers
        Names of the steps of kernels that take one, and undo its gains.
    """

    maps: tuple[str, ...]
    readers: tuple[str, ...]


def groups_of(steps: Sequence[Step], output: str) -> Iterator[Group]:
    """Yield the groups of maps that can have gains.

    Each map is made of parameters that take a gain, or of maps of the group; only kernels read it
    beside those. A clip at 0 stays where it is whatever the gain. One with another end, as that of
    ReLU6, has one end for all channels: its map must be alone, and see `_given`.
    """
    members: dict[str, set[str]] = {step.name: {step.name} for step in steps}
    for step in steps:
        if step.kind in _ALIKE:
            together = set().union(*(members[name] for name in (step.name, *step.sources)))
            members |= dict.fromkeys(together, together)
    by_name = {step.name: step for step in steps}
    for maps in {id(maps): maps for maps in members.values()}.values():
        taking = [step for step in steps if not maps.isdisjoint(step.sources)]
        readers = [step for step in taking if step.kind not in _ALIKE]
        kernels = readers and all(step.kind in _KERNELS for step in readers)
        made = [step for step in steps if step.name in maps]
        if kernels and output not in maps and all(_fits(s, by_name, len(maps)) for s in made):
            yield Group(tuple(s.name for s in made), tuple(s.name for s in readers))


def _fits(step: Step, by_name: Mapping[str, Step], n_maps: int) -> bool:
    """Whether a step's map can have gains, one of ``n_maps`` that have the same."""
    if step.kind in _ALIKE:
        made = all(by_name[name].shape[0] == step.shape[0] for name in step.sources)
    else:
        made = step.kind in _PARAMETERS and (bool(step.tensor) or step.kind == "constant")
    low, high = step.clip
    free = low in (0.0, -np.inf) and high == np.inf
    return made and (free or (low == 0.0 and high > 0 and n_maps == 1))


def gains_of(
    group: Group, steps: Mapping[str, Step], seen: Mapping[str, Seen], power: float
) -> Floats:
    """Return a gain a channel: 1 over the part of its map's range that it fills, to ``power``.

    Of all together it is so much more that words are filled, scales being powers of two.
    """
    watched = [name for name in group.maps if name in seen]
    part = np.full(steps[group.maps[0]].shape[0], 1 / _MOST)
    for name in watched:
        part = np.maximum(part, seen[name].reach / _top(steps[name], seen[name]))
    for name in group.readers:  # an embedding must fit the words too
        embedding = steps[name].real.get("embedding", np.zeros((1, 1, 1)))
        (source,) = steps[name].sources
        top = _top(steps[source], seen[source]) if source in seen else 1.0
        part = np.maximum(part, np.abs(embedding).max(axis=(1, 2)) / top)
    gains: Floats = part**-power
    spans = [
        max(float((seen[n].high * gains).max() - (seen[n].low * gains).min()), _LEAST)
        for n in watched
    ]

    def waste(fill: float) -> float:
        steps_of = [math.log2(fill * span / N_STEPS) for span in spans]
        return sum(math.ceil(s) - s for s in steps_of)

    filled: Floats = gains * min(_FILLS, key=waste)
    return filled


def _top(step: Step, seen: Seen) -> float:
    """Return how far its channels may go: to a clip's end, or as the largest was seen to."""
    high = step.clip[1]
    return high if 0 < high < np.inf else max(float(seen.reach.max()), _LEAST)


def equalised(
    steps: Sequence[Step], groups: Sequence[Group], gains: Sequence[Floats]
) -> list[Step]:
    """Return other steps, with gains."""
    made = {step.name: replace(step, real=dict(step.real)) for step in steps}
    for group, gain in zip(groups, gains, strict=True):
        for name in group.maps:
            _given(made[name], gain)
        for name in group.readers:
            made[name].take(1 / gain, np.zeros((len(gain), 1, 1)))
    return list(made.values())


def _given(step: Step, gain: Floats) -> None:
    """Give a map gains.

    The end of a clip other than 0 moves with the least gain, that of the channel which fills the
    map's range: in others, it stands between the largest sample seen and where it was, as if it
    were the end of words.
    """
    for name in _PARAMETERS.get(step.kind, ()):
        values = step.real[name]
        step.real[name] = values * gain.reshape(-1, *[1] * (values.ndim - 1))
    low, high = step.clip
    step.clip = (low, high * float(gain.min()))
    step.gain = gain
