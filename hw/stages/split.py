"""A pass in which each half of the channels has its own engine."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from golden.stages.line import SplitPass
from hw.engines import ENGINES
from hw.graph.count import Counted, CountedStage
from hw.line.engine import LineEngine, line_latency
from hw.line.output import beat_layout
from hw.line.pace import BufferPace
from hw.parts.counter import Counter
from hw.parts.ports import Stream, StreamComponent
from hw.parts.streams import OutputBuffer
from hw.predict import buffer, counter
from hw.stages.line import AnyEngines, EnginesHardware
from hw.targets.cost import Cost


class SplitPasses(StreamComponent):
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

    def __init__(self, plan: "HalvesHardware[Any]") -> None:
        self._plan = plan
        self.loaders = plan.line_engines
        first = plan.designs[0]
        super().__init__(
            {
                "i": In(stream.Signature(beat_layout(first.data_bits, first.lanes))),
                "o": Out(stream.Signature(beat_layout(plan.stage.output.bits, first.lanes))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        results = []
        for number, engine in enumerate(self.loaders):
            m.submodules[f"engine_{number}"] = engine
            results.append(self._waiting(m, number, engine.o))
        self._part(m)
        self._join(m, results)
        return m

    def _half(self, m: Module, handshake: Value, beats: int, *, name: str) -> Signal:
        """Return which half of a frame, of as many ``beats``, the next beat belongs to."""
        m.submodules[name] = counter = Counter(beats)
        half = Signal(name=f"{name}_half")
        m.d.comb += counter.step.eq(handshake)
        with m.If(handshake & counter.last):
            m.d.sync += half.eq(~half)
        return half

    def _part(self, m: Module) -> None:
        taken = self.i.valid & self.i.ready
        half = self._half(m, taken, self._plan.taken_beats, name="parting")
        first, second = (engine.i for engine in self.loaders)
        m.d.comb += [
            Value.cast(first.payload).eq(Value.cast(self.i.payload)),
            Value.cast(second.payload).eq(Value.cast(self.i.payload)),
            first.valid.eq(self.i.valid & ~half),
            second.valid.eq(self.i.valid & half),
            self.i.ready.eq(Mux(half, second.ready, first.ready)),
        ]

    def _waiting(self, m: Module, number: int, results: Stream) -> Stream:
        """Return ``results`` from behind the buffer in which they wait, if there is one."""
        depth = self._plan.buffer_depths[number]
        if not depth:
            return results
        m.submodules[f"buffer_{number}"] = buffer = OutputBuffer(
            shape=results.payload.shape(),
            depth=depth,
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
        given = self.o.valid & self.o.ready
        half = self._half(m, given, self._plan.given_beats, name="joining")
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


class SplitPace:
    """The control of a pass in halves of so many planes."""

    def __init__(self, split: "SplitHardware", planes: int) -> None:
        self._engines = [ENGINES[design.engine].pace_of(design) for design in split.designs]
        self._buffers = [BufferPace(depth) for depth in split.buffer_depths if depth]
        first = split.designs[0]
        self._half = planes * first.groups_per_channel * first.length
        self._taken, self._given = 0, 0

    @property
    def ready(self) -> bool:
        """See `Pace`."""
        return self._engines[self._taken // self._half % 2].ready

    @property
    def valid(self) -> bool:
        """See `Pace`."""
        number = self._given // self._half % 2
        return (self._buffers or self._engines)[number].valid

    def step(self, i_valid: bool, o_ready: bool) -> None:
        """See `Pace`."""
        entering, leaving = (n // self._half % 2 for n in (self._taken, self._given))
        taken, given = i_valid and self.ready, self.valid and o_ready
        for number, engine in enumerate(self._engines):
            wanted = o_ready and leaving == number
            if self._buffers:
                buffer = self._buffers[number]
                moved, credit = engine.valid and buffer.credit, buffer.credit
                buffer.step(moved, moved, wanted)
                wanted = credit
            engine.step(i_valid and entering == number, wanted)
        self._taken += taken
        self._given += given


class HalvesHardware(EnginesHardware[AnyEngines]):
    """See `SplitPasses`: what it is told."""

    @cached_property
    def component(self) -> SplitPasses:
        """See `StageHardware`."""
        return SplitPasses(self)

    @property
    @abstractmethod
    def line_engines(self) -> list[LineEngine]:
        """The engines, made."""

    @property
    @abstractmethod
    def taken_beats(self) -> int:
        """Beats of a frame that either engine takes."""

    @property
    @abstractmethod
    def given_beats(self) -> int:
        """Beats of a frame that either engine gives."""

    @property
    @abstractmethod
    def buffer_depths(self) -> list[int]:
        """Beats that wait behind each engine; 0 where there is no buffer."""

    @property
    def holds(self) -> list[int]:
        """Cycles that the first result of a half is held back behind each engine."""
        return [0, 0]

    @property
    def cost(self) -> Cost:
        """See `StageHardware`."""
        width = self.designs[0].lanes * self.stage.output.bits
        cost = self._engines_cost + counter(self.taken_beats) + counter(self.given_beats)
        for depth in filter(None, self.buffer_depths):
            cost += buffer(depth=depth, width=width)
        for cycles in filter(None, self.holds):
            cost += counter(cycles + 1)
        return cost + Cost(luts=width)

    @property
    def _engines_cost(self) -> Cost:
        return super().cost


class SplitHardware(HalvesHardware[SplitPass]):
    """See `SplitPasses`."""

    @property
    def line_engines(self) -> list[LineEngine]:
        """See `HalvesHardware`."""
        return [LineEngine(design) for design in self.designs]

    @property
    def taken_beats(self) -> int:
        """See `HalvesHardware`."""
        first = self.designs[0]
        return first.channels * first.groups_per_channel * first.length

    @property
    def given_beats(self) -> int:
        """See `HalvesHardware`."""
        return self.taken_beats

    @property
    def buffer_depths(self) -> list[int]:
        """See `HalvesHardware`; none where both take the same time."""
        latencies = [line_latency(design) for design in self.designs]
        ahead = [max(latencies) - latency for latency in latencies]
        return [OutputBuffer.depth_for(cycles) if any(ahead) else 0 for cycles in ahead]

    @property
    def at_full_rate(self) -> bool:
        """Whether both engines take a beat a cycle."""
        return all(design.cycles_per_group == design.length for design in self.designs)

    @property
    def _ways(self) -> list[int]:
        """Cycles from a half's first sample through its engine and its buffer, unstalled."""
        waits = [OutputBuffer.latency_of(depth) if depth else 0 for depth in self.buffer_depths]
        ways = zip(map(line_latency, self.designs), waits, strict=True)
        return [latency + wait for latency, wait in ways]

    @property
    def holds(self) -> list[int]:
        """See `HalvesHardware`.

        So both halves take the same time, and a frame has no gap, the first one neither. See
        `even`.
        """
        ways = self._ways
        return [max(ways) - way if self.even else 0 for way in ways]

    @property
    def even(self) -> bool:
        """Whether results can be held back: the wait is counted for one half at a time.

        Where an engine takes less than a beat a cycle, halves wait for each other anyway.
        """
        return self.at_full_rate and max(self._ways) - min(self._ways) < self.given_beats

    @property
    def latency(self) -> int:
        """See `StageHardware`."""
        return self._ways[0] + self.holds[0]

    @property
    def uneven(self) -> int:
        """See `StageHardware`."""
        return 0 if self.even else self.designs[0].channels

    def counted(self, planes: int) -> Counted:
        """See `StageHardware`."""
        return CountedStage(SplitPace(self, planes))
