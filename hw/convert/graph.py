"""The one form that networks are read into: nodes in order, constants, and a way to run them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch

Value = Any
"""A torch tensor, in float64 where it is real, or a plain number or sequence of them."""
Values = dict[str, Value]

Kind = Literal["conv", "inverse_fft", "other"]


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
        What the search for ParC begins at.
    weight
        Of a convolution: the name of its kernels.
    scope
        Path of the module that it came from, "" where unknown.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    run: Callable[[Mapping[str, Value]], Sequence[Value]]
    kind: Kind = "other"
    weight: str | None = None
    scope: str = ""


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
    """

    nodes: list[Node]
    constants: Values
    input: str
    output: str
    input_shape: tuple[int, ...]
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

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

    def run(
        self,
        image: torch.Tensor,
        watched: Iterable[str] = (),
        replace: Mapping[str, Callable[[Values], Value]] | None = None,
    ) -> tuple[torch.Tensor, Values]:
        """Run the network on one image.

        Parameters
        ----------
        image
            ``[1, channels, height, width]``, float64.
        watched
            Names of values to return as well.
        replace
            By a value's name: a function of the values watched so far, whose result takes the
            value's place.

        Returns
        -------
        The result, and the values watched.
        """
        kept: Values = {}
        keep, replace = set(watched), replace or {}
        values = dict(self.constants)
        values[self.input] = image
        if self.input in keep:
            kept[self.input] = image
        with torch.no_grad():
            for index, node in enumerate(self.nodes):
                made = node.run(values)
                for name, value in zip(node.outputs, made, strict=False):
                    values[name] = replace[name](kept) if name in replace else value
                    if name in keep:
                        kept[name] = values[name]
                for name in self._dead_after[index]:
                    values.pop(name, None)
        return values[self.output], kept

    def run_part(self, nodes: Sequence[int], entry: str, value: Value, exit: str) -> Value:
        """Return ``exit`` as ``nodes`` make it of ``value`` in the place of ``entry``."""
        values = dict(self.constants)
        values[entry] = value
        with torch.no_grad():
            for index in sorted(nodes):
                node = self.nodes[index]
                values.update(zip(node.outputs, node.run(values), strict=False))
        return values[exit]

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
    """Fold what is constant, run once to learn the shapes, and leave out what nothing reads.

    Numbers made from the input's shape are constants here, for the shape is fixed.
    """
    values = {name: to_double(value) for name, value in constants.items()}
    varying = {input}
    kept = []
    values[input] = torch.zeros(input_shape, dtype=torch.float64)
    with torch.no_grad():
        for node in nodes:
            values.update(zip(node.outputs, node.run(values), strict=False))
            if varying.isdisjoint(node.inputs):
                continue
            made = [n for n in node.outputs if n in values and _depends(values[n])]
            if made:
                kept.append(node)
                varying.update(made)
    shapes = {
        name: tuple(values[name].shape)
        for name in varying
        if isinstance(values.get(name), torch.Tensor) and values[name].is_floating_point()
    }
    needed = {output}
    live = []
    for node in reversed(kept):
        if not needed.isdisjoint(node.outputs):
            live.append(node)
            needed.update(node.inputs)
    folded = {n: v for n, v in values.items() if n in needed and n not in varying}
    return Graph(live[::-1], folded, input, output, input_shape, shapes)


def to_double(value: Value) -> Value:
    """Return real and complex tensors in double precision, everything else as it is."""
    if not isinstance(value, torch.Tensor):
        return value
    value = value.detach()
    if value.is_complex():
        return value.to(torch.complex128)
    return value.to(torch.float64) if value.is_floating_point() else value


def _depends(value: Value) -> bool:
    """Whether a value made from the input may change with it: not numbers, which are shapes."""
    if isinstance(value, torch.Tensor):
        return value.is_floating_point() or value.is_complex() or value.dtype == torch.bool
    if isinstance(value, (list, tuple)):
        return any(_depends(member) for member in value)
    return False
