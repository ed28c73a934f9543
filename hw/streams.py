"""Streams between components: joining them, delaying them, and the buffer that lets none stall."""

from amaranth.hdl import Module, Shape, ShapeCastable, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

AnyShape = Shape | ShapeCastable | int


class FlowSignature(wiring.Signature):
    """A stream that cannot be refused: payload and valid, no ready.

    Between the credit gate at an engine's door and the buffer at its end nothing stalls, so
    nothing needs a ready.
    """

    def __init__(self, shape: AnyShape) -> None:
        super().__init__({"payload": Out(shape), "valid": Out(1)})


def connect_streams(m: Module, source: wiring.PureInterface, sink: wiring.PureInterface) -> None:
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
        m.d.comb += source.ready.eq(sink.ready)


def _shape(interface: wiring.PureInterface) -> object:
    payload = interface.payload
    return payload.shape() if isinstance(payload, data.View | Value) else type(payload)


class OutputBuffer(wiring.Component):
    """A FIFO that is never full, since every beat is paid for before it sets out.

    An engine's door opens while `credit` is high; each beat that it lets in raises `take` for a
    cycle and arrives on `i` any time later. The buffer holds `depth` beats and hands out as many
    credits, so neither the engine nor the buffer ever stalls a beat on its way. `credit` is a
    register: no path leads from `o.ready` to the door.

    A beat written in cycle t can be taken from `o` in t + `latency`. Full rate needs a depth of at
    least the cycles from `take` to `i.valid`, plus `ROUND_TRIP`.

    Members
    -------
    i : In, flow
    take : In
    credit : Out
    o : Out, stream
    """

    latency = 2
    ROUND_TRIP = 4

    def __init__(self, *, shape: AnyShape, depth: int) -> None:
        if depth < 3:
            raise ValueError(f"Depth must be at least 3, not {depth}")
        self._shape = shape
        self._depth = depth
        super().__init__(
            {
                "i": In(FlowSignature(shape)),
                "take": In(1),
                "credit": Out(1),
                "o": Out(stream.Signature(shape)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = Shape.cast(self._shape).width
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=width, depth=self._depth)
        m.d.comb += [
            fifo.w_data.eq(self.i.payload),
            fifo.w_en.eq(self.i.valid),
            Value.cast(self.o.payload).eq(fifo.r_data),
            self.o.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.o.ready),
        ]
        # One less than the credits left: the sign says that there are none, with no comparison.
        spare = Signal(range(-1, self._depth), init=self._depth - 1)
        give = fifo.r_rdy & fifo.r_en
        m.d.sync += spare.eq(spare + give - self.take)
        m.d.comb += self.credit.eq(spare >= 0)
        return m
