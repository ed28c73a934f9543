"""Linear convolutions as stages: line engines with zeros around every line."""

from functools import cached_property

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from golden.line.design import LineDesign
from golden.stages.linear import LinearPass
from hw.line.engine import LineEngine, weights_layout
from hw.line.output import beat_layout
from hw.parts.counter import Counter
from hw.parts.ports import Stream, StreamComponent, flipped
from hw.parts.streams import connect_streams
from hw.predict import counter
from hw.stages.line import EnginesHardware, flowing
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
    def loaders(self) -> list["LinearEngine"]:
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
        last = last_result(self._part)
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


def last_result(part: LinearPass) -> int:
    """Return the position of a line's last result on the circle."""
    return (part.n_results - 1) * part.kernel.stride


class LinearHardware(EnginesHardware[LinearPass]):
    """See `LinearEngine`."""

    @cached_property
    def component(self) -> LinearEngine:
        """See `StageHardware`."""
        return LinearEngine(self.stage)

    @property
    def wait(self) -> int:
        """See `StageHardware`: zeros go ahead of a line."""
        return self.stage.kernel.before

    @property
    def span(self) -> int:
        """See `StageHardware`."""
        design = self.stage.design
        dropped = design.length - 1 - last_result(self.stage)
        return flowing(design) - dropped * design.cycles_per_result

    @property
    def cost(self) -> Cost:
        """See `StageHardware`."""
        design = self.stage.design
        ends = counter(design.length) + counter(design.length)
        return super().cost + ends + Cost(luts=_ZERO_LUTS * design.lanes * design.data_bits)


_ZERO_LUTS = 1
"""Of a sample's bit that may be 0 instead."""
