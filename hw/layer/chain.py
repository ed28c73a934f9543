"""Layers of lines: corner turns and line engines in a row."""

from typing import Any, TypeAlias

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring

from golden.layer_axes import AxesDesign
from hw.counter import Counter
from hw.layer import plan
from hw.layer.base import W_EVENTS, LayerComponent
from hw.layer.residual import Residual
from hw.layer.shared import SharedPasses
from hw.layer.split import SplitPass
from hw.layer.turn import CornerTurn
from hw.line import LineEngine, weights_layout
from hw.streams import connect_streams

Stage: TypeAlias = Any
"""A component with `i` and `o`: a `CornerTurn`, or something around `LineEngine`s."""


class AxesLayer(LayerComponent):
    """A layer as `design` describes it.

    Planes pass through one stage after the other, a corner turn wherever lines of the next stage
    run along the other axis. Each stage works on a plane while the next one works on the plane
    before.

    Members
    -------
    See `LayerComponent`; a `w` takes beats of `hw.line.weights_layout`.
    """

    def __init__(self, design: AxesDesign) -> None:
        self._design = design
        self._plan = plan.AxesPlan(design)
        self._stages: list[Stage] = [_component(stage) for stage in self._plan.stages]
        engines = design.engines.values()
        loads = zip(design.weight_streams, map(weights_layout, engines), strict=False)
        super().__init__(design, dict(loads))

    @property
    def latency(self) -> int:
        """See `LayerComponent`."""
        return self._plan.latency

    @property
    def cycles_per_frame(self) -> int:
        """See `LayerComponent`."""
        return self._plan.cycles_per_frame

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._check_framing(m)
        source = wiring.flipped(self.i)
        if self._plan.residual:
            m.submodules.residual = residual = Residual(self._plan.residual)
            source = self._keep(m, residual)
        loads = iter(self._design.weight_streams)
        for number, stage in enumerate(self._stages):
            m.submodules[f"stage_{number}"] = stage
            connect_streams(m, source, stage.i)
            source = stage.o
            if self._design.loaded:
                for engine in _engines_of(stage):
                    self._load(m, next(loads), engine)
        if self._plan.residual:
            connect_streams(m, source, residual.y)
            source = residual.o
        connect_streams(m, source, wiring.flipped(self.o))
        if not isinstance(self._stages[-1], CornerTurn):
            self._mark_frames(m, source)
        return m

    def _keep(self, m: Module, residual: Residual) -> wiring.PureInterface:
        """Give every sample to the residual sum too; return the stream to the first stage."""
        samples = self.i.signature.create(path=("samples",))
        m.d.comb += [
            samples.payload.eq(self.i.payload),
            residual.i.payload.eq(self.i.payload),
            samples.valid.eq(self.i.valid & residual.i.ready),
            residual.i.valid.eq(self.i.valid & samples.ready),
            self.i.ready.eq(samples.ready & residual.i.ready),
        ]
        return samples

    def _load(self, m: Module, port: str, engine: LineEngine) -> None:
        connect_streams(m, wiring.flipped(getattr(self, port)), engine.w)
        for event in W_EVENTS:
            name = f"event_{port}_{event}"
            m.d.comb += getattr(self, name).eq(getattr(engine, f"event_w_{event}"))

    def _mark_frames(self, m: Module, source: wiring.PureInterface) -> None:
        """Take `last` off all ends of groups but a frame's."""
        groups_of_plane = self._design.passes[-1][0].design.groups_per_channel
        m.submodules.groups = groups = Counter(self._design.channels * groups_of_plane)
        ends = Signal()
        m.d.comb += [
            ends.eq(self.o.valid & self.o.ready & source.payload.last),
            groups.step.eq(ends),
            self.o.payload.last.eq(source.payload.last & groups.last),
        ]


def _component(stage: plan.Stage) -> Stage:
    """Return the component that does ``stage``."""
    if isinstance(stage, plan.Turn):
        return CornerTurn(**vars(stage))
    if isinstance(stage, plan.Line):
        return LineEngine(stage.design)
    return SplitPass(stage) if isinstance(stage, plan.Split) else SharedPasses(stage)


def _engines_of(stage: Stage) -> list[LineEngine]:
    """Return the line engines of a stage, in the order of `AxesDesign.engines`."""
    if isinstance(stage, LineEngine):
        return [stage]
    return [] if isinstance(stage, CornerTurn) else stage.engines
