"""RegisteredEngine: a line engine with registers of a driver around it."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from golden.line.design import LineDesign, slot_bits
from golden.line.registers import counters, registers_of, weight_words
from golden.registers import WORD, RegisterMap
from hw.line.engine import LineEngine, weights_layout
from hw.line.output import beat_layout
from hw.parts.counter import Counter
from hw.parts.ports import Stream, StreamComponent, flipped
from hw.parts.registers import RegisterBlock, register_ports
from hw.parts.streams import connect_streams

RESET_CYCLES = 4
"""Of a reset that a driver asks for."""


def weight_slots(design: LineDesign) -> dict[str, int]:
    """Return where the fields of a beat of weights go in w_axis_tdata, by name."""
    places, offset = {}, 0
    for name, field in weights_layout(design):
        if name != "last":
            places[str(name)] = offset
            offset += slot_bits(field.width)
    return places


def registers_around(design: LineDesign) -> RegisterMap:
    """Return the registers around an engine of ``design``."""
    if design.weights is not None:
        return registers_of(design)
    bits = sum(slot_bits(field.width) for name, field in weights_layout(design) if name != "last")
    return registers_of(design, bits)


class RegisteredEngine(StreamComponent):
    """A `LineEngine`, and registers that count, reset it, and load its weights.

    Streams go through as they are. A beat of weights that a driver writes goes between those of
    `w`. While the driver's reset lasts, `RESET_CYCLES` cycles, nothing is taken or given: what
    is on its way is lost, `o` may end a beat that was offered, and weights that were loaded must be
    loaded again.

    Parameters
    ----------
    design
        What to build.

    Members
    -------
    i, o, w : streams
        Of the engine.
    event_last_unexpected, event_last_missing, event_w_last_unexpected, event_w_last_missing : Out
        Of the engine.
    s_aw, s_w, s_b, s_ar, s_r : streams
        Channels of the registers.
    """

    event_last_unexpected: Signal
    event_last_missing: Signal
    w: Stream
    event_w_last_unexpected: Signal
    event_w_last_missing: Signal
    s_aw: Stream
    s_w: Stream
    s_b: Stream
    s_ar: Stream
    s_r: Stream

    def __init__(self, design: LineDesign) -> None:
        self.engine = LineEngine(design)
        self.registers = registers_around(design)
        self._design = design
        ports = {
            "i": In(stream.Signature(beat_layout(design.data_bits, design.lanes))),
            "o": Out(stream.Signature(beat_layout(design.output_bits, design.lanes))),
            **{name: Out(1) for name in self._events()},
            **{f"s_{name}": port for name, port in register_ports(self.registers).items()},
        }
        if design.weights is None:
            ports["w"] = In(stream.Signature(weights_layout(design)))
        super().__init__(ports)

    @property
    def latency(self) -> int:
        """The engine's."""
        return self.engine.latency

    def _events(self) -> dict[str, str]:
        """Return the engine's events, each with the register that counts it."""
        found = {
            "event_last_unexpected": "TLAST_UNEXPECTED",
            "event_last_missing": "TLAST_MISSING",
        }
        if self._design.weights is None:
            found |= {
                "event_w_last_unexpected": "WEIGHTS_UNEXPECTED",
                "event_w_last_missing": "WEIGHTS_MISSING",
            }
        return found

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.block = block = RegisterBlock(self.registers)
        for name in ("aw", "w", "ar"):
            connect_streams(m, flipped(getattr(self, f"s_{name}")), getattr(block, name))
        for name in ("b", "r"):
            connect_streams(m, getattr(block, name), flipped(getattr(self, f"s_{name}")))
        resets = Signal(range(RESET_CYCLES + 1))
        awake = Signal(init=1)
        with m.If(block.pulses.control_soft_reset):
            m.d.sync += [resets.eq(RESET_CYCLES), awake.eq(0)]
        with m.Elif(resets != 0):
            m.d.sync += [resets.eq(resets - 1), awake.eq(resets == 1)]
        m.submodules.engine = ResetInserter(~awake)(self.engine)
        engine = self.engine
        m.d.comb += [
            Value.cast(engine.i.payload).eq(Value.cast(self.i.payload)),
            engine.i.valid.eq(self.i.valid & awake),
            self.i.ready.eq(engine.i.ready & awake),
            Value.cast(self.o.payload).eq(Value.cast(engine.o.payload)),
            self.o.valid.eq(engine.o.valid & awake),
            engine.o.ready.eq(self.o.ready & awake),
            *(getattr(self, name).eq(getattr(engine, name)) for name in self._events()),
        ]
        self._count(m, block, awake)
        if self._design.weights is None:
            self._load(m, block, awake)
        return m

    def _count(self, m: Module, block: RegisterBlock, awake: Signal) -> None:
        design, engine = self._design, self.engine
        taken = Signal()
        given = Signal()
        m.submodules.taken = beats = ResetInserter(~awake)(Counter(design.length))
        groups = design.groups_per_channel * design.channels
        m.submodules.given = frames = ResetInserter(~awake)(Counter(groups))
        m.d.comb += [
            taken.eq(engine.i.valid & engine.i.ready),
            beats.step.eq(taken),
            given.eq(engine.o.valid & engine.o.ready & engine.o.payload.last),
            frames.step.eq(given),
        ]
        pulses = {
            "GROUPS_TAKEN": taken & beats.last,
            "GROUPS_GIVEN": given,
            "FRAMES_GIVEN": given & frames.last,
        }
        pulses |= {told: getattr(engine, name) for name, told in self._events().items()}
        for name in counters(loaded=design.weights is None):
            count = Signal(WORD, name=name.lower())
            m.d.sync += count.eq(Mux(awake, count + pulses[name], 0))
            m.d.comb += block.told[name.lower()].eq(count)

    def _load(self, m: Module, block: RegisterBlock, awake: Signal) -> None:
        """Hand on beats of `w`, and those that a driver writes between them."""
        engine, kept = self.engine, block.kept
        pending = Signal()
        with m.If(block.pulses.weights_control_send & ~pending):
            m.d.sync += pending.eq(1)
        with m.If((pending & engine.w.ready) | ~awake):
            m.d.sync += pending.eq(0)
        words = Cat(*(Value.cast(kept[name.lower()]) for name in self._words()))
        m.d.comb += [
            block.busy.eq(pending),
            block.told.weights_status_pending.eq(pending),
            Value.cast(engine.w.payload).eq(Value.cast(self.w.payload)),
            engine.w.valid.eq((self.w.valid | pending) & awake),
            self.w.ready.eq(engine.w.ready & ~pending & awake),
        ]
        with m.If(pending):
            m.d.comb += engine.w.payload.last.eq(kept.weights_control_last)
            for name, at in weight_slots(self._design).items():
                part = Value.cast(engine.w.payload[name])
                m.d.comb += part.eq(words[at : at + len(part)])

    def _words(self) -> list[str]:
        bits = max(
            at + slot_bits(len(Value.cast(self.engine.w.payload[name])))
            for name, at in weight_slots(self._design).items()
        )
        return weight_words(bits)
