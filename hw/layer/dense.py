"""Layers that mix channels: a dense engine between corner turns."""

from golden.layer_axes import Section
from golden.layer_dense import DenseLayerDesign
from hw.dense.engine import core_of, cycles_between_groups, predict
from hw.layer.staged import StagedLayer
from hw.layer.turn import CornerTurn, Run
from hw.line import LineEngine
from hw.predict import Cost


class DenseLayer(StagedLayer):
    """A layer as `design` describes it.

    Members
    -------
    See `LayerComponent`; `w` takes beats of `hw.line.weights_layout`.
    """

    def __init__(self, design: DenseLayerDesign) -> None:
        self._dense = design
        stages = [
            *_turn(design, design.sections, design.data_bits, back=False),
            LineEngine(design.engine, core_of(design.engine)),
            *_turn(design, design.out_sections, design.engine.output_bits, back=True),
        ]
        super().__init__(design, stages)

    @property
    def cycles_per_frame(self) -> int:
        """Cycles from a frame to the next in steady state, unstalled."""
        return cycles_per_frame(self._dense)


def cycles_per_frame(design: DenseLayerDesign) -> int:
    """Cycles from a frame of ``design`` to the next in steady state, unstalled."""
    return -(-len(design.axes) * cycles_between_groups(design.engine) // 2)


def predict_dense(design: DenseLayerDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    return predict(design.engine)


def _turn(
    design: DenseLayerDesign, sections: tuple[Section, ...], bits: int, *, back: bool
) -> list[CornerTurn]:
    """Return the corner turn to lines along the axes of ``sections``, or ``back``, if any."""
    if design.axes == ("width",):
        return []
    runs = [
        Run(
            planes=len(section.channels),
            rows=design.width if back and section.axis == "height" else design.height,
            columns=design.height if back and section.axis == "height" else design.width,
            turned=section.axis == "height",
        )
        for section in sections
    ]
    return [CornerTurn(runs=runs, bits=bits, lanes=design.lanes, target=design.target)]
