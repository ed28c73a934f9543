"""Another height and width: what has the same weights and is evenly spaced, is made together."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from golden.accelerator.operators.move import Fetch, Move, Moves, Spread, even
from golden.accelerator.operators.sums import ONE, Sums, narrow, zeros
from golden.accelerator.sizes import Sizes
from golden.matrix.design import tiles
from golden.network.rescale import Rescale
from golden.network.resize import Resize
from golden.numbers.interval import Integers


@dataclass(frozen=True, eq=False)
class _Run:
    """Results along a side, evenly spaced, that have the same weights of samples evenly spaced."""

    weight: Integers
    first: int
    step: int
    count: int
    source: int
    source_step: int


def resize(op: Resize, names: tuple[str, ...], sizes: Sizes) -> Moves:
    """Return windows for each set of weights along the height and the width."""
    gives = op.gives
    rescale = Rescale(ONE.multiplier, ONE.shift + 2 * op.f_bits)
    sums = Sums((), zeros(gives.channels), rescale, gives.range, gives.zero_point)
    columns = list(_runs(op.columns, sizes.positions))
    made = []
    for tile in range(tiles(gives.channels, sizes.tile)):
        for column in columns:
            for row in _runs(op.rows, sizes.positions // column.count):
                made.append(_move(op, names[0], tile, row, column, sizes))
    return Moves(tuple(made), sums)


def _move(op: Resize, name: str, tile: int, row: _Run, column: _Run, sizes: Sizes) -> Move:
    (data,), gives = op.takes, op.gives
    place = (tile * data.height + row.source) * data.width + column.source
    words = Spread(place, row.source_step * data.width, column.source_step)
    one = np.eye(sizes.tile, dtype=np.int64)
    fetches = [
        Fetch(
            name,
            Spread(words.base + number * data.width, words.row, words.column),
            1,
            (weight * column.weight)[:, None, None] * one,
        )
        for number, weight in enumerate(row.weight)
    ]
    first = (tile * gives.height + row.first) * gives.width + column.first
    target = Spread(first, row.step * gives.width, column.step)
    return Move(tile, row.count, column.count, target, narrow(tuple(fetches)))


def _runs(weights: Integers, limit: int) -> Iterator[_Run]:
    """Yield the results along a side, ``[n', n]`` weights of samples."""
    alike: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for place, row in enumerate(weights):
        used = np.flatnonzero(row)
        first, last = (int(used[0]), int(used[-1])) if used.size else (0, 0)
        alike.setdefault(tuple(row[first : last + 1].tolist()), []).append((place, first))
    for weight, places in alike.items():
        for run in even(np.array(places), limit):
            step = run[1] - run[0] if len(run) > 1 else np.zeros(2, np.int64)
            yield _Run(
                np.array(weight),
                int(run[0, 0]),
                int(step[0]),
                len(run),
                int(run[0, 1]),
                int(step[1]),
            )
