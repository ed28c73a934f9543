"""Engines that sum over channels as stages."""

from collections.abc import Sequence
from functools import cached_property

from amaranth.hdl import Array, Const, Module, Mux, Signal, Value

from golden.dense.design import DenseDesign
from golden.stages.dense import DensePass, DenseSplit
from hw.dense.engine import cycles_between_groups, pace_of_groups
from hw.dense.halves import DenseHalves
from hw.engines import DENSE_ENGINES
from hw.graph.count import Counted
from hw.line.engine import LineEngine
from hw.parts.counter import Counter
from hw.parts.ports import Stream
from hw.parts.streams import OutputBuffer
from hw.predict import counter
from hw.stages.line import OwnCoreHardware
from hw.stages.split import HalvesHardware, SplitPasses
from hw.targets.cost import Cost


def engine_of_groups(design: DenseDesign, pace: int) -> LineEngine:
    """Return an engine around a dense core that begins a group every ``pace`` cycles at most."""
    return LineEngine(design, DENSE_ENGINES[type(design)].core(design, pace))


def cost_of(design: DenseDesign) -> Cost:
    """Return what an engine takes."""
    return DENSE_ENGINES[type(design)].predict(design)


def work_of(design: DenseDesign) -> int:
    """Return the multiply-accumulates of the definition that a frame is for an engine."""
    lines = design.groups * design.channels_per_group * design.groups_per_channel
    return lines * design.work_per_group


class DenseHardware(OwnCoreHardware[DensePass]):
    """See `LineEngine`, around a dense engine's core."""

    @property
    def design(self) -> DenseDesign:
        """The engine."""
        return self.stage.parts[0].design

    @cached_property
    def component(self) -> LineEngine:
        """See `StageHardware`."""
        # Both halves of a frame may take different times, but not two frames.
        pace = pace_of_groups(self.design) if self.design.groups == 1 else 0
        return engine_of_groups(self.design, pace)

    @property
    def cycles_per_frame(self) -> int:
        """See `StageHardware`."""
        return -(-self.design.groups * cycles_between_groups(self.design) // 2)

    @property
    def cost(self) -> Cost:
        """See `StageHardware`."""
        return cost_of(self.design)

    @property
    def work(self) -> float:
        """See `StageHardware`."""
        return work_of(self.design)


class DenseSplitPasses(SplitPasses):
    """Two dense engines that work side by side; otherwise as `SplitPasses`.

    A frame's first result is held back for as long as those of the frame before may still leave, in
    front of the first frame too. That is counted from its arrival, since it may arrive while its
    half of the frame before leaves.
    """

    def __init__(self, plan: "DenseSplitHardware") -> None:
        super().__init__(plan)
        self._timers: list[Signal] = []

    def _waiting(self, m: Module, number: int, results: Stream) -> Stream:
        waiting = super()._waiting(m, number, results)
        hold = self._plan.holds[number]
        if hold:
            m.submodules.arriving = arriving = Counter(self._plan.given_beats)
            m.d.comb += arriving.step.eq(results.valid & results.ready)
            behind = OutputBuffer.latency_of(self._plan.buffer_depths[number])
            self._time(m, arriving, behind + hold - 1)
        return waiting

    def _time(self, m: Module, arriving: Counter, cycles: int) -> None:
        """Begin a timer with each half that arrives, as many as run at a time, unstalled."""
        n_timers = cycles // self._plan.cycles_per_frame + 1
        fresh, which = self._which(m, arriving.step, arriving.last, n_timers, name="arriving")
        for number in range(n_timers):
            rest = Signal(range(cycles + 1), name=f"rest_{number}")
            with m.If(arriving.step & fresh & (which == number)):
                m.d.sync += rest.eq(cycles)
            with m.Elif(rest != 0):
                m.d.sync += rest.eq(rest - 1)
            self._timers.append(rest)

    def _which(
        self, m: Module, step: Value, ends: Value, n_timers: int, *, name: str
    ) -> tuple[Signal, Signal]:
        """Return whether the next beat is a half's first, and which timer is its half's."""
        fresh = Signal(name=f"fresh_{name}", init=1)
        which = Signal(range(n_timers), name=f"timer_{name}")
        with m.If(step):
            m.d.sync += fresh.eq(ends)
        with m.If(step & ends):
            m.d.sync += which.eq(Mux(which == n_timers - 1, 0, which + 1))
        return fresh, which

    def _hold(self, m: Module, number: int, results: Stream, ends: Value) -> Value:
        if not self._plan.holds[number]:
            return Const(1)
        step = results.valid & results.ready
        fresh, which = self._which(m, step, ends, len(self._timers), name="leaving")
        let_go = Signal(name=f"let_go_{number}")
        done = (rest == 0 for rest in self._timers)
        m.d.comb += let_go.eq(~fresh | Array(done)[which])
        return let_go


class DenseSplitHardware(HalvesHardware[DenseSplit]):
    """See `SplitPasses`, around two dense engines that work side by side."""

    @cached_property
    def component(self) -> DenseSplitPasses:
        """See `StageHardware`."""
        return DenseSplitPasses(self)

    @property
    def designs(self) -> Sequence[DenseDesign]:
        """The engines inside."""
        return [part.design for part in self.stage.parts]

    @cached_property
    def _halves(self) -> DenseHalves:
        return DenseHalves(self.designs)

    @cached_property
    def line_engines(self) -> list[LineEngine]:
        """See `HalvesHardware`."""
        paces = zip(self.designs, self._halves.paces, strict=True)
        return [engine_of_groups(design, pace) for design, pace in paces]

    @property
    def taken_beats(self) -> int:
        """See `HalvesHardware`."""
        first = self.designs[0]
        return first.in_channels * first.groups_per_channel * first.length

    @property
    def given_beats(self) -> int:
        """See `HalvesHardware`."""
        return self._halves.given[0]

    @cached_property
    def buffer_depths(self) -> list[int]:
        """See `HalvesHardware`: what one engine gives while results of the other leave."""
        return [OutputBuffer.depth_for(n) if n else 0 for n in self._halves.waiting]

    @property
    def holds(self) -> list[int]:
        """See `HalvesHardware`."""
        return [self._halves.hold, 0]

    @property
    def latency(self) -> int:
        """See `StageHardware`."""
        depth = self.buffer_depths[0]
        waits = OutputBuffer.latency_of(depth) if depth else 0
        return self.line_engines[0].latency + waits + self._halves.hold

    @property
    def held(self) -> int:
        """See `StageHardware`."""
        return sum(engine.latency for engine in self.line_engines) + sum(self.buffer_depths)

    @property
    def span(self) -> int:
        """See `StageHardware`; what waited leaves a beat a cycle."""
        first, hold = self.designs[0], self._halves.hold
        plane = first.groups_per_channel * first.length
        return max(super().span, hold + plane - 1) - hold

    @property
    def cycles_per_frame(self) -> int:
        """See `StageHardware`."""
        return self._halves.pace

    @property
    def _engines_cost(self) -> Cost:
        paces = sum((counter(pace) for pace in self._halves.paces if pace), Cost())
        if self._halves.hold:
            paces += counter(self.given_beats)
        return sum(map(cost_of, self.designs), paces)

    @property
    def work(self) -> float:
        """See `StageHardware`."""
        return sum(map(work_of, self.designs))

    def counted(self, planes: int) -> Counted:
        """Raise `TypeError`: both engines keep one pace."""
        raise TypeError(f"Halves of {planes} planes must keep no pace of their own")
