"""A graph of stages: what each takes and gives, checked where it is made, and run in integers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

from golden.graph.tensor import Tensor
from golden.line.design import LineDesign
from golden.numbers.certificate import Errors
from golden.numbers.interval import Integers, Interval


@dataclass(frozen=True, eq=False)
class WeightSlot:
    """Weights that a stage takes on a stream.

    Parameters
    ----------
    facts
        Of the stream: ``channels`` and ``beats_per_channel`` of a set, and what else there is.
    tables
        Makes ``[channels, beats_per_channel]`` for each field of the stream's beats of a set.
    """

    facts: Mapping[str, int]
    tables: Callable[[Any], Mapping[str, Integers]]

    @property
    def beats(self) -> int:
        """Beats of what is loaded for a frame."""
        sets = self.facts["channels"] * self.facts.get("sets_per_frame", 1)
        return sets * self.facts["beats_per_channel"]


class Stage(ABC):
    """Takes maps, and gives one.

    A stage's own file holds all that is known of it in integers; what makes one in hardware is
    registered by its type (`hw.graph`).
    """

    @property
    @abstractmethod
    def inputs(self) -> tuple[Tensor, ...]:
        """What it takes."""

    @property
    @abstractmethod
    def output(self) -> Tensor:
        """What it gives."""

    @abstractmethod
    def value(self, *maps: Integers) -> Integers:
        """Return what it gives for ``maps``, int64 ``[F, C, H, W]`` each, bit for bit."""

    def errors(self, *off: Errors) -> Errors:
        """Return how far sums and results are off at most, where what it takes is ``off``.

        That of a stage without sums of its own, every result of which is off by no more than its
        sample.
        """
        return off[0]

    @property
    def accumulator(self) -> Interval | None:
        """Range of its sums, where it has any."""
        return None

    @property
    def engines(self) -> Mapping[str, LineDesign]:
        """The line engines inside, by name."""
        return {}

    @property
    def slots(self) -> Mapping[str, WeightSlot]:
        """Weights that are loaded, by name."""
        return {}

    def given(self, sets: Mapping[str, Any]) -> Self:  # noqa: ARG002 - used by those with slots
        """Return the stage with what of ``sets``, by the slots' names, it takes."""
        return self


@dataclass(frozen=True, eq=False)
class Node:
    """A stage in its place.

    Parameters
    ----------
    name
        Of the map that it gives.
    stage
        What is done.
    sources
        Names of the maps that it takes, of earlier nodes or the graph's inputs.
    """

    name: str
    stage: Stage
    sources: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Graph:
    """Stages, each after those whose maps it takes.

    A map that several nodes take forks; a node of several sources joins.

    Parameters
    ----------
    inputs
        Maps from outside, by name.
    nodes
        In an order in which they can be done.
    outputs
        Names of the maps that leave.

    Raises
    ------
    ValueError
        Where a name is taken twice or unknown, or a map does not suit a stage.
    """

    inputs: Mapping[str, Tensor]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        known = dict(self.inputs)
        for node in self.nodes:
            if node.name in known:
                raise ValueError(f"Names of maps must differ, not {node.name!r} twice")
            _check_sources(node, known)
            known[node.name] = node.stage.output
        if unknown := [name for name in self.outputs if name not in known]:
            raise ValueError(f"Outputs must be maps of the graph, not {unknown}")

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """All maps by name."""
        return dict(self.inputs) | {node.name: node.stage.output for node in self.nodes}

    @cached_property
    def users(self) -> dict[str, tuple[Node, ...]]:
        """Nodes that take a map, by its name: more than one where it forks."""
        return {
            name: tuple(node for node in self.nodes if name in node.sources)
            for name in self.tensors
        }

    @cached_property
    def engines(self) -> dict[str, LineDesign]:
        """The line engines of all stages, by name."""
        return {k: engine for node in self.nodes for k, engine in node.stage.engines.items()}

    @cached_property
    def slots(self) -> dict[str, WeightSlot]:
        """Weights that all stages load, by name."""
        return {k: slot for node in self.nodes for k, slot in node.stage.slots.items()}

    def given(self, sets: Mapping[str, Any]) -> "Graph":
        """Return the graph with ``sets`` of weights, by the slots' names, in effect."""
        nodes = tuple(replace(node, stage=node.stage.given(sets)) for node in self.nodes)
        return replace(self, nodes=nodes)

    def errors(self, off: Mapping[str, Errors]) -> dict[str, Errors]:
        """Return how far every map is off at most, where the inputs are ``off``."""
        known = dict(off)
        for node in self.nodes:
            known[node.name] = node.stage.errors(*(known[name] for name in node.sources))
        return known

    def walk(self, maps: Mapping[str, Integers]) -> Iterator[tuple[str, Integers]]:
        """Yield each node's map as it is made, from ``maps`` by the inputs' names.

        A map that no later node takes is dropped.
        """
        there = dict(maps)
        left = {name: len(users) for name, users in self.users.items()}
        for node in self.nodes:
            there[node.name] = node.stage.value(*(there[name] for name in node.sources))
            yield node.name, there[node.name]
            for name in set(node.sources):
                left[name] -= 1
                if not left[name]:
                    del there[name]

    def trace(self, maps: Mapping[str, Integers]) -> dict[str, Integers]:
        """Return every map by its name."""
        return dict(maps) | dict(self.walk(maps))

    def run(self, maps: Mapping[str, Integers]) -> dict[str, Integers]:
        """Return the maps that leave, by name."""
        made = dict(maps) | {n: v for n, v in self.walk(maps) if n in self.outputs}
        return {name: made[name] for name in self.outputs}


def _check_sources(node: Node, known: Mapping[str, Tensor]) -> None:
    """Raise `ValueError` unless what ``node`` takes is there, and suits its stage."""
    if unknown := [name for name in node.sources if name not in known]:
        raise ValueError(f"{node.name} must take maps made before it, not {unknown}")
    takes = node.stage.inputs
    gets = tuple(known[name] for name in node.sources)
    if len(takes) != len(gets):
        raise ValueError(f"{node.name} must take {len(takes)} maps, not {len(gets)}")
    for name, wanted, got in zip(node.sources, takes, gets, strict=True):
        alike = (wanted.shape, wanted.runs) == (got.shape, got.runs)
        if not alike or not wanted.range.holds(got.range):
            raise ValueError(f"{node.name} must take {wanted}, not {name}: {got}")
