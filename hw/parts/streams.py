"""Streams between components: joining them, delaying them, and the buffer that lets none stall."""

from typing import Any, Union, cast

from amaranth.hdl import Cat, Module, Mux, Shape, ShapeCastable, Signal, Value, unsigned
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.parts.counter import Counter
from hw.parts.delay import delay_valid
from hw.parts.ports import Component, Interface, Path, Stream, flipped
from hw.primitives.memory import READ_LATENCY, Memory
from hw.targets.memory import UNFILLED

AnyShape = Union[Shape, "ShapeCastable[Any]", int]


class Flow(Interface):
    """A stream that cannot be refused; see `FlowSignature`."""

    payload: Any
    valid: Signal


class FlowSignature(wiring.Signature):
    """A stream that cannot be refused: payload and valid, no ready.

    Between the credit gate at an engine's door and the buffer at its end nothing stalls, so
    nothing needs a ready.
    """

    def __init__(self, shape: AnyShape) -> None:
        super().__init__({"payload": Out(shape), "valid": Out(1)})

    def create(self, *, path: Path = (), src_loc_at: int = 0) -> Flow:
        """See `amaranth.lib.wiring.Signature`."""
        return Flow(self, path=path, src_loc_at=1 + src_loc_at)


def connect_streams(m: Module, source: Stream | Flow, sink: Stream | Flow) -> None:
    """Drive ``sink`` (streams or flows) from ``source``, whose payload must have the same shape.

    `amaranth.lib.wiring.connect` of 0.5 compares widths only: it joins signed to unsigned.

    Raises
    ------
    TypeError
        Where the payloads' shapes differ.
    """
    have, want = _shape(source), _shape(sink)
    if have != want:
        raise TypeError(f"Payload must be {want!r}, not {have!r}")
    m.d.comb += [
        Value.cast(sink.payload).eq(Value.cast(source.payload)),
        sink.valid.eq(source.valid),
    ]
    if hasattr(source, "ready"):
        m.d.comb += source.ready.eq(cast(Stream, sink).ready)


def _shape(interface: Stream | Flow) -> object:
    payload = interface.payload
    return payload.shape() if isinstance(payload, data.View | Value) else type(payload)


def taken_late(m: Module, source: Stream, free: Value) -> Signal:
    """Take a beat the cycle after it is there and ``free``; return whether one is taken.

    A register, which may drive all that a beat is kept in; every other cycle at most.
    """
    starts = Signal(name="starts")
    m.d.comb += source.ready.eq(starts)
    m.d.sync += starts.eq(source.valid & free & ~starts)
    return starts


class StreamPair(Component):
    """A stream through two registers that are filled and emptied in turns, at full rate.

    What is far on either side meets few bits: `i.ready` is of registers alone, and `o.ready` moves
    none of a payload's. A beat taken in cycle t is there in t + 1.

    Parameters
    ----------
    shape
        Of a beat.

    Members
    -------
    i, o : In, Out, streams
    """

    i: Stream
    o: Stream

    def __init__(self, *, shape: AnyShape) -> None:
        beats = stream.Signature(shape)
        self._bits = Shape.cast(shape).width
        super().__init__({"i": In(beats), "o": Out(beats)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        there = Signal(2)  # which of them are
        given = Signal()  # which is given next
        taken = Signal()  # into which the next is taken
        kept = [Signal(self._bits, name=f"kept_{n}", reset_less=True) for n in range(2)]
        m.d.comb += [
            self.i.ready.eq(~there.all()),
            self.o.valid.eq(there.any()),
            Value.cast(self.o.payload).eq(Mux(given, kept[1], kept[0])),
        ]
        gives, takes = (one.valid & one.ready for one in (self.o, self.i))
        m.d.sync += [given.eq(given ^ gives), taken.eq(taken ^ takes)]
        for number, beat in enumerate(kept):
            # What it keeps matters where a beat is taken into it: nothing else enables it.
            with m.If((taken == number) & ~there[number]):
                m.d.sync += [beat.eq(Value.cast(self.i.payload)), there[number].eq(takes)]
            with m.If((given == number) & gives):
                m.d.sync += there[number].eq(0)
        return m


class OutputBuffer(Component):
    """A FIFO that is never full, since every beat is paid for before it sets out.

    An engine's door opens while `credit` is high; each beat that it lets in raises `take` for a
    cycle and arrives on `i` any time later. The buffer holds `depth` beats and hands out as many
    credits, so neither the engine nor the buffer ever stalls a beat on its way. `credit` is a
    register: no path leads from `o.ready` to the door.

    A beat written in cycle t can be taken from `o` in t + `latency`. Full rate needs a depth of at
    least the cycles from `take` to `i.valid`, plus `latency` + 3.

    Parameters
    ----------
    shape
        Of a beat.
    depth
        Beats and credits. Above `SHALLOW` they wait in a `Memory` and pass a shallow buffer on the
        way out, which covers the memory's latency.
    target
        Device family.

    Members
    -------
    i : In, flow
    take : In
    credit : Out
    o : Out, stream
    """

    i: Flow
    take: Signal
    credit: Signal
    o: Stream

    SHALLOW = 33
    """Two columns of 16-deep distributed memory, and the output register."""
    _SHALLOW_LATENCY = 2
    _ROUND_TRIP = 3

    def __init__(self, *, shape: AnyShape, depth: int, target: str) -> None:
        ring = depth - 1 if depth <= self.SHALLOW else depth
        if ring < 2 or ring & (ring - 1):
            raise ValueError(f"Depth must hold a ring of a power of two, at least 2, not {depth}")
        self._shape = shape
        self._depth = depth
        self._target = target
        super().__init__(
            {
                "i": In(FlowSignature(shape)),
                "take": In(1),
                "credit": Out(1),
                "o": Out(stream.Signature(shape)),
            }
        )

    @classmethod
    def latency_of(cls, depth: int) -> int:
        """Cycles that a beat takes through an empty buffer."""
        if depth <= cls.SHALLOW:
            return cls._SHALLOW_LATENCY
        return 1 + READ_LATENCY + cls._SHALLOW_LATENCY

    @classmethod
    def depth_for(cls, in_flight: int) -> int:
        """Least depth for full rate when a beat arrives ``in_flight`` cycles after its `take`.

        One more than a power of two: the output register stands behind the memory.
        """
        for depth in (17, cls.SHALLOW):
            if depth >= in_flight + cls.latency_of(depth) + cls._ROUND_TRIP:
                return depth
        return 1 << (in_flight + cls.latency_of(cls.SHALLOW + 1) + cls._ROUND_TRIP - 1).bit_length()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # What happens in a cycle is counted in the next, so one beat more than counted may be on
        # its way; and one less than the credits left is kept, since its sign says that there are
        # none. Either spares a level of logic on a path that ends at the door.
        spare = Signal(range(-2, self._depth), init=self._depth - 2)
        change = Signal(range(-1, 2))
        m.d.sync += [
            change.eq((self.o.valid & self.o.ready).as_unsigned() - self.take),
            spare.eq(spare + change),
        ]
        m.d.comb += self.credit.eq(spare >= 0)
        if self._depth <= self.SHALLOW:
            self._keep_shallow(m)
        else:
            self._keep_deep(m)
        return m

    def _keep_shallow(self, m: Module) -> None:
        """Keep all but one beat in a memory, and the next one in its read register.

        Amaranth's `SyncFIFOBuffered` does the same, but asks whether it is full, which cannot be,
        and compares its level: that was the longest path of the engine, 233 MHz on an ECP5.
        """
        array: memory.Memory[Any, Any] = memory.Memory(
            shape=unsigned(Shape.cast(self._shape).width),
            depth=self._depth - 1,
            init=[],
            attrs={UNFILLED: "1"},
        )
        m.submodules.memory = array
        write = array.write_port()
        read = array.read_port()
        pop = Signal()
        some = self._foreseen(m, self._depth - 1, pop)
        room = ~self.o.valid | self.o.ready
        self._queue(m, write.addr, read.addr, pop, some=some, room=room)
        with m.If(pop | self.o.ready):
            m.d.sync += self.o.valid.eq(pop)
        m.d.comb += [
            write.en.eq(self.i.valid),
            write.data.eq(self.i.payload),
            read.en.eq(pop),
            Value.cast(self.o.payload).eq(read.data),
        ]

    def _queue(
        self, m: Module, w_addr: Value, r_addr: Value, pop: Signal, *, some: Value, room: Value
    ) -> None:
        """Drive the addresses of a ring of beats, and ``pop`` where one is read."""
        ring = 1 << len(w_addr)
        m.submodules.write = write = Counter(ring)
        m.submodules.read = read = Counter(ring)
        m.d.comb += [
            pop.eq(some & room),
            write.step.eq(self.i.valid),
            read.step.eq(pop),
            w_addr.eq(write.value),
            r_addr.eq(read.value),
        ]

    def _counted(self, m: Module, ring: int, pop: Signal) -> Value:
        """Return whether a beat waits."""
        # One less than the beats waiting: the sign says that there are none.
        waiting = Signal(range(-1, ring), init=-1)
        m.d.sync += waiting.eq(waiting + self.i.valid - pop)
        return waiting >= 0

    def _foreseen(self, m: Module, ring: int, pop: Signal) -> Signal:
        """Return whether a beat waits, known without ``pop`` meeting any carries.

        What ``pop`` hangs on is far away. So a beat is taken off the count the cycle after.
        """
        some = Signal()
        popped = Signal()
        # Two less than the beats counted: the sign says that there are not so many.
        waiting = Signal(range(-2, ring), init=-2)
        more = (waiting >= 0) & ~((waiting == 0) & popped)
        # As bits: of three numbers synthesis makes one sum, with look-up tables before its carries.
        change = Cat(self.i.valid ^ popped, popped & ~self.i.valid).as_signed()
        m.d.sync += [
            popped.eq(pop),
            waiting.eq(waiting + change),
            some.eq(self.i.valid | more | (some & ~pop)),
        ]
        return some

    def _keep_deep(self, m: Module) -> None:
        """Read ahead into a shallow buffer, each beat paid for by one of its credits."""
        width = Shape.cast(self._shape).width
        m.submodules.memory = store = Memory(depth=self._depth, width=width, target=self._target)
        m.submodules.ahead = ahead = OutputBuffer(
            shape=self._shape, depth=self.depth_for(READ_LATENCY), target=self._target
        )
        pop = Signal()
        some = self._counted(m, self._depth, pop)
        self._queue(m, store.w_addr, store.r_addr, pop, some=some, room=ahead.credit)
        m.d.comb += [
            store.w_en.eq(self.i.valid),
            store.w_data.eq(self.i.payload),
            store.r_en.eq(1),
            ahead.take.eq(pop),
            ahead.i.valid.eq(delay_valid(m, pop, READ_LATENCY, name="read")),
            Value.cast(ahead.i.payload).eq(store.r_data),
        ]
        connect_streams(m, ahead.o, flipped(self.o))
