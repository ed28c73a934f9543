"""A build under test, whatever it computes: its streams' ends, its clock, its events."""

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from golden.layer.design import LayerDesign
from golden.line.design import LineDesign
from sim.stream import Beat, Gaps, Hush, Known, Pulses, Readiness, Sink, Source, Stepper, Wires

STEPS = 2
"""Of the simulator, in a cycle."""
JOB = "BENCH_JOB"
"""Environment variable that names a run's job file."""


@dataclass(frozen=True)
class Job:
    """What a run of a bench is about.

    Attributes
    ----------
    design
        What was built.
    manifest
        Its manifest: names, slots, timing.
    groups
        Groups of lines, or frames, to send in each experiment.
    resets
        Resets in midstream.
    seed
        Of every random number.
    """

    design: LineDesign | LayerDesign
    manifest: dict[str, Any]
    groups: int
    resets: int
    seed: int = 1

    def save(self, path: Path) -> dict[str, str]:
        """Write the job and return the variables that tell a bench of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(self))
        return {JOB: str(path.resolve())}

    @staticmethod
    def load(path: str) -> "Job":
        """Read what `save` wrote."""
        job = pickle.loads(Path(path).read_bytes())
        assert isinstance(job, Job)
        return job


BEFORE = 7
"""Cycles of X on every input, ahead of the first reset of what begins unknown."""


class StreamBench:
    """A build, or a unit, between sources of its streams and a sink.

    Parameters
    ----------
    clock, reset
        Its own.
    active
        Level of an active reset.
    sources
        By the names of their streams; `reset` may leave the first out.
    dut
        What has the streams.
    pulses
        An eye on events, where there are any.

    Attributes
    ----------
    clock
        Its own.
    o
        Sink of what comes out.
    hush
        An eye on handshakes in reset.
    known
        An eye on handshakes and events, which no X may reach; it looks where it is told to.
    """

    def __init__(
        self,
        clock: Any,
        reset: Any,
        active: int,
        sources: Mapping[str, Source],
        dut: Any,
        pulses: Pulses | None = None,
    ) -> None:
        self.clock, self._reset, self._reset_active = clock, reset, active
        self._sources = list(sources.values())
        self.o = Sink(Wires.of(dut, "m_axis"))
        events = [] if pulses is None else [pulses]
        self._agents: list[Any] = [*self._sources, self.o, *events]
        handshakes = [*(getattr(dut, f"{name}_tready") for name in sources), dut.m_axis_tvalid]
        self.hush = Hush(handshakes)
        told = [] if pulses is None else [getattr(dut, name) for name in pulses.cycles]
        self.known = Known([*handshakes, *told])
        self._stepper = Stepper(clock, [*self._agents, self.hush, self.known])

    async def start(self) -> None:
        """Start the clock and reset the build."""
        self.start_clock()
        await self.reset()

    async def start_unknown(self) -> None:
        """Let some cycles pass with X on all inputs, reset for one, and have `known` look."""
        self.start_clock()
        self._reset.value = 1 - self._reset_active
        self.o.drive_unknown()
        for source in self._sources:
            source.drive_unknown()
        for _ in range(BEFORE):
            await RisingEdge(self.clock)
        self._reset.value = self._reset_active
        for agent in self._agents:
            agent.reset()
        await RisingEdge(self.clock)
        self._reset.value = 1 - self._reset_active
        self.known.looks = True
        await self.run(1)

    def start_clock(self) -> None:
        """Let time begin."""
        Clock(self.clock, STEPS, unit="step").start(start_high=False)

    async def reset(
        self,
        cycles: int = 1,
        *,
        offer: Callable[[], None] | None = None,
        early: int = 0,
        held: bool = False,
    ) -> None:
        """Reset the build, and forget all that went in and came out.

        Parameters
        ----------
        cycles
            How long reset is active.
        offer
            Sends beats: called ``early`` cycles before reset ends, as by a source that leaves reset
            earlier.
        held
            Whether the first source is not reset, and goes on with what was not taken.

        Raises
        ------
        AssertionError
            Where a ready or valid is high in reset, or a beat is offered in the cycle after.
        """
        self._reset.value = self._reset_active
        for agent in self._agents[held:]:
            agent.reset()
        self.hush.resets = True
        before = self.hush.cycles
        await self.run(cycles - early)
        if offer is not None:
            offer()
        await self.run(early)
        assert self.hush.cycles == before + cycles, "Every cycle of reset must be looked at"
        self.hush.resets = False
        self._reset.value = 1 - self._reset_active
        await self.run(1)
        assert not self.o.beats, "Valid must be low after reset"

    async def run(self, cycles: int) -> None:
        """Let time pass."""
        await self._stepper.run(cycles)


class Bench(StreamBench):
    """A build between sources and a sink.

    Attributes
    ----------
    latency
        As the manifest promises.
    i
        Source of what it computes on.
    loads
        Sources of weights, by the names of their streams.
    events
        Pulses on its event ports.
    generator
        Random numbers for stimuli.
    """

    def __init__(self, dut: Any, job: Job) -> None:
        manifest = job.manifest
        self.job = job
        self.latency: int = manifest["timing"]["latency_cycles"]
        unknown = "icarus" in cocotb.SIM_NAME.lower()
        self.i = Source(Wires.of(dut, "s_axis"), seed=job.seed, unknown=unknown)
        ports = [name for name in manifest["streams"] if name.startswith("w")]
        self.loads = {
            name: Source(Wires.of(dut, name), seed=job.seed + n, unknown=unknown)
            for n, name in enumerate(ports, start=1)
        }
        prefixes = ["event", *(f"event_{name.removesuffix('_axis')}" for name in ports)]
        events = [f"{p}_tlast_{event}" for p in prefixes for event in ("unexpected", "missing")]
        self.events = Pulses({name: getattr(dut, name) for name in events})
        super().__init__(
            getattr(dut, manifest["clock"]),
            getattr(dut, manifest["reset"]["name"]),
            int(manifest["reset"]["active"] == "high"),
            {"s_axis": self.i, **self.loads},
            dut,
            self.events,
        )
        self.generator = np.random.default_rng(job.seed)

    def offer_weights(self, n_units: int) -> None:
        """Present random weights where they arrive on ports, for ``n_units`` groups or frames."""
        raise NotImplementedError

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until ``condition`` holds, but not beyond `patience`."""
        await self._stepper.until(condition, limit=self.patience)

    @property
    def cycle(self) -> int:
        """Number of the next cycle."""
        return self._stepper.cycle

    @property
    def patience(self) -> int:
        """Cycles after which a bench that waits for the build gives up."""
        raise NotImplementedError

    async def exchange_beats(
        self,
        beats: list[Beat],
        expected: list[Beat],
        gaps: Gaps,
        ready: Readiness,
        *,
        settle: int,
        framed: bool = True,
    ) -> None:
        """Send ``beats``, and compare what comes out with ``expected``.

        Parameters
        ----------
        gaps, ready
            Pace of the source and of the sink.
        settle
            Cycles after the last beat in which no other may come.
        framed
            Whether `last` stands where it must.

        Raises
        ------
        AssertionError
            Where a beat is wrong, missing or too many, or an event shows on well framed input.
        """
        first = len(self.o.beats)
        n_beats = first + len(expected)
        self.i.send(beats, gaps)
        self.o.set_pace(ready)
        await self.until(lambda: len(self.o.beats) >= n_beats)
        await self.run(settle)
        check_beats(self.o.beats[first:], expected)
        if framed:
            self.check_no_events()

    def misplace_last(self, beats: list[Beat]) -> tuple[list[Beat], dict[str, list[int]]]:
        """Return ``beats`` with a third of tlast upside down, and where events follow."""
        wrong: list[Beat] = []
        events: dict[str, list[int]] = {"event_tlast_unexpected": [], "event_tlast_missing": []}
        for index, beat in enumerate(beats):
            if upside_down := bool(self.generator.random() < 1 / 3):
                name = "event_tlast_missing" if beat.last else "event_tlast_unexpected"
                events[name].append(index)
            wrong.append(Beat(beat.data, beat.last ^ upside_down))
        return wrong, events

    def check_no_events(self) -> None:
        """Raise where an event port was high since reset."""
        seen = {name: cycles for name, cycles in self.events.cycles.items() if cycles}
        assert not seen, f"No event must show on well framed streams, not {seen}"


def check_beats(beats: Sequence[Beat], expected: Sequence[Beat]) -> None:
    """Raise `AssertionError` with the first difference of two sequences."""
    for index, (have, want) in enumerate(zip(beats, expected, strict=False)):
        assert have == want, f"Beat {index} must be {want}, not {have}"
    assert len(beats) == len(expected), f"Beats must number {len(expected)}, not {len(beats)}"
