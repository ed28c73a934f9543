"""The corner turn, and the one place where corner turns are put in."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from golden.graph.graph import Graph, Node, Stage
from golden.graph.tensor import Run, Tensor
from golden.numbers.interval import Integers


@dataclass(frozen=True)
class Turn(Stage):
    """A map's samples in another order.

    Parameters
    ----------
    taken
        The map as it comes.
    runs
        The order in which it leaves.
    """

    taken: Tensor
    runs: tuple[Run, ...]

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """See `Stage`."""
        return (self.taken,)

    @property
    def output(self) -> Tensor:
        """See `Stage`."""
        return self.taken.along(self.runs)

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`: the same map."""
        return maps[0]

    @property
    def parts(self) -> tuple[tuple[int, bool, bool], ...]:
        """Consecutive channels: how many, whether they come along the height, and leave so."""
        have, want = (list(_each(runs)) for runs in (self.taken.runs, self.output.runs))
        ends = sorted({end for end, _ in (*have, *want)})
        parts, begin = [], 0
        for end in ends:
            comes, leaves = (next(a for e, a in runs if e >= end) for runs in (have, want))
            parts.append((end - begin, comes == "height", leaves == "height"))
            begin = end
        return tuple(parts)


def _each(runs: tuple[Run, ...]) -> Iterator[tuple[int, str]]:
    """Yield where each of ``runs`` ends, and its axis."""
    end = 0
    for run in runs:
        end += run.channels
        yield end, run.axis


def turned(tensor: Tensor, nodes: Iterable[Node], *, source: str) -> Graph:
    """Return the graph of ``nodes``, with a corner turn wherever a map comes in another order.

    Parameters
    ----------
    tensor, source
        The map from outside, and its name.
    nodes
        In an order in which they can be done. The last one gives the map that leaves, line after
        line along the width.
    """
    placing = _Placing(source, tensor)
    last = source
    for node in nodes:
        wanted = zip(node.sources, node.stage.inputs, strict=True)
        sources = tuple(placing.arranged(name, want.runs) for name, want in wanted)
        placing.add(Node(node.name, node.stage, sources))
        last = node.name
    last = placing.arranged(last, ())
    return Graph({source: tensor}, tuple(placing.nodes), (last,))


class _Placing:
    """Nodes placed so far, and the maps that they give."""

    def __init__(self, source: str, tensor: Tensor) -> None:
        self.nodes: list[Node] = []
        self._maps = {source: tensor}
        self._turned: dict[tuple[str, tuple[Run, ...]], str] = {}

    def add(self, node: Node) -> None:
        self.nodes.append(node)
        self._maps[node.name] = node.stage.output

    def arranged(self, name: str, runs: tuple[Run, ...]) -> str:
        """Return the name of map ``name`` in the order of ``runs``, by a turn if need be."""
        have = self._maps[name]
        runs = have.along(runs).runs
        if have.runs == runs:
            return name
        if (name, runs) not in self._turned:
            self._turned[name, runs] = f"turn_{len(self._turned)}"
            self.add(Node(self._turned[name, runs], Turn(have, runs), (name,)))
        return self._turned[name, runs]
