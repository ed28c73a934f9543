"""What a layer of lines is made of, and when its results come."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from golden.layer.axes import AxesDesign, Axis, Section
from golden.layer.forms import MetaFormerDesign
from golden.layer.skip import WIDER
from golden.line.design import LineDesign
from golden.numbers.interval import Interval
from golden.numbers.quantize import MAX_SHIFT
from hw.layer.turn import Run, turn_latency
from hw.line.engine import line_latency
from hw.parts.requantize import Requantizer
from hw.parts.streams import OutputBuffer
from hw.primitives.memory import READ_LATENCY

STEADY_FRAMES = 3
"""Frames after which a layer has found its pace."""


@dataclass(frozen=True)
class Turn:
    """A corner turn; fields as `hw.layer.turn.CornerTurn` takes them."""

    runs: tuple[Run, ...]
    bits: int
    lanes: int
    target: str

    @property
    def latency(self) -> int:
        """Cycles from a plane's last beat taken to its first beat given."""
        return turn_latency(self.lanes)


@dataclass(frozen=True)
class Line:
    """A line engine for all channels."""

    design: LineDesign

    @property
    def designs(self) -> tuple[LineDesign, ...]:
        """Line engines inside."""
        return (self.design,)

    @property
    def latency(self) -> int:
        """Cycles from the first sample to the first result, unstalled."""
        return line_latency(self.design)


@dataclass(frozen=True)
class Split:
    """A line engine for each half of the channels.

    Parameters
    ----------
    designs
        Of the engines.
    output_bits
        Width of a result: the wider engine's.
    """

    designs: tuple[LineDesign, LineDesign]
    output_bits: int

    @property
    def half_beats(self) -> int:
        """Beats of a frame that go through either engine."""
        first = self.designs[0]
        return first.channels * first.groups_per_channel * first.length

    @property
    def buffer_depths(self) -> list[int]:
        """Beats that wait behind each engine; none where both take the same time."""
        latencies = [line_latency(design) for design in self.designs]
        ahead = [max(latencies) - latency for latency in latencies]
        return [OutputBuffer.depth_for(cycles) for cycles in ahead] if any(ahead) else []

    @property
    def at_full_rate(self) -> bool:
        """Whether both engines take a beat a cycle."""
        return all(design.cycles_per_group == design.length for design in self.designs)

    @property
    def _ways(self) -> list[int]:
        """Cycles from a half's first sample through its engine and its buffer, unstalled."""
        waits = [OutputBuffer.latency_of(depth) for depth in self.buffer_depths] or [0, 0]
        ways = zip(map(line_latency, self.designs), waits, strict=True)
        return [latency + wait for latency, wait in ways]

    @property
    def holds(self) -> list[int]:
        """Cycles that the first result of a half is held back behind each engine.

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
        return self.at_full_rate and max(self._ways) - min(self._ways) < self.half_beats

    @property
    def latency(self) -> int:
        """Cycles from the first sample of a frame to its first result, unstalled."""
        return self._ways[0] + self.holds[0]


@dataclass(frozen=True)
class Shared:
    """Both passes on one line engine."""

    layer: AxesDesign

    @property
    def design(self) -> LineDesign:
        """The engine."""
        return self.layer.passes[0][0].design

    @property
    def designs(self) -> tuple[LineDesign, ...]:
        """Line engines inside."""
        return (self.design,)

    @property
    def turn(self) -> Turn:
        """The corner turn between the passes."""
        line = self.design
        run = Run(planes=self.layer.channels, rows=line.length, columns=line.length, turned=True)
        return Turn((run,), line.output_bits, line.lanes, line.target)

    def _results(self, frames: int) -> list[int]:
        """Return when the first result of each plane comes, from the first sample on, unstalled.

        The engine starts a plane when it has done with the one before and the plane's first beat is
        there: in the second pass, once the corner of the whole plane is turned.
        """
        beats = plane_beats(self.layer)
        latency, turned = line_latency(self.design), flowing(self.design) + self.turn.latency
        results: list[int] = []
        first_pass: dict[int, int] = {}
        for frame in range(frames):
            for number, channel in self.layer.turns:
                plane = frame * self.layer.channels + channel
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
        """Cycles from the first sample to the first result of the second pass, unstalled."""
        numbers = [number for number, _ in self.layer.turns]
        return self._results(1)[numbers.index(1)]

    @property
    def cycles_per_frame(self) -> int:
        """Cycles from a frame to the next in steady state, unstalled."""
        last = self._results(STEADY_FRAMES)[:: -2 * self.layer.channels]
        return last[0] - last[1]


@dataclass(frozen=True)
class Skipping:
    """The residual sum.

    Parameters
    ----------
    layer
        That has one.
    wait
        Most beats between a sample and its result, unstalled.
    """

    layer: MetaFormerDesign
    wait: int

    @property
    def output_bits(self) -> int:
        """Width of a sum."""
        return self.layer.output_bits

    @property
    def result_bits(self) -> int:
        """Width of what samples are added to."""
        return self.output_bits + WIDER

    @property
    def tabled(self) -> bool:
        """Whether a table has the scales, a channel each: they differ, or are loaded."""
        return self.layer.skipped is None or self.layer.skipped.varies

    @property
    def zero_points(self) -> Interval:
        """Range of what stands for 0 in a sample."""
        skip = self.layer.skipped
        return self.layer.data if skip is None else Interval.of(skip.zero_point)

    @property
    def shifts(self) -> Interval:
        """Range of the shifts that scale samples."""
        skip = self.layer.skipped
        return Interval(0, MAX_SHIFT) if skip is None else Interval.of(skip.shift)

    @property
    def centred(self) -> Interval:
        """Range of a sample without its zero point."""
        data, zero_points = self.layer.data, self.zero_points
        return Interval(data.low - zero_points.high, data.high - zero_points.low)

    @property
    def ahead(self) -> int:
        """Cycles that samples wait for the table's word."""
        return READ_LATENCY if self.tabled else 0

    @property
    def depth(self) -> int:
        """Samples that have room while their results are on the way."""
        return OutputBuffer.depth_for(self.wait)

    @property
    def scaling(self) -> int:
        """Cycles from a sample to its scaled value: its zero point off, then requantised."""
        return 1 + Requantizer.latency_on(self.layer.target, y_bits=self.centred.bits)

    @property
    def in_flight(self) -> int:
        """Cycles from a sample that meets its result to the clipped sum."""
        return self.ahead + self.scaling + 2

    @property
    def buffer_depth(self) -> int:
        """Beats that the buffer at the end holds."""
        return OutputBuffer.depth_for(self.in_flight)

    @property
    def latency(self) -> int:
        """Cycles from a result to its sum."""
        return self.in_flight + OutputBuffer.latency_of(self.buffer_depth)


Stage: TypeAlias = Turn | Line | Split | Shared


def plane_beats(design: AxesDesign) -> int:
    """Return the beats of a channel."""
    return design.height * design.width // design.lanes


def busy(line: LineDesign) -> int:
    """Return the cycles that an engine takes for a plane, in steady state."""
    return line.groups_per_channel * line.cycles_per_group


def flowing(line: LineDesign) -> int:
    """Return the cycles from an engine's first result of a plane to the last, unstalled."""
    last = (line.length - 1) * line.cycles_per_result
    return busy(line) - line.cycles_per_group + last


class AxesPlan:
    """A layer's stages, and its timing.

    Parameters
    ----------
    design
        The layer.
    """

    def __init__(self, design: AxesDesign) -> None:
        self._design = design

    @cached_property
    def stages(self) -> list[Stage]:
        """What planes pass, with corner turns where they are needed."""
        return list(self._stages())

    @cached_property
    def residual(self) -> Skipping | None:
        """The residual sum, if there is one."""
        design = self._design
        if isinstance(design, MetaFormerDesign) and design.residual:
            return Skipping(design, self._wait)
        return None

    def _stages(self) -> Iterator[Stage]:
        design = self._design
        sections = design.sections(0)
        rows: list[Axis] = ["width" for _ in sections]
        bits = design.data_bits
        wanted = [[s.axis for s in design.sections(n)] for n in range(design.n_passes)]
        axes = rows
        if design.shared_engine:
            yield from self._turn(sections, axes, wanted[0], bits)
            yield Shared(design)
            yield from self._turn(sections, wanted[1], rows, design.output_bits)
            return
        for axes_wanted, part in zip(wanted, design.passes, strict=True):
            yield from self._turn(sections, axes, axes_wanted, bits)
            bits = max(engine.design.output_bits for engine in part)
            if len(part) > 1:
                yield Split((part[0].design, part[1].design), bits)
            else:
                yield Line(part[0].design)
            axes = axes_wanted
        yield from self._turn(sections, axes, rows, bits)

    def _turn(
        self, sections: tuple[Section, ...], have: list[Axis], want: list[Axis], bits: int
    ) -> Iterator[Turn]:
        if have == want:
            return
        design = self._design
        runs = tuple(
            Run(
                planes=len(section.channels),
                rows=design.height if axis == "width" else design.width,
                columns=design.width if axis == "width" else design.height,
                turned=axis != wanted,
            )
            for section, axis, wanted in zip(sections, have, want, strict=True)
        )
        yield Turn(runs, bits, design.lanes, design.target)

    @cached_property
    def _chain_latency(self) -> int:
        """Cycles from the first sample to the last stage's first result, unstalled."""
        first, last = 0, plane_beats(self._design) - 1
        for stage in self.stages:
            if isinstance(stage, Turn):
                first = last + stage.latency
                last = first + plane_beats(self._design) - 1
            else:
                first += stage.latency
                last = first + flowing(stage.designs[0])
        return first

    @property
    def _cycles_per_plane(self) -> int:
        """Cycles that the slowest stage takes for a plane."""
        return max(busy(engine) for engine in self._design.engines.values())

    @property
    def _wait(self) -> int:
        """Most beats between a sample and its result, as long as nothing stalls.

        At less than full rate planes still come as fast as the door takes them, each some time
        after the one before.
        """
        if self.slow_split is not None:
            # Planes pile up before the slower half: as many as have room.
            turns = sum(isinstance(stage, Turn) for stage in self.stages)
            lines = sum(line_latency(engine) for engine in self._design.engines.values())
            return 2 * turns * self.plane_beats + lines
        planes = self._chain_latency // self._cycles_per_plane + 2
        return min(self._chain_latency, planes * self.plane_beats)

    @property
    def slow_split(self) -> Split | None:
        """A stage in which a half waits for the other, if there is one."""
        for stage in self.stages:
            if isinstance(stage, Split) and not stage.even:
                return stage
        return None

    @property
    def latency(self) -> int:
        """Cycles from the first input handshake to the first output handshake, unstalled."""
        return self._chain_latency + (self.residual.latency if self.residual else 0)

    @property
    def plane_beats(self) -> int:
        """Beats of a channel."""
        return plane_beats(self._design)

    @property
    def cycles_per_frame(self) -> int:
        """Cycles from a frame to the next in steady state, unstalled.

        Not with a `slow_split`: see `hw.layer.pace`.
        """
        for stage in self.stages:
            if isinstance(stage, Shared):
                return stage.cycles_per_frame
        return self._design.channels * self._cycles_per_plane
