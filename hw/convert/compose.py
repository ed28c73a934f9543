"""Steps put together to layers: in series, side by side on halves of the channels, or both.

Where a map is halved, which channels go which way is found by following them: whether a network
slices, splits, shuffles or interleaves them. A layer then says which channels of its map it takes,
in which order, and which of those that come out it gives.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from golden.operator.parc import Floats
from hw.convert.computed import Computed
from hw.convert.dominators import Dominators
from hw.convert.find import Found, affine, channel_affine, is_map
from hw.convert.graph import Graph
from hw.convert.probe import outer

_MOST_STEPS = 16
"""Nodes from a map to the halves that two chains take, or from theirs to the whole."""
_MOST_PARTS = 16
"""Layers that one step is cut into where its channels do not mix."""


@dataclass(frozen=True, eq=False)
class Chain:
    """One step, or two in series.

    Parameters
    ----------
    passes
        In the order of application.
    values
        Names of what goes in and out, and between where the graph has it.
    nodes
        Indices of all that it computes.
    scope
        Path of the module that it came from.
    takes
        The channels of its entry that it is made of, in its order.
    last
        Of entry and exit: whether their channels stand behind height and width.
    residual
        Whether what goes in is added at the end.
    """

    passes: tuple[Computed, ...]
    values: tuple[str, ...]
    nodes: frozenset[int]
    scope: str
    takes: list[int]
    last: tuple[bool, bool] = (False, False)
    residual: bool = False

    @property
    def kind(self) -> tuple[str, ...]:
        """The kinds of its passes in order."""
        return tuple(word for computed in self.passes for word in computed.kind)

    @property
    def n_out(self) -> int:
        """Channels that come out."""
        return len(self.passes[-1].bias)

    def stages(self, x: Floats) -> list[Floats]:
        """Return what each pass gives for a map ``[C, H, W]``, in float64."""
        results = []
        for computed in self.passes:
            x = computed.apply(x)
            results.append(x)
        return results


@dataclass(frozen=True, eq=False)
class FoundLayer:
    """A layer as `hw.build layer` makes it, in float64.

    Parameters
    ----------
    form
        One of `golden.layer.registry.LAYERS`.
    chains
        One, or one for each half of the channels.
    entry, exit
        Values of the graph that it takes and gives.
    shape
        Channels, height and width of the input.
    scope
        Path of the module that it came from.
    residual
        Whether its input is added at the end.
    takes, gives
        The channels of the entry that it takes, and of the exit that it gives, in its order.
    last
        Of entry and exit: whether their channels stand behind height and width.
    note
        What it wastes.
    """

    form: str
    chains: tuple[Chain, ...]
    entry: str
    exit: str
    shape: tuple[int, int, int]
    scope: str
    residual: bool = False
    name: str = ""
    nodes: frozenset[int] = field(default_factory=frozenset)
    takes: tuple[int, ...] = ()
    gives: tuple[int, ...] = ()
    last: tuple[bool, bool] = (False, False)
    note: str = ""

    @property
    def n_passes(self) -> int:
        """Passes in series."""
        return len(self.chains[0].passes)

    @property
    def between(self) -> tuple[str, ...]:
        """Values of the graph between two passes, one a chain; none where it has them not."""
        return tuple(chain.values[1] for chain in self.chains if len(chain.values) == 3)

    @property
    def padded(self) -> bool:
        """Whether the map is zero beyond its borders, so that its zero must be the integer 0."""
        return any(computed.padded for chain in self.chains for computed in chain.passes)

    def order(self) -> dict[str, Any]:
        """Return which channels stand where, as far as it is not as usual."""
        out: dict[str, Any] = {}
        if self.takes != tuple(range(len(self.takes))):
            out["input_channels"] = list(self.takes)
        if self.gives != tuple(range(len(self.gives))):
            out["output_channels"] = list(self.gives)
        for key, last in zip(("input_layout", "output_layout"), self.last, strict=True):
            if last:
                out[key] = "HWC"
        return out

    def of_entry(self, value: Floats) -> Floats:
        """Return what the layer takes of its entry's value: a map ``[C, H, W]``."""
        return outer(value, last=self.last[0])[list(self.takes)]

    def of_exit(self, value: Floats) -> Floats:
        """Return what the layer gives of its exit's value: a map ``[C', H', W']``."""
        return outer(value, last=self.last[1])[list(self.gives)]

    def into_exit(self, value: Floats, y: Floats) -> None:
        """Write what the layer gives, ``[C', H', W']``, into its exit's value."""
        outer(value, last=self.last[1])[list(self.gives)] = y

    def stages(self, x: Floats) -> tuple[list[Floats], Floats]:
        """Return what passes between two passes, and what it gives, of what it takes.

        Maps ``[C, H, W]`` in float64; where there are two chains, two pass between.
        """
        parts = zip(self.chains, np.split(x, len(self.chains)), strict=True)
        stages = [chain.stages(part) for chain, part in parts]
        y = np.concatenate([made[-1] for made in stages])
        between = [made[0] for made in stages if len(made) == 2]
        return between, x + y if self.residual else y

    def respond(self, x: Floats) -> Floats:
        """Return what it gives for what it takes, ``[C, H, W]``, in float64."""
        return self.stages(x)[1]


_HALVES = {
    (("height",), ("width",)): "parallel",
    (("dense", "height"), ("dense", "width")): "dense",
    (("height", "width"), ("width", "height")): "metaformer",
}
_ALONE = {"height": "serial", "width": "serial"}
"""Forms by the first word of what a chain is; others are called like it."""
_SERIES = ("height", "width", "linear")
"""First words of steps that stand in series in one layer."""


def compose(graph: Graph, found: Sequence[Found]) -> list[FoundLayer]:
    """Return the layers that ``found`` make up, in the order of the graph, each with a name."""
    flow = Dominators(graph)
    chains = _join_series(graph, found)
    layers = list(_join_halves(graph, flow, chains))
    taken = {id(chain.passes) for layer in layers for chain in layer.chains}
    layers += [
        layer for chain in chains if id(chain.passes) not in taken for layer in _alone(graph, chain)
    ]
    layers = [_fold_outside(graph, flow, layer) for layer in layers]
    layers.sort(key=lambda layer: max(layer.nodes))
    return _named(layers)


def _join_series(graph: Graph, found: Sequence[Found]) -> list[Chain]:
    by_entry = {item.entry: item for item in found}
    seconds = set[str]()
    chains = []
    for item in found:
        if item.name in seconds:
            continue
        after = by_entry.get(item.exit)
        if after is not None and after.name not in seconds and _follows(graph, item, after):
            seconds.add(after.name)
            chains.append(
                Chain(
                    (item.computed, after.computed),
                    (item.entry, item.exit, after.exit),
                    item.nodes | after.nodes,
                    common_scope(item.scope, after.scope),
                    item.takes,
                    (item.last[0], after.last[1]),
                )
            )
        else:
            steps = item.computed.separated()
            chains.append(
                Chain(
                    steps,
                    (item.entry, item.exit),
                    item.nodes,
                    item.scope,
                    item.takes,
                    item.last,
                )
            )
    return chains


def _follows(graph: Graph, item: Found, after: Found) -> bool:
    """Whether two steps can be the passes of one layer."""
    first, second = item.computed.kind, after.computed.kind
    axes = {first[-1], second[-1]}
    return (
        first[0] in _SERIES
        and second[0] in _SERIES
        and len(first) == len(second)
        and axes == {"height", "width"}
        and item.exit != graph.output
        and item.last[1] == after.last[0]
        and after.takes == list(range(len(item.computed.bias)))
        and after.nodes.issuperset(graph.consumers[item.exit])
    )


def _join_halves(graph: Graph, flow: Dominators, chains: Sequence[Chain]) -> Iterator[FoundLayer]:
    """Yield layers of two chains whose results are the channels of one map."""
    taken = set[int]()
    for whole, parts in _meetings(graph, flow, chains).items():
        for pair in combinations(parts, 2):
            if not taken.isdisjoint(id(chain.passes) for chain in pair):
                continue
            layer = _joined(graph, flow, pair, whole)
            if layer is not None:
                taken.update(id(chain.passes) for chain in pair)
                yield layer


def _meetings(graph: Graph, flow: Dominators, chains: Sequence[Chain]) -> dict[str, list[Chain]]:
    """Return chains by the map that their results become part of, with or without a residual."""
    parts: dict[str, list[Chain]] = {}
    for chain in chains:
        for each in _with_own_residual(graph, flow, chain):
            exit = each.values[-1]
            if chain.last != (False, False) or exit == graph.output:
                continue
            for whole in islice(flow.meeting([exit]), 3):
                if is_map(graph, whole):
                    parts.setdefault(whole, []).append(each)
    return parts


def _with_own_residual(graph: Graph, flow: Dominators, chain: Chain) -> Iterator[Chain]:
    """Yield a chain, and the same with what it takes added, where the graph does so."""
    yield chain
    exit = chain.values[-1]
    readers = graph.consumers.get(exit, [])
    if len(readers) != 1 or exit == graph.output:
        return
    node = graph.nodes[readers[0]]
    others = [name for name in graph.varying(node) if name != exit]
    if len(others) != 1 or not node.affine_in({exit, others[0]}):
        return
    result = node.outputs[0]
    shapes = {graph.shapes.get(name) for name in (exit, others[0], result)}
    if len(shapes) != 1 or not is_map(graph, exit):
        return
    x, y = (_random(graph.shapes[exit], seed) for seed in (0, 1))
    made = node.run(dict(graph.constants) | {others[0]: x, exit: y})[0]
    if not torch.equal(made, x + y):
        return
    copied = _copies(graph, flow, chain.values[0], others[0])
    if copied == chain.takes:
        values = (*chain.values[:-1], result)
        yield replace(chain, values=values, nodes=chain.nodes | {readers[0]}, residual=True)


def _copies(graph: Graph, flow: Dominators, source: str, name: str) -> list[int] | None:
    """Return the channels of ``source`` that those of ``name`` are, or None if they are not."""
    if source == name:
        return list(range(graph.shapes[source][1]))
    nodes = flow.between(source, name)
    if nodes is None or len(nodes) > _MOST_STEPS or not is_map(graph, name):
        return None
    if graph.not_affine(nodes, source) is not None:
        return None
    x = _random(graph.shapes[source], 0)
    made = graph.run_part(sorted(nodes), source, x, name)
    return _channels_in(made.numpy()[0], x.numpy()[0])


def _channels_in(made: Floats, given: Floats) -> list[int] | None:
    """Return where each channel of ``made`` stands in ``given``, random numbers."""
    if made.shape[1:] != given.shape[1:]:
        return None
    places = {channel.tobytes(): index for index, channel in enumerate(given)}
    channels = [places.get(np.ascontiguousarray(channel).tobytes(), -1) for channel in made]
    return None if min(channels) < 0 else channels


def _joined(
    graph: Graph, flow: Dominators, pair: tuple[Chain, ...], whole: str
) -> FoundLayer | None:
    """Return the layer of two chains that make up a map, if a form is like it."""
    if (pair[0].kind, pair[1].kind) not in _HALVES:
        pair = pair[::-1]
    form = _HALVES.get((pair[0].kind, pair[1].kind))
    residual = pair[0].residual
    if form is None or pair[1].residual != residual or (residual and form != "metaformer"):
        return None
    if pair[0].n_out != pair[1].n_out or len(pair[0].takes) != len(pair[1].takes):
        return None
    behind = _assembled(graph, flow, pair, whole)
    if behind is None:
        return None
    gives, nodes = behind
    before = _common_source(graph, flow, pair)
    if before is None:
        return None
    entry, takes, more = before
    shape = graph.shapes[entry]
    return FoundLayer(
        form,
        pair,
        entry,
        whole,
        (len(takes), shape[2], shape[3]),
        common_scope(pair[0].scope, pair[1].scope),
        residual,
        nodes=pair[0].nodes | pair[1].nodes | nodes | more,
        takes=tuple(takes),
        gives=tuple(gives),
    )


def _assembled(
    graph: Graph, flow: Dominators, pair: Sequence[Chain], whole: str
) -> tuple[list[int], frozenset[int]] | None:
    """Return the channels of ``whole`` that are those of two chains, and the nodes that do it."""
    exits = [chain.values[-1] for chain in pair]
    nodes = flow.between_all(exits, whole)
    if nodes is None or len(nodes) > _MOST_STEPS:
        return None
    if any(not nodes.issuperset(graph.consumers[name]) for name in exits):
        return None
    if any(not graph.nodes[i].affine_in(set(graph.varying(graph.nodes[i]))) for i in nodes):
        return None
    x = torch.cat([_random(graph.shapes[name], seed) for seed, name in enumerate(exits)], 1)
    values = dict(graph.constants)
    values |= zip(exits, torch.split(x, pair[0].n_out, 1), strict=True)
    with torch.no_grad():
        for index in sorted(nodes):
            node = graph.nodes[index]
            values.update(zip(node.outputs, node.run(values), strict=False))
    channels = _channels_in(values[whole].numpy()[0], x.numpy()[0])
    if channels is None or sorted(channels) != list(range(x.shape[1])):
        return None
    return np.argsort(channels).tolist(), nodes


def _common_source(
    graph: Graph, flow: Dominators, pair: Sequence[Chain]
) -> tuple[str, list[int], frozenset[int]] | None:
    """Return a map that has all channels which two chains take, which those are, and the nodes."""
    entries = [chain.values[0] for chain in pair]
    for source in islice(flow.common_source(*entries), _MOST_STEPS):
        if not is_map(graph, source):
            continue
        takes, nodes = list[int](), frozenset[int]()
        for chain, entry in zip(pair, entries, strict=True):
            copied = _copies(graph, flow, source, entry)
            if copied is None:
                return None
            takes += [copied[channel] for channel in chain.takes]
            nodes |= flow.between(source, entry) or frozenset()
        return (source, takes, nodes) if len(set(takes)) == len(takes) else None
    return None


def _alone(graph: Graph, chain: Chain) -> list[FoundLayer]:
    """Return a chain as a layer, or as several where its channels fall apart."""
    parts = list(_parts(chain))
    note = ""
    if len(parts) > _MOST_PARTS:
        note = f"1 of {len(parts)} products counts: channels mix in groups, and no form has them"
        parts = [(list(range(chain.n_out)), list(range(len(chain.takes))))]
    word = chain.kind[0]
    shape = graph.shapes[chain.values[0]]
    sides = shape[1:3] if chain.last[0] else shape[2:]
    layers = []
    for outputs, inputs in parts:
        whole = len(parts) == 1
        passes = chain.passes if whole else tuple(p.part(outputs, inputs) for p in chain.passes)
        takes = tuple(int(chain.takes[channel]) for channel in inputs)
        layers.append(
            FoundLayer(
                _ALONE.get(word, word),
                (replace(chain, passes=passes),),
                chain.values[0],
                chain.values[-1],
                (len(takes), sides[0], sides[1]),
                chain.scope,
                nodes=chain.nodes,
                takes=takes,
                gives=tuple(outputs),
                last=chain.last,
                note=note,
            )
        )
    return layers


def _parts(chain: Chain) -> Iterator[tuple[list[int], list[int]]]:
    """Yield outputs and inputs of what does not depend on the rest, inputs by number in `takes`."""
    if not chain.passes[0].dense:
        # A channel that is taken twice is taken by two layers.
        rounds: dict[int, list[int]] = {}
        met: dict[int, int] = {}
        for output, channel in enumerate(chain.takes):
            met[channel] = met.get(channel, 0) + 1
            rounds.setdefault(met[channel], []).append(output)
        for outputs in rounds.values():
            yield outputs, outputs
        return
    used = np.abs(chain.passes[0].weight).max(axis=2)
    yield from _groups(used > 1e-9 * used.max())


def _groups(linked: npt.NDArray[np.bool_]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield rows and columns of a matrix that have nothing in common with the others."""
    left = set(range(len(linked)))
    while left:
        rows, grown = set[int](), {min(left)}
        while grown != rows:
            rows = grown
            columns = np.flatnonzero(linked[sorted(rows)].any(axis=0))
            grown = rows | set(np.flatnonzero(linked[:, columns].any(axis=1)).tolist())
        left -= rows
        yield sorted(rows), columns.tolist()


def _fold_outside(graph: Graph, flow: Dominators, layer: FoundLayer) -> FoundLayer:
    """Fold what scales or orders the channels of all that goes in or comes out, and the residual.

    Order does not matter to hardware: whoever sends the channels, sends them as they are taken.
    """
    if layer.residual or layer.last != (False, False) or not _is_whole(graph, layer):
        return layer
    while (folded := _before(graph, flow, layer)) is not None:
        layer = folded
    while (folded := _behind(graph, flow, layer)) is not None:
        layer = folded
    return _with_residual(graph, layer) if layer.form == "metaformer" else layer


def _before(graph: Graph, flow: Dominators, layer: FoundLayer) -> FoundLayer | None:
    """Return ``layer`` with what makes its entry of a map in it, if it can be."""
    entry = layer.entry
    source = next((name for name in flow.origins(entry) if is_map(graph, name)), None)
    if source is None or not layer.nodes.issuperset(graph.consumers[entry]):
        return None
    nodes = flow.between(source, entry)
    if nodes is None or len(nodes) > _MOST_STEPS or entry == graph.output:
        return None
    layer = replace(layer, entry=source, nodes=layer.nodes | nodes)
    order = _permuted(graph, flow, source, entry)
    if order is not None:
        return replace(layer, takes=tuple(order[c] for c in layer.takes))
    scaled = affine(graph, sorted(nodes), source, entry)
    if scaled is None or np.abs(scaled[0]).min() <= 1e-9 * np.abs(scaled[0]).max():
        return None
    return _scaled_before(layer, *scaled)


def _behind(graph: Graph, flow: Dominators, layer: FoundLayer) -> FoundLayer | None:
    """Return ``layer`` with what makes a map of its exit in it, if it can be."""
    exit = layer.exit
    result = next((name for name in flow.meeting([exit]) if is_map(graph, name)), None)
    if result is None or exit == graph.output:
        return None
    nodes = flow.between(exit, result)
    if nodes is None or len(nodes) > _MOST_STEPS:
        return None
    layer = replace(layer, exit=result, nodes=layer.nodes | nodes)
    order = _permuted(graph, flow, exit, result)
    if order is not None:
        return replace(layer, gives=tuple(order.index(c) for c in layer.gives))
    gains = channel_affine(graph, sorted(nodes), exit, result)
    return None if gains is None else _scaled_behind(layer, gains[:, list(layer.gives)])


def _permuted(graph: Graph, flow: Dominators, source: str, name: str) -> list[int] | None:
    """Return the channels of ``source`` in the order of ``name``, if it has them all in another."""
    if not is_map(graph, source) or graph.shapes.get(name) != graph.shapes[source]:
        return None
    order = _copies(graph, flow, source, name)
    return order if order and sorted(order) == list(range(len(order))) else None


def _is_whole(graph: Graph, layer: FoundLayer) -> bool:
    """Whether no other layer gives channels of the same exit."""
    return len(layer.gives) == graph.shapes[layer.exit][1]


def _scaled_before(layer: FoundLayer, gain: Floats, table: Floats) -> FoundLayer | None:
    """Return ``layer`` with a gain and a table of each channel in its first passes."""
    takes = list(layer.takes)
    n_parts = len(layer.chains)
    gains, tables = np.split(gain[takes], n_parts), np.split(table[takes], n_parts)
    chains = []
    for chain, each, added in zip(layer.chains, gains, tables, strict=True):
        first = chain.passes[0].after(each, added)
        if first is None:
            return None
        chains.append(replace(chain, passes=(first, *chain.passes[1:])))
    return replace(layer, chains=tuple(chains))


def _scaled_behind(layer: FoundLayer, gains: Floats) -> FoundLayer:
    """Return ``layer`` with a gain and an offset of each channel in its last passes."""
    parts = np.split(gains, len(layer.chains), axis=1)
    chains = [
        replace(chain, passes=(*chain.passes[:-1], chain.passes[-1].before(*each)))
        for chain, each in zip(layer.chains, parts, strict=True)
    ]
    return replace(layer, chains=tuple(chains))


def _with_residual(graph: Graph, layer: FoundLayer) -> FoundLayer:
    readers = graph.consumers.get(layer.exit, [])
    if len(readers) != 1 or layer.exit == graph.output or layer.takes != layer.gives:
        return layer
    node = graph.nodes[readers[0]]
    parts = {layer.exit, layer.entry}
    if set(graph.varying(node)) != parts or not node.affine_in(parts):
        return layer
    x, y = (_random(graph.shapes[layer.entry], seed) for seed in (0, 1))
    made = node.run(dict(graph.constants) | {layer.entry: x, layer.exit: y})[0]
    if made.shape != x.shape or not torch.equal(made, x + y):
        return layer
    return replace(layer, exit=node.outputs[0], residual=True, nodes=layer.nodes | {readers[0]})


def _named(layers: Sequence[FoundLayer]) -> list[FoundLayer]:
    """Name every layer after its module, or by number; names are Verilog identifiers.

    No two are the same, nor in other letters, for some file systems take both for one.
    """
    names = [f"parc_{_identifier(layer.scope)}" if layer.scope else "parc" for layer in layers]
    folded = [name.casefold() for name in names]
    alone = [folded.count(f) == 1 and bool(la.scope) for f, la in zip(folded, layers, strict=True)]
    taken = {name for name, single in zip(folded, alone, strict=True) if single}
    named = []
    for index, layer in enumerate(layers):
        name = names[index]
        if not alone[index]:
            name = f"{name}_{index}"
            while name.casefold() in taken:
                name += "_"
            taken.add(name.casefold())
        named.append(replace(layer, name=name))
    return named


def _identifier(scope: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in scope)


def common_scope(first: str, second: str) -> str:
    """Return the module that contains both."""
    a, b = first.split("."), second.split(".")
    same = 0
    while same < min(len(a), len(b)) and a[same] == b[same]:
        same += 1
    return ".".join(a[:same])


def _random(shape: Sequence[int], seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(tuple(shape), generator=generator, dtype=torch.float64)
