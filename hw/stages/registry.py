"""Which hardware makes which stage."""

from typing import Any

from golden.graph.graph import Stage
from golden.stages.dense import DensePass, DenseSplit
from golden.stages.elementwise import Lookup
from golden.stages.line import LinePass, SplitPass
from golden.stages.linear import LinearPass
from golden.stages.plane import PlanePass
from golden.stages.residual import ResidualSum
from golden.stages.shared import SharedPass
from golden.stages.turn import Turn
from hw.graph.stage import Place, StageHardware
from hw.stages.dense import DenseHardware, DenseSplitHardware
from hw.stages.elementwise import ElementwiseHardware
from hw.stages.line import LineHardware
from hw.stages.linear import LinearHardware
from hw.stages.plane import PlaneHardware
from hw.stages.residual import ResidualHardware
from hw.stages.shared import SharedHardware
from hw.stages.split import SplitHardware
from hw.stages.turn import TurnHardware

HARDWARE: dict[type[Stage], type[StageHardware[Any]]] = {
    Turn: TurnHardware,
    LinePass: LineHardware,
    SplitPass: SplitHardware,
    SharedPass: SharedHardware,
    LinearPass: LinearHardware,
    DensePass: DenseHardware,
    DenseSplit: DenseSplitHardware,
    PlanePass: PlaneHardware,
    ResidualSum: ResidualHardware,
    Lookup: ElementwiseHardware,
}
"""By the stage's type; a stage of one's own is entered here, see docs/adding-a-stage.md."""


def hardware_of(stage: Stage, place: Place) -> StageHardware[Any]:
    """Return the hardware of ``stage`` where it stands."""
    return HARDWARE[type(stage)](stage, place)
