"""Halves of a map's channels with an operator each, put behind each other: one operator of all.

ParC in ConvNets has lines along one axis in the first half of the channels, along the other in the
second. Where these begin with a tile, nothing needs to be moved: each tile has its operator.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from golden.graph.graph import Node
from golden.network.circular import Circular
from golden.network.convolution import Convolution
from golden.network.move import Concatenate, Select
from golden.network.network import Network


class Stacked(NamedTuple):
    """Operators of some channels each.

    Parameters
    ----------
    source
        The map that all take.
    nodes
        In the order of their channels.
    firsts
        Of each, the tile that it begins with.
    within
        Names of maps that there are no more: what each takes and gives.
    """

    source: str
    nodes: tuple[Node, ...]
    firsts: tuple[int, ...]
    within: frozenset[str]


def stacks_of(network: Network, tile: int) -> Iterator[tuple[str, Stacked]]:
    """Yield concatenations that nothing must be moved for, each with what it is made of."""
    nodes = {node.name: node for node in network.nodes}
    for node in network.nodes:
        if isinstance(node.stage, Concatenate) and node.stage.axis == 0:
            found = _stacked(network, nodes, node, tile)
            if found is not None:
                yield node.name, found


def _stacked(network: Network, nodes: dict[str, Node], node: Node, tile: int) -> Stacked | None:
    parts, firsts, sources, within = [], [], set(), []
    at = 0
    for name in node.sources:
        part = nodes.get(name)
        chosen = nodes.get(part.sources[0]) if part is not None else None
        if part is None or chosen is None or at % tile:
            return None
        channels = network.maps[name].channels
        inner = all(
            one.name not in network.outputs and len(network.users[one.name]) == 1
            for one in (part, chosen)
        )
        if not (inner and _apart(part) and _chooses(network, chosen, at)):
            return None
        parts.append(part)
        firsts.append(at // tile)
        sources.add(chosen.sources[0])
        within += [part.name, chosen.name]
        at += channels
    if len(sources) != 1:
        return None
    (source,) = sources
    if network.maps[source].shape != network.maps[node.name].shape:
        return None
    return Stacked(source, tuple(parts), tuple(firsts), frozenset(within))


def _apart(node: Node) -> bool:
    """Whether an operator has a kernel a channel."""
    op = node.stage
    return (
        isinstance(op, Circular | Convolution)
        and op.groups == len(op.weight) == op.takes[0].channels
    )


def _chooses(network: Network, node: Node, first: int) -> bool:
    """Whether a node takes channels from one on, and all of their map."""
    op = node.stage
    if not isinstance(op, Select):
        return False
    _, height, width = network.maps[node.sources[0]].shape
    sides = ((op.channels, first), (op.rows, 0), (op.columns, 0))
    whole = (len(op.rows), len(op.columns)) == (height, width)
    return whole and all(np.array_equal(side, np.arange(at, at + len(side))) for side, at in sides)
