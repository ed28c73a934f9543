"""Layers that mix channels: a dense engine between corner turns."""

from golden.layer.axes import Section
from golden.layer.dense import DenseLayerDesign
from hw.dense.engine import cycles_between_groups, pace_of_groups
from hw.engines import DENSE_ENGINES
from hw.layer import plan
from hw.layer.predict import turn_cost
from hw.layer.staged import StagedLayer
from hw.layer.turn import CornerTurn, Run
from hw.line.engine import LineEngine
from hw.predict import counter
from hw.targets.cost import Cost, Working


class DenseLayer(StagedLayer):
    """A layer as `design` describes it.

    Members
    -------
    See `LayerComponent`; `w` takes beats of `hw.line.engine.weights_layout`.
    """

    def __init__(self, design: DenseLayerDesign) -> None:
        self._dense = design
        turns = [CornerTurn(**vars(turn)) for turn in _turns(design)]
        # Both halves of a frame may take different times, but not two frames.
        pace = pace_of_groups(design.engine) if len(design.axes) == 1 else 0
        core = DENSE_ENGINES[type(design.engine)].core(design.engine, pace)
        engine = LineEngine(design.engine, core)
        super().__init__(design, [*turns[:1], engine, *turns[1:]])

    @property
    def cycles_per_frame(self) -> int:
        """Cycles from a frame to the next in steady state, unstalled."""
        return cycles_per_frame(self._dense)


def cycles_per_frame(design: DenseLayerDesign) -> int:
    """Cycles from a frame of ``design`` to the next in steady state, unstalled."""
    return -(-len(design.axes) * cycles_between_groups(design.engine) // 2)


def predict_dense(design: DenseLayerDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, LUT4-equivalents on ECP5, and the work done."""
    engine = design.engine
    lines = len(design.axes) * engine.channels_per_group * engine.groups_per_channel
    work = lines * engine.work_per_group / cycles_per_frame(design)
    cost = DENSE_ENGINES[type(engine)].predict(engine) + counter(design.frame_beats)
    return Working.of(sum(map(turn_cost, _turns(design)), cost), work)


def _turns(design: DenseLayerDesign) -> list[plan.Turn]:
    """Return the corner turns ahead of the engine and behind it; none where lines are rows."""
    if design.axes == ("width",):
        return []
    ahead = (design.sections, design.data_bits, (design.height, design.width))
    behind = (design.out_sections, design.engine.output_bits, (design.width, design.height))
    return [_turn(design, *side) for side in (ahead, behind)]


def _turn(
    design: DenseLayerDesign, sections: tuple[Section, ...], bits: int, columns: tuple[int, int]
) -> plan.Turn:
    """Turn planes of what goes along the height, which come in ``columns`` (rows, columns)."""
    runs = [
        Run(len(section.channels), *columns, turned=True)
        if section.axis == "height"
        else Run(len(section.channels), design.height, design.width, turned=False)
        for section in sections
    ]
    return plan.Turn(tuple(runs), bits, design.lanes, design.target)
