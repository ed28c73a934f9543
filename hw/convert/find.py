"""Convolutions that layers can do, found in a graph by what they compute.

A search begins at every operator that can mix positions: convolutions, transforms, products of
matrices, and at last what only moves samples, as rolls and slices do. It goes back to a map that
alone decides what the operator gives, and on to one that all of it passes, through whatever lies
between: concatenations, padding, products of spectra, sums of shifted maps. That part of the graph
is then run on impulses, which give the kernels, and on random data, which show that it is a form of
layer. What multiplies and adds before it, such as embeddings and batch norms, is folded in, found
in the same way. So it does not matter how a network is written.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
import torch

from golden.inputs.errors import ParameterError
from golden.operator.parc import Floats
from hw.convert.computed import Computed, is_flat
from hw.convert.dominators import Dominators
from hw.convert.graph import Graph, Node, placed
from hw.convert.mixing import is_laid_out, kernel_shape, mixes, moves, only_laid_out
from hw.convert.probe import (
    LEAST_TAPS,
    NO_SIZE,
    ROUNDING,
    TOLERANCE,
    Match,
    NoForm,
    Response,
    outer,
    probe,
    size_of,
)

_MOST_NODES = 64
"""In the part of a graph that makes one convolution, but for sums of moved maps."""
_MOST_MAPS = 4
"""Tried as the input, and as the output, of one convolution."""


@dataclass(frozen=True, eq=False)
class Found:
    """One step of a layer, and its place in the graph.

    Parameters
    ----------
    computed
        What it computes.
    entry, exit
        Values of the graph that it takes and gives.
    nodes
        Indices of what makes ``exit`` of ``entry``.
    name
        Of the node that the search began at.
    scope
        Path of the module that it came from.
    takes
        The channels of the entry that it is made of, in its order.
    last
        Of entry and exit: whether their channels stand behind height and width.
    """

    computed: Computed
    entry: str
    exit: str
    nodes: frozenset[int]
    name: str
    scope: str
    takes: list[int] = field(default_factory=list)
    last: tuple[bool, bool] = (False, False)


@dataclass(frozen=True)
class Left:
    """A convolution that was not taken, and why.

    Parameters
    ----------
    name
        Of the node in the graph, or of the layer.
    reason
        And what the nearest form wants.
    scope
        Path of the module that it came from.
    """

    name: str
    reason: str
    scope: str = ""

    @property
    def place(self) -> str:
        """Where in the network it is, for messages."""
        return placed(self.name, self.scope, "")

    def described(self) -> dict[str, str]:
        """Return it as reports have it."""
        return {"name": self.name, "place": self.place, "reason": self.reason}


def find_passes(graph: Graph, *, least_taps: int = LEAST_TAPS) -> tuple[list[Found], list[Left]]:
    """Return all that ``graph`` has of the forms of layers, and what was near to one.

    Parameters
    ----------
    graph
        The network.
    least_taps
        Of kernels with zeros around the map: shorter ones are left.

    Raises
    ------
    ParameterError
        Where kernels are as long as another size of map than the one they meet.
    """
    search = _Search(graph, least_taps)
    mixing = [index for index in range(len(graph.nodes)) if mixes(graph, index)]
    moving = [index for index in range(len(graph.nodes)) if moves(graph, index)]
    for index in mixing:
        search.begin_at(index)
    for index in moving:
        search.begin_at(index, moving=True)
    search.found.sort(key=lambda found: max(found.nodes))
    return [search.fold_before(found) for found in search.found], search.left


def is_map(graph: Graph, name: str) -> bool:
    """Whether a value is a map [1, C, H, W] of real numbers."""
    shape = graph.shapes.get(name, ())
    return len(shape) == 4 and shape[0] == 1 and min(shape) > 0


def channel_affine(graph: Graph, nodes: list[int], entry: str, exit: str) -> Floats | None:
    """Return gain and offset ``[2, C]`` where ``exit = gain[c] * entry + offset[c]``, or None."""
    found = affine(graph, nodes, entry, exit)
    if found is None or not is_flat(found[1], (1, 2)):
        return None
    gain, table = found
    return np.stack([gain, table[:, 0, 0]])


def affine(
    graph: Graph, nodes: list[int], entry: str, exit: str, *, last: bool = False
) -> tuple[Floats, Floats] | None:
    """Return gain ``[C]`` and table ``[C, H, W]`` where ``exit = gain[c] * entry + table``."""
    shape = graph.shapes.get(entry)
    if shape is None or graph.shapes.get(exit) != shape or not is_map(graph, entry):
        return None
    if graph.not_affine(nodes, entry) is not None:
        return None
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    zero, one, y = (
        outer(graph.run_part(nodes, entry, value, exit).numpy()[0], last=last)
        for value in (torch.zeros_like(x), torch.ones_like(x), x)
    )
    gain = (one - zero)[:, 0, 0]
    error = size_of(gain[:, None, None] * outer(x.numpy()[0], last=last) + zero - y)
    slack = TOLERANCE * size_of(y - zero) + ROUNDING * size_of(y)
    return (gain, zero) if (error <= slack).all() else None


@dataclass(frozen=True)
class _Place:
    """A part of the graph to try: its ends, the nodes between, and where channels stand."""

    entry: str
    exit: str
    nodes: frozenset[int]
    last: tuple[bool, bool]


class _Search:
    """What has been found so far."""

    def __init__(self, graph: Graph, least_taps: int) -> None:
        self.found: list[Found] = []
        self.left: list[Left] = []
        self._graph, self._least, self._flow = graph, least_taps, Dominators(graph)
        self._taken = set[int]()

    def begin_at(self, core: int, *, moving: bool = False) -> None:
        """Search from a node, unless it is part of what was found."""
        if core in self._taken:
            return
        node = self._graph.nodes[core]
        places = list(self._sums(core) if moving else self._places(core))
        refusals = []
        for place in places:
            result = self._try(core, place)
            if isinstance(result, Match):
                self.found.append(self._made(node, place, result))
                self._taken |= place.nodes
                return
            if result.noted:
                self._taken |= place.nodes
            refusals.append(result)
            if result.sure and len(kernel_shape(self._graph, core)) == 4:
                break
        self._leave(core, refusals)

    def _made(self, node: Node, place: _Place, match: Match) -> Found:
        return Found(
            match.computed,
            place.entry,
            place.exit,
            place.nodes,
            node.name,
            node.scope,
            match.takes,
            place.last,
        )

    def _leave(self, core: int, refusals: list[NoForm]) -> None:
        node = self._graph.nodes[core]
        is_line = sum(side > 1 for side in kernel_shape(self._graph, core)[2:]) == 1
        noted = [refusal for refusal in refusals if refusal.noted]
        if is_line or node.kind == "inverse_fft":
            self._check_length(core)
            noted = noted or refusals or [NoForm(NO_SIZE, True)]
        if noted:
            self.left.append(Left(node.name, noted[0].reason, node.scope))

    def _try(self, core: int, place: _Place) -> Match | NoForm:
        graph = self._graph
        bent = graph.not_affine(place.nodes, place.entry)
        if bent is not None:
            return NoForm(f"{bent.name} on the way is not linear: every form is", False, sure=False)
        response = Response(graph, place.nodes, (place.entry, place.exit), last=place.last)
        taps = kernel_shape(graph, core)[2:]
        return probe(
            response,
            least_taps=self._least,
            taps=taps if len(taps) == 2 else (),
            may_mix=place.last == (False, False),
        )

    def _places(self, core: int) -> Iterator[_Place]:
        """Yield parts of the graph around a node, of the same height and width first."""
        nearest: list[tuple[str, str, frozenset[int]]] = []
        exits = list(islice(self._maps(self._flow.results(core)), _MOST_MAPS))
        for entry in islice(self._maps(self._flow.sources(core)), _MOST_MAPS):
            for exit in exits:
                nodes = self._flow.between(entry, exit)
                if nodes is not None and core in nodes and len(nodes) <= _MOST_NODES:
                    nearest.append((entry, exit, nodes))
        same, half = list[_Place](), list[_Place]()
        seen = set[_Place]()
        for part in nearest:
            parts = [self._widened(*part), part]
            # A convolution's own map has its channels where they belong.
            for each in parts[::-1] if len(kernel_shape(self._graph, core)) == 4 else parts:
                for place in self._laid_out(core, *each):
                    if place not in seen:
                        seen.add(place)
                        (same if self._is_same_size(place) else half).append(place)
        yield from same[:_MOST_MAPS]
        yield from half[:1]

    def _maps(self, names: Iterator[str]) -> Iterator[str]:
        return (name for name in names if is_map(self._graph, name))

    def _widened(
        self, entry: str, exit: str, nodes: frozenset[int]
    ) -> tuple[str, str, frozenset[int]]:
        """Take in what only writes the map another way, where it does before and behind."""
        given = entry, exit, nodes
        for source in self._maps(self._flow.origins(entry)):
            more = self._flow.between(source, entry)
            if more is None or not only_laid_out(self._graph, more):
                break
            entry, nodes = source, nodes | more
        for result in self._maps(self._flow.meeting([exit])):
            more = self._flow.between(exit, result)
            if more is None or not only_laid_out(self._graph, more):
                break
            exit, nodes = result, nodes | more
        return given if given[0] == entry or given[1] == exit else (entry, exit, nodes)

    def _laid_out(
        self, core: int, entry: str, exit: str, nodes: frozenset[int]
    ) -> Iterator[_Place]:
        """Yield the part of the graph for every way in which channels can stand."""
        plain = not is_laid_out(self._graph, nodes)
        ways = [(False, False), (True, True), (False, True), (True, False)]
        is_conv = self._graph.nodes[core].kind == "conv"
        for last in ways[:1] if is_conv and plain else ways:
            place = _Place(entry, exit, nodes, last)
            before, behind = self._sizes(place)
            halves = [-(-side // 2) for side in before]
            pairs = zip(behind, before, halves, strict=True)
            if all(side in (whole, half) for side, whole, half in pairs):
                yield place

    def _sizes(self, place: _Place) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return height and width at both ends."""
        before, behind = (
            self._graph.shapes[name][1:3] if last else self._graph.shapes[name][2:]
            for name, last in zip((place.entry, place.exit), place.last, strict=True)
        )
        return before, behind

    def _is_same_size(self, place: _Place) -> bool:
        before, behind = self._sizes(place)
        return before == behind

    def _sums(self, core: int) -> Iterator[_Place]:
        """Yield parts of the graph that add up moved maps, the largest first."""
        graph = self._graph
        for entry in islice(self._maps(self._flow.sources(core)), 1):
            places: list[_Place] = []
            for exit in self._maps(self._flow.results(core)):
                nodes = self._flow.between(entry, exit)
                if nodes is None or graph.not_affine(nodes, entry) is not None:
                    break
                if places and self._adds_itself(entry, places[-1], exit):
                    # A residual, unless there is no layer so far.
                    yield from places[: -_MOST_MAPS - 1 : -1]
                    places = []
                wide = self._widened(entry, exit, nodes)
                place = _Place(*wide, (False, False))
                if self._is_same_size(place):
                    places.append(place)
            yield from places[: -_MOST_MAPS - 1 : -1]

    def _adds_itself(self, entry: str, place: _Place, exit: str) -> bool:
        """Whether ``exit`` is the sum of moved maps and of the one that went in, as a residual."""
        graph = self._graph
        parts = graph.varying(graph.nodes[graph.producers[exit]])
        if len(parts) < 2:
            return False
        for part in parts:
            nodes = self._flow.between(entry, part) or frozenset()
            moved = any(moves(graph, index) or mixes(graph, index) for index in nodes)
            if not moved and part != place.exit:
                return True
        return False

    def _check_length(self, core: int) -> None:
        """Refuse a kernel over a line that was wrapped for one of another length."""
        graph = self._graph
        shape = kernel_shape(graph, core)
        entries = list(islice(self._maps(self._flow.sources(core)), 2))
        if len(shape) != 4 or len(entries) < 2:
            return
        axis = 2 if shape[3] == 1 else 3
        wrapped, line = (graph.shapes[name][axis] for name in entries)
        if wrapped == 2 * line - 1 and shape[axis] != line:
            name = "height" if axis == 2 else "width"
            place = placed(graph.nodes[core].name, graph.nodes[core].scope, "")
            raise ParameterError(
                "model",
                "of kernels as long as its maps, or of some that it resizes",
                f"with {shape[axis]} taps along a {name} of {line} in {place}",
            )

    def fold_before(self, found: Found) -> Found:
        """Take what multiplies and adds in front of a step into it, one thing after the other."""
        graph = self._graph
        while True:
            entry = found.entry
            source = next(self._maps(self._flow.origins(entry)), None)
            if source is None or not found.nodes.issuperset(graph.consumers[entry]):
                return found
            nodes = self._flow.between(source, entry)
            if nodes is None or len(nodes) > _MOST_NODES or entry == graph.output:
                return found
            scaled = affine(graph, sorted(nodes), source, entry, last=found.last[0])
            if scaled is None or np.abs(scaled[0]).min() <= 1e-9 * np.abs(scaled[0]).max():
                return found
            gain, table = (each[found.takes] for each in scaled)
            computed = found.computed.after(gain, table)
            if computed is None:
                return found
            found = replace(found, computed=computed, entry=source, nodes=found.nodes | nodes)
