"""A layer in hardware: its graph's stages, each a component, joined by streams."""

from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import Any

from amaranth.hdl import Module, Signal

from golden.graph.graph import Node
from golden.layer.design import SOURCE, LayerDesign
from hw.layer.base import LayerComponent
from hw.layer.schedule import GraphSchedule
from hw.line.weights_port import W_EVENTS
from hw.parts.counter import Counter
from hw.parts.ports import Stream, flipped
from hw.parts.streams import connect_streams
from hw.targets.cost import Cost


def schedule_of(design: LayerDesign) -> GraphSchedule:
    """Return the stages of ``design`` and their timing."""
    return GraphSchedule(design.graph, lanes=design.lanes, target=design.target)


def predict(design: LayerDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    return schedule_of(design).cost


class Layer(LayerComponent):
    """A layer as `design` describes it.

    Each stage works on a plane while the next one works on the plane before.

    Members
    -------
    See `LayerComponent`; `w` takes beats of `hw.line.engine.weights_layout`, `w_residual` those of
    `hw.stages.residual.loads_layout`.
    """

    def __init__(self, design: LayerDesign) -> None:
        self._design = design
        self._schedule = schedule_of(design)
        layouts = self._schedule.loads
        super().__init__(design, {port: layouts[slot] for port, slot in design.streams.items()})

    @property
    def latency(self) -> int:
        """See `LayerComponent`."""
        return self._schedule.latency

    @property
    def cycles_per_frame(self) -> int:
        """See `LayerComponent`."""
        return self._schedule.paces[-1]

    @property
    def first_frames(self) -> list[int]:
        """See `LayerComponent`."""
        return list(self._schedule.paces[:-1])

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._check_framing(m)
        graph = self._design.graph
        users: dict[str, list[Stream]] = {name: [] for name in graph.tensors}
        ports = {slot: port for port, slot in self._design.streams.items()}
        for node in graph.nodes:
            component = self._place(m, node, ports)
            for name, port in zip(
                node.sources, self._schedule.stages[node.name].takes, strict=True
            ):
                users[name].append(getattr(component, port))
        users[graph.outputs[0]].append(flipped(self.o))
        self._connect(m, flipped(self.i), users[SOURCE])
        for node in graph.nodes:
            source = self._schedule.stages[node.name].component.o
            self._connect(m, source, users[node.name])
        if not self._schedule.marks_frames:
            self._mark_frames(m)
        return m

    def _place(self, m: Module, node: Node, ports: dict[str, str]) -> Any:
        """Make a node's component, and lead the streams to it that load its weights."""
        stage = self._schedule.stages[node.name]
        component = stage.component
        m.submodules[node.name] = component
        loaders = component.loaders if stage.loads else []
        for slot, loader in zip(stage.loads, loaders, strict=True):
            connect_streams(m, flipped(getattr(self, ports[slot])), loader.w)
            for event in W_EVENTS:
                own = getattr(self, f"event_{ports[slot]}_{event}")
                m.d.comb += own.eq(getattr(loader, f"event_w_{event}"))
        return component

    def _connect(self, m: Module, source: Stream, sinks: Sequence[Stream]) -> None:
        """Give every beat of ``source`` to all of ``sinks`` at once."""
        if len(sinks) == 1:
            connect_streams(m, source, sinks[0])
            return
        for sink in sinks:
            others = [other.ready for other in sinks if other is not sink]
            m.d.comb += [
                sink.payload.eq(source.payload),
                sink.valid.eq(reduce(and_, others, source.valid)),
            ]
        m.d.comb += source.ready.eq(reduce(and_, (sink.ready for sink in sinks)))

    def _mark_frames(self, m: Module) -> None:
        """Put `last` at a frame's end instead of every group's."""
        m.submodules.frame = frame = Counter(self._design.out_frame_beats)
        given = Signal()
        m.d.comb += [
            given.eq(self.o.valid & self.o.ready),
            frame.step.eq(given),
            self.o.payload.last.eq(frame.last),
        ]
