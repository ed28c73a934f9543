"""How fast a graph is whose halves have engines of different speed, found by counting beats.

With one engine a pass the slowest stage sets the pace. Where each half of the channels has its own,
and one is slower, a half begins while the other ends, and how far depends on what fits in every
buffer. Here the stages' control is stepped through cycle by cycle, beats counted and not computed.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from golden.graph.graph import Graph

SETTLED = 16
"""Planes of a half after which the pace is steady: more than all buffers hold."""
PLANES = 8
"""Planes of a half up to which frames are followed; each more takes as long as the one before."""


class Pace(Protocol):
    """The control of a stage of one map: what it offers and takes follows from cycles before."""

    @property
    def ready(self) -> bool:
        """Whether it takes a beat."""

    @property
    def valid(self) -> bool:
        """Whether it offers one."""

    def step(self, i_valid: bool, o_ready: bool) -> None:
        """Go on to the next cycle."""


class Counted(ABC):
    """A stage: what it offers and takes in a cycle follows from the cycles before.

    But for a join, whose offer may need that of a map that it takes.
    """

    @abstractmethod
    def offers(self, given: Sequence[bool]) -> bool:
        """Return whether it offers a beat, where maps that it takes are ``given`` or not."""

    @abstractmethod
    def takes(self, o_ready: bool) -> Sequence[bool]:
        """Return whether it takes a beat of each map, where its own may leave or not."""

    @abstractmethod
    def step(self, given: Sequence[bool], o_ready: bool) -> None:
        """Go on to the next cycle."""


class CountedStage(Counted):
    """A stage of one map."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def offers(self, given: Sequence[bool]) -> bool:
        """See `Counted`."""
        return self._pace.valid

    def takes(self, o_ready: bool) -> Sequence[bool]:
        """See `Counted`."""
        return (self._pace.ready,)

    def step(self, given: Sequence[bool], o_ready: bool) -> None:
        """See `Counted`."""
        self._pace.step(given[0], o_ready)


Counting = Callable[[int], Mapping[str, Counted]]
"""Makes the stages of a graph by name, whose halves have so many planes."""


def paces(graph: Graph, counting: Counting, *, planes: int, plane_beats: int) -> list[int]:
    """Return the cycles from each frame to the next, unstalled, from the first on.

    The last number holds for all that follow.

    Parameters
    ----------
    graph, counting
        The stages.
    planes, plane_beats
        Of a half of a frame, and of a plane.
    """
    frames = 3 + -(-SETTLED // min(planes, PLANES))

    def followed(count: int) -> list[int]:
        return _followed(graph, counting(count), 2 * count * plane_beats, frames)

    if planes <= PLANES:
        return _settled(followed(planes))
    most, less = followed(PLANES), followed(PLANES - 1)
    return _settled([a + (planes - PLANES) * (a - b) for a, b in zip(most, less, strict=True)])


def _settled(cycles: list[int]) -> list[int]:
    """Return ``cycles`` of frames without what repeats at the end."""
    steady = max(cycles[-2:])
    while len(cycles) > 1 and cycles[-2] == steady:
        cycles = cycles[:-1]
    return [*cycles[:-1], steady]


def _followed(
    graph: Graph, counted: Mapping[str, Counted], frame_beats: int, frames: int
) -> list[int]:
    """Return the cycles from each frame to the next."""
    (output,) = graph.outputs
    starts: list[int] = []
    given, cycle = 0, 0
    while len(starts) < frames:
        if _cycle(graph, counted)[output]:
            if given % frame_beats == 0:
                starts.append(cycle)
            given += 1
        cycle += 1
    return [after - before for before, after in itertools.pairwise(starts)]


def _cycle(graph: Graph, counted: Mapping[str, Counted]) -> dict[str, bool]:
    """Step all stages through a cycle; return which maps moved on by a beat.

    Inputs always offer one, and outputs always take one. Where a map forks, a beat moves once all
    take it.
    """
    offered = dict.fromkeys(graph.inputs, True)
    for node in graph.nodes:
        offered[node.name] = counted[node.name].offers([offered[name] for name in node.sources])
    taken: dict[str, list[bool]] = {name: [] for name in offered}
    may_leave: dict[str, bool] = {}
    for node in reversed(graph.nodes):
        may_leave[node.name] = all(taken[node.name])
        takes = counted[node.name].takes(may_leave[node.name])
        for name, ready in zip(node.sources, takes, strict=True):
            taken[name].append(ready)
    moved = {name: offered[name] and all(taken[name]) for name in offered}
    for node in graph.nodes:
        counted[node.name].step([moved[name] for name in node.sources], may_leave[node.name])
    return moved
