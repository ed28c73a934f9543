"""Layers as a row of stages that planes pass: corner turns and engines."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring

from golden.layer import LayerDesign
from hw.counter import Counter
from hw.layer.base import W_EVENTS, LayerComponent
from hw.layer.turn import CornerTurn
from hw.line import weights_layout
from hw.streams import connect_streams

Stage: TypeAlias = Any
"""A component with `i`, `o` and `latency`: a `CornerTurn`, or an engine with its `design`."""


class StagedLayer(LayerComponent):
    """A layer whose planes pass through ``stages`` one after the other.

    Each stage works on a plane while the next one works on the plane before.

    Members
    -------
    See `LayerComponent`; a `w` takes beats of `hw.line.weights_layout`.
    """

    def __init__(self, design: LayerDesign, stages: Sequence[Stage]) -> None:
        self._plane = design.height * design.width // design.lanes
        self._streams = list(design.weight_streams)
        self._out_beats = design.out_frame_beats
        self._stages = stages
        engines = design.engines.values()
        loads = zip(self._streams, map(weights_layout, engines), strict=False)
        super().__init__(design, dict(loads))

    @property
    def latency(self) -> int:
        """Cycles from the first input handshake to the first output handshake, unstalled."""
        first, last = 0, self._plane - 1
        for stage in self._stages:
            if isinstance(stage, CornerTurn):
                first = last + stage.latency
                last = first + stage.beats - 1
            else:
                first += stage.latency
                groups = stage.design.groups_per_channel
                last = first + (groups - 1) * stage.design.cycles_per_group
                last += stage.line_cycles - 1
        return first

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._check_framing(m)
        source = wiring.flipped(self.i)
        loads = iter(self._streams)
        for number, stage in enumerate(self._stages):
            m.submodules[f"stage_{number}"] = stage
            connect_streams(m, source, stage.i)
            source = stage.o
            if self._streams and not isinstance(stage, CornerTurn):
                self._load(m, next(loads), stage)
        connect_streams(m, source, wiring.flipped(self.o))
        if not isinstance(self._stages[-1], CornerTurn):
            self._mark_frames(m)
        return m

    def _load(self, m: Module, port: str, engine: Stage) -> None:
        connect_streams(m, wiring.flipped(getattr(self, port)), engine.w)
        for event in W_EVENTS:
            m.d.comb += getattr(self, f"event_{port}_{event}").eq(
                getattr(engine, f"event_w_{event}")
            )

    def _mark_frames(self, m: Module) -> None:
        """Put `last` at a frame's end instead of every group's."""
        m.submodules.frame = frame = Counter(self._out_beats)
        given = Signal()
        m.d.comb += [
            given.eq(self.o.valid & self.o.ready),
            frame.step.eq(given),
            self.o.payload.last.eq(frame.last),
        ]
