"""Line engines as stages: what every stage around engines has, and one engine for all channels."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from amaranth.lib import data

from golden.line.design import LineDesign
from golden.stages.line import EngineStage, LinePass
from hw.engines import ENGINES, predict_line
from hw.graph.count import Counted, CountedStage
from hw.graph.stage import StageHardware
from hw.line.engine import LineEngine, line_latency, weights_layout
from hw.predict import saved_by_rom
from hw.targets.cost import Cost

AnyEngines = TypeVar("AnyEngines", bound=EngineStage)


def busy(design: LineDesign) -> int:
    """Return the cycles that an engine takes for a plane, in steady state."""
    return design.groups_per_channel * design.cycles_per_group


def flowing(design: LineDesign) -> int:
    """Return the cycles from an engine's first result of a plane to the last, unstalled."""
    last = (design.length - 1) * design.cycles_per_result
    return busy(design) - design.cycles_per_group + last


class EnginesHardware(StageHardware[AnyEngines]):
    """A stage around line engines; see `StageHardware`."""

    @property
    def designs(self) -> Sequence[LineDesign]:
        """The engines inside."""
        return list(self.stage.engines.values())

    @property
    def latency(self) -> int:
        """See `StageHardware`."""
        return line_latency(self.designs[0])

    @property
    def span(self) -> int:
        """See `StageHardware`."""
        return flowing(self.designs[0])

    @property
    def cycles_per_frame(self) -> int:
        """See `StageHardware`."""
        channels: int = self.stage.inputs[0].channels
        return channels * max(map(busy, self.designs))

    @property
    def held(self) -> int:
        """See `StageHardware`."""
        return sum(map(line_latency, self.designs))

    @property
    def cost(self) -> Cost:
        """See `StageHardware`."""
        return sum(map(predict_line, self.designs), Cost())

    @property
    def saved_by_rom(self) -> Cost:
        """See `StageHardware`."""
        return sum(map(saved_by_rom, self.designs), Cost())

    @property
    def loads(self) -> Mapping[str, data.StructLayout]:
        """See `StageHardware`."""
        slots = self.stage.slots
        return {name: weights_layout(d) for name, d in self.stage.engines.items() if name in slots}

    def counted(self, planes: int) -> Counted:
        """See `StageHardware`."""
        design = self.designs[0]
        return CountedStage(ENGINES[design.engine].pace_of(design))


class OwnCoreHardware(EnginesHardware[AnyEngines]):
    """A stage around one engine whose core is no line engine's: its time is its component's."""

    @property
    def latency(self) -> int:
        """See `StageHardware`."""
        latency: int = self.component.latency
        return latency

    @property
    def held(self) -> int:
        """See `StageHardware`."""
        return self.latency


class LineHardware(EnginesHardware[LinePass]):
    """See `LineEngine`."""

    @cached_property
    def component(self) -> Any:
        """See `StageHardware`."""
        return LineEngine(self.designs[0])
