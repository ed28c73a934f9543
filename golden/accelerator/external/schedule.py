"""In which order steps are begun, so that the matrix unit and the depthwise unit both work.

Descriptors begin one after the other, and one that waits for another unit holds up all behind it.
So what is ready goes first, of the next steps in their order, by about the cycles that each takes.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from golden.accelerator.descriptor import Descriptor, Kind, Norm, Region, Space
from golden.accelerator.external.capacity import STATISTICS, Capacity
from golden.accelerator.external.depthwise import groups_of
from golden.accelerator.external.hazards import (
    BESIDE,
    Footprint,
    Place,
    beats_of,
    footprint_of,
    meet,
)
from golden.accelerator.external.lines import line_cycles
from golden.accelerator.external.steps import Step

_AHEAD = 48
"""Steps that are looked at."""
_LATE = 70
"""Cycles from a last position read to its word written, about."""
_BEGINS = 12
"""Cycles from a step's beginning to the next one's, at least."""
_BEAT = 2
"""Cycles of a beat of memory's, about."""
_QUEUE = 3
"""Steps that a unit beside has begun, or keeps waiting."""


@dataclass(eq=False)
class _Task:
    """Steps that stay together, all of one unit: a tile's sums, or one transfer.

    Parameters
    ----------
    steps
        In their order.
    capacity
        Of the accelerator.
    """

    steps: list[Step]
    capacity: Capacity
    before: set["_Task"] = field(default_factory=set)
    """Those that must begin first."""
    ready: int = 0
    """When those are over."""
    read: int = 0
    """When all of it is read."""
    over: int = 0
    """When all of it is written."""

    @property
    def kind(self) -> Kind:
        """Which unit does it."""
        return self.steps[-1].descriptor.kind

    @property
    def turns(self) -> bool:
        """Whether words are turned: the next ones' turn may go before those are turned back."""
        return self.steps[-1].descriptor.turns

    @cached_property
    def cycles(self) -> int:
        """How long it takes, about."""
        return sum(_cycles(step.descriptor, self.capacity) for step in self.steps)

    @cached_property
    def late(self) -> int:
        """How long after its last position is read all of it is written, about."""
        if not self.statistics:
            return _LATE
        positions = self.steps[-1].descriptor.windows.positions
        return _LATE + 4 * STATISTICS * positions // self.capacity.sizes.tile

    @cached_property
    def statistics(self) -> bool:
        """Whether it makes a layer norm's statistics."""
        return self.steps[-1].descriptor.finish.norm == Norm.STATISTICS

    @cached_property
    def norm(self) -> bool:
        """Whether it makes or takes statistics, of which there is one set."""
        return self.steps[-1].descriptor.finish.norm != Norm.NONE

    @cached_property
    def reads(self) -> list[Place]:
        """What it reads of maps."""
        return _places(place for footprint in self._footprints for place in footprint.reads)

    @cached_property
    def writes(self) -> list[Place]:
        """What it writes of maps."""
        return _places(place for footprint in self._footprints for place in footprint.writes)

    @cached_property
    def _footprints(self) -> list[Footprint]:
        return [footprint_of(step.descriptor, self.capacity) for step in self.steps]

    def behind(self, other: "_Task") -> int | None:
        """Return when it may begin for another's sake, once that is known; None: whenever."""
        if meet(self.reads, other.writes) or meet(self.writes, other.writes):
            return other.over
        if meet(self.writes, other.reads):
            return other.read
        if self.norm and other.norm:
            return other.over if other.statistics else other.read
        return None


def _places(places: Iterator[Place]) -> list[Place]:
    """Return those of maps, in the accelerator and in memory."""
    return [one for one in set(places) if one[0] is Space.MAPS or isinstance(one[0], Region)]


def _cycles(one: Descriptor, capacity: Capacity) -> int:
    w, sizes = one.windows, capacity.sizes
    if one.kind in (Kind.LOAD, Kind.STORE):
        return _BEAT * beats_of(one.transfer, capacity) * one.transfer.blocks
    if one.turns:
        return w.rows * sizes.tile
    if one.line:
        return line_cycles(w.rows, capacity)
    if one.kind == Kind.DEPTHWISE:
        walked = (w.columns - 1) * w.column_stride + w.kernel_columns
        return w.rows * walked * w.kernel_rows * groups_of(w.kernel_columns, capacity.depthwise)
    taps = w.taps if w.largest else 1
    cycles = w.passes * max(w.positions * taps, sizes.tile + 1)
    return max(cycles, w.positions * sizes.parts * one.finish.pace) if one.final else cycles


def _tasks(steps: Sequence[Step], capacity: Capacity) -> Iterator[_Task]:
    together: list[Step] = []
    for step in steps:
        if step.descriptor.kind in BESIDE:
            yield _Task([step], capacity)
            continue
        together.append(step)
        if step.descriptor.kind == Kind.COMPUTE and step.descriptor.final:
            yield _Task(together, capacity)
            together = []


class _Clock:
    """When units are free."""

    def __init__(self) -> None:
        self._now = 0
        self._begun: dict[Kind, deque[int]] = {kind: deque([0], _QUEUE) for kind in BESIDE}
        self._free = dict.fromkeys(BESIDE, 0)

    def begins(self, task: _Task) -> int:
        """Return when a task may begin that waits for nothing else."""
        begun = self._begun.get(task.kind)
        full = begun[0] if begun is not None and len(begun) == _QUEUE else 0
        return max(self._now, task.ready, full)

    def begin(self, task: _Task) -> None:
        """Begin a task."""
        begins = self.begins(task)
        self._now = begins + _BEGINS
        if task.kind in self._begun:
            begins = max(begins, self._free[task.kind])
            self._begun[task.kind].append(begins)
            task.read = self._free[task.kind] = begins + task.cycles
        else:
            task.read = self._now = begins + max(task.cycles, _BEGINS)
        task.over = task.read + task.late


def scheduled(steps: Sequence[Step], capacity: Capacity) -> list[Step]:
    """Return steps in the order in which they should begin; each finds what it found before."""
    clock = _Clock()
    order: list[Step] = []
    waiting: list[_Task] = []
    recent: deque[_Task] = deque(maxlen=_AHEAD)
    coming = _tasks(steps, capacity)
    while True:
        while len(waiting) < _AHEAD and (task := next(coming, None)) is not None:
            _enter(task, waiting, recent)
            waiting.append(task)
        if not waiting:
            return order
        task = _first(waiting, clock)
        waiting.remove(task)
        recent.append(task)
        clock.begin(task)
        order += task.steps
        for later in waiting:
            if task in later.before:
                later.before.remove(task)
                later.ready = max(later.ready, later.behind(task) or 0)


def _enter(task: _Task, waiting: Sequence[_Task], recent: Sequence[_Task]) -> None:
    """Find what a task must wait for."""
    for other in recent:
        if other.over > task.ready:
            task.ready = max(task.ready, task.behind(other) or 0)
    task.before |= {other for other in waiting if task.behind(other) is not None}


def _first(waiting: Sequence[_Task], clock: _Clock) -> _Task:
    """Return what begins next: of those that may first, what others do meanwhile."""
    kinds: set[Kind] = set()
    best: tuple[int, bool, int] | None = None
    for number, task in enumerate(waiting):
        beside = task.kind in BESIDE
        if not task.before and (task.turns or not (beside and task.kind in kinds)):
            key = (clock.begins(task), not beside, number)
            best = key if best is None else min(best, key)
        if not task.turns:
            kinds.add(task.kind)
    assert best is not None
    return waiting[best[2]]
