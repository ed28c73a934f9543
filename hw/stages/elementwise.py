"""Functions of a sample each as stages: a table a lane."""

from functools import cached_property

from amaranth.hdl import Module, Signal, Value, signed
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from golden.stages.elementwise import Elementwise
from hw.graph.count import Counted, CountedStage
from hw.graph.stage import StageHardware
from hw.line.output import beat_layout
from hw.line.pace import BufferPace, DelayPace
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import StreamComponent, flipped
from hw.parts.streams import OutputBuffer, connect_streams
from hw.parts.tables import Table
from hw.predict import buffer, rom
from hw.targets.cost import Cost


class ElementwiseStream(StreamComponent):
    """Looks every sample up.

    Parameters
    ----------
    plan
        What to build.

    Members
    -------
    i, o : stream of beats, In and Out
    """

    def __init__(self, plan: "ElementwiseHardware") -> None:
        self._plan = plan
        bits, lanes = plan.stage.taken.bits, plan.place.lanes
        out_bits = plan.stage.output.bits
        super().__init__(
            {
                "i": In(stream.Signature(beat_layout(bits, lanes))),
                "o": Out(stream.Signature(beat_layout(out_bits, lanes))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        plan = self._plan
        m.submodules.buffer = buffer = OutputBuffer(
            shape=self.o.payload.shape(), depth=plan.depth, target=plan.place.target
        )
        taken = Signal()
        m.d.comb += [
            self.i.ready.eq(buffer.credit),
            taken.eq(self.i.valid & buffer.credit),
            buffer.take.eq(taken),
            buffer.i.valid.eq(delay_valid(m, taken, plan.in_flight, name="taken")),
            buffer.i.payload.last.eq(delay(m, self.i.payload.last, plan.in_flight, name="last")),
        ]
        for lane in range(plan.place.lanes):
            result = plan.result(m, self.i.payload.samples[lane], lane)
            m.d.comb += buffer.i.payload.samples[lane].eq(result)
        connect_streams(m, buffer.o, flipped(self.o))
        return m


class ElementwiseHardware(StageHardware[Elementwise]):
    """See `ElementwiseStream`; a stage with logic of its own has another `result`."""

    marks_frames = None
    in_flight = Table.latency
    """Cycles from a sample to its result."""

    @cached_property
    def component(self) -> ElementwiseStream:
        """See `StageHardware`."""
        return ElementwiseStream(self)

    def result(self, m: Module, sample: Value, lane: int) -> Value:
        """Return what becomes of ``sample``, `in_flight` cycles later."""
        stage = self.stage
        bits, out_bits = stage.taken.bits, stage.output.bits
        low, high = stage.taken.range.low, stage.taken.range.high
        words = [0] * (1 << bits)
        for code, word in zip(range(low, high + 1), stage.words, strict=True):
            words[code % len(words)] = int(word)
        m.submodules[f"table_{lane}"] = table = Table(
            words=words, depth=len(words), width=out_bits, target=self.place.target
        )
        found = Signal(signed(out_bits), name=f"found_{lane}")
        m.d.comb += [table.addr.eq(Value.cast(sample)), found.eq(table.data)]
        return found

    @property
    def depth(self) -> int:
        """Beats that the buffer at the end holds."""
        return OutputBuffer.depth_for(self.in_flight)

    @property
    def latency(self) -> int:
        """See `StageHardware`."""
        return self.in_flight + OutputBuffer.latency_of(self.depth)

    @property
    def cycles_per_frame(self) -> int:
        """See `StageHardware`."""
        return self.place.frame_beats(self.stage.taken)

    @property
    def held(self) -> int:
        """See `StageHardware`."""
        return self.depth

    @property
    def cost(self) -> Cost:
        """See `StageHardware`."""
        lanes, bits = self.place.lanes, self.stage.output.bits
        table = rom(depth=1 << self.stage.taken.bits, width=bits)
        return table.times(lanes) + buffer(depth=self.depth, width=lanes * bits + 1)

    def counted(self, planes: int) -> Counted:
        """See `StageHardware`."""
        return CountedStage(ElementwisePace(self.in_flight, self.depth))


class ElementwisePace:
    """The control of a pipeline into a buffer."""

    def __init__(self, in_flight: int, depth: int) -> None:
        self._delay, self._buffer = DelayPace(in_flight), BufferPace(depth)

    @property
    def ready(self) -> bool:
        """See `Pace`."""
        return self._buffer.credit

    @property
    def valid(self) -> bool:
        """See `Pace`."""
        return self._buffer.valid

    def step(self, i_valid: bool, o_ready: bool) -> None:
        """See `Pace`."""
        taken = i_valid and self.ready
        self._buffer.step(self._delay.shift(taken), taken, o_ready)
