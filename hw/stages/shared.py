"""Both passes of a layer on one engine."""

from dataclasses import replace
from functools import cached_property

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from golden.graph.tensor import AXES, Run
from golden.line.design import LineDesign
from golden.stages.shared import SharedPass
from golden.stages.turn import Turn
from hw.graph.count import Counted
from hw.line.engine import LineEngine, line_latency
from hw.line.output import beat_layout
from hw.parts.counter import Odometer
from hw.parts.ports import Stream, StreamComponent
from hw.predict import counter
from hw.stages.line import EnginesHardware, busy, flowing
from hw.stages.turn import TurnHardware
from hw.targets.cost import Cost

_STEADY_FRAMES = 3
"""Frames after which a layer has found its pace."""


class SharedPasses(StreamComponent):
    """Leads planes through an engine twice, the corner turned between.

    The order is static (`golden.stages.shared.turns_of`): first pass of channels 0 and 1, then by
    turns second pass of the channel before and first pass of the next, and the second pass of the
    last. So a plane's corner is turned while the engine has another, and a frame leaves without the
    next.

    Parameters
    ----------
    plan
        What to build.

    Members
    -------
    i, o : stream of beats, In and Out
        `last` means nothing.
    """

    def __init__(self, plan: "SharedHardware") -> None:
        self._plan = plan
        self.loaders = [LineEngine(plan.design)]
        lanes = plan.design.lanes
        super().__init__(
            {
                "i": In(stream.Signature(beat_layout(plan.stage.taken.bits, lanes))),
                "o": Out(stream.Signature(beat_layout(plan.design.output_bits, lanes))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine = engine = self.loaders[0]
        m.submodules.turn = turn = self._plan.turn.component
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
        m.submodules[name] = place = Odometer(beat=self._plan.plane_beats, plane=planes)
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


class SharedHardware(EnginesHardware[SharedPass]):
    """See `SharedPasses`."""

    @cached_property
    def component(self) -> SharedPasses:
        """See `StageHardware`."""
        return SharedPasses(self)

    @property
    def design(self) -> LineDesign:
        """The engine."""
        return self.stage.design

    @property
    def plane_beats(self) -> int:
        """Beats of a channel."""
        return self.place.plane_beats(self.stage.taken)

    @cached_property
    def turn(self) -> TurnHardware:
        """The corner turn between the passes."""
        line, taken = self.design, self.stage.taken
        there = replace(taken, range=line.output_range, format_bits=line.output_bits)
        along, across = (Run(taken.channels, axis) for axis in AXES)
        return TurnHardware(Turn(there.along((across,)), (along,)), self.place)

    def _results(self, frames: int) -> list[int]:
        """Return when the first result of each plane comes, from the first sample on, unstalled.

        The engine starts a plane when it has done with the one before and the plane's first beat is
        there: in the second pass, once the corner of the whole plane is turned.
        """
        beats = self.plane_beats
        latency, turned = line_latency(self.design), flowing(self.design) + self.turn.latency
        results: list[int] = []
        first_pass: dict[int, int] = {}
        for frame in range(frames):
            for number, channel in self.stage.turns:
                plane = frame * self.stage.taken.channels + channel
                ready = first_pass[plane] + turned if number else plane * beats
                result = ready + latency
                if results:
                    result = max(result, results[-1] + busy(self.design))
                results.append(result)
                if not number:
                    first_pass[plane] = result
        return results

    @property
    def latency(self) -> int:
        """See `StageHardware`."""
        numbers = [number for number, _ in self.stage.turns]
        return self._results(1)[numbers.index(1)]

    @property
    def cycles_per_frame(self) -> int:
        """See `StageHardware`."""
        last = self._results(_STEADY_FRAMES)[:: -2 * self.stage.taken.channels]
        return last[0] - last[1]

    @property
    def cost(self) -> Cost:
        """See `StageHardware`."""
        cost = super().cost + self.turn.cost
        for size in (self.plane_beats, self.design.channels) * 2:
            cost += counter(size)
        return cost + Cost(luts=self.design.lanes * self.design.data_bits)

    def counted(self, planes: int) -> Counted:
        """Raise `TypeError`: no half of its frames waits for the other."""
        raise TypeError(f"Halves of {planes} planes must have engines of their own")
