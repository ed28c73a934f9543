"""A pass in which each half of the channels has its own engine."""

from collections.abc import Sequence

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from hw.layer.plan import Split
from hw.line.engine import LineEngine
from hw.line.output import beat_layout
from hw.parts.counter import Counter
from hw.parts.ports import Stream, StreamComponent
from hw.parts.streams import OutputBuffer


class SplitPass(StreamComponent):
    """Sends the first half of a frame's beats through one engine, the second through another.

    Results leave in the order in which samples came. The engines' results come after different
    times; those that come early wait in a buffer before the two join, as long as the others take,
    so that neither engine is held up, and no frame has a gap, when both take a beat a cycle.

    Parameters
    ----------
    plan
        What to build.

    Members
    -------
    i, o : stream of beats, In and Out
        `last` means nothing.
    """

    def __init__(self, plan: Split) -> None:
        self._plan = plan
        self.engines = [LineEngine(design) for design in plan.designs]
        first = plan.designs[0]
        super().__init__(
            {
                "i": In(stream.Signature(beat_layout(first.data_bits, first.lanes))),
                "o": Out(stream.Signature(beat_layout(plan.output_bits, first.lanes))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        results = []
        for number, engine in enumerate(self.engines):
            m.submodules[f"engine_{number}"] = engine
            results.append(self._waiting(m, number, engine.o))
        self._part(m)
        self._join(m, results)
        return m

    def _half(self, m: Module, handshake: Value, *, name: str) -> Signal:
        """Return which half of a frame the next beat belongs to."""
        m.submodules[name] = counter = Counter(self._plan.half_beats)
        half = Signal(name=f"{name}_half")
        m.d.comb += counter.step.eq(handshake)
        with m.If(handshake & counter.last):
            m.d.sync += half.eq(~half)
        return half

    def _part(self, m: Module) -> None:
        half = self._half(m, self.i.valid & self.i.ready, name="parting")
        first, second = (engine.i for engine in self.engines)
        m.d.comb += [
            Value.cast(first.payload).eq(Value.cast(self.i.payload)),
            Value.cast(second.payload).eq(Value.cast(self.i.payload)),
            first.valid.eq(self.i.valid & ~half),
            second.valid.eq(self.i.valid & half),
            self.i.ready.eq(Mux(half, second.ready, first.ready)),
        ]

    def _waiting(self, m: Module, number: int, results: Stream) -> Stream:
        """Return ``results`` from behind the buffer in which they wait, if there is one."""
        if not self._plan.buffer_depths:
            return results
        m.submodules[f"buffer_{number}"] = buffer = OutputBuffer(
            shape=results.payload.shape(),
            depth=self._plan.buffer_depths[number],
            target=self._plan.designs[0].target,
        )
        moved = results.valid & buffer.credit
        m.d.comb += [
            results.ready.eq(buffer.credit),
            buffer.take.eq(moved),
            buffer.i.valid.eq(moved),
            Value.cast(buffer.i.payload).eq(Value.cast(results.payload)),
        ]
        return buffer.o

    def _join(self, m: Module, results: Sequence[Stream]) -> None:
        half = self._half(m, self.o.valid & self.o.ready, name="joining")
        first, second = results
        ends = m.submodules.joining.last
        let_go = [self._hold(m, number, result, ends) for number, result in enumerate(results)]
        m.d.comb += [
            self.o.valid.eq(Mux(half, second.valid & let_go[1], first.valid & let_go[0])),
            first.ready.eq(self.o.ready & ~half & let_go[0]),
            second.ready.eq(self.o.ready & half & let_go[1]),
        ]
        for lane, sample in enumerate(self.o.payload.samples):
            wide = [result.payload.samples[lane] for result in results]
            m.d.comb += sample.eq(Mux(half, wide[1], wide[0]))

    def _hold(self, m: Module, number: int, results: Stream, ends: Value) -> Value:
        """Return whether ``results`` may leave: a half's first one has waited long enough.

        ``ends`` is high with the last result of either half.
        """
        cycles = self._plan.holds[number]
        if not cycles:
            return Const(1)
        fresh = Signal(name=f"fresh_{number}", init=1)
        waited = Signal(range(cycles + 1), name=f"waited_{number}")
        let_go = Signal(name=f"let_go_{number}")
        m.d.comb += let_go.eq(~fresh | (waited == cycles))
        with m.If(results.valid & results.ready):
            m.d.sync += [fresh.eq(ends), waited.eq(0)]
        with m.Elif(results.valid & ~let_go):
            m.d.sync += waited.eq(waited + 1)
        return let_go
