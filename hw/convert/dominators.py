"""Which values alone decide which others: what every search in a graph walks along."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hw.convert.graph import Graph

_MOST_NODES = 512
"""In a part of a graph: a sum of as many shifted maps as a line has samples has several each."""


def _vertex(index: int) -> str:
    """Return what stands for a node among the names of values."""
    return f"\0{index}"


def _is_node(vertex: str) -> bool:
    return vertex.startswith("\0")


@dataclass(frozen=True)
class _Tree:
    """Dominators: `parent` is the nearest vertex that every way to a vertex passes."""

    parent: dict[str, str | None] = field(default_factory=dict)
    depth: dict[str, int] = field(default_factory=dict)

    def add(self, vertex: str, ways: Sequence[str]) -> None:
        """Take a vertex whose ways lead through ``ways``; with none it is a root."""
        known = [way for way in ways if way in self.parent]
        parent: str | None = known[0] if known else None
        for way in known[1:]:
            parent = self.common(parent, way)
        self.parent[vertex] = parent
        self.depth[vertex] = 0 if parent is None else self.depth[parent] + 1

    def common(self, first: str | None, second: str | None) -> str | None:
        """Return the nearest vertex that the ways to both pass, either itself included."""
        while first != second:
            if first is None or second is None:
                return None
            if self.depth[first] >= self.depth[second]:
                first = self.parent[first]
            else:
                second = self.parent[second]
        return first

    def chain(self, vertex: str) -> Iterator[str]:
        """Yield what every way to ``vertex`` passes, the nearest first."""
        above = self.parent.get(vertex)
        while above is not None:
            yield above
            above = self.parent[above]

    def above(self, high: str, low: str) -> bool:
        """Whether every way to ``low`` passes ``high``."""
        if high not in self.depth or low not in self.depth:
            return False
        name: str | None = low
        while name is not None and self.depth[name] > self.depth[high]:
            name = self.parent[name]
        return name == high


class Dominators:
    """Dominators of a graph's values, from its input on and from its output back."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._before, self._behind = _Tree(), _Tree()
        self._before.add(graph.input, ())
        for index, node in enumerate(graph.nodes):
            self._before.add(_vertex(index), graph.varying(node))
            for name in node.outputs:
                self._before.add(name, [_vertex(index)])
        self._behind.add(graph.output, ())
        for index in range(len(graph.nodes) - 1, -1, -1):
            for name in graph.nodes[index].outputs:
                self._add_behind(name)
            self._behind.add(_vertex(index), graph.nodes[index].outputs)
        self._add_behind(graph.input)

    def _add_behind(self, name: str) -> None:
        readers = [_vertex(index) for index in self._graph.consumers.get(name, [])]
        if name != self._graph.output and readers:
            self._behind.add(name, readers)

    def sources(self, index: int) -> Iterator[str]:
        """Yield the values that alone decide what a node gives, the nearest first."""
        return (name for name in self._before.chain(_vertex(index)) if not _is_node(name))

    def results(self, index: int) -> Iterator[str]:
        """Yield the values that all that a node gives passes, the nearest first."""
        return (name for name in self._behind.chain(_vertex(index)) if not _is_node(name))

    def origins(self, name: str) -> Iterator[str]:
        """Yield the values that alone decide another, the nearest first."""
        return (above for above in self._before.chain(name) if not _is_node(above))

    def common_source(self, first: str, second: str) -> Iterator[str]:
        """Yield the values that alone decide two others, either itself included."""
        nearest = self._before.common(first, second)
        if nearest is not None:
            if not _is_node(nearest):
                yield nearest
            yield from self.origins(nearest)

    def meeting(self, names: Sequence[str]) -> Iterator[str]:
        """Yield the values that all which follows from ``names`` passes, but for those."""
        vertex: str | None = names[0]
        for name in names[1:]:
            vertex = self._behind.common(vertex, name)
        if vertex is not None:
            if not _is_node(vertex) and vertex not in names:
                yield vertex
            yield from (name for name in self._behind.chain(vertex) if not _is_node(name))

    def between(self, entry: str, exit: str) -> frozenset[int] | None:
        """Return the nodes that make ``exit`` of ``entry``, or None where more decides it."""
        if entry == exit or not self._before.above(entry, exit):
            return None
        return self.between_all((entry,), exit)

    def between_all(self, entries: Sequence[str], exit: str) -> frozenset[int] | None:
        """Return the nodes that make ``exit`` of ``entries``, or None where more decides it."""
        nodes: set[int] = set()
        front, met = [exit], {exit}
        while front:
            name = front.pop()
            if name in entries:
                continue
            index = self._graph.producers.get(name)
            if index is None or len(nodes) > _MOST_NODES:
                return None
            nodes.add(index)
            more = set(self._graph.varying(self._graph.nodes[index])) - met
            met |= more
            front += more
        return frozenset(nodes)
