"""Both passes of a layer on one engine."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.layer_axes import AxesDesign
from hw.counter import Odometer
from hw.layer.turn import CornerTurn, Run
from hw.line import LineEngine
from hw.output import beat_layout

STEADY_FRAMES = 3
"""Frames after which a layer has found its pace."""


class SharedPasses(wiring.Component):
    """Leads planes through an engine twice, the corner turned between.

    The order is static (`AxesDesign.turns`): first pass of channels 0 and 1, then by turns second
    pass of the channel before and first pass of the next, and the second pass of the last. So a
    plane's corner is turned while the engine has another, and a frame leaves without the next.

    Parameters
    ----------
    design
        With a shared engine.

    Members
    -------
    i, o : stream of beats, In and Out
        `last` means nothing.
    """

    def __init__(self, design: AxesDesign) -> None:
        self._design = design
        line = design.passes[0][0].design
        self.engine = LineEngine(line)
        self._plane_beats = line.length * line.groups_per_channel
        run = Run(planes=design.channels, rows=line.length, columns=line.length, turned=True)
        self._turn = CornerTurn(
            runs=[run], bits=line.output_bits, lanes=line.lanes, target=line.target
        )
        super().__init__(
            {
                "i": In(stream.Signature(beat_layout(design.data_bits, line.lanes))),
                "o": Out(stream.Signature(beat_layout(line.output_bits, line.lanes))),
            }
        )

    def _results(self, frames: int) -> list[int]:
        """Return when the first result of each plane comes, from the first sample on, unstalled.

        The engine starts a plane when it has done with the one before and the plane's first beat is
        there: in the second pass, once the corner of the whole plane is turned.
        """
        line = self.engine.design
        busy = line.groups_per_channel * line.cycles_per_group
        flowing = (line.groups_per_channel - 1) * line.cycles_per_group + line.length - 1
        results: list[int] = []
        first_pass: dict[int, int] = {}
        for frame in range(frames):
            for number, channel in self._design.turns:
                plane = frame * self._design.channels + channel
                ready = plane * self._plane_beats
                if number:
                    ready = first_pass[plane] + flowing + self._turn.latency
                result = ready + self.engine.latency
                if results:
                    result = max(result, results[-1] + busy)
                results.append(result)
                if not number:
                    first_pass[plane] = result
        return results

    @property
    def engines(self) -> list[LineEngine]:
        """The engine."""
        return [self.engine]

    @property
    def plane_span(self) -> int:
        """Cycles from the first result of a channel to its last, unstalled."""
        return self.engine.plane_span

    @property
    def latency(self) -> int:
        """Cycles from the first sample to the first result of the second pass, unstalled."""
        turns = [number for number, _ in self._design.turns]
        return self._results(1)[turns.index(1)]

    @property
    def cycles_per_frame(self) -> int:
        """Cycles from a frame to the next in steady state, unstalled."""
        last = self._results(STEADY_FRAMES)[:: -2 * self._design.channels]
        return last[0] - last[1]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine = engine = self.engine
        m.submodules.turn = turn = self._turn
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

    def _second_pass(self, m: Module, beats: wiring.PureInterface, *, name: str) -> Signal:
        """Return whether the next of ``beats`` belongs to the second pass."""
        planes = 2 * self._design.channels
        m.submodules[name] = place = Odometer(beat=self._plane_beats, plane=planes)
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
