"""Engines that sum over channels as stages."""

from functools import cached_property

from golden.dense.design import DenseDesign
from golden.stages.dense import DensePass
from hw.dense.engine import cycles_between_groups, pace_of_groups
from hw.engines import DENSE_ENGINES
from hw.line.engine import LineEngine
from hw.stages.line import OwnCoreHardware
from hw.targets.cost import Cost


class DenseHardware(OwnCoreHardware[DensePass]):
    """See `LineEngine`, around a dense engine's core."""

    @property
    def design(self) -> DenseDesign:
        """The engine."""
        return self.stage.design

    @property
    def _groups(self) -> int:
        return len(self.stage.sections)

    @cached_property
    def component(self) -> LineEngine:
        """See `StageHardware`."""
        # Both halves of a frame may take different times, but not two frames.
        pace = pace_of_groups(self.design) if self._groups == 1 else 0
        return LineEngine(self.design, DENSE_ENGINES[type(self.design)].core(self.design, pace))

    @property
    def cycles_per_frame(self) -> int:
        """See `StageHardware`."""
        return -(-self._groups * cycles_between_groups(self.design) // 2)

    @property
    def cost(self) -> Cost:
        """See `StageHardware`."""
        return DENSE_ENGINES[type(self.design)].predict(self.design)

    @property
    def work(self) -> float:
        """See `StageHardware`."""
        design = self.design
        lines = self._groups * design.channels_per_group * design.groups_per_channel
        return lines * design.work_per_group
