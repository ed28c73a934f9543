"""Both passes of a layer on one engine."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from hw.layer.plan import Shared, plane_beats
from hw.layer.turn import CornerTurn
from hw.line.engine import LineEngine
from hw.line.output import beat_layout
from hw.parts.counter import Odometer
from hw.parts.ports import Stream, StreamComponent


class SharedPasses(StreamComponent):
    """Leads planes through an engine twice, the corner turned between.

    The order is static (`AxesDesign.turns`): first pass of channels 0 and 1, then by turns second
    pass of the channel before and first pass of the next, and the second pass of the last. So a
    plane's corner is turned while the engine has another, and a frame leaves without the next.

    Parameters
    ----------
    plan
        What to build.

    Members
    -------
    i, o : stream of beats, In and Out
        `last` means nothing.
    """

    def __init__(self, plan: Shared) -> None:
        self._plan = plan
        self.engines = [LineEngine(plan.design)]
        lanes = plan.design.lanes
        super().__init__(
            {
                "i": In(stream.Signature(beat_layout(plan.layer.data_bits, lanes))),
                "o": Out(stream.Signature(beat_layout(plan.design.output_bits, lanes))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine = engine = self.engines[0]
        m.submodules.turn = turn = CornerTurn(**vars(self._plan.turn))
        again = self._second_pass(m, engine.i, name="entering")
        inside, outside = turn.o, self.i
        m.d.comb += [
            engine.i.valid.eq(Mux(again, inside.valid, outside.valid)),
            outside.ready.eq(engine.i.ready & ~again),
            inside.ready.eq(engine.i.ready & again),
        ]
        for lane, sample in enumerate(engine.i.payload.samples):
            new, old = outside.payload.samples[lane], inside.payload.samples[lane]
            m.d.comb += sample.eq(Mux(again, old, new))
        finished = self._second_pass(m, engine.o, name="leaving")
        for sink in (turn.i, self.o):
            m.d.comb += Value.cast(sink.payload).eq(Value.cast(engine.o.payload))
        m.d.comb += [
            self.o.valid.eq(engine.o.valid & finished),
            turn.i.valid.eq(engine.o.valid & ~finished),
            engine.o.ready.eq(Mux(finished, self.o.ready, turn.i.ready)),
        ]
        return m

    def _second_pass(self, m: Module, beats: Stream, *, name: str) -> Signal:
        """Return whether the next of ``beats`` belongs to the second pass."""
        planes = self._plan.design.channels
        m.submodules[name] = place = Odometer(beat=plane_beats(self._plan.layer), plane=planes)
        m.d.comb += place.step.eq(beats.valid & beats.ready)
        second = Signal(name=f"{name}_second")
        with m.If(place.last_beat & place.step):
            # The next plane's number is one more: odd ones but the last are first passes.
            m.d.sync += second.eq(place.plane[0])
            with m.If(place.plane == planes - 2):
                m.d.sync += second.eq(1)
            with m.If(place.last_plane):
                m.d.sync += second.eq(0)
        return second
