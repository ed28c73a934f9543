"""Two-dimensional engines as stages."""

from functools import cached_property

from golden.plane.design import PlaneDesign
from golden.stages.plane import PlanePass
from hw.engines import PLANE_ENGINES
from hw.line.engine import LineEngine
from hw.stages.line import OwnCoreHardware
from hw.targets.cost import Cost


class PlaneHardware(OwnCoreHardware[PlanePass]):
    """See `LineEngine`, around a two-dimensional engine's core."""

    @property
    def design(self) -> PlaneDesign:
        """The engine."""
        return self.stage.design

    @cached_property
    def component(self) -> LineEngine:
        """See `StageHardware`."""
        return LineEngine(self.design, PLANE_ENGINES[type(self.design)].core(self.design))

    @property
    def cost(self) -> Cost:
        """See `StageHardware`."""
        return PLANE_ENGINES[type(self.design)].predict(self.design)
