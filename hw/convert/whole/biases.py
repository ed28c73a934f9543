"""Correction of biases: what rounding moves the mean of a channel by is taken off again.

Rounded weights and maps give sums whose mean is off (Nagel et al. 2019, with means that are seen in
the place of those that batch norms tell).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from golden.graph.graph import Node
from golden.network.kernels import Kernels
from golden.network.network import Network
from golden.numbers.interval import Integers
from golden.operator.parc import Floats


def corrected(
    network: Network,
    means: Mapping[str, Floats],
    images: Floats,
    progress: Callable[[int], object],
) -> Network:
    """Return a network whose sums have the means that they have in real numbers.

    Parameters
    ----------
    network
        In integers.
    means
        By the names of maps: of each channel over the images, before the clip.
    images
        ``[n, C, H, W]``.
    progress
        Is told of each map.
    """
    known = {network.input: [network.quantize(image[None]) for image in images]}
    last = {name: node.name for node in network.nodes for name in node.sources}
    nodes = list[Node]()
    for node in network.nodes:
        operator = network.operators[node.name]
        taken = [[known[name][i] for name in node.sources] for i in range(len(images))]
        if isinstance(operator, Kernels) and node.name in means:
            totals = [operator.totals(maps[0]) for maps in taken]
            delta = _missing(operator, totals, means[node.name])
            delta += _spared(operator, delta)
            operator = replace(operator, bias=operator.bias + delta)
            zero, clip = operator.gives.zero_point, operator.clip
            made = [operator.rescale.apply(t + delta[:, None, None], zero, clip) for t in totals]
        else:
            made = [operator.value(*maps) for maps in taken]
        nodes.append(replace(node, stage=operator))
        known[node.name] = made
        for name in node.sources:
            if last[name] == node.name:
                known.pop(name, None)
        progress(1)
    return Network(network.inputs, tuple(nodes), network.outputs)


def _missing(operator: Kernels, totals: list[Integers], mean: Floats) -> Integers:
    """Return what biases lack for sums to have a mean."""
    found = np.mean([t.mean(axis=(0, 2, 3)) for t in totals], axis=0)
    wanted = mean / (operator.gives.scale * operator.rescale.factors)
    missing: Integers = np.rint(wanted - found).astype(np.int64)
    return missing


def _spared(operator: Kernels, delta: Integers) -> Integers:
    """Return what else biases may be moved by, to 0, where a channel gives an end of its clip only.

    Channels of next to no weight have biases of many bits: sums need not have them.
    """
    low, high = (
        np.array([getattr(reach, end) for reach in operator.channel_sums]) + delta
        for end in ("low", "high")
    )
    zero, clip, factors = operator.gives.zero_point, operator.clip, operator.rescale.factors
    below = np.floor((clip.low - zero - 1) / factors - high)
    above = np.floor(low - (clip.high - zero + 1) / factors)
    moved: Integers = (np.maximum(below, 0) - np.maximum(above, 0)).astype(np.int64)
    return moved
