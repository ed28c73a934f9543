"""Layers of lines: corner turns and line engines in a row."""

from functools import cached_property

from amaranth.hdl import Module

from golden.layer.axes import AxesDesign
from golden.layer.forms import SKIP_STREAM
from hw.layer import plan
from hw.layer.pace import paces
from hw.layer.residual import Residual, loads_layout
from hw.layer.shared import SharedPasses
from hw.layer.split import SplitPass
from hw.layer.staged import Stage, StagedLayer
from hw.layer.turn import CornerTurn
from hw.line.engine import LineEngine
from hw.parts.ports import Stream
from hw.parts.streams import connect_streams


class AxesLayer(StagedLayer):
    """A layer as `design` describes it: a corner turn wherever lines run along another axis.

    Members
    -------
    See `LayerComponent`; a `w` takes beats of `hw.line.engine.weights_layout`.
    """

    def __init__(self, design: AxesDesign) -> None:
        self._plan = plan.AxesPlan(design)
        self._residual = None if self._plan.residual is None else Residual(self._plan.residual)
        plan_of_sum = self._plan.residual
        own = {} if plan_of_sum is None else {SKIP_STREAM: loads_layout(plan_of_sum)}
        loads = {name: layout for name, layout in own.items() if name in design.weight_streams}
        super().__init__(design, [_component(stage) for stage in self._plan.stages], loads)

    @property
    def latency(self) -> int:
        """See `LayerComponent`."""
        return self._plan.latency

    @property
    def cycles_per_frame(self) -> int:
        """See `LayerComponent`."""
        return self._paces[-1]

    @property
    def first_frames(self) -> list[int]:
        """See `LayerComponent`."""
        return self._paces[:-1]

    @cached_property
    def _paces(self) -> list[int]:
        return paces(self._plan)

    def _begin(self, m: Module) -> Stream:
        source = super()._begin(m)
        return source if self._residual is None else self._keep(m, self._residual)

    def _finish(self, m: Module, source: Stream) -> Stream:
        if self._residual is None:
            return source
        connect_streams(m, source, self._residual.y)
        return self._residual.o

    def _keep(self, m: Module, residual: Residual) -> Stream:
        """Give every sample to the residual sum too; return the stream to the first stage."""
        m.submodules.residual = residual
        if SKIP_STREAM in self._streams:
            self._load(m, SKIP_STREAM, residual)
        samples = self.i.signature.create(path=("samples",))
        m.d.comb += [
            samples.payload.eq(self.i.payload),
            residual.i.payload.eq(self.i.payload),
            samples.valid.eq(self.i.valid & residual.i.ready),
            residual.i.valid.eq(self.i.valid & samples.ready),
            self.i.ready.eq(samples.ready & residual.i.ready),
        ]
        return samples


def _component(stage: plan.Stage) -> Stage:
    """Return the component that does ``stage``."""
    if isinstance(stage, plan.Turn):
        return CornerTurn(**vars(stage))
    if isinstance(stage, plan.Line):
        return LineEngine(stage.design)
    return SplitPass(stage) if isinstance(stage, plan.Split) else SharedPasses(stage)
