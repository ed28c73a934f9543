"""A whole line engine: framing, core, output stage and, where weights are loaded, their port."""

from amaranth.hdl import Cat, Module, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.line.design import LineDesign
from golden.numbers.quantize import MAX_SHIFT, MULTIPLIER_BITS
from hw.engines import ENGINES
from hw.line.core import Core
from hw.line.output import OutputStage, beat_layout, output_latency
from hw.line.weights_port import WeightsPort
from hw.parts.counter import Counter
from hw.parts.ports import Stream, StreamComponent, flipped
from hw.parts.streams import connect_streams


def weights_layout(design: LineDesign) -> data.StructLayout:
    """Layout of a beat on the weights port: coefficient, start value, and scale if requantised."""
    fields = {name: signed(bits) for name, bits in design.coefficient_fields.items()}
    fields["start"] = signed(design.added_bits)
    if design.requantization is not None:
        fields["multiplier"] = unsigned(MULTIPLIER_BITS)
        fields["shift"] = unsigned(MAX_SHIFT.bit_length())
        if design.zero_points_vary:
            fields["zero_point"] = signed(design.zero_points.bits)
    return data.StructLayout(fields | {"last": unsigned(1)})


def check_framing(
    m: Module, beats: Stream, length: int, unexpected: Signal, missing: Signal
) -> None:
    """Pulse ``unexpected`` or ``missing`` where `last` is not on every ``length``-th beat taken."""
    m.submodules.framing = framing = Counter(length)
    taken = Signal()
    m.d.comb += [taken.eq(beats.valid & beats.ready), framing.step.eq(taken)]
    m.d.sync += [
        unexpected.eq(taken & beats.payload.last & ~framing.last),
        missing.eq(taken & ~beats.payload.last & framing.last),
    ]


def line_latency(design: LineDesign) -> int:
    """Return the `latency` of an engine of ``design``, without making one."""
    engine = ENGINES[design.engine]
    in_flight = design.beats_within(engine.pipeline_latency(design))
    return engine.latency(design) + output_latency(design, in_flight=in_flight)


class LineEngine(StreamComponent):
    """An engine as `design` describes it.

    Parameters
    ----------
    design
        What to build.
    core
        The core to use; by default that of the design's engine.

    Members
    -------
    i : In, stream of beats
    o : Out, stream of beats
    w : In, stream of `weights_layout`
        Where weights are loaded.
    event_last_unexpected, event_last_missing : Out
        Pulses: `i` had `last` on another beat than a group's last one, or not there.
    event_w_last_unexpected, event_w_last_missing : Out
        The same of `w` and its sets.
    """

    event_last_unexpected: Signal
    event_last_missing: Signal
    w: Stream
    event_w_last_unexpected: Signal
    event_w_last_missing: Signal

    def __init__(self, design: LineDesign, core: Core | None = None) -> None:
        self._design = design
        self._core = ENGINES[design.engine].core(design) if core is None else core
        in_flight = design.beats_within(self._core.pipeline_latency)
        self._output = OutputStage(design, in_flight=in_flight, ahead=self._core.ahead)
        ports = {
            "i": In(stream.Signature(beat_layout(design.data_bits, design.lanes))),
            "o": Out(stream.Signature(beat_layout(design.output_bits, design.lanes))),
            "event_last_unexpected": Out(1),
            "event_last_missing": Out(1),
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
        """What it was built of."""
        return self._design

    @property
    def loaders(self) -> list["LineEngine"]:
        """Itself: what weights are loaded into."""
        return [self]

    @property
    def latency(self) -> int:
        """Cycles from the first input handshake to the first output handshake, unstalled."""
        return self._core.latency + self._output.latency

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.core = core = self._core
        m.submodules.output = output = self._output
        connect_streams(m, flipped(self.i), core.i)
        connect_streams(m, core.o, output.i)
        connect_streams(m, output.o, flipped(self.o))
        m.d.comb += [
            output.early.eq(core.early),
            output.take.eq(core.take),
            core.credit.eq(output.credit),
        ]
        check_framing(
            m, self.i, self._design.length, self.event_last_unexpected, self.event_last_missing
        )
        if self._design.weights is None:
            self._load(m)
        else:
            m.d.comb += core.available.eq(1)
        return m

    def _load(self, m: Module) -> None:
        design = self._design
        core, output = self._core, self._output
        scales = design.requantization is not None
        m.submodules.weights = port = WeightsPort(
            channels=design.stored_channels,
            words=design.coefficient_words,
            length=design.start_words,
            coefficient_bits=sum(design.coefficient_fields.values()),
            start_bits=design.added_bits,
            scale_bits=len(output.scales.data) if scales else 0,
            stride=design.coefficient_stride,
        )
        beat = self.w.payload
        m.d.comb += [
            port.w.payload.coefficient.eq(Cat(beat[name] for name in design.coefficient_fields)),
            port.w.payload.start.eq(beat.start),
            port.w.payload.last.eq(beat.last),
            port.w.valid.eq(self.w.valid),
            self.w.ready.eq(port.w.ready),
            port.kernel_frame.eq(core.frame),
            port.kernel_idle.eq(core.idle),
            port.output_frame.eq(output.frame),
            core.available.eq(port.available),
            self.event_w_last_unexpected.eq(port.event_last_unexpected),
            self.event_w_last_missing.eq(port.event_last_missing),
        ]
        if scales:
            # As `hw.line.output.scale_layout` has it.
            shift = (MAX_SHIFT - beat.shift)[: MAX_SHIFT.bit_length()]
            zero_point = [beat.zero_point] if design.zero_points_vary else []
            m.d.comb += port.w.payload.scale.eq(Cat(beat.multiplier, shift, *zero_point))
        wiring.connect(m, port.coefficients, core.coefficients)
        wiring.connect(m, port.starts, output.starts)
        wiring.connect(m, port.scales, output.scales)
