"""A line engine under test: its streams, its model, and lines sent through one and the other."""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from golden.design import LineDesign
from golden.interval import Integers
from golden.weights import LineWeights
from sim.stimulus import random_lines
from sim.stream import Agent, Beat, Gaps, Pulses, Readiness, Sink, Source, Stepper, Wires

JOB = "LINE_JOB"
"""Environment variable that names a run's job file."""


@dataclass(frozen=True)
class Job:
    """What a run of the line benches is about.

    Attributes
    ----------
    design
        What was built.
    manifest
        Its manifest: names, slots, timing.
    groups
        Groups of lines to send in each experiment.
    resets
        Resets in midstream.
    seed
        Of every random number.
    """

    design: LineDesign
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


def pack(lines: Integers, lanes: int, slot_bits: int) -> list[Beat]:
    """Return ``lines`` ``[L, N]`` as beats: `lanes` lines side by side, `last` at a group's end."""
    mask = (1 << slot_bits) - 1
    length = lines.shape[1]
    beats = []
    for group in lines.reshape(-1, lanes, length).tolist():
        for position, column in enumerate(zip(*group, strict=True)):
            data = 0
            for value in reversed(column):
                data = data << slot_bits | value & mask
            beats.append(Beat(data, position == length - 1))
    return beats


def set_beats(job: Job, weights: LineWeights) -> list[Beat]:
    """Return ``weights`` as the beats that load them."""
    design = job.design
    port = job.manifest["streams"]["w_axis"]
    words = port["beats_per_channel"]
    table = (design.channels, words)
    values: dict[str, Integers] = dict(design.coefficients(weights))
    # Beats beyond the line length carry no start value: whatever stands there must not matter.
    padding = ((0, 0), (0, words - design.length))
    values["start"] = np.pad(weights.start(), padding, constant_values=-1)
    for name in ("multiplier", "shift"):
        if (scale := getattr(weights, name)) is not None:
            values[name] = np.broadcast_to(scale[:, None], table)
    data = np.zeros(table, dtype=object)
    for field in port["fields"]:
        mask = (1 << field["slot_bits"]) - 1
        data |= (values[field["name"]].astype(object) & mask) << field["offset"]
    beats = [Beat(int(word), False) for word in data.flat]
    beats[-1] = Beat(beats[-1].data, True)
    return beats


class LineBench:
    """A line engine between source and sink, with its model beside it.

    Attributes
    ----------
    design
        What was built.
    latency, cycles_per_group
        As the manifest promises.
    i, o, w
        Its streams' ends; `w` is None without a weights port.
    events
        Pulses on its event ports.
    weights
        The set in effect.
    generator
        Random numbers for stimuli.
    """

    def __init__(self, dut: Any, job: Job) -> None:
        manifest = job.manifest
        self.job = job
        self.design = job.design
        self.latency: int = manifest["timing"]["latency_cycles"]
        self.cycles_per_group: int = manifest["timing"]["cycles_per_group"]
        self._clock = getattr(dut, manifest["clock"])
        self._reset = getattr(dut, manifest["reset"]["name"])
        self._reset_active = int(manifest["reset"]["active"] == "high")
        unknown = "icarus" in cocotb.SIM_NAME.lower()
        self.i = Source(Wires.of(dut, "s_axis"), seed=job.seed, unknown=unknown)
        self.o = Sink(Wires.of(dut, "m_axis"))
        self.w = None
        events = ["event_tlast_unexpected", "event_tlast_missing"]
        agents: list[Agent] = [self.i, self.o]
        if job.design.weights is None:
            self.w = Source(Wires.of(dut, "w_axis"), seed=job.seed + 1, unknown=unknown)
            agents.append(self.w)
            events += ["event_w_tlast_unexpected", "event_w_tlast_missing"]
        self.events = Pulses({name: getattr(dut, name) for name in events})
        self._stepper = Stepper(self._clock, [*agents, self.events])
        self.generator = np.random.default_rng(job.seed)
        self.weights = job.design.weights
        self._lines_sent = 0

    async def start(self) -> None:
        """Start the clock and reset the engine."""
        Clock(self._clock, 2, unit="step").start(start_high=False)
        await self.reset()

    async def reset(self) -> None:
        """Reset the engine for one cycle, and forget all that went in and came out.

        Raises
        ------
        AssertionError
            Where a beat is offered in the cycle after.
        """
        self._reset.value = self._reset_active
        for agent in (self.i, self.o, self.w, self.events):
            if agent is not None:
                agent.reset()
        self._lines_sent = 0
        self.weights = self.design.weights
        edge = RisingEdge(self._clock)
        await edge
        self._reset.value = 1 - self._reset_active
        await self.run(1)
        assert not self.o.beats, "Valid must be low after reset"

    async def run(self, cycles: int) -> None:
        """Let time pass."""
        await self._stepper.run(cycles)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until ``condition`` holds, but not beyond `patience`."""
        await self._stepper.until(condition, limit=self.patience)

    @property
    def cycle(self) -> int:
        """Number of the next cycle."""
        return self._stepper.cycle

    @property
    def patience(self) -> int:
        """Cycles after which a bench that waits for the engine gives up."""
        return 40 * (self.latency + (self.job.groups + 3) * self.cycles_per_group) + 10_000

    def stimulus(self, n_groups: int, weights: LineWeights | None = None) -> Integers:
        """Return lines ``[L, N]`` to be sent next."""
        skip = self._lines_sent % self.frame_lines
        lines = n_groups * self.design.lanes
        weights = weights or self.weights
        assert weights is not None
        return random_lines(self.design, skip + lines, self.generator, weights)[skip:]

    @property
    def frame_lines(self) -> int:
        """Lines until channel 0's first line comes again."""
        return self.design.channels * self.design.lines_per_channel

    def beats(self, lines: Integers) -> list[Beat]:
        """Return ``lines`` as the input's beats."""
        slot = self.job.manifest["streams"]["s_axis"]["slot_bits"]
        return pack(lines, self.design.lanes, slot)

    def expected(self, lines: Integers) -> list[Beat]:
        """Return the model's beats for ``lines``, sent after all those before."""
        skip = self._lines_sent % self.frame_lines
        self._lines_sent += len(lines)
        before = np.zeros((skip, self.design.length), dtype=np.int64)
        results = self.design.model(np.concatenate([before, lines]), self.weights)[skip:]
        return self.result_beats(results)

    def result_beats(self, results: Integers) -> list[Beat]:
        """Return the model's ``results`` ``[L, N]`` as the output's beats."""
        slot = self.job.manifest["streams"]["m_axis"]["slot_bits"]
        return pack(results, self.design.lanes, slot)

    async def exchange(
        self,
        lines: Integers,
        gaps: Gaps,
        ready: Readiness,
        beats: list[Beat] | None = None,
    ) -> None:
        """Send ``lines``, and compare what comes out with the model.

        Parameters
        ----------
        lines
            int64 ``[L, N]``.
        gaps, ready
            Pace of the source and of the sink.
        beats
            What to send for ``lines``, if not well framed.

        Raises
        ------
        AssertionError
            Where a beat is wrong, missing or too many, or an event shows on well framed input.
        """
        expected = self.expected(lines)
        first = len(self.o.beats)
        n_beats = first + len(expected)
        self.i.send(self.beats(lines) if beats is None else beats, gaps)
        self.o.set_pace(ready)
        await self.until(lambda: len(self.o.beats) >= n_beats)
        await self.run(self.latency + self.cycles_per_group)
        check_beats(self.o.beats[first:], expected)
        if beats is None:
            self.check_no_events()

    def check_no_events(self) -> None:
        """Raise where an event port was high since reset."""
        seen = {name: cycles for name, cycles in self.events.cycles.items() if cycles}
        assert not seen, f"No event must show on well framed streams, not {seen}"

    async def load(self, weights: LineWeights, gaps: Gaps) -> None:
        """Load a set of weights with no line in flight, and let it take effect."""
        assert self.w is not None
        self.w.send(set_beats(self.job, weights), gaps)
        port = self.w
        await self.until(lambda: port.idle)
        await self.run(2)
        self.weights = weights


def check_beats(beats: Sequence[Beat], expected: Sequence[Beat]) -> None:
    """Raise `AssertionError` with the first difference of two sequences."""
    for index, (have, want) in enumerate(zip(beats, expected, strict=False)):
        assert have == want, f"Beat {index} must be {want}, not {have}"
    assert len(beats) == len(expected), f"Beats must number {len(expected)}, not {len(beats)}"
