"""How fast a layer is whose halves have engines of different speed, found by counting beats.

With one engine a pass the slowest stage sets the pace. Where each half of the channels has its own,
and one is slower, a half begins while the other ends, and how far depends on what fits in every
buffer. Here the stages' control is stepped through cycle by cycle, beats counted and not computed.
"""

import itertools
from typing import Protocol

from golden.line.design import LineDesign
from hw.engines import ENGINES
from hw.layer.plan import AxesPlan, Line, Split, Stage, Turn
from hw.layer.turn import buffer_depth as turn_buffer_depth
from hw.layer.turn import turn_in_flight
from hw.line.pace import BufferPace, DelayPace, LinePace

SETTLED = 16
"""Planes of a half after which the pace is steady: more than all buffers hold."""
PLANES = 8
"""Planes of a half up to which frames are followed; each more takes as long as the one before."""


class Counted(Protocol):
    """A stage: what it offers and takes in a cycle follows from the cycles before."""

    @property
    def ready(self) -> bool:
        """Whether it takes a beat."""

    @property
    def valid(self) -> bool:
        """Whether it offers one."""

    def step(self, i_valid: bool, o_ready: bool) -> None:
        """Go on to the next cycle."""


class _Turn:
    def __init__(self, turn: Turn) -> None:
        run = turn.runs[0]
        self._beats = run.rows * run.columns // turn.lanes
        self._written, self._read, self._planes = 0, 0, [False, False]
        self._write_half, self._read_half = 0, 0
        self._delay = DelayPace(turn_in_flight(turn.lanes))
        self._buffer = BufferPace(turn_buffer_depth(turn.lanes))

    @property
    def ready(self) -> bool:
        return not self._planes[self._write_half]

    @property
    def valid(self) -> bool:
        return self._buffer.valid

    def step(self, i_valid: bool, o_ready: bool) -> None:
        taken = i_valid and self.ready
        read = self._planes[self._read_half] and self._buffer.credit
        self._buffer.step(self._delay.shift(read), read, o_ready)
        self._written += taken
        self._read += read
        if taken and self._written % self._beats == 0:
            self._planes[self._write_half] = True
            self._write_half ^= 1
        if read and self._read % self._beats == 0:
            self._planes[self._read_half] = False
            self._read_half ^= 1


class _Split:
    def __init__(self, split: Split, planes: int) -> None:
        self._engines = [_line(design) for design in split.designs]
        self._buffers = [BufferPace(depth) for depth in split.buffer_depths]
        first = split.designs[0]
        self._half = planes * first.groups_per_channel * first.length
        self._taken, self._given = 0, 0

    @property
    def ready(self) -> bool:
        return self._engines[self._taken // self._half % 2].ready

    @property
    def valid(self) -> bool:
        number = self._given // self._half % 2
        return (self._buffers or self._engines)[number].valid

    def step(self, i_valid: bool, o_ready: bool) -> None:
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


def _line(design: LineDesign) -> LinePace:
    return ENGINES[design.engine].pace_of(design)


def _counted(stage: Stage, planes: int) -> Counted:
    if isinstance(stage, Turn):
        return _Turn(stage)
    if isinstance(stage, Split):
        return _Split(stage, planes)
    if not isinstance(stage, Line):
        raise TypeError(f"Stage must have engines of its own, not {stage!r}")
    return _line(stage.design)


def paces(plan: AxesPlan) -> list[int]:
    """Return the cycles from each frame to the next, unstalled, from the first on.

    The last number holds for all that follow.
    """
    if (split := plan.slow_split) is None:
        return [plan.cycles_per_frame]
    planes = split.designs[0].channels
    frames = 3 + -(-SETTLED // min(planes, PLANES))
    if planes <= PLANES:
        return _settled(_followed(plan, planes, frames))
    most, less = (_followed(plan, count, frames) for count in (PLANES, PLANES - 1))
    return _settled([a + (planes - PLANES) * (a - b) for a, b in zip(most, less, strict=True)])


def _settled(cycles: list[int]) -> list[int]:
    """Return ``cycles`` of frames without what repeats at the end."""
    steady = max(cycles[-2:])
    while len(cycles) > 1 and cycles[-2] == steady:
        cycles = cycles[:-1]
    return [*cycles[:-1], steady]


def _followed(plan: AxesPlan, planes: int, frames: int) -> list[int]:
    """Return the cycles from each frame to the next, with so many planes in a half."""
    counted = [_counted(stage, planes) for stage in plan.stages]
    kept = BufferPace(plan.residual.depth) if plan.residual else None
    frame_beats = 2 * planes * plan.plane_beats
    starts: list[int] = []
    given, cycle = 0, 0
    while len(starts) < frames:
        offers = [kept is None or kept.credit, *(stage.valid for stage in counted)]
        takes = [*(stage.ready for stage in counted), kept is None or kept.valid]
        for number, stage in enumerate(counted):
            stage.step(offers[number], takes[number + 1])
        out = offers[-1] and takes[-1]
        if kept is not None:
            entered = offers[0] and takes[0]
            kept.step(entered, entered, out)
        if out:
            if given % frame_beats == 0:
                starts.append(cycle)
            given += 1
        cycle += 1
    return [after - before for before, after in itertools.pairwise(starts)]
