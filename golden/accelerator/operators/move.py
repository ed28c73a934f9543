"""What moves samples."""

import numpy as np

from golden.accelerator.descriptor import Windows
from golden.accelerator.operators.sums import ONE, Sums, Term, zeros
from golden.inputs.errors import ParameterError
from golden.network.move import Concatenate, Select
from golden.numbers.interval import Integers


def _chosen(channels: int, of: int, chosen: Integers) -> Integers:
    """Return weights that take the channels ``chosen`` to rows from the first on, -1 to none."""
    weight = np.zeros((channels, of, 1, 1), np.int64)
    for output, channel in enumerate(chosen):
        if channel >= 0:
            weight[output, channel] = 1
    return weight


def _progression(name: str, index: Integers) -> tuple[int, int]:
    """Return where evenly spaced indices begin, and their distance."""
    steps = np.diff(index)
    if steps.size and (steps[0] < 1 or np.any(steps != steps[0])):
        raise ParameterError("select", f"of evenly spaced {name}", index.tolist())
    return int(index[0]), int(steps[0]) if steps.size else 1


def select(op: Select, names: tuple[str, ...]) -> Sums:
    """Return rows of weights with a single 1."""
    (row, row_stride), (column, column_stride) = (
        _progression(name, getattr(op, name)) for name in ("rows", "columns")
    )
    windows = Windows(row, column, row_stride=row_stride, column_stride=column_stride)
    weight = _chosen(op.gives.channels, op.takes[0].channels, op.channels)
    terms = (Term(names[0], weight, windows),)
    return _moved(op, terms)


def _moved(op: Select | Concatenate, terms: tuple[Term, ...]) -> Sums:
    gives = op.gives
    return Sums(terms, zeros(gives.channels), ONE, gives.range, gives.zero_point)


def concatenate(op: Concatenate, names: tuple[str, ...]) -> Sums:
    """Return the maps, each with rows of weights that move its channels."""
    if op.axis != 0:
        raise ParameterError("concatenate", "along the channels", f"axis {op.axis}")
    terms, first = [], 0
    for name, data in zip(names, op.takes, strict=True):
        chosen = np.full(op.gives.channels, -1)
        chosen[first : first + data.channels] = np.arange(data.channels)
        weight = _chosen(op.gives.channels, data.channels, chosen)
        terms.append(Term(name, weight, Windows()))
        first += data.channels
    return _moved(op, tuple(terms))
