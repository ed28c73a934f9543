"""What moves samples and changes none: tiles of weights with a 1 in each row.

Which sample goes where is asked of the operator itself, on maps of numbers. The words of a tile of
outputs whose lanes come from the same lanes, of words that lie the same way to each other, are
found together; as far as both ends are evenly spaced they are the windows of one descriptor.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from golden.accelerator.descriptor import Windows
from golden.accelerator.operators.sums import ONE, SMALL, Sums, Term, zeros
from golden.accelerator.sizes import Sizes
from golden.matrix.design import tiles
from golden.network.move import Concatenate, Select
from golden.network.operator import Operator
from golden.numbers.interval import Integers, Interval


@dataclass(frozen=True)
class Spread:
    """Addresses ``base + row * i + column * j``."""

    base: int
    row: int
    column: int


@dataclass(frozen=True, eq=False)
class Fetch:
    """Words of a map that samples are taken of.

    Parameters
    ----------
    source
        Name of the map.
    words
        Where they lie, from the map's first on.
    step
        Words from a tile of weights' to the next one's.
    weight
        int64 ``[n, tile, tile]``.
    raised
        As of a `Term`.
    """

    source: str
    words: Spread
    step: int
    weight: Integers
    raised: bool = False

    @property
    def fits(self) -> bool:
        """Whether its weights have a place."""
        return SMALL.holds(Interval.of(self.weight))


@dataclass(frozen=True, eq=False)
class Move:
    """Words of a map, evenly spaced, made of others.

    Parameters
    ----------
    tile
        Of the channels that are given.
    rows, columns
        How many words.
    target
        Where they go, from the map's first on.
    fetches
        What is added up for them.
    """

    tile: int
    rows: int
    columns: int
    target: Spread
    fetches: tuple[Fetch, ...]


@dataclass(frozen=True, eq=False)
class Moves:
    """An operator as moves.

    Parameters
    ----------
    moves
        All of one tile behind each other.
    sums
        Without terms: how their sums are finished.
    """

    moves: tuple[Move, ...]
    sums: Sums


def sliced(op: Select, names: tuple[str, ...]) -> Sums | None:
    """Return evenly spaced rows and columns of channels in a row as windows, made row by row.

    None where they are something else.
    """
    starts, steps = [], []
    for places in (op.channels, op.rows, op.columns):
        step = int(places[1] - places[0]) if len(places) > 1 else 1
        if step < 1 or np.any(np.diff(places) != step):
            return None
        starts.append(int(places[0]))
        steps.append(step)
    if steps[0] > 1:
        return None
    windows = Windows(row=starts[1], column=starts[2], row_stride=steps[1], column_stride=steps[2])
    return _still(op, [_chosen(names[0], op.takes[0].channels, op.channels, windows)])


def stacked(op: Concatenate, names: tuple[str, ...]) -> Sums | None:
    """Return channels behind each other as a term each, made row by row; None along a side."""
    if op.axis:
        return None
    begins = np.cumsum([0, *(data.channels for data in op.takes)])
    terms = []
    for name, data, begin in zip(names, op.takes, begins, strict=False):
        which = np.arange(op.gives.channels) - begin
        terms.append(_chosen(name, data.channels, which, Windows()))
    return _still(op, terms)


def _chosen(name: str, count: int, which: Integers, windows: Windows) -> Term:
    """Return the term of those channels of ``count`` that there are."""
    if np.array_equal(which, np.arange(count)):
        return Term(name, np.ones((count, 1, 1, 1), np.int64), windows, apart=True)
    weight = (which[:, None] == np.arange(count)).astype(np.int64)
    return Term(name, weight[..., None, None], windows)


def _still(op: Operator, terms: Sequence[Term]) -> Sums:
    gives = op.gives
    return Sums(tuple(terms), zeros(gives.channels), ONE, gives.range, gives.zero_point)


def moves(op: Operator, names: tuple[str, ...], sizes: Sizes) -> Moves:
    """Return what an operator does that only moves samples."""
    return Moves(tuple(_moves(op, names, sizes)), _still(op, ()))


def _moves(op: Operator, names: tuple[str, ...], sizes: Sizes) -> Iterator[Move]:
    which, address, lane = _origins(op, sizes)
    channels, places = address.shape
    for tile in range(tiles(channels, sizes.tile)):
        own = slice(tile * sizes.tile, min((tile + 1) * sizes.tile, channels))
        base = address[own.start]
        alike = np.concatenate([which[own], lane[own], address[own] - base])
        forms, form_of = np.unique(alike, axis=1, return_inverse=True)
        for form in range(forms.shape[1]):
            at = np.flatnonzero(form_of.reshape(places) == form)
            reads = _fetches(forms[:, form].reshape(3, -1), names, sizes.tile)
            for grid in _grids(at, base[at], sizes.positions):
                yield Move(
                    tile,
                    grid.rows,
                    grid.columns,
                    replace(grid.target, base=grid.target.base + tile * places),
                    tuple(
                        replace(one, words=replace(grid.source, base=grid.source.base + first))
                        for first, one in reads
                    ),
                )


def _origins(op: Operator, sizes: Sizes) -> tuple[Integers, Integers, Integers]:
    """Return map, word and lane of each sample given, ``[channels, positions]``."""
    counts = [data.channels * data.height * data.width for data in op.takes]
    begins = np.concatenate([[0], np.cumsum(counts)])
    numbers = [
        np.arange(begin, begin + count).reshape(1, *data.shape)
        for begin, count, data in zip(begins, counts, op.takes, strict=False)
    ]
    sample = op.value(*numbers)[0].reshape(op.gives.channels, -1)
    which = np.searchsorted(begins, sample, "right") - 1
    plane = np.array([data.height * data.width for data in op.takes])[which]
    channel, place = np.divmod(sample - begins[which], plane)
    return which, channel // sizes.tile * plane + place, channel % sizes.tile


def _fetches(form: Integers, names: Sequence[str], tile: int) -> list[tuple[int, Fetch]]:
    """Return what a word is made of, and where that is from its first lane's word on."""
    which, lane, address = form
    found = []
    for source in np.unique(which):
        words = np.unique(address[which == source])
        for first, count, step in _progressions(words):
            weight = np.zeros((count, tile, tile), np.int64)
            for number in range(count):
                of = np.flatnonzero((which == source) & (address == first + number * step))
                weight[number, of, lane[of]] = 1
            found.append((first, Fetch(names[source], Spread(0, 0, 0), step, weight)))
    return found


def _progressions(words: Integers, limit: int | None = None) -> Iterator[tuple[int, int, int]]:
    """Yield first, count and step of numbers that are evenly spaced, in their order."""
    for rows in even(words[:, None], limit or len(words)):
        yield int(rows[0, 0]), len(rows), int(rows[1, 0] - rows[0, 0]) if len(rows) > 1 else 0


def even(rows: Integers, limit: int) -> Iterator[Integers]:
    """Yield rows that are evenly spaced, in their order, at most ``limit`` of them."""
    steps = np.diff(rows, axis=0)
    same = np.concatenate([np.all(steps[1:] == steps[:-1], axis=1), [False]])
    begin = 0
    while begin < len(rows):
        end = begin + 1
        if end < len(rows) and limit > 1:
            end += 1
            while end < len(rows) and end - begin < limit and same[end - 2]:
                end += 1
        yield rows[begin:end]
        begin = end


@dataclass(frozen=True)
class _Grid:
    """Words evenly spaced where they come from and where they go."""

    rows: int
    columns: int
    source: Spread
    target: Spread


def _grids(target: Integers, source: Integers, limit: int) -> Iterator[_Grid]:
    """Yield grids of at most ``limit`` words that cover all."""
    lines = [_line(run) for run in even(np.stack([target, source], axis=1), limit)]
    begin = 0
    while begin < len(lines):
        end = begin + 1
        while end < len(lines) and lines[end][1:] == lines[begin][1:]:
            end += 1
        count, step = lines[begin][1:]
        starts = np.array([line[0] for line in lines[begin:end]])
        for rows in even(starts, limit // count):
            over = rows[1] - rows[0] if len(rows) > 1 else np.zeros(2, np.int64)
            to, of = (Spread(int(rows[0, i]), int(over[i]), step[i]) for i in (0, 1))
            yield _Grid(len(rows), count, of, to)
        begin = end


def _line(run: Integers) -> tuple[tuple[int, int], int, tuple[int, int]]:
    """Return a run's first word, how many there are, and their distance, at both ends."""
    step = run[1] - run[0] if len(run) > 1 else np.zeros(2, np.int64)
    return (int(run[0, 0]), int(run[0, 1])), len(run), (int(step[0]), int(step[1]))
