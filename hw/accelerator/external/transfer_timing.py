"""In which cycles transfers do what: loads, which results go before, and stores."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import gcd

from golden.accelerator.descriptor import Descriptor, Space
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.hazards import beats_of, word_beats_of
from hw.accelerator.external.port import MOST_WRITES
from hw.accelerator.external.port_timing import Bandwidth, MemoryPace, ReadsTiming, bursts_of
from hw.accelerator.maps import MAPS_LATENCY
from hw.accelerator.reader import ADDRESS_STAGES
from hw.parts.streams import OutputBuffer

_QUEUED = 2
"""Transfers that have begun for the sequencer and not for their unit."""
_QUEUE = 4
"""Cycles from a transfer's beginning for the sequencer to its unit's."""
_OFFER = 2
"""Cycles from a block taken, and from a burst taken, to the next burst offered."""
_ANSWERED = 5
"""Cycles from a last beat written to the transfer's end, where memory answers at once."""


def paid(earliest: int, before: int | None, number: int, given: list[int], depth: int) -> int:
    """Return when an `OutputBuffer` of ``depth`` lets the beat of a number in.

    Parameters
    ----------
    earliest
        When else it could be.
    before
        When the one before was let in.
    number
        Of the beat, counted from 0.
    given
        When those before were given.
    depth
        Of the buffer. A cycle behind another one more is let in than else.
    """
    behind = before is not None and earliest == before + 1
    if behind and (number < depth or given[number - depth] + 2 <= earliest):
        return earliest
    if number + 1 < depth:
        return earliest
    return max(earliest, given[number - depth + 1] + 2)


@dataclass
class TransfersTiming:
    """What is known of transfers of a kind, in their order.

    Attributes
    ----------
    begun
        When the sequencer began them.
    started, done
        When their unit did, and when it was done.
    """

    capacity: Capacity
    begun: list[int] = field(default_factory=list)
    started: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)

    @property
    def room_from(self) -> int | None:
        """From when on the sequencer may begin another; None where it is not known."""
        waits = len(self.begun) - _QUEUED
        if waits < 0:
            return 0
        return self.started[waits] + 2 if waits < len(self.started) else None

    def _start(self, begun: int) -> int:
        start = begun + _QUEUE
        if self.done:
            start = max(start, self.done[-1] + 2)
        self.started.append(start)
        return start


@dataclass
class LoadsTiming(TransfersTiming):
    """`Loads` with its `BlockReader`: one transfer after the other."""

    reads: ReadsTiming = field(kw_only=True)
    writes: list[range] = field(default_factory=list)
    """When words of results are written, which go before."""
    _tasks: list[Descriptor] = field(default_factory=list)
    _passed: int = 0

    def begin(self, when: int, one: Descriptor) -> None:
        """Take a transfer."""
        self.begun.append(when)
        self._tasks.append(one)

    def run(self) -> Iterator[None]:
        """Go on as far as beats are known."""
        number = 0
        while True:
            while number >= len(self._tasks):
                yield
            yield from self._load(self._tasks[number], self._start(self.begun[number]))
            number += 1

    def _load(self, one: Descriptor, start: int) -> Iterator[None]:
        moves, capacity, reads = one.transfer, self.capacity, self.reads
        beats = beats_of(moves, capacity)
        for block in range(moves.blocks):
            reads.add(start + 1, moves.far + block * moves.far_stride, beats)
        maps, tables = moves.space == Space.MAPS, moves.space == Space.TABLES
        of_word = word_beats_of(moves.space, capacity)
        extra = capacity.beat_bytes - 1 if tables else 0
        used, left = start + 1, moves.blocks * beats
        while left:
            if maps and (run := self._run(used, of_word, left)):
                used, left = reads.taken[-1] + 1, left - run
                continue
            for _ in range(of_word):
                while reads.waits:
                    yield
                last = reads.take(used)
            used, left = last + 1 + extra, left - of_word
            if maps:
                used = self._written(used)
        self.done.append(used)

    def _run(self, used: int, of_word: int, left: int) -> int:
        """Take beats that come one by one, where no result gets in their words' way; count them."""
        here, taken = self.reads.here, self.reads.taken
        at = len(taken)
        count = min(left, len(here) - at, self.capacity.burst)
        count -= count % of_word
        if not count or here[at + count - 1] != here[at] + count - 1:
            return 0
        first = max(here[at], used, taken[-1] + 1 if taken else 0)
        words = range(first + of_word, first + count + 1, of_word)
        writes = self.writes
        while self._passed < len(writes) and writes[self._passed][-1] < words[0]:
            self._passed += 1
        for write in writes[self._passed :]:
            if write.start > words[-1]:
                break
            if (write.start - words[0]) % gcd(write.step, of_word) == 0:
                return 0
        taken.extend(range(first, first + count))
        return count

    def _written(self, when: int) -> int:
        """Return when a word is written that is there."""
        writes = self.writes
        while self._passed < len(writes) and writes[self._passed][-1] < when:
            self._passed += 1
        at = self._passed
        while at < len(writes) and writes[at].start <= when:
            if when in writes[at]:
                when += 1
                at = self._passed
            else:
                at += 1
        return when


@dataclass
class StoresTiming(TransfersTiming):
    """`Stores` with the `BurstWriter`: all of it is known when it begins."""

    memory: MemoryPace = field(kw_only=True)
    holds: list[int] = field(default_factory=list)
    """When the windows' reader is held."""
    written: list[int] = field(default_factory=list)
    """When beats are written."""
    known: dict[object, tuple[list[list[int]], int]] = field(default_factory=dict)
    """What came of bursts, counted from their beginnings."""

    def __post_init__(self) -> None:
        self.bandwidth = Bandwidth(self.memory.rate)

    def begin(self, when: int, one: Descriptor) -> None:
        """Take a transfer."""
        self.begun.append(when)
        start = self._start(when)
        words = _StoredWords(self, start)
        moves, capacity = one.transfer, self.capacity
        beats = moves.words * capacity.word_beats
        answers: list[int] = []
        free, last = start + 1, start
        for block in range(moves.blocks):
            offer = free + _OFFER
            for burst in bursts_of(moves.far + block * moves.far_stride, beats, capacity):
                begins = max(offer, last + 1)
                if len(answers) >= MOST_WRITES:
                    begins = max(begins, answers[-MOST_WRITES])
                last = words.burst(begins + 1, burst)
                answers.append(last + _ANSWERED + self.memory.latency)
                offer, free = begins + _OFFER, begins + 1
        self.done.append(answers[-1])


class _StoredWords:
    """Words of a store on their way from the buffer of maps to the bus."""

    _LATE = 1 + ADDRESS_STAGES + MAPS_LATENCY
    _DEPTH = OutputBuffer.depth_for(_LATE)
    _THERE = _LATE + OutputBuffer.latency_of(_DEPTH)

    def __init__(self, stores: StoresTiming, start: int) -> None:
        self._stores = stores
        self._earliest = start + 1
        self._held: int | None = None
        self._given: list[int] = []
        self._beat = 0

    def burst(self, earliest: int, count: int) -> int:
        """Take the beats of a burst, the first from a cycle on; return when the last was taken."""
        stores, given, held = self._stores, self._given, self._held
        before = given[-self._DEPTH :]
        if held is None or len(before) < self._DEPTH or stores.memory.rate:
            return self._burst(earliest, count)
        # What came of the same once comes of it again.
        past = tuple([earliest - when for when in before])
        key = (count, self._beat, held - earliest, self._earliest - earliest, past)
        if key not in stores.known:
            lists = (stores.holds, stores.written, given)
            sizes = [len(one) for one in lists]
            self._burst(earliest, count)
            made = [
                [when - earliest for when in one[n:]] for one, n in zip(lists, sizes, strict=True)
            ]
            stores.known[key] = (made, self._beat)
            return stores.written[-1] - 1
        (holds, written, gives), self._beat = stores.known[key]
        stores.holds.extend([earliest + when for when in holds])
        stores.written.extend([earliest + when for when in written])
        given.extend([earliest + when for when in gives])
        if holds:
            self._held = stores.holds[-1] - 1
            self._earliest = self._held + 1
        return stores.written[-1] - 1

    def _burst(self, earliest: int, count: int) -> int:
        last = earliest - 1
        for _ in range(count):
            last = self.take(last + 1)
        return last

    def take(self, earliest: int) -> int:
        """Take the next beat from a cycle on; return when."""
        stores, capacity = self._stores, self._stores.capacity
        if not self._beat:
            number = len(self._given)
            self._held = paid(self._earliest, self._held, number, self._given, self._DEPTH)
            self._earliest = self._held + 1
            stores.holds.append(self._held + 1)
        when = max(earliest, self._earliest - 1 + self._THERE)
        # In the channel's register it waits for memory.
        when = stores.bandwidth.spend(capacity.beat_bytes, when + 1) - 1
        stores.written.append(when + 1)
        self._beat = (self._beat + 1) % capacity.word_beats
        if not self._beat:
            self._given.append(when)
        return when
