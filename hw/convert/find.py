"""ParC along one axis, found in a graph by what it computes.

A search begins at every convolution whose kernels are lines and at every inverse Fourier
transform. It goes back to the one map that the operation reads, through whatever lies between:
concatenations, padding, products of spectra. The part of the graph from that map to the result is
then run on impulses, which gives the kernels, and on random data, which shows whether it is ParC at
all. What multiplies and adds before it, such as embeddings and batch norms, is folded in, found in
the same way. So it does not matter how a network is written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from golden.errors import ParameterError
from golden.parc import Axis, Floats, circulant
from hw.convert.graph import Graph

_TOLERANCE = 1e-4
"""Most that a convolution may differ from ParC, relative to what its input changes in a channel."""
_ROUNDING = 1e-12
"""Part of a channel's greatest result that may be rounding."""
_MOST_NODES = 64
"""In the part of a graph that makes one convolution."""
_MOST_MAPS = 4
"""Tried as the input, and as the output, of one convolution."""


@dataclass(frozen=True, eq=False)
class Pass:
    """ParC along one axis of a map.

    Parameters
    ----------
    axis
        Along which lines run.
    weight
        Kernels: float64 ``[C, N]``, or ``[C_out, C_in, N]`` where channels mix.
    embedding
        float64 ``[C_in, N]``, added to the lines first.
    bias
        float64 ``[C_out]``.
    """

    axis: Axis
    weight: Floats
    embedding: Floats
    bias: Floats

    @property
    def dense(self) -> bool:
        """Whether channels mix."""
        return self.weight.ndim == 3

    def after(self, gain: Floats, table: Floats) -> "Pass":
        """Return the pass that takes x where this one took ``gain * x + table``.

        ``gain`` is ``[C_in]`` without zeros, ``table`` ``[C_in, N]``. What the table adds to every
        position goes into the bias.
        """
        # What this pass adds to its lines itself counts as the inner part of the table.
        inner = table + self.embedding
        mean = inner.mean(axis=1)
        sums = self.weight.sum(axis=-1)
        moved = sums @ mean if self.dense else sums * mean
        embedding = (inner - mean[:, None]) / gain[:, None]
        return replace(
            self,
            weight=self.weight * gain[:, None],
            embedding=embedding,
            bias=self.bias + moved,
        )

    def before(self, gain: Floats, offset: Floats) -> "Pass":
        """Return the pass whose results are ``gain * y + offset``, both ``[C_out]``."""
        column = gain.reshape(-1, *[1] * (self.weight.ndim - 1))
        return replace(self, weight=self.weight * column, bias=self.bias * gain + offset)


@dataclass(frozen=True, eq=False)
class Found:
    """A pass and its place in the graph.

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
    """

    computed: Pass
    entry: str
    exit: str
    nodes: frozenset[int]
    name: str
    scope: str


@dataclass(frozen=True)
class Left:
    """A convolution along lines that was not taken, and why."""

    name: str
    reason: str


def find_passes(graph: Graph) -> tuple[list[Found], list[Left]]:
    """Return every ParC pass in ``graph``, and what looked like one but is none.

    Raises
    ------
    ParameterError
        Where kernels are as long as another size of map than the one they meet.
    """
    found, left = [], []
    for index, node in enumerate(graph.nodes):
        if node.kind == "inverse_fft" or (node.kind == "conv" and _is_line(graph, index)):
            result = _find_at(graph, index)
            if isinstance(result, Found):
                found.append(_fold_before(graph, result))
            else:
                left.append(result)
    return found, left


def is_map(graph: Graph, name: str) -> bool:
    """Whether a value is a map [1, C, H, W] of real numbers."""
    shape = graph.shapes.get(name, ())
    return len(shape) == 4 and shape[0] == 1 and min(shape) > 0


def channel_affine(graph: Graph, nodes: list[int], entry: str, exit: str) -> Floats | None:
    """Return gain and offset ``[2, C]`` where ``exit = gain[c] * entry + offset[c]``, or None."""
    found = _affine(graph, nodes, entry, exit)
    if found is None:
        return None
    gain, table = found
    if not _is_flat(table, axes=(1, 2)):
        return None
    return np.stack([gain, table[:, 0, 0]])


def sole_step(graph: Graph, name: str) -> tuple[int, str] | None:
    """Return the node that alone reads ``name`` and nothing else, and the value it makes.

    None where it makes more than one value that is read.
    """
    readers = graph.consumers.get(name, [])
    if len(readers) != 1 or name == graph.output:
        return None
    node = graph.nodes[readers[0]]
    used = [made for made in node.outputs if made in graph.consumers or made == graph.output]
    alone = graph.varying(node) == [name] and len(used) == 1
    return (readers[0], used[0]) if alone else None


def step_back(graph: Graph, name: str, within: frozenset[int]) -> tuple[int, str] | None:
    """Return the node that makes ``name`` of one value, and that value.

    None where more than the nodes of ``within`` read ``name``.
    """
    index = graph.producers.get(name)
    if index is None or name == graph.output or not within.issuperset(graph.consumers[name]):
        return None
    sources = graph.varying(graph.nodes[index])
    return (index, sources[0]) if len(sources) == 1 else None


def _kernel_shape(graph: Graph, index: int) -> tuple[int, ...]:
    weight = graph.nodes[index].weight
    if weight is None:
        return ()
    constant = graph.constants.get(weight)
    return graph.shapes.get(weight, ()) if constant is None else tuple(constant.shape)


def _is_line(graph: Graph, index: int) -> bool:
    shape = _kernel_shape(graph, index)
    return len(shape) == 4 and (shape[2] == 1) != (shape[3] == 1)


def _find_at(graph: Graph, core: int) -> Found | Left:
    node = graph.nodes[core]
    entries, exits = list(_entries(graph, core)), list(_exits(graph, core))
    _check_length(graph, core, [entry for entry, _ in entries])
    for entry, before in entries:
        for exit, behind in exits:
            if graph.shapes[entry][2:] == graph.shapes[exit][2:]:
                nodes = frozenset(before | behind)
                computed = _probe(graph, nodes, entry, exit)
                if isinstance(computed, str):
                    return Left(node.name, computed)
                if reason := _few_taps(graph, core, computed):
                    return Left(node.name, reason)
                return Found(computed, entry, exit, nodes, node.name, node.scope)
    return Left(node.name, "no map of the same height and width goes in and comes out")


def _entries(graph: Graph, core: int) -> Iterator[tuple[str, set[int]]]:
    """Yield maps that alone decide the core's result, and the nodes from there to the core."""
    front, nodes, n_maps = set(graph.varying(graph.nodes[core])), {core}, 0
    while len(nodes) <= _MOST_NODES and n_maps < _MOST_MAPS:
        if len(front) == 1:
            (name,) = front
            if is_map(graph, name):
                n_maps += 1
                yield name, set(nodes)
        made = [name for name in front if name in graph.producers]
        if not made:
            return
        latest = max(made, key=lambda name: graph.producers[name])
        index = graph.producers[latest]
        nodes.add(index)
        front -= set(graph.nodes[index].outputs)
        front |= set(graph.varying(graph.nodes[index]))


def _exits(graph: Graph, core: int) -> Iterator[tuple[str, set[int]]]:
    """Yield maps that follow from the core's result alone, and the nodes in between."""
    name, nodes = graph.nodes[core].outputs[0], set[int]()
    for _ in range(_MOST_MAPS):
        if is_map(graph, name):
            yield name, set(nodes)
        step = sole_step(graph, name)
        if step is None:
            return
        index, name = step
        nodes.add(index)


def _check_length(graph: Graph, core: int, entries: list[str]) -> None:
    """Refuse a kernel over a line that was wrapped for one of another length."""
    shape = _kernel_shape(graph, core)
    if not shape or len(entries) < 2:
        return
    axis = 2 if shape[3] == 1 else 3
    wrapped, line = (graph.shapes[name][axis] for name in entries[:2])
    if wrapped == 2 * line - 1 and shape[axis] != line:
        name = "height" if axis == 2 else "width"
        raise ParameterError(
            "model",
            "of kernels as long as its maps, or of some that it resizes",
            f"with {shape[axis]} taps along a {name} of {line} in {graph.nodes[core].name}",
        )


def _few_taps(graph: Graph, core: int, computed: Pass) -> str:
    shape = _kernel_shape(graph, core)
    taps, length = max(shape[2:], default=0), computed.weight.shape[-1]
    if shape and taps < length:
        return f"{taps} taps on a circle of {length}: ParC has as many taps as samples"
    return ""


class _Response:
    """What nodes of a graph make of maps ``[C, H, W]`` in the place of ``entry``.

    Attributes
    ----------
    shape
        Of the maps.
    still
        The result for a map of zeros.
    """

    def __init__(self, graph: Graph, nodes: frozenset[int], entry: str, exit: str) -> None:
        self._graph, self._nodes, self._entry, self._exit = graph, sorted(nodes), entry, exit
        self.shape = graph.shapes[entry][1:]
        self.still = self.to(np.zeros(self.shape))

    def to(self, x: Floats) -> Floats:
        """Return the result for ``x``."""
        value = torch.from_numpy(x)[None]
        result: Floats = self._graph.run_part(self._nodes, self._entry, value, self._exit).numpy()
        first: Floats = result[0]
        return first

    def to_impulses(self, places: Sequence[tuple[int, ...]]) -> Floats:
        """Return what impulses at ``places`` change."""
        x = np.zeros(self.shape)
        for place in places:
            x[place] = 1
        return self.to(x) - self.still


def _probe(graph: Graph, nodes: frozenset[int], entry: str, exit: str) -> Pass | str:
    """Return the pass that ``nodes`` compute, or why it is none."""
    if (bent := graph.not_affine(nodes, entry)) is not None:
        return f"{bent.name} on the way is not linear"
    response = _Response(graph, nodes, entry, exit)
    x = np.random.default_rng(0).standard_normal(response.shape)
    y, still = response.to(x), response.still
    size = _size(y - still)
    slack = _TOLERANCE * size + _ROUNDING * _size(y)
    if (np.ptp(still, axis=(1, 2)) > slack).any():
        return "it adds a position's value after the convolution"
    axes: tuple[Axis, Axis] = ("height", "width")
    for kernels in (_depthwise_kernels, _dense_kernels):
        for axis in axes:
            weight = kernels(response, axis)
            if weight is None:
                continue
            embedding = np.zeros((response.shape[0], weight.shape[-1]))
            computed = Pass(axis, weight, embedding, still[:, 0, 0])
            if (_size(apply(computed, x) - y) <= slack).all():
                return computed
    return "it is not circular along one axis"


def apply(computed: Pass, x: Floats) -> Floats:
    """Return what a pass gives for a map ``[C, H, W]``, in float64."""
    lines = np.swapaxes(x, 1, 2) if computed.axis == "height" else x
    lines = lines + computed.embedding[:, None]
    matrices = circulant(computed.weight)
    if computed.dense:
        y = np.einsum("oijk,irk->orj", matrices, lines, optimize=True)
    else:
        y = lines @ np.swapaxes(matrices, 1, 2)
    y = y + computed.bias[:, None, None]
    return np.swapaxes(y, 1, 2) if computed.axis == "height" else y


def _depthwise_kernels(response: _Response, axis: Axis) -> Floats | None:
    """Return kernels ``[C, N]``, if every channel stays on its own."""
    channels = response.shape[0]
    if response.still.shape[0] != channels:
        return None
    y = response.to_impulses([(channel, 0, 0) for channel in range(channels)])
    # An impulse at sample 0 meets tap k in result -k.
    line = y[:, :, 0] if axis == "height" else y[:, 0, :]
    return np.roll(line[:, ::-1], 1, axis=1)


def _dense_kernels(response: _Response, axis: Axis) -> Floats | None:
    """Return kernels ``[C_out, C_in, N]``."""
    channels, height, width = response.shape
    across = width if axis == "height" else height
    columns = []
    # Impulses of several channels at once, each in a line of its own.
    for first in range(0, channels, across):
        now = range(first, min(first + across, channels))
        lines = ((0, c - first) if axis == "height" else (c - first, 0) for c in now)
        y = response.to_impulses([(c, *place) for c, place in zip(now, lines, strict=True)])
        # [C_out, lines, N]
        turned = np.swapaxes(y, 1, 2) if axis == "height" else y
        columns.append(turned[:, : len(now)])
    weight = np.concatenate(columns, axis=1)
    return np.roll(weight[:, :, ::-1], 1, axis=2)


def _fold_before(graph: Graph, found: Found) -> Found:
    """Take what multiplies and adds in front of a pass into it, step by step."""
    while (step := step_back(graph, found.entry, found.nodes)) is not None:
        index, source = step
        if graph.shapes.get(source) != graph.shapes[found.entry]:
            break
        affine = _affine(graph, [index], source, found.entry)
        if affine is None:
            break
        gain, table = affine
        across = np.swapaxes(table, 1, 2) if found.computed.axis == "height" else table
        if not _is_flat(across, axes=(1,)) or np.abs(gain).min() <= 1e-9 * np.abs(gain).max():
            break
        computed = found.computed.after(gain, across[:, 0])
        found = replace(found, computed=computed, entry=source, nodes=found.nodes | {index})
    return found


def _affine(graph: Graph, nodes: list[int], entry: str, exit: str) -> tuple[Floats, Floats] | None:
    """Return gain ``[C]`` and table ``[C, H, W]`` where ``exit = gain[c] * entry + table``."""
    shape = graph.shapes.get(entry)
    if shape is None or graph.shapes.get(exit) != shape or not is_map(graph, entry):
        return None
    if graph.not_affine(nodes, entry) is not None:
        return None
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    zero, one, y = (
        graph.run_part(nodes, entry, value, exit).numpy()[0]
        for value in (torch.zeros_like(x), torch.ones_like(x), x)
    )
    gain = (one - zero)[:, 0, 0]
    error = _size(gain[:, None, None] * x.numpy()[0] + zero - y)
    slack = _TOLERANCE * _size(y - zero) + _ROUNDING * _size(y)
    return (gain, zero) if (error <= slack).all() else None


def _size(x: Floats) -> Floats:
    """Return the greatest magnitude in each channel of ``[C, H, W]``."""
    size: Floats = np.abs(x).max(axis=(1, 2))
    return size


def _is_flat(table: Floats, axes: tuple[int, ...]) -> bool:
    """Whether a table ``[C, H, W]`` is the same along ``axes``, but for rounding in a channel."""
    spread = np.ptp(table, axis=axes, keepdims=True)
    return bool((spread <= _ROUNDING * _size(table)[:, None, None]).all())
