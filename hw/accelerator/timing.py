"""In which cycles a program does what, where nothing outside stalls it.

Reader, weights loader, matrix unit and post unit each go from one descriptor to the next as soon as
they may; buffers of known depths are between them. So each is followed from pass to pass: within
one, positions and rows are a cycle apart.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from golden.accelerator.descriptor import Descriptor, Kind, Norm, Weights
from golden.accelerator.program import Program
from hw.accelerator import post, reader, statistics, weights
from hw.accelerator.accelerator import TAKES_AFTER
from hw.accelerator.sequencer import FETCH, MOST_PENDING
from hw.matrix import group
from hw.matrix import unit as matrix
from hw.parts.streams import OutputBuffer

_QUEUE = OutputBuffer.latency_of(OutputBuffer.SHALLOW)
"""Cycles from a descriptor's beginning until the post unit sees it."""
_CREDIT = 2
"""Cycles from a beat taken until a unit ahead of its buffer may make another for it."""
GIVEN = OutputBuffer.latency_of(OutputBuffer.depth_for(1))


@dataclass(frozen=True)
class Step:
    """A descriptor's cycles, counted from the first beginning of the program.

    Parameters
    ----------
    descriptor
        Which one.
    begins
        It begins.
    ends
        The last address of what it reads is made, or its last word taken.
    written
        Its last word is written, where it finishes sums.
    """

    descriptor: Descriptor
    begins: int
    ends: int
    written: int | None


class Ahead:
    """A unit that makes a beat a cycle for an `OutputBuffer`, as long as there are credits.

    Parameters
    ----------
    depth
        Of the buffer.
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._firsts = [0]
        self._offsets = [0]
        self._taken = 0
        self._made = 0
        self.taken = -1
        """When the last beat was taken out of the buffer."""
        self.made = -1
        """When the last one was made."""

    def take(self, cycle: int, count: int) -> None:
        """Say that the next beats are taken, a cycle apart, from ``cycle`` on."""
        self._firsts.append(self._taken)
        self._offsets.append(cycle - self._taken)
        self._taken += count
        self.taken = cycle + count - 1

    def make(self, cycle: int, count: int) -> int:
        """Make the next beats, from ``cycle`` on; return when the last one is made.

        All of them must have been taken.
        """
        end = self._made + count
        while self._made < end:
            follows = cycle <= self.made + 1
            cycle = max(cycle, self.made + 1)
            # What is counted a cycle late gives one that follows the one before a credit more.
            if not follows or cycle < self._credit(self._made):
                cycle = max(cycle + follows, self._credit(self._made + 1))
            self.made, self._made = cycle, self._made + 1
            self._follow(end)
        return self.made

    def _credit(self, beat: int) -> int:
        """Return from when on a beat may be made behind another."""
        place = beat - self._depth
        if place < 0:
            return 0
        return place + self._offsets[bisect_right(self._firsts, place) - 1] + _CREDIT

    def _follow(self, end: int) -> None:
        """Make beats behind each other as long as those taken are behind each other, too."""
        if self._made == end or self.made + 1 < self._credit(self._made):
            return
        place = self._made - self._depth
        after = bisect_right(self._firsts, max(place, 0))
        last = self._firsts[after] if after < len(self._firsts) else self._taken
        if place < 0:
            last = 0
        made = min(end, last + self._depth) - self._made
        self.made, self._made = self.made + made, self._made + made


class Timeline:
    """Cycles of a program, exactly: `tests/accelerator` holds the simulation to them.

    Parameters
    ----------
    program
        The program.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        sizes = program.sizes
        self._tile = sizes.tile
        self._post = {
            norm: post.latency(sizes, program.abilities, norm=norm) for norm in (False, True)
        }
        self._matrix = matrix.latency(sizes.matrix)
        self._reader = Ahead(reader.BUFFER)
        self._rows = Ahead(weights.BUFFER)
        self._kept = -1  # the last gain
        self._opened = -1  # the next pass may begin
        self._changed = -1  # the last pass began
        self._loaded = -post.interval(sizes)  # the post unit took what it is told
        self._posted = -1  # the last sums were taken
        self._norms = False
        self._written: list[int] = []
        *steps, after = self._walk()
        self.steps = tuple(steps)
        self.cycles_per_frame = after.begins
        """From a frame's first word taken to the next one's."""

    @property
    def latency(self) -> int:
        """From a frame's first word taken to its first one given."""
        first = next(s for s in self.steps if s.descriptor.kind == Kind.GIVE)
        return first.begins + self.given

    @property
    def given(self) -> int:
        """From the beginning of a descriptor that gives words to the first one.

        Less what there is from one that takes words to its first one.
        """
        return reader.BEGINS + reader.LATENCY + GIVEN - TAKES_AFTER

    def _walk(self) -> Iterator[Step]:
        """Yield all steps, and the first one of the next frame."""
        fetched, free, bring = -1, 0, 0
        descriptors = self._program.descriptors
        for one in (*descriptors, descriptors[0]):
            begins = max(fetched + 1, free)
            if one.kind == Kind.COMPUTE:
                gain = self._kept + 1 if one.weights == Weights.GAIN else 0
                bring = max(fetched, self._rows.made + 1, bring, gain)
                begins = max(begins, bring + 1)
            # Sums that are neither finished nor written hold up who waits, or comes too soon.
            before = self._written[-1:] if one.waits else self._written[: 1 - MOST_PENDING]
            begins = max([begins, *(cycle + 2 for cycle in before[-1:])])
            ends, written = self._run(one, begins, bring)
            if written is not None:
                self._written.append(written)
            yield Step(one, begins, ends, written)
            free = ends + 1
            if one.kind == Kind.TAKE:
                bring = free  # weights are not brought while words come
            fetched = max(begins + 1, fetched - 1 + FETCH) + 1

    def _run(self, one: Descriptor, begins: int, bring: int) -> tuple[int, int | None]:
        """Return when ``one`` has read, and written, all."""
        count = one.windows.positions
        if one.kind == Kind.TAKE:
            return begins + TAKES_AFTER + count - 1, None
        there = max(self._reader.taken + 1, begins + reader.BEGINS + reader.LATENCY)
        if one.kind != Kind.COMPUTE:
            self._reader.take(there, count)
            self._kept = self._reader.taken
            return self._reader.make(begins + reader.BEGINS, count), None
        taps = one.windows.taps if one.windows.largest else 1
        if taps > 1:
            self._reader.take(there, taps - 1)
        row = bring + 1 + weights.LATENCY
        for _ in range(one.windows.passes):
            row = max(row, self._rows.taken + 1, self._changed + 1)
            self._rows.take(row, self._tile)
            first = max(there + taps - 1, self._rows.taken + 1, self._opened)
            self._reader.take(first, (count - 1) * taps + 1)
            there, self._changed = self._reader.taken + 1, first
            # Behind a few positions, whose sums are on their way to where they are kept.
            self._opened = there + max(group.ADD_STAGE + 1 - count, 0)
        self._rows.make(bring + 1, self._tile * one.windows.passes)
        ends = self._reader.make(begins + reader.BEGINS, count * taps * one.windows.passes)
        return ends, self._finish(one, begins, first, taps) if one.final else None

    def _finish(self, one: Descriptor, begins: int, first: int, taps: int) -> int:
        """Return when the last word is written, whose sums are made from ``first`` on."""
        sizes, count = self._program.sizes, one.windows.positions
        loaded = max(begins + _QUEUE, self._posted + 1, self._loaded + post.interval(sizes))
        norms = one.finish.norm != Norm.NONE or one.finish.adds
        if (norms or self._norms) and self._written:
            loaded = max(loaded, self._written[-1] + 1)
        self._loaded, self._norms = loaded, norms
        starts = max(loaded + 1, first + self._matrix)
        if one.finish.norm == Norm.STATISTICS:
            channels = self._program.abilities.norm
            there = range(starts, starts + count)
            self._posted = statistics.starts_of(there, sizes, channels)[-1]
            return self._posted + statistics.cycles_of(channels)
        pace = one.finish.pace
        each = sizes.parts * pace
        # Sums are taken every so many cycles from the first that they may be.
        starts = post.paced(starts, loaded + 1, pace)
        last = max(
            starts + (count - 1) * each,
            post.paced(first + self._matrix + (count - 1) * taps, loaded + 1, pace),
        )
        self._posted = last + each - pace
        return self._posted + self._post[one.finish.norm == Norm.NORMAL]
