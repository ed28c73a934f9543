"""Passes put together to layers: in series, side by side on halves of the channels, or both."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from golden.parc import Floats
from hw.convert.find import Found, Pass, apply, channel_affine, is_map, sole_step, step_back
from hw.convert.graph import Graph

_MOST_STEPS = 8
"""From a map to the halves that two chains take."""


@dataclass(frozen=True, eq=False)
class Chain:
    """One pass, or two in series.

    Parameters
    ----------
    passes
        In the order of application.
    values
        Names of what goes in, between and out: one more than there are passes.
    nodes
        Indices of all that it computes.
    """

    passes: tuple[Pass, ...]
    values: tuple[str, ...]
    nodes: frozenset[int]
    scope: str = ""

    @property
    def kind(self) -> tuple[str, ...]:
        """The axes in order, "dense" before them where channels mix."""
        axes = tuple(p.axis for p in self.passes)
        return ("dense", *axes) if any(p.dense for p in self.passes) else axes

    def respond(self, x: Floats) -> Floats:
        """Return what it gives for a map ``[C, H, W]``, in float64."""
        for computed in self.passes:
            x = apply(computed, x)
        return x


@dataclass(frozen=True, eq=False)
class FoundLayer:
    """A layer as `hw.build layer` makes it, in float64.

    Parameters
    ----------
    form
        "serial", "parallel", "metaformer" or "dense".
    chains
        One, or one for each half of the channels.
    entry, exit
        Values of the graph that it takes and gives.
    residual
        Whether its input is added at the end.
    shape
        Channels, height and width of the input.
    scope
        Path of the module that it came from.
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

    @property
    def between(self) -> tuple[str, ...]:
        """Values between two passes, one a chain that has two."""
        return tuple(chain.values[1] for chain in self.chains if len(chain.passes) == 2)

    def respond(self, x: Floats) -> Floats:
        """Return what it gives for a map ``[C, H, W]``, in float64."""
        parts = zip(self.chains, np.split(x, len(self.chains)), strict=True)
        y = np.concatenate([chain.respond(part) for chain, part in parts])
        return x + y if self.residual else y


_HALVES = {
    (("height",), ("width",)): "parallel",
    (("dense", "height"), ("dense", "width")): "dense",
    (("height", "width"), ("width", "height")): "metaformer",
}


def compose(graph: Graph, found: Sequence[Found]) -> list[FoundLayer]:
    """Return the layers that ``found`` make up, in the order of the graph, each with a name."""
    chains = _join_series(graph, found)
    layers = _join_halves(graph, chains)
    taken = {id(chain) for layer in layers for chain in layer.chains}
    layers += [_single(graph, chain) for chain in chains if id(chain) not in taken]
    layers = [_fold_outside(graph, layer) for layer in layers]
    layers.sort(key=lambda layer: max(layer.nodes))
    return _named(layers)


def _join_series(graph: Graph, found: Sequence[Found]) -> list[Chain]:
    by_entry = {item.entry: item for item in found}
    seconds = set[str]()
    chains = []
    for item in found:
        after = by_entry.get(item.exit)
        if (
            after is not None
            and after.computed.axis != item.computed.axis
            and not (item.computed.dense or after.computed.dense)
            and item.exit != graph.output
            and after.nodes.issuperset(graph.consumers[item.exit])
            and item.name not in seconds
        ):
            seconds.add(after.name)
            values = (item.entry, item.exit, after.exit)
            nodes = item.nodes | after.nodes
            scope = _common(item.scope, after.scope)
            chains.append(Chain((item.computed, after.computed), values, nodes, scope))
        elif item.name not in seconds:
            chains.append(Chain((item.computed,), (item.entry, item.exit), item.nodes, item.scope))
    return chains


def _join_halves(graph: Graph, chains: Sequence[Chain]) -> list[FoundLayer]:
    by_exit = {chain.values[-1]: chain for chain in chains}
    layers = []
    for index, node in enumerate(graph.nodes):
        parts = graph.varying(node)
        if len(parts) != 2 or not all(name in by_exit for name in parts):
            continue
        first, second = (by_exit[name] for name in parts)
        form = _HALVES.get((first.kind, second.kind))
        exit = node.outputs[0]
        if form is None or not _concatenates(graph, index, parts, exit):
            continue
        source = _common_source(graph, first, second)
        if source is None:
            continue
        entry, before = source
        shape = graph.shapes[entry]
        if form == "dense" and shape[2] != shape[3]:
            continue  # halves of a dense layer share an engine, so each is a layer by itself
        layers.append(
            FoundLayer(
                form,
                (first, second),
                entry,
                exit,
                (shape[1], shape[2], shape[3]),
                _common(first.scope, second.scope),
                nodes=first.nodes | second.nodes | before | {index},
            )
        )
    return layers


def _concatenates(graph: Graph, index: int, parts: Sequence[str], exit: str) -> bool:
    shapes = [graph.shapes[name] for name in parts]
    whole = graph.shapes.get(exit)
    if any(len(graph.consumers[name]) != 1 or name == graph.output for name in parts):
        return False
    if whole != (1, shapes[0][1] + shapes[1][1], *shapes[0][2:]) or shapes[0] != shapes[1]:
        return False
    if not graph.nodes[index].affine_in(set(parts)):
        return False
    tensors = [_random(shape, seed) for seed, shape in enumerate(shapes)]
    values = dict(graph.constants) | dict(zip(parts, tensors, strict=True))
    made = graph.nodes[index].run(values)[0]
    return bool(torch.equal(made, torch.cat(tensors, 1)))


def _common_source(graph: Graph, first: Chain, second: Chain) -> tuple[str, frozenset[int]] | None:
    """Return the map whose halves two chains take, and the nodes that halve it."""
    halves = (first.values[0], second.values[0])
    front, nodes = set(halves), set[int]()
    inside = first.nodes | second.nodes
    while len(nodes) < _MOST_STEPS and (len(front) > 1 or not is_map(graph, min(front))):
        made = [name for name in front if name in graph.producers]
        if not made:
            return None
        index = max(graph.producers[name] for name in made)
        nodes.add(index)
        front -= set(graph.nodes[index].outputs)
        front |= set(graph.varying(graph.nodes[index]))
    (source,) = front if len(front) == 1 else ("",)
    if not is_map(graph, source) or any(not inside.issuperset(graph.consumers[h]) for h in halves):
        return None
    if graph.not_affine(nodes, source) is not None:
        return None
    x = _random(graph.shapes[source], 0)
    parts = [graph.run_part(sorted(nodes), source, x, half) for half in halves]
    same_size = parts[0].shape == parts[1].shape
    whole = same_size and torch.equal(torch.cat(parts, 1), x)
    return (source, frozenset(nodes)) if whole else None


def _single(graph: Graph, chain: Chain) -> FoundLayer:
    shape = graph.shapes[chain.values[0]]
    form = "dense" if "dense" in chain.kind else "serial"
    return FoundLayer(
        form,
        (chain,),
        chain.values[0],
        chain.values[-1],
        (shape[1], shape[2], shape[3]),
        chain.scope,
        nodes=chain.nodes,
    )


def _fold_outside(graph: Graph, layer: FoundLayer) -> FoundLayer:
    """Fold what scales the whole input or output, channel by channel, and the residual."""
    while (back := step_back(graph, layer.entry, layer.nodes)) is not None:
        index, source = back
        affine = channel_affine(graph, [index], source, layer.entry)
        if affine is None or np.abs(affine[0]).min() <= 1e-9 * np.abs(affine[0]).max():
            break
        layer = _scaled(layer, affine, at_entry=True)
        layer = replace(layer, entry=source, nodes=layer.nodes | {index})
    while (step := sole_step(graph, layer.exit)) is not None:
        index, result = step
        affine = channel_affine(graph, [index], layer.exit, result)
        if affine is None:
            break
        layer = _scaled(layer, affine, at_entry=False)
        layer = replace(layer, exit=result, nodes=layer.nodes | {index})
    return _with_residual(graph, layer) if layer.form == "metaformer" else layer


def _scaled(layer: FoundLayer, affine: Floats, *, at_entry: bool) -> FoundLayer:
    """Return ``layer`` with a gain and an offset of each channel in its first or last passes."""
    chains = []
    for chain, (gain, offset) in zip(
        layer.chains, np.split(affine, len(layer.chains), axis=1), strict=True
    ):
        passes = list(chain.passes)
        if at_entry:
            length = passes[0].weight.shape[-1]
            passes[0] = passes[0].after(gain, np.repeat(offset[:, None], length, axis=1))
        else:
            passes[-1] = passes[-1].before(gain, offset)
        chains.append(replace(chain, passes=tuple(passes)))
    return replace(layer, chains=tuple(chains))


def _with_residual(graph: Graph, layer: FoundLayer) -> FoundLayer:
    readers = graph.consumers.get(layer.exit, [])
    if len(readers) != 1 or layer.exit == graph.output:
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


def _common(first: str, second: str) -> str:
    """Return the module that contains both."""
    a, b = first.split("."), second.split(".")
    same = 0
    while same < min(len(a), len(b)) and a[same] == b[same]:
        same += 1
    return ".".join(a[:same])


def _random(shape: Sequence[int], seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(tuple(shape), generator=generator, dtype=torch.float64)
