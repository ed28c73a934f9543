"""In which cycles weights, windows, sums and results are where, of one descriptor after another."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from golden.accelerator.descriptor import Descriptor, Norm, Weights
from golden.accelerator.external.capacity import Capacity
from hw.accelerator import post, reader, statistics, weights
from hw.accelerator.external.port_timing import ReadsTiming
from hw.accelerator.external.transfer_timing import paid
from hw.accelerator.timing import Ahead
from hw.matrix import group
from hw.matrix import unit as matrix
from hw.parts.streams import OutputBuffer

_ROWS = 2
"""That wait for the loader."""
_QUEUE = OutputBuffer.latency_of(OutputBuffer.SHALLOW)
"""Cycles from a descriptor's beginning until the post unit sees it."""


@dataclass
class RowsTiming:
    """The `RowGather`: rows of weights put together, each when the last but one is used."""

    capacity: Capacity
    reads: ReadsTiming
    whole: list[int] = field(default_factory=list)
    """From when on a row is there."""
    used: list[int] = field(default_factory=list)

    def plenty(self, count: int) -> bool:
        """Whether so many more rows have come, and as many of them were put together as wait."""
        reads, beats = self.reads, self.capacity.word_beats
        ready = (len(self.used) + _ROWS) * beats
        if len(reads.taken) != ready or len(reads.here) < ready + count * beats:
            return False
        return reads.here[ready + count * beats - 1] <= reads.taken[-1] + 1

    def gather(self) -> None:
        """Go on as far as beats are known."""
        reads, used = self.reads, self.used
        taken, here = reads.taken, reads.here
        number, known = len(taken), len(here)
        if number == known:
            return
        beats = self.capacity.word_beats
        while number < known:
            row, beat = divmod(number, beats)
            earliest = here[number]
            if not beat and row >= _ROWS:
                if row - _ROWS >= len(used):
                    return
                earliest = max(earliest, used[row - _ROWS] + 1)
            if number and taken[-1] >= earliest:
                earliest = taken[-1] + 1
            taken.append(earliest)
            number += 1
            if beat == beats - 1:
                self.whole.append(earliest + 1)


class LoaderTiming:
    """The `WeightsLoader`, and the rows of weights that wait in the matrix unit.

    Parameters
    ----------
    capacity
        Of the accelerator.
    rows
        Of weights.

    Attributes
    ----------
    asked
        By descriptor that computes: itself, and from when on its weights may be brought.
    brought
        When the loader begins with them.
    whole
        By pass, when its last row is in the matrix unit.
    changed
        By pass, when it begins: the next one's rows come then.
    """

    def __init__(self, capacity: Capacity, rows: RowsTiming) -> None:
        self._tile = capacity.sizes.tile
        self._rows = rows
        self.asked: list[tuple[Descriptor, int]] = []
        self.brought: list[int] = []
        self.whole: list[int] = []
        self.changed: list[int] = []
        self._stepped: list[int] = []
        self._loaded: list[int] = []
        self._known: dict[tuple[int, ...], list[list[int]]] = {}

    def run(self) -> Iterator[None]:
        """Go on as far as rows and the beginnings of passes are known."""
        number = 0
        while True:
            while number >= len(self.asked):
                yield
            one, earliest = self.asked[number]
            earliest = max([earliest, *(when + 1 for when in self._stepped[-1:])])
            self.brought.append(earliest)
            number += 1
            for _ in range(one.windows.passes):
                yield from self._bring(one, earliest + 1)
                earliest = self._stepped[-1]

    def _bring(self, one: Descriptor, earliest: int) -> Iterator[None]:
        """Bring a pass's weights."""
        rows, tile = self._rows, self._tile
        count = {Weights.FULL: tile, Weights.DIAGONAL: 1}.get(one.weights, 0)
        lists = (self._stepped, rows.used, rows.whole, rows.reads.taken)
        self.take()
        past = self._loaded[-weights.BUFFER :]
        key = None
        follows = len(self._loaded) == len(self._stepped) and tile <= weights.BUFFER - 1
        if follows and len(past) == weights.BUFFER and rows.plenty(count):
            # What came of the same once comes of it again.
            now = self._stepped[-1]
            ahead = [when - now for when in rows.whole[-_ROWS:]]
            last = (earliest - now, rows.used[-1] - now, rows.reads.taken[-1] - now)
            key = (count, *last, *ahead, *[now - when for when in past])
        if key is not None and key in self._known:
            for one_list, more in zip(lists, self._known[key], strict=True):
                one_list.extend([now + when for when in more])
        else:
            sizes = [len(one_list) for one_list in lists]
            yield from self._step(count, earliest)
            if key is not None:
                self._known[key] = [
                    [when - now for when in o[n:]] for o, n in zip(lists, sizes, strict=True)
                ]
        self.take()

    def _step(self, count: int, earliest: int) -> Iterator[None]:
        """Bring rows, of which so many are fetched, one by one."""
        rows, stepped, loaded, tile = self._rows, self._stepped, self._loaded, self._tile
        used, whole = rows.used, rows.whole
        before = stepped[-1] if stepped else None
        for row in range(tile):
            if row < count:
                while len(used) >= len(whole):
                    yield
                earliest = max(earliest, whole[len(used)])
            number = len(stepped)
            while number - weights.BUFFER + 1 >= len(loaded):
                self.take()
                if number - weights.BUFFER + 1 >= len(loaded):
                    if self._streams(number, earliest):
                        break
                    yield
            before = paid(earliest, before, number, loaded, weights.BUFFER)
            stepped.append(before)
            earliest = before + 1
            if row < count - 1 or (count and row == tile - 1):
                used.append(before)
                rows.gather()

    def _streams(self, number: int, earliest: int) -> bool:
        """Whether a row follows the one before, and a credit for that is known."""
        given = number - weights.BUFFER
        known = 0 <= given < len(self._loaded)
        follows = bool(self._stepped) and earliest == self._stepped[-1] + 1
        return known and follows and self._loaded[given] + 2 <= earliest

    def take(self) -> None:
        """Take rows into the matrix unit, as far as it is known when passes begin."""
        loaded, stepped, tile = self._loaded, self._stepped, self._tile
        while len(loaded) < len(stepped):
            number, row = divmod(len(loaded), tile)
            free = loaded[-1] + 1 if loaded else 0
            if not row and number:
                if number > len(self.changed):
                    return
                free = max(free, self.changed[number - 1] + 1)
            end = min(len(stepped), (number + 1) * tile)
            for step in stepped[len(loaded) : end]:
                free = max(free, step + weights.LATENCY)
                loaded.append(free)
                free += 1
            if len(loaded) == (number + 1) * tile:
                self.whole.append(loaded[-1])


class ReaderTiming(Ahead):
    """The `Reader` of windows, which stores hold up.

    Parameters
    ----------
    holds
        In which cycles it is held, in order.
    """

    def __init__(self, holds: list[int]) -> None:
        super().__init__(reader.BUFFER)
        self._holds = holds
        self._begins = 0
        self._left = 0

    def begin(self, when: int, count: int) -> None:
        """Begin a descriptor of so many positions."""
        self._begins, self._left = when + reader.BEGINS, count

    def end(self) -> int:
        """Return when the last position's address is made; all must have been taken."""
        if self._left:
            self.make(self._begins, self._left)
        return self.made

    def passes(self, count: int, taps: int, earliest: int) -> Sequence[int]:
        """Return when positions of a pass are taken, of each window of taps the last.

        The first can be from ``earliest`` on.
        """
        if self._holds and self._holds[-1] >= max(self._begins, self.made + 1):
            return self._one_by_one(count, taps, earliest)
        # None of them is late for who takes them.
        there = max(self.taken + 1, max(self._begins, self.made + 1) + reader.LATENCY)
        first = max(there + taps - 1, earliest)
        if taps > 1:
            self.take(there, taps - 1)
        self.take(first, (count - 1) * taps + 1)
        return range(first, first + count * taps, taps)

    def _one_by_one(self, count: int, taps: int, earliest: int) -> Sequence[int]:
        taken = []
        for _ in range(count):
            for tap in range(taps):
                made = self._make_one()
                when = max(self.taken + 1, made + reader.LATENCY)
                if tap == taps - 1:
                    when = max(when, earliest)
                self.take(when, 1)
            taken.append(when)
        return taken

    def _make_one(self) -> int:
        """Make the next position's address."""
        self._left -= 1
        holds = self._holds
        made = self.made
        when = self.make(self._begins, 1)
        place = bisect_left(holds, when)
        while place < len(holds) and holds[place] == when:
            self._made -= 1
            self.made = made
            when = self.make(max(when + 1, made + 2), 1)
            place = bisect_left(holds, when, place)
        return when


class UnitsTiming:
    """The units that a descriptor's positions pass: `Reader`, `MatrixUnit`, `PostUnit`.

    Parameters
    ----------
    capacity
        Of the accelerator.
    loader
        Of weights.
    holds
        When the reader is held.
    writes
        Takes when words of results are written.
    """

    def __init__(
        self, capacity: Capacity, loader: LoaderTiming, holds: list[int], writes: list[range]
    ) -> None:
        sizes = capacity.sizes
        self._parts = sizes.parts
        self._loader = loader
        self._reader = ReaderTiming(holds)
        self._writes = writes
        self._matrix = matrix.latency(sizes.matrix)
        self._post = {
            norm: post.latency(sizes, capacity.abilities, norm=norm) for norm in (False, True)
        }
        self._sizes = sizes
        self._norm = capacity.abilities.norm
        self._interval = post.interval(sizes)
        self._opened = -1  # the next pass may begin
        self._told = -self._interval  # the post unit took what it is told
        self._posted = -1  # the last sums were taken
        self._norms = False
        self.kept = -1
        """When the last gain is."""
        self.written: list[int] = []
        """When the last word of each descriptor that finishes sums is."""
        self.ends = 0
        """When the last descriptor's last address is made."""

    def gain(self, begins: int) -> None:
        """Read one word."""
        self._reader.begin(begins, 1)
        self.kept = self._reader.passes(1, 1, 0)[-1]
        self.ends = self._reader.end()

    def compute(self, one: Descriptor, begins: int) -> Iterator[None]:
        """Follow a descriptor that computes, as far as weights are known."""
        windows, loader = one.windows, self._loader
        taps = windows.taps if windows.largest else 1
        count = windows.positions
        self._reader.begin(begins, count * taps * windows.passes)
        for _ in range(windows.passes):
            while len(loader.whole) <= len(loader.changed):
                yield
            earliest = max(loader.whole[len(loader.changed)] + 1, self._opened)
            taken = self._reader.passes(count, taps, earliest)
            loader.changed.append(taken[0])
            loader.take()
            # Behind a few positions, whose sums are on their way to where they are kept.
            self._opened = taken[-1] + 1 + max(group.ADD_STAGE + 1 - count, 0)
        self.ends = self._reader.end()
        if one.final:
            self._finish(one, begins, taken)

    def _finish(self, one: Descriptor, begins: int, taken: Sequence[int]) -> None:
        """Follow sums of positions through the post unit."""
        told = max(begins + _QUEUE, self._posted + 1, self._told + self._interval)
        norms = one.finish.norm != Norm.NONE or one.finish.adds
        if (norms or self._norms) and self.written:
            told = max(told, self.written[-1] + 1)
        self._told, self._norms = told, norms
        first = told + 1
        if one.finish.norm == Norm.STATISTICS:
            there = [max(first, when + self._matrix) for when in taken]
            self._posted = statistics.starts_of(there, self._sizes, self._norm)[-1]
            self.written.append(self._posted + statistics.cycles_of(self._norm))
            return
        pace = one.finish.pace
        each = self._parts * pace
        steps: list[range] = []
        # A layer norm's sums are taken every so many cycles from the first that they may be.
        begins = first
        first = post.paced(max(first, taken[0] + self._matrix), begins, pace)
        if isinstance(taken, range) and taken.step <= each:
            steps.append(range(first, first + each * len(taken), each))
        else:
            for when in taken:
                first = post.paced(max(first, when + self._matrix), begins, pace)
                steps.append(range(first, first + each, each))
                first += each
        self._posted = steps[-1][-1] + each - pace
        late = each - pace + self._post[one.finish.norm == Norm.NORMAL]
        self._writes.extend(range(step.start + late, step.stop + late, step.step) for step in steps)
        self.written.append(self._writes[-1][-1])
