"""Layers of two-dimensional filters: a two-dimensional engine, and its maps' framing."""

from amaranth.hdl import Module
from amaranth.lib import wiring

from golden.layer_filter import FilterDesign
from golden.plane_fft import PlaneFft
from hw.counter import Counter
from hw.layer.base import W_EVENTS, LayerComponent
from hw.line import LineEngine, weights_layout
from hw.plane.core import PlaneFermatCore, PlaneFftCore
from hw.plane.predict import predict_fermat, predict_fft
from hw.predict import Cost
from hw.streams import connect_streams


class FilterLayer(LayerComponent):
    """A layer as `design` describes it.

    Maps of a channel pass through one engine, one after the other.

    Members
    -------
    See `LayerComponent`; `w` takes beats of `hw.line.weights_layout`.
    """

    def __init__(self, design: FilterDesign) -> None:
        self._design = design
        engine = design.engine
        if isinstance(engine, PlaneFft):
            self._engine = LineEngine(engine, PlaneFftCore(engine))
        else:
            self._engine = LineEngine(engine, PlaneFermatCore(engine))
        super().__init__(design, dict.fromkeys(design.weight_streams, weights_layout(engine)))

    @property
    def latency(self) -> int:
        """Cycles from the first input handshake to the first output handshake, unstalled."""
        return self._engine.latency

    @property
    def cycles_per_frame(self) -> int:
        """Cycles from a frame to the next in steady state, unstalled."""
        return self._design.channels * self._design.engine.cycles_per_group

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine = engine = self._engine
        self._check_framing(m)
        connect_streams(m, wiring.flipped(self.i), engine.i)
        connect_streams(m, engine.o, wiring.flipped(self.o))
        m.submodules.place = place = Counter(self._design.out_frame_beats)
        m.d.comb += [
            place.step.eq(self.o.valid & self.o.ready),
            self.o.payload.last.eq(place.last),
        ]
        for port in self._design.weight_streams:
            connect_streams(m, wiring.flipped(getattr(self, port)), engine.w)
            for event in W_EVENTS:
                pulse = getattr(self, f"event_{port}_{event}")
                m.d.comb += pulse.eq(getattr(engine, f"event_w_{event}"))
        return m


def predict_filter(design: FilterDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    engine = design.engine
    return predict_fft(engine) if isinstance(engine, PlaneFft) else predict_fermat(engine)
