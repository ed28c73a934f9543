"""Layers as a row of stages that planes pass: corner turns and engines."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from amaranth.hdl import Module, Signal
from amaranth.lib import data

from golden.layer.design import LayerDesign
from hw.layer.base import W_EVENTS, LayerComponent
from hw.layer.turn import CornerTurn
from hw.line.engine import weights_layout
from hw.parts.counter import Counter
from hw.parts.ports import Stream, flipped
from hw.parts.streams import connect_streams

Stage: TypeAlias = Any
"""A component with `i`, `o` and `latency`: a `CornerTurn`, or something around line engines.

`plane_span` is the cycles from the first result of a plane to its last; `engines` are those that
weights are loaded into.
"""


class StagedLayer(LayerComponent):
    """A layer whose planes pass through ``stages`` one after the other.

    Each stage works on a plane while the next one works on the plane before.

    Parameters
    ----------
    design
        What the layer was told.
    stages
        In the order in which planes pass them.
    loads
        Layouts of streams beside those of the engines' weights.

    Members
    -------
    See `LayerComponent`; a `w` takes beats of `hw.line.engine.weights_layout`.
    """

    def __init__(
        self,
        design: LayerDesign,
        stages: Sequence[Stage],
        loads: Mapping[str, data.StructLayout] | None = None,
    ) -> None:
        self._plane = design.height * design.width // design.lanes
        self._streams = list(design.weight_streams)
        self._out_beats = design.out_frame_beats
        self._stages = stages
        engines = design.engines.values()
        of_engines = zip(self._streams, map(weights_layout, engines), strict=False)
        super().__init__(design, {**dict(of_engines), **(loads or {})})

    @property
    def _chain_latency(self) -> int:
        """Cycles from the first sample offered to the last stage's first result, unstalled."""
        first, last = 0, self._plane - 1
        for stage in self._stages:
            first = stage.latency + (last if isinstance(stage, CornerTurn) else first)
            last = first + stage.plane_span
        return first

    @property
    def latency(self) -> int:
        """See `LayerComponent`."""
        return self._chain_latency

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._check_framing(m)
        source = self._begin(m)
        loads = iter(self._streams)
        for number, stage in enumerate(self._stages):
            m.submodules[f"stage_{number}"] = stage
            connect_streams(m, source, stage.i)
            source = stage.o
            if self._streams and not isinstance(stage, CornerTurn):
                for engine in stage.engines:
                    self._load(m, next(loads), engine)
        source = self._finish(m, source)
        connect_streams(m, source, flipped(self.o))
        if not isinstance(self._stages[-1], CornerTurn):
            self._mark_frames(m)
        return m

    def _begin(self, m: Module) -> Stream:
        """Return the stream to the first stage."""
        return flipped(self.i)

    def _finish(self, m: Module, source: Stream) -> Stream:
        """Return the stream to the output, given what leaves the last stage."""
        return source

    def _load(self, m: Module, port: str, engine: Stage) -> None:
        connect_streams(m, flipped(getattr(self, port)), engine.w)
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
