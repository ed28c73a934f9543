"""Layers of two-dimensional filters: a two-dimensional engine, and its maps' framing."""

from golden.layer.filter import FilterDesign
from hw.engines import PLANE_ENGINES
from hw.layer.staged import StagedLayer
from hw.line.engine import LineEngine
from hw.targets.cost import Cost


class FilterLayer(StagedLayer):
    """A layer as `design` describes it: maps pass through one engine, one after the other."""

    def __init__(self, design: FilterDesign) -> None:
        engine = design.engine
        stage = LineEngine(engine, PLANE_ENGINES[type(engine)].core(engine))
        self._cycles_per_frame = cycles_per_frame(design)
        super().__init__(design, [stage])

    @property
    def cycles_per_frame(self) -> int:
        """See `LayerComponent`."""
        return self._cycles_per_frame


def cycles_per_frame(design: FilterDesign) -> int:
    """Cycles from a frame of ``design`` to the next in steady state, unstalled."""
    return design.channels * design.engine.cycles_per_group


def predict_filter(design: FilterDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    return PLANE_ENGINES[type(design.engine)].predict(design.engine)
