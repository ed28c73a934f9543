"""Layers of linear convolutions: line engines with zeros around every line."""

from collections.abc import Iterator

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from golden.layer.axes import Axis
from golden.layer.linear import LinearLayerDesign, LinearPass
from golden.line.design import LineDesign
from hw.engines import ENGINES
from hw.layer import plan
from hw.layer.predict import turn_cost
from hw.layer.staged import StagedLayer
from hw.layer.turn import CornerTurn, Run
from hw.line.engine import LineEngine, weights_layout
from hw.line.output import beat_layout
from hw.parts.counter import Counter
from hw.parts.ports import Stream, StreamComponent, flipped
from hw.parts.streams import connect_streams
from hw.predict import counter
from hw.targets.cost import Cost


class LinearEngine(StreamComponent):
    """Lines without their zeros go in, and the results wanted come out.

    A group takes as long as on the circle. The zeros ahead of a line go in once its first sample
    is there, those behind it by themselves.

    Members
    -------
    i, o : stream of beats, In and Out
        `last` of `o` ends a group.
    w : In, stream of `hw.line.engine.weights_layout`
        Where weights are loaded.
    event_w_last_unexpected, event_w_last_missing : Out
        See `LineEngine`.
    """

    w: Stream
    event_w_last_unexpected: Signal
    event_w_last_missing: Signal

    def __init__(self, part: LinearPass) -> None:
        self._part = part
        self._engine = LineEngine(part.design)
        design = part.design
        ports = {
            "i": In(stream.Signature(beat_layout(design.data_bits, design.lanes))),
            "o": Out(stream.Signature(beat_layout(design.output_bits, design.lanes))),
        }
        if design.weights is None:
            ports |= {
                "w": In(stream.Signature(weights_layout(design))),
                "event_w_last_unexpected": Out(1),
                "event_w_last_missing": Out(1),
            }
        super().__init__(ports)

    @property
    def design(self) -> LineDesign:
        """The circular engine."""
        return self._part.design

    @property
    def latency(self) -> int:
        """Cycles from a sample offered to the first output handshake, unstalled."""
        return self._engine.latency

    @property
    def wait(self) -> int:
        """Cycles from a sample offered to its handshake: zeros go ahead of it."""
        return self._part.kernel.before

    @property
    def plane_span(self) -> int:
        """Cycles from the first result of a channel to its last, unstalled."""
        dropped = self.design.length - 1 - self._last
        return self._engine.plane_span - dropped * self.design.cycles_per_result

    @property
    def _last(self) -> int:
        """Position of a line's last result."""
        return (self._part.n_results - 1) * self._part.kernel.stride

    @property
    def engines(self) -> list["LinearEngine"]:
        """Itself."""
        return [self]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine = engine = self._engine
        self._surround(m, engine)
        self._choose(m, engine)
        if self.design.weights is None:
            connect_streams(m, flipped(self.w), engine.w)
            m.d.comb += [
                self.event_w_last_unexpected.eq(engine.event_w_last_unexpected),
                self.event_w_last_missing.eq(engine.event_w_last_missing),
            ]
        return m

    def _surround(self, m: Module, engine: LineEngine) -> None:
        """Lead lines into the engine with zeros ahead and behind."""
        before = self._part.kernel.before
        m.submodules.given = given = Counter(self.design.length)
        ahead = Signal()
        behind = Signal()
        m.d.comb += [
            ahead.eq(given.value < before),
            behind.eq(given.value >= before + self._part.n_samples),
            engine.i.valid.eq(self.i.valid | behind),
            engine.i.payload.last.eq(given.last),
            Value.cast(engine.i.payload.samples).eq(
                Mux(ahead | behind, 0, Value.cast(self.i.payload.samples))
            ),
            self.i.ready.eq(engine.i.ready & ~ahead & ~behind),
            given.step.eq(engine.i.valid & engine.i.ready),
        ]

    def _choose(self, m: Module, engine: LineEngine) -> None:
        """Let through every ``stride``-th result of a line, and drop the rest."""
        stride = self._part.kernel.stride
        last = self._last
        m.submodules.come = come = Counter(self.design.length)
        wanted = Signal()
        m.d.comb += [
            wanted.eq(come.value <= last),
            self.o.valid.eq(engine.o.valid & wanted),
            self.o.payload.samples.eq(engine.o.payload.samples),
            self.o.payload.last.eq(come.value == last),
            engine.o.ready.eq(self.o.ready | ~wanted),
            come.step.eq(engine.o.valid & engine.o.ready),
        ]
        if stride == 2:
            m.d.comb += wanted.eq((come.value <= last) & ~come.value[0])


class LinearLayer(StagedLayer):
    """A layer as `design` describes it.

    Members
    -------
    See `LayerComponent`; a `w` takes beats of `hw.line.engine.weights_layout`.
    """

    def __init__(self, design: LinearLayerDesign) -> None:
        self._linear = design
        stages = [
            CornerTurn(**vars(stage)) if isinstance(stage, plan.Turn) else LinearEngine(stage)
            for stage in _stages(design)
        ]
        super().__init__(design, stages)

    @property
    def latency(self) -> int:
        """Cycles from the first input handshake to the first output handshake, unstalled."""
        first = self._stages[0]
        return super().latency - (first.wait if isinstance(first, LinearEngine) else 0)

    @property
    def cycles_per_frame(self) -> int:
        """Cycles from a frame to the next in steady state, unstalled."""
        return cycles_per_frame(self._linear)


def cycles_per_frame(design: LinearLayerDesign) -> int:
    """Cycles from a frame of ``design`` to the next in steady state, unstalled."""
    return design.channels * max(map(plan.busy, design.engines.values()))


def predict_linear(design: LinearLayerDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    cost = counter(design.frame_beats)
    for stage in _stages(design):
        if isinstance(stage, plan.Turn):
            cost += turn_cost(stage)
            continue
        cost += ENGINES[stage.design.engine].predict(stage.design)
        cost += counter(stage.design.length) + counter(stage.design.length)
        cost += Cost(luts=_ZERO_LUTS * stage.design.lanes * stage.design.data_bits)
    return cost


_ZERO_LUTS = 1
"""Of a sample's bit that may be 0 instead."""


def _stages(design: LinearLayerDesign) -> Iterator[plan.Turn | LinearPass]:
    """Yield what planes pass, with corner turns where they are needed."""
    axis: Axis = "width"
    bits = design.data_bits
    for part in design.passes:
        yield from _turn(design, part.shape, bits, axis, part.axis)
        yield part
        axis, bits = part.axis, part.design.output_bits
    yield from _turn(design, design.shapes[-1], bits, axis, "width")


def _turn(
    design: LinearLayerDesign, shape: tuple[int, int], bits: int, have: Axis, want: Axis
) -> Iterator[plan.Turn]:
    if have == want:
        return
    rows, columns = shape if have == "width" else shape[::-1]
    run = Run(planes=design.channels, rows=rows, columns=columns, turned=True)
    yield plan.Turn((run,), bits, design.lanes, design.target)
