"""A pass in which each half of the channels has its own engine."""

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from hw.counter import Counter
from hw.layer.plan import Split
from hw.line import LineEngine
from hw.output import beat_layout
from hw.ports import Stream, StreamComponent
from hw.streams import OutputBuffer


class SplitPass(StreamComponent):
    """Sends the first half of a frame's beats through one engine, the second through another.

    Results leave in the order in which samples came. The engines' results come after different
    times; those that come early wait in a buffer before the two join, so that neither engine is
    held up when both take a beat a cycle.

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
        m.d.comb += [
            self.o.valid.eq(Mux(half, second.valid, first.valid)),
            first.ready.eq(self.o.ready & ~half),
            second.ready.eq(self.o.ready & half),
        ]
        for lane, sample in enumerate(self.o.payload.samples):
            wide = [result.payload.samples[lane] for result in results]
            m.d.comb += sample.eq(Mux(half, wide[1], wide[0]))
