"""When the results of a graph's stages come, and what all of them take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from golden.graph.graph import Graph, Node
from hw.graph.count import paces
from hw.graph.stage import Place, StageHardware
from hw.predict import counter
from hw.stages.registry import hardware_of
from hw.targets.cost import Cost, Working


@dataclass(frozen=True)
class Coming:
    """When a map's first plane comes, unstalled: cycles from the first sample offered.

    Parameters
    ----------
    first, last
        Its first sample and its last.
    """

    first: int
    last: int


class GraphSchedule:
    """A graph's stages in hardware, and their timing.

    Parameters
    ----------
    graph
        One map in, one map out.
    lanes, target
        See `Place`.
    """

    def __init__(self, graph: Graph, *, lanes: int, target: str) -> None:
        self.graph = graph
        self._place = Place(lanes, target)
        self._coming: dict[str, Coming] = {}
        self._marked: dict[str, bool] = dict.fromkeys(graph.inputs, False)
        self.stages: dict[str, StageHardware[Any]] = {}
        for node in graph.nodes:
            self._add(node)

    def _add(self, node: Node) -> None:
        waits: tuple[int, ...] = (0,)
        if len(node.sources) > 1:
            coming = [self._when(name).first for name in node.sources]
            waits = tuple(self._wait(max(coming) - first) for first in coming)
        stage = hardware_of(node.stage, replace(self._place, waits=waits))
        self.stages[node.name] = stage
        marked = stage.marks_frames
        self._marked[node.name] = self._marked[node.sources[-1]] if marked is None else marked

    def _when(self, name: str) -> Coming:
        """Return when map ``name`` comes; asked for where it is needed: it may take components."""
        if name not in self._coming:
            self._coming[name] = self._found(name)
        return self._coming[name]

    def _found(self, name: str) -> Coming:
        if name in self.graph.inputs:
            return Coming(0, self._place.plane_beats(self.graph.inputs[name]) - 1)
        (node,) = (node for node in self.graph.nodes if node.name == name)
        stage = self.stages[name]
        coming = [self._when(source) for source in node.sources]
        begin = max(come.last if stage.whole_planes else come.first for come in coming)
        first, span = begin + stage.latency, stage.span
        if span is None:
            span = max(come.last - come.first for come in coming)
        return Coming(first, first + span)

    def _wait(self, cycles: int) -> int:
        """Return the most beats that come while a map waits ``cycles``, as long as nothing stalls.

        At less than full rate planes still come as fast as the door takes them, each some time
        after the one before.
        """
        if not cycles:
            return 0
        if self.uneven:
            # Planes pile up before the slower half: as many as have room.
            return sum(stage.held for stage in self.stages.values())
        (taken,) = self.graph.inputs.values()
        planes = cycles // (self.cycles_per_frame // taken.channels) + 2
        return min(cycles, planes * self._place.plane_beats(taken))

    @property
    def latency(self) -> int:
        """Cycles from the first input handshake to the first output handshake, unstalled."""
        (source,) = self.graph.inputs
        first = max(self.stages[node.name].wait for node in self.graph.users[source])
        return self._when(self.graph.outputs[0]).first - first

    @property
    def uneven(self) -> int:
        """Planes of each half of a frame where some stage has one wait for the other; else 0."""
        return max((stage.uneven for stage in self.stages.values()), default=0)

    @property
    def cycles_per_frame(self) -> int:
        """Cycles from a frame to the next in steady state, unstalled.

        No more than that where `uneven`.
        """
        return max(stage.cycles_per_frame for stage in self.stages.values())

    @cached_property
    def paces(self) -> Sequence[int]:
        """Cycles from each frame to the next, unstalled, from the first on.

        The last number holds for all that follow.
        """
        if not self.uneven:
            return [self.cycles_per_frame]
        (taken,) = self.graph.inputs.values()
        return paces(
            self.graph,
            lambda planes: {name: s.counted(planes) for name, s in self.stages.items()},
            planes=self.uneven,
            plane_beats=self._place.plane_beats(taken),
        )

    @property
    def loads(self) -> Mapping[str, Any]:
        """Layouts of the beats that load weights, by the slots' names."""
        return {k: v for stage in self.stages.values() for k, v in stage.loads.items()}

    @cached_property
    def cost(self) -> Cost:
        """Multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
        (taken,) = self.graph.inputs.values()
        framing = counter(taken.channels * self._place.plane_beats(taken))
        cost = sum((stage.cost for stage in self.stages.values()), framing)
        work = [stage.work for stage in self.stages.values() if stage.work is not None]
        return Working.of(cost, sum(work) / self.cycles_per_frame) if work else cost

    @property
    def saved_by_rom(self) -> Cost:
        """What could be done without if loaded weights were in ROM; see `StageHardware`."""
        return sum((stage.saved_by_rom for stage in self.stages.values()), Cost())

    @property
    def marks_frames(self) -> bool:
        """Whether `last` of what leaves ends a frame."""
        return self._marked[self.graph.outputs[0]]
