"""AXI-Stream ends for cocotb: a source, a sink that checks, and the paces they keep.

Both are plain objects that are told of every rising edge, by one task for a whole bench: a task
apiece would cost more than the simulation.
"""

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Protocol

from cocotb.triggers import RisingEdge

Gaps = Iterator[int]
"""Pace of a source: idle cycles before each beat."""
Readiness = Callable[[bool], bool]
"""Pace of a sink: whether it is ready in the next cycle, told whether a beat waits in this one."""


@dataclass(frozen=True)
class Beat:
    """What a handshake passes on."""

    data: int
    last: bool


def beats_of(words: Iterable[tuple[int, bool]]) -> list[Beat]:
    """Return what `hw.package.beats` yields as beats."""
    return [Beat(data, last) for data, last in words]


@dataclass(frozen=True)
class Wires:
    """cocotb's handles of a stream's ports."""

    data: Any
    valid: Any
    ready: Any
    last: Any

    @classmethod
    def of(cls, dut: Any, prefix: str) -> "Wires":
        """Return the ports of ``dut`` named ``prefix_tdata`` and so on."""
        return cls(*(getattr(dut, f"{prefix}_t{n}") for n in ("data", "valid", "ready", "last")))


class Agent(Protocol):
    """Takes part in a bench, cycle by cycle."""

    def step(self, cycle: int) -> None:
        """Look at the values before the rising edge that ends ``cycle``, and drive the next."""


class Stepper:
    """Steps agents with the clock.

    Attributes
    ----------
    cycle
        Number of the next cycle.
    """

    def __init__(self, clock: Any, agents: Sequence[Agent]) -> None:
        self._edge = RisingEdge(clock)
        self._steps = [agent.step for agent in agents]
        self.cycle = 0

    async def until(self, condition: Callable[[], bool], *, limit: int) -> None:
        """Let time pass until ``condition`` holds.

        Raises
        ------
        AssertionError
            Where it does not hold within ``limit`` cycles.
        """
        start = self.cycle
        while not condition():
            assert self.cycle - start < limit, f"Bench must be done in {limit} cycles"
            await self._edge
            for step in self._steps:
                step(self.cycle)
            self.cycle += 1

    async def run(self, cycles: int) -> None:
        """Let time pass."""
        end = self.cycle + cycles
        await self.until(lambda: self.cycle >= end, limit=cycles + 1)


class Source:
    """Presents beats, each held until taken; drives garbage while it has none to present.

    Parameters
    ----------
    wires
        Its ports.
    seed
        Of the garbage.
    unknown
        Whether garbage is X, which a simulator of four states follows to wherever it counts.

    Attributes
    ----------
    taken
        Cycles of the handshakes, in order.
    hides
        Whether data of beats is X too.
    """

    def __init__(self, wires: Wires, *, seed: int, unknown: bool = False) -> None:
        self._wires = wires
        self._random = random.Random(seed)
        self._unknown = unknown
        self._bits = len(wires.data)
        self.reset()

    def reset(self) -> None:
        """Drop what was not taken, forget what was, and present nothing."""
        self._beats: deque[Beat] = deque()
        self._gaps: Gaps = repeat(0)
        self._gap: int | None = None
        self._presents = False
        self.hides = False
        self.taken: list[int] = []
        self._wires.valid.value = 0
        self._drive_garbage()

    def send(self, beats: Iterable[Beat], gaps: Gaps) -> None:
        """Present ``beats`` after those already waiting, at the pace of ``gaps`` from now on."""
        self._beats.extend(beats)
        self._gaps = gaps

    @property
    def idle(self) -> bool:
        """Whether every beat was taken."""
        return not self._beats and not self._presents

    def step(self, cycle: int) -> None:
        """See `Agent`."""
        wires = self._wires
        if self._presents:
            if not wires.ready.value:
                return
            self.taken.append(cycle)
        if not self._beats:
            self._present_nothing()
            return
        if self._gap is None:
            self._gap = next(self._gaps)
        if self._gap:
            self._gap -= 1
            self._present_nothing()
            return
        self._gap = None
        beat = self._beats.popleft()
        wires.data.value = "X" * self._bits if self.hides else beat.data
        wires.last.value = beat.last
        if not self._presents:
            wires.valid.value = 1
            self._presents = True

    def drive_unknown(self) -> None:
        """Drive X on all wires, until the next reset."""
        wires = self._wires
        wires.valid.value, wires.data.value, wires.last.value = "X", "X" * self._bits, "X"

    def _present_nothing(self) -> None:
        if self._presents:
            self._wires.valid.value = 0
            self._presents = False
        self._drive_garbage()

    def _drive_garbage(self) -> None:
        data, last = self._wires.data, self._wires.last
        if self._unknown:
            data.value, last.value = "X" * self._bits, "X"
        else:
            data.value, last.value = (self._random.getrandbits(b) for b in (self._bits, 1))


class Sink:
    """Takes beats at a pace, and holds the stream to its rules.

    A presented beat must stay as it is until taken; nothing may be X or Z where it counts.

    Attributes
    ----------
    beats
        What was taken, in order.
    taken
        Cycles of the handshakes.
    blind
        Whether data may be X: it is taken as 0.
    """

    def __init__(self, wires: Wires) -> None:
        self._wires = wires
        self.reset()

    def reset(self) -> None:
        """Forget what was taken, and be ready always."""
        self.beats: list[Beat] = []
        self.taken: list[int] = []
        self._stalled: Beat | None = None
        self.blind = False
        self.set_pace(always)

    def drive_unknown(self) -> None:
        """Drive X, until the next reset."""
        self._wires.ready.value = "X"

    def set_pace(self, ready: Readiness) -> None:
        """Keep to another pace from the next cycle on."""
        self._pace = ready
        self._ready = ready(False)
        self._wires.ready.value = self._ready

    def step(self, cycle: int) -> None:
        """See `Agent`."""
        wires = self._wires
        waits = bool(wires.valid.value)  # raises at X, as do the conversions of the payload
        if waits:
            data = 0 if self.blind else int(wires.data.value)
            beat = Beat(data, bool(wires.last.value))
            assert self._stalled in (None, beat), f"{beat} must stay {self._stalled} until taken"
            if self._ready:
                self._stalled = None
                self.beats.append(beat)
                self.taken.append(cycle)
            else:
                self._stalled = beat
        else:
            assert self._stalled is None, f"{self._stalled} must stay valid until taken"
        ready = self._pace(waits)
        if ready != self._ready:
            self._ready = ready
            wires.ready.value = ready


class Hush:
    """Holds a build to silence while it is in reset: every ready and every valid of it is low.

    Attributes
    ----------
    resets
        Whether reset is active.
    cycles
        How many cycles were looked at.
    """

    def __init__(self, wires: Sequence[Any]) -> None:
        self._wires = wires
        self.resets = False
        self.cycles = 0

    def step(self, cycle: int) -> None:
        """See `Agent`."""
        if self.resets:
            self.cycles += 1
            loud = [wire._name for wire in self._wires if wire.value]
            assert not loud, f"{', '.join(loud)} must be low in reset (cycle {cycle})"


class Known:
    """Holds wires to 0 and 1 in every cycle in which it is told to look.

    Attributes
    ----------
    looks
        Whether it is.
    """

    def __init__(self, wires: Sequence[Any]) -> None:
        self._wires = wires
        self.looks = False

    def step(self, cycle: int) -> None:
        """See `Agent`."""
        if self.looks:
            unknown = [wire._name for wire in self._wires if not wire.value.is_resolvable]
            assert not unknown, f"{', '.join(unknown)} must be 0 or 1 (cycle {cycle})"


class Pulses:
    """Records the cycles in which wires are high."""

    def __init__(self, wires: dict[str, Any]) -> None:
        self._wires = wires
        self.reset()

    def reset(self) -> None:
        """Forget what was seen."""
        self.cycles: dict[str, list[int]] = {name: [] for name in self._wires}

    def step(self, cycle: int) -> None:
        """See `Agent`."""
        for name, wire in self._wires.items():
            if wire.value:
                self.cycles[name].append(cycle)


def random_gaps(probability: float, seed: int) -> Gaps:
    """Present a beat with ``probability`` in each cycle that could."""
    generator = random.Random(seed)
    while True:
        gap = 0
        while generator.random() >= probability:
            gap += 1
        yield gap


def sparse_groups(length: int, gap: int) -> Gaps:
    """Present groups of ``length`` beats without a gap in them, and ``gap`` cycles between."""
    while True:
        yield gap
        yield from repeat(0, length - 1)


def evenly(gap: int) -> Gaps:
    """Present a beat after every ``gap`` idle cycles."""
    return repeat(gap)


def always(_waits: bool) -> bool:
    """Be ready in every cycle."""
    return True


def never(_waits: bool) -> bool:
    """Be ready in no cycle."""
    return False


def randomly(probability: float, seed: int) -> Readiness:
    """Be ready in each cycle with ``probability``."""
    generator = random.Random(seed)
    return lambda _waits: generator.random() < probability


def after_valid() -> Readiness:
    """Be ready for one cycle, and only once a beat waits."""
    ready = False

    def pace(waits: bool) -> bool:
        nonlocal ready
        ready = waits and not ready
        return ready

    return pace


def long_stalls(seed: int, longest: int) -> Readiness:
    """Be ready, then not, for up to ``longest`` cycles each."""
    generator = random.Random(seed)
    left, ready = 0, False

    def pace(_waits: bool) -> bool:
        nonlocal left, ready
        if left == 0:
            left, ready = generator.randint(1, longest), not ready
        left -= 1
        return ready

    return pace
