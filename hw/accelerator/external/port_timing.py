"""In which cycles the port to external memory does what: bursts, their turns, their beats."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from golden.accelerator.external.capacity import Capacity
from hw.accelerator.external.bus import ReadId
from hw.parts.streams import OutputBuffer

MOST_READS = 16
"""Bursts that memory takes before it has answered, as `hw/simulate/axi_memory.h` has it."""
_SPARED = 512
"""Bytes of bandwidth that memory has left over at most, likewise."""
_OFFER = 3
"""Cycles from a block taken, and from a burst taken, to the next burst offered."""

_ROOM = 3
"""Cycles from a beat taken to a burst that has its place."""


@dataclass(frozen=True)
class MemoryPace:
    """A memory: `latency` cycles more than none, and bytes a cycle, the bus's where it is 0."""

    latency: int = 0
    rate: float = 0.0


EVERY_CYCLE = MemoryPace()
"""The ideal one."""


@dataclass
class Bandwidth:
    """What a memory spares: bytes a cycle, some of them saved up.

    Attributes
    ----------
    rate
        Bytes a cycle; 0 where it is no limit.
    """

    rate: float
    _spare: float = float(_SPARED)
    _counted: int = 0

    def spend(self, size: int, earliest: int) -> int:
        """Return when so many bytes can be had from ``earliest`` on, and take them."""
        if not self.rate:
            return earliest
        self._earn(earliest)
        spare, counted, rate = self._spare, self._counted, self.rate
        while spare < size:
            spare, counted = min(spare + rate, _SPARED), counted + 1
        self._spare, self._counted = spare - size, counted
        return counted

    def owe(self, size: int, when: int) -> None:
        """Take bytes that somebody else had."""
        self._earn(when)
        self._spare -= size

    def _earn(self, now: int) -> None:
        if now > self._counted:
            self._spare = min(self._spare + (now - self._counted) * self.rate, _SPARED)
            self._counted = now


def bursts_of(address: int, beats: int, capacity: Capacity) -> Iterator[int]:
    """Yield the beats of a block's bursts: none crosses a multiple of ``capacity.burst``."""
    while beats:
        burst = min(beats, capacity.burst - address % capacity.burst)
        yield burst
        address, beats = address + burst, beats - burst


@dataclass
class ReadsTiming:
    """What a `BlockReader` asks for and gives.

    Attributes
    ----------
    here
        By beat, from when on it can be taken if the one before has been.
    taken
        By beat, when it was.
    """

    capacity: Capacity
    depth: int
    here: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    _blocks: deque[tuple[int, int, int]] = field(default_factory=deque)
    _bursts: deque[int] = field(default_factory=deque)
    _asked: int = 0
    _offer: int = 0
    _free: int = 0

    def add(self, when: int, address: int, beats: int) -> None:
        """Offer a block from a cycle on; ``address`` is counted in beats."""
        self._blocks.append((when, address, beats))

    def asks(self) -> int | None:
        """Return from when on a burst is asked for; None where that is not known, or none is."""
        if not self._bursts:
            if not self._blocks:
                return None
            when, address, beats = self._blocks.popleft()
            self._offer = max(when, self._free) + _OFFER
            self._bursts.extend(bursts_of(address, beats, self.capacity))
        full = self._asked + self._bursts[0] - self.depth
        if full <= 0:
            return self._offer
        return max(self._offer, self.taken[full - 1] + _ROOM) if full <= len(self.taken) else None

    def grant(self, when: int) -> int:
        """Take the burst that is asked for; return its beats."""
        burst = self._bursts.popleft()
        self._asked += burst
        self._offer, self._free = when + _OFFER, when + 1
        return burst

    def come(self, beats: Sequence[int]) -> None:
        """Beats arrive in these cycles."""
        late = OutputBuffer.latency_of(self.depth)
        self.here.extend([beat + late for beat in beats])

    def take(self, earliest: int) -> int:
        """Take the next beat, which must be `here`; return when."""
        number = len(self.taken)
        when = max(self.here[number], earliest)
        if number and self.taken[-1] >= when:
            when = self.taken[-1] + 1
        self.taken.append(when)
        return when

    @property
    def waits(self) -> bool:
        """Whether the next beat to take is one that has not been granted."""
        return len(self.taken) >= len(self.here)


class PortTiming:
    """The `ReadPort` and the memory behind it, which answers in order.

    Regions begin at multiples of a burst.

    Parameters
    ----------
    capacity
        Of the accelerator.
    memory
        Behind the port.
    readers
        In the order of `ReadId`.
    written
        When beats are written, in order: they take bandwidth too.
    """

    def __init__(
        self,
        capacity: Capacity,
        memory: MemoryPace,
        readers: Sequence[ReadsTiming],
        written: list[int],
    ) -> None:
        self._capacity = capacity
        self._memory = memory
        self._readers = readers
        self._written = written
        self._owed = 0
        self._turn = 0
        self._free = 0
        self._ends: list[int] = []
        self._bandwidth = Bandwidth(memory.rate)

    def grant(self) -> ReadId | None:
        """Take the next burst; return whose it is, if there is one.

        Whoever's next burst is not known yet waits for one that is granted later.
        """
        asks = [reader.asks() for reader in self._readers]
        known = [when for when in asks if when is not None]
        if not known:
            return None
        now = max(min(known), self._free)
        count = len(asks)
        for step in range(count):
            which = (self._turn + step) % count
            when = asks[which]
            if when is not None and when <= now:
                break
        self._turn = (which + 1) % count
        reader = self._readers[which]
        beats = reader.grant(now)
        asked = now + 1
        if len(self._ends) >= MOST_READS:
            asked = max(asked, self._ends[-MOST_READS] + 1)
        self._free = asked
        first = max(asked + 1 + self._memory.latency, self._ends[-1] + 1 if self._ends else 0)
        come = range(first, first + beats) if not self._memory.rate else self._paced(first, beats)
        self._ends.append(come[-1])
        reader.come(come)
        return ReadId(which)

    def _paced(self, first: int, beats: int) -> list[int]:
        """Return when beats come as far as there is bandwidth."""
        size, come = self._capacity.beat_bytes, list[int]()
        written, bandwidth = self._written, self._bandwidth
        for _ in range(beats):
            while self._owed < len(written) and written[self._owed] <= first:
                bandwidth.owe(size, written[self._owed])
                self._owed += 1
            first = bandwidth.spend(size, first)
            come.append(first)
            first += 1
        return come
