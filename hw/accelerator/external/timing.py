"""About how many cycles a program takes, with a memory of some latency and bandwidth.

Descriptors are followed one by one, as `hw.accelerator.timing` does, with what they wait for: their
own check, transfers, and rows of weights. Which stream has a beat in which cycle is not: all of one
are counted together, so it is a prediction within some per cent, which tests hold it to.
"""

from collections import deque
from dataclasses import dataclass, field

from golden.accelerator.descriptor import ANY, Descriptor, Kind, Norm, Space
from golden.accelerator.external.format import common_fields, compute_fields
from golden.accelerator.external.hazards import beats_of
from golden.accelerator.external.program import ExternalProgram, rows_of
from hw.accelerator import post, reader, statistics, weights
from hw.matrix import unit as matrix

_BEGIN = 14
"""Cycles from a start to the first beat of descriptors, the header's beats and answers left out."""
_END = 8
"""From the last descriptor's end to the next frame."""
_ASK = 12
"""From a transfer's beginning to its first beat, unless memory is slow."""
_SPLIT = 3
"""Least cycles from a block's burst to the next."""
_CHECK = 5
"""Of a descriptor, its beats and the bits of its factors left out."""
_BEHIND = 8
"""Bursts of weights that a transfer comes behind meanwhile."""
_BURST = 3
"""Between bursts that are written."""


@dataclass(frozen=True)
class MemoryPace:
    """A memory: `latency` cycles more than none, and bytes a cycle, the bus's where it is 0."""

    latency: int = 0
    rate: float = 0.0


@dataclass
class _Rows:
    """Beats of weights, as they come, and when they were taken."""

    cost: float
    answer: float
    depth: int
    at: float
    fetched: int = 0
    taken: deque[tuple[int, float]] = field(default_factory=deque)

    def need(self, beats: int) -> float:
        """Return when so many more beats are there."""
        self.fetched += beats
        self.at += beats * self.cost
        while self.taken and self.taken[0][0] <= self.fetched - self.depth:
            _, when = self.taken.popleft()
            self.at = max(self.at, when + self.answer)
        return self.at

    def take(self, when: float) -> None:
        """All that came has been taken."""
        self.taken.append((self.fetched, when))


class ExternalTimeline:
    """Follows a program.

    Parameters
    ----------
    program
        The program.
    memory
        What it runs on.
    """

    def __init__(self, program: ExternalProgram, memory: MemoryPace = MemoryPace()) -> None:
        capacity = program.capacity
        self._program = program
        self._capacity = capacity
        self._sizes = capacity.sizes
        self._answer = memory.latency + _ASK
        rate = memory.rate or capacity.beat_bytes
        self._cost = max(1.0, capacity.beat_bytes / rate)
        self._post = post.latency(self._sizes, capacity.abilities)
        self._matrix = matrix.latency(self._sizes.matrix)
        self._rows = _Rows(
            self._cost, self._answer, capacity.weight_bytes // capacity.beat_bytes, 0.0
        )
        # Until their buffer is full, weights are asked for as fast as they come.
        self._filled = self._rows.depth * self._cost
        self._over: dict[Kind, list[float]] = {Kind.LOAD: [], Kind.STORE: []}
        self._written = [0.0]
        self.cycles = round(self._walk())
        """Of a frame."""

    def _walk(self) -> float:
        header = self._capacity.header_beats * self._cost + self._answer + _BEGIN
        self._rows.at = header + self._answer
        free = header + self._answer  # a descriptor may be checked
        ended = 0.0
        for one in self._program.descriptors:
            loaded = max(free + self._checks(one), ended + 1)
            begins = max(loaded + 1, self._waits(one))
            self._rows.at += self._capacity.descriptor_beats * self._cost
            ended = self._ends(one, begins)
            free = loaded + 1
        last = max([ended, *self._over[Kind.LOAD][-1:], *self._over[Kind.STORE][-1:]])
        return last + _END

    def _checks(self, one: Descriptor) -> float:
        """Return the cycles of a descriptor's check."""
        beats = self._capacity.descriptor_beats * self._cost
        if one.kind in self._over:
            return beats + _CHECK + int(one.transfer.blocks - 1).bit_length()
        said = {**common_fields(one), **compute_fields(one)}
        factors = [said["height"] - 1, said["last_row"] + 1, said["last_column"] + 1]
        factors += [said["last_kernel_column"] + 1, said["pitch"] % (2 * self._capacity.map_words)]
        bits = max(int(factor).bit_length() for factor in factors)
        return beats + _CHECK + bits + int(said["last_tile"] + 1).bit_length()

    def _waits(self, one: Descriptor) -> float:
        """Return when all is over that a descriptor waits for."""
        times = [self._written[-1] + 1 if one.waits else max(self._written[:-1][-1:], default=0.0)]
        for kind, left in ((Kind.LOAD, one.loads), (Kind.STORE, one.stores)):
            over = self._over[kind]
            queued = 4 if one.kind == kind else ANY
            count = min(left, queued)
            if count < ANY and len(over) > count:
                times.append(over[len(over) - 1 - count] + 1)
        return max(times)

    def _ends(self, one: Descriptor, begins: float) -> float:
        """Return when a descriptor has read all; of a transfer, when it has begun."""
        if one.kind in self._over:
            self._transfer(one, begins)
            return begins
        first = begins + 1 + reader.LATENCY
        if one.kind != Kind.COMPUTE:
            return first
        return self._compute(one, begins)

    def _transfer(self, one: Descriptor, begins: float) -> None:
        moves, capacity = one.transfer, self._capacity
        over = self._over[one.kind]
        start = max([begins + 3, *(when + 1 for when in over[-1:])])
        beats = beats_of(moves, capacity)
        bursts = -(-beats // capacity.burst)
        if start < self._filled:
            start += _BEHIND * capacity.burst * self._cost
        if one.kind == Kind.STORE:
            each = max(beats * self._cost, beats + bursts * _BURST)
        elif moves.space == Space.TABLES:
            each = max(beats * self._cost, beats * capacity.beat_bytes)
        else:
            each = max(beats * self._cost, bursts * _SPLIT)
        over.append(start + self._answer + each * moves.blocks)
        # They have the bus for themselves as long.
        self._rows.at += beats * moves.blocks * (self._cost if one.kind == Kind.LOAD else 0)

    def _compute(self, one: Descriptor, begins: float) -> float:
        sizes, windows = self._sizes, one.windows
        count, tile = windows.positions, sizes.tile
        taps = windows.taps if windows.largest else 1
        each = rows_of(one, self._capacity) // windows.passes * self._capacity.word_beats
        ready = begins + 1
        read = begins + 1 + reader.LATENCY + taps - 1
        load = max(tile, each)  # rows are put together beat by beat
        length = max(count * taps, tile + 1)
        for _ in range(windows.passes):
            there = self._rows.need(each) if each else 0.0
            loaded = max(ready + load, there) + weights.LATENCY
            self._rows.take(loaded)
            start = max(read, loaded)
            read, ready = start + length, start + 1 - weights.LATENCY
        ends = start + (count - 1) * taps
        if one.final:
            posted = max(self._written[-1] + 2, start + self._matrix, begins + 3)
            if one.finish.norm == Norm.STATISTICS:
                each = statistics.cycles_of(self._capacity.abilities.norm) + statistics.INTERVAL
                self._written.append(posted + count * each)
                return ends
            done = max(posted + count * sizes.parts, ends + self._matrix + sizes.parts)
            self._written.append(done - 1 + self._post)
        return ends
