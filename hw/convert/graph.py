"""The one form that networks are read into: nodes in order, constants, and a way to run them."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NoReturn

import torch

from golden.inputs.errors import ParameterError, first_line
from golden.numbers.quantize import Activation
from hw.convert.quantized import Levels, LevelsOf

Value = Any
"""A torch tensor, in float64 where it is real, or a plain number or sequence of them."""
Values = dict[str, Value]

Kind = Literal[
    "conv",
    "inverse_fft",
    "same",
    "shape",
    "quantize",
    "clip",
    "dequantize",
    "fake_quantize",
    "other",
]
"""What the search for ParC begins at; what gives back its first input, unless as another type of
number; what depends on the shapes of its inputs alone; what makes integers of its first input,
narrows them, makes real numbers of them, or does all at once; all else."""


@dataclass(frozen=True)
class Node:
    """One operation.

    Parameters
    ----------
    name
        For messages: as the file has it.
    inputs
        Names of the values that it reads, each once.
    outputs
        Names of the values that it makes.
    run
        Takes the values it reads, by name, and returns those that it makes, in order.
    kind
        See `Kind`.
    weight
        Of a convolution: the name of its kernels.
    scope
        Path of the module that it came from, "" where unknown.
    line
        File and line of the user's code that it came from, "" where unknown.
    key
        What it does with its inputs: nodes of one key and the same inputs are one. "" is like
        nothing else.
    terms
        Names of inputs that it adds up, each times something: it is affine in all of them at once.
    factors
        Names of inputs that it multiplies with each other, one as often as it is a factor: it is
        affine in any one of them.
    levels
        Of one that rounds: the integers and what they stand for.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    run: Callable[[Mapping[str, Value]], Sequence[Value]]
    kind: Kind = "other"
    weight: str | None = None
    scope: str = ""
    line: str = ""
    key: str = ""
    terms: frozenset[str] = frozenset()
    factors: tuple[str, ...] = ()
    levels: LevelsOf | None = None

    @property
    def place(self) -> str:
        """Where in the network it is, for messages."""
        return placed(self.name, self.scope, self.line)

    def affine_in(self, names: Set[str]) -> bool:
        """Whether it is affine in those of its inputs that are among ``names``, by what it is."""
        moving = names & set(self.inputs)
        n_factors = sum(name in moving for name in self.factors)
        return n_factors <= 1 and moving <= self.terms.union(self.factors)


@dataclass(frozen=True, eq=False)
class Graph:
    """A network for one size of input, its constants folded.

    Made by `build`.

    Parameters
    ----------
    nodes
        Those that depend on the input, in an order they can run in.
    constants
        What they read besides.
    input, output
        Names of the image, a batch of one, and of the result.
    input_shape
        Of the image: ``[1, channels, height, width]``.
    shapes
        Of every real tensor that depends on the input.
    formats
        Of maps that the model itself says how to round.
    """

    nodes: list[Node]
    constants: Values
    input: str
    output: str
    input_shape: tuple[int, ...]
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    formats: dict[str, Activation] = field(default_factory=dict)

    @cached_property
    def producers(self) -> dict[str, int]:
        """Index of the node that makes a value."""
        return {name: i for i, node in enumerate(self.nodes) for name in node.outputs}

    @cached_property
    def consumers(self) -> dict[str, list[int]]:
        """Indices of the nodes that read a value."""
        readers: dict[str, list[int]] = {}
        for index, node in enumerate(self.nodes):
            for name in node.inputs:
                readers.setdefault(name, []).append(index)
        return readers

    def varying(self, node: Node) -> list[str]:
        """Return what ``node`` reads that depends on the input."""
        return [name for name in node.inputs if name not in self.constants]

    def not_affine(self, nodes: Iterable[int], entry: str) -> Node | None:
        """Return the first of ``nodes`` that makes what follows from ``entry`` not affine in it.

        By what operators are, not by what they do to some values: a clamp is none whose values
        never reach its ends.
        """
        moving = {entry}
        for index in sorted(nodes):
            node = self.nodes[index]
            if moving.isdisjoint(node.inputs):
                continue
            if not node.affine_in(moving):
                return node
            moving.update(node.outputs)
        return None

    def run(
        self,
        image: torch.Tensor,
        watched: Iterable[str] = (),
        replace: Mapping[str, Callable[[Values, Value], Value]] | None = None,
    ) -> tuple[torch.Tensor, Values]:
        """Run the network on one image.

        Parameters
        ----------
        image
            ``[1, channels, height, width]``, float64.
        watched
            Names of values to return as well.
        replace
            By a value's name: a function of the values watched so far and of the value itself,
            whose result takes its place.

        Returns
        -------
        The result, and copies of the values watched.
        """
        kept: Values = {}
        keep, replace = set(watched), replace or {}
        values = dict(self.constants)
        values[self.input] = image
        if self.input in keep:
            kept[self.input] = _copied(image)
        with torch.no_grad():
            for index, node in enumerate(self.nodes):
                made = _run_node(node, values)
                for name, value in zip(node.outputs, made, strict=False):
                    values[name] = replace[name](kept, value) if name in replace else value
                    if name in keep:
                        kept[name] = _copied(values[name])
                for name in self._dead_after[index]:
                    values.pop(name, None)
        return values[self.output], kept

    def run_part(self, nodes: Sequence[int], entry: str, value: Value, exit: str) -> Value:
        """Return ``exit`` as ``nodes`` make it of ``value`` in the place of ``entry``."""
        values = dict(self.constants)
        values[entry] = _copied(value)
        with torch.no_grad():
            for index in sorted(nodes):
                node = self.nodes[index]
                values.update(zip(node.outputs, _run_node(node, values), strict=False))
        return values[exit]

    def rounded(self) -> list[tuple[str, str]]:
        """Return the values before and behind every rounding: a clamp to its ends."""
        ends = ((node.inputs[0], node.outputs[0]) for node in self.nodes if node.levels)
        return list(ends)

    def without(self, passed: Set[str]) -> "Graph":
        """Return the graph without the roundings that make the values ``passed``.

        Their formats are those of the values they round, the first where there are several.
        """
        names: dict[str, str] = {}
        kept: list[Node] = []
        formats: dict[str, Activation] = {}
        for node in self.nodes:
            node = _renamed(node, names)
            name = node.outputs[0]
            if node.levels is None or name not in passed:
                kept.append(node)
            else:
                names[name] = node.inputs[0]
                name = node.inputs[0]
            activation = node.levels(self.constants).activation() if node.levels else None
            if activation is not None:
                formats.setdefault(name, activation)
        output = names.get(self.output, self.output)
        return Graph(
            kept, self.constants, self.input, output, self.input_shape, self.shapes, formats
        )

    @cached_property
    def _dead_after(self) -> list[list[str]]:
        last = {name: max(readers) for name, readers in self.consumers.items()}
        dead: list[list[str]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            for name in node.outputs:
                if name != self.output:
                    dead[last.get(name, index)].append(name)
        return dead


def build(
    nodes: Sequence[Node],
    constants: Values,
    *,
    input: str,
    output: str,
    input_shape: tuple[int, ...],
) -> Graph:
    """Fold what is constant, merge what is the same, and leave out what nothing reads.

    What is made of the input's shape alone is constant here, for the shape is fixed.

    Raises
    ------
    ParameterError
        Where a node fails, or a shape depends on what the image shows.
    """
    folding = _Folding(constants, input, torch.zeros(input_shape, dtype=torch.float64))
    with torch.no_grad():
        for node in _live(nodes, output):
            folding.take(node)
        generator = torch.Generator().manual_seed(0)
        folding.check(torch.randn(input_shape, generator=generator, dtype=torch.float64))
    output = folding.names.get(output, output)
    live = _live(folding.kept, output)
    needed = {output}.union(*(node.inputs for node in live))
    folded = {n: v for n, v in folding.values.items() if n in needed and n not in folding.varying}
    return Graph(live, folded, input, output, input_shape, folding.shapes())


class _Folding:
    """Nodes taken one by one, run on an image as they come.

    Attributes
    ----------
    kept
        Those whose results depend on the image.
    values
        Everything made so far.
    varying
        Names of what depends on the image.
    names
        By the name of a value that is left out: that of the one it is the same as.
    """

    def __init__(self, constants: Values, input: str, image: torch.Tensor) -> None:
        self.kept: list[Node] = []
        self.values: Values = {name: to_double(value) for name, value in constants.items()}
        self.values[input] = image
        self.varying = {input}
        self.names: dict[str, str] = {}
        self._input = input
        self._met: dict[tuple[str, tuple[str, ...]], Node] = {}
        # By the name of integers: what they were made of, and how.
        self._integers: dict[str, tuple[str, Levels]] = {}
        # Nodes that read the image, if only its shape, and the names of what they make.
        self._touched: list[Node] = []
        self._touched_names = {input}

    def take(self, node: Node) -> None:
        """Run a node, unless it is the same as another."""
        if node.key:
            inputs = tuple(self.names.get(name, name) for name in node.inputs)
            same = self._met.setdefault((node.key, inputs), node)
            if same is not node:
                pairs = zip(node.outputs, same.outputs, strict=True)
                self.names.update((mine, self.names.get(other, other)) for mine, other in pairs)
                return
        node = self._looked_through(_renamed(node, self.names))
        made = _run_node(node, self.values)
        if node.kind == "same" and _alike(made[0], self.values[node.inputs[0]]):
            self.names[node.outputs[0]] = node.inputs[0]
            return
        self.values.update(zip(node.outputs, made, strict=False))
        if not self._touched_names.isdisjoint(node.inputs):
            self._touched.append(node)
            self._touched_names.update(node.outputs)
        if node.kind != "shape" and not self.varying.isdisjoint(node.inputs):
            self.kept.append(node)
            self.varying.update(node.outputs)

    def _looked_through(self, node: Node) -> Node:
        """Return a clamp for a node that ends a rounding, and note what begins one."""
        if node.levels is None or self.varying.isdisjoint(node.inputs[:1]):
            return node
        if not self.varying.isdisjoint(node.inputs[1:]):
            return replace(node, levels=None)
        levels = node.levels(self.values)
        if node.kind == "fake_quantize":
            return _clamp(node, node.inputs[0], levels)
        if node.kind == "quantize":
            self._integers[node.outputs[0]] = (node.inputs[0], levels)
        elif (begun := self._integers.get(node.inputs[0])) is not None:
            source, steps = begun
            if node.kind == "clip":
                self._integers[node.outputs[0]] = (source, steps.within(levels))
            elif levels.same_steps(steps):
                return _clamp(node, source, steps)
        return replace(node, levels=None)

    def check(self, image: torch.Tensor) -> None:
        """Run all again on another image: what was folded must stay, and so must every shape."""
        values = self.values | {self._input: image}
        for node in self._touched:
            for name, value in zip(node.outputs, _run_node(node, values), strict=False):
                before = self.values.get(name)
                stays = _alike if name in self.varying else _equal
                if not stays(value, before):
                    rule = "of shapes that do not depend on what the image shows"
                    raise ParameterError("model", rule, f"with {node.place}")
                values[name] = value

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every real tensor that depends on the image."""
        values = {name: self.values.get(name) for name in self.varying}
        return {
            name: tuple(value.shape)
            for name, value in values.items()
            if isinstance(value, torch.Tensor) and value.is_floating_point()
        }


def _live(nodes: Sequence[Node], output: str) -> list[Node]:
    """Return the nodes that ``output`` needs, in order."""
    needed, live = {output}, []
    for node in reversed(nodes):
        if not needed.isdisjoint(node.outputs):
            live.append(node)
            needed.update(node.inputs)
    return live[::-1]


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    """Return ``node`` with inputs of other names."""
    if names.keys().isdisjoint(node.inputs):
        return node
    new = {name: names.get(name, name) for name in node.inputs}
    run, levels = node.run, node.levels

    def back(values: Mapping[str, Value]) -> Values:
        return {name: values[other] for name, other in new.items() if other in values}

    return replace(
        node,
        inputs=tuple(dict.fromkeys(new.values())),
        run=lambda values: run(back(values)),
        levels=levels and (lambda values: levels(back(values))),
        weight=node.weight and new[node.weight],
        terms=frozenset(new[name] for name in node.terms),
        factors=tuple(new[name] for name in node.factors),
    )


def _clamp(node: Node, source: str, levels: Levels) -> Node:
    """Return what holds ``source`` within the ends of ``levels``, in the place of ``node``."""

    def run(values: Mapping[str, Value]) -> Sequence[Value]:
        return [levels.clip(values[source])]

    return Node(
        node.name,
        (source,),
        node.outputs[:1],
        run,
        scope=node.scope,
        line=node.line,
        levels=lambda _values: levels,
    )


def _run_node(node: Node, values: Mapping[str, Value]) -> Sequence[Value]:
    try:
        return node.run(values)
    except Exception as reason:  # an operator at odds with its inputs
        _refuse_failing(node, reason)


def _refuse_failing(node: Node, reason: Exception) -> NoReturn:
    found = f"one that fails in {node.place} ({first_line(reason)})"
    raise ParameterError("model", "a network that runs in double precision", found) from None


def _alike(value: Value, other: Value) -> bool:
    """Whether two values are of one type, and tensors of one shape and type of number."""
    if isinstance(value, torch.Tensor) and isinstance(other, torch.Tensor):
        return bool(value.shape == other.shape and value.dtype == other.dtype)
    return type(value) is type(other)


def _equal(value: Value, other: Value) -> bool:
    if isinstance(value, torch.Tensor):
        return _alike(value, other) and torch.allclose(value, other, 0.0, 0.0, equal_nan=True)
    if isinstance(value, (list, tuple)):
        return len(value) == len(other) and all(map(_equal, value, other))
    return bool(value == other)


def _copied(value: Value) -> Value:
    return value.clone() if isinstance(value, torch.Tensor) else value


def placed(name: str, scope: str, line: str) -> str:
    """Return a node's place in the network, for messages."""
    place = f"{name} in {scope}" if scope else name
    return f"{place}, {line}" if line else place


def to_double(value: Value) -> Value:
    """Return real and complex tensors in double precision, everything else as it is."""
    if isinstance(value, (list, tuple)):
        return [to_double(member) for member in value]
    if not isinstance(value, torch.Tensor):
        return value
    value = value.detach()
    if value.is_complex():
        return value.to(torch.complex128)
    return value.to(torch.float64) if value.is_floating_point() else value
