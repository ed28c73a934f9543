"""Two maps added or multiplied."""

from dataclasses import replace

import numpy as np

from golden.accelerator.descriptor import Windows
from golden.accelerator.operators.sums import ONE, Sums, Term, zeros
from golden.accelerator.sizes import CENTRED_BITS, DATA_BITS
from golden.inputs.errors import ParameterError
from golden.network.arithmetic import Add, Multiply
from golden.network.map import Map
from golden.numbers.interval import Interval

_WEIGHTS = Interval.signed(CENTRED_BITS)
_SMALL = Interval.signed(DATA_BITS)
"""Weights that have a place anywhere; on a diagonal one without a sign has 8 bits too."""
_MOST_TAPS = 64


def _spread(name: str, data: Map, gives: Map, taps: list[int]) -> Term:
    """Return the term of a map times the sum of ``taps``, the same along sides of 1."""
    windows = Windows(
        row_stride=int(data.height == gives.height),
        column_stride=int(data.width == gives.width),
        column_tap=0,
    )
    weight = np.zeros((gives.channels, 1, 1, len(taps)), np.int64)
    weight[:] = taps
    return Term(name, weight, windows, apart=data.channels == gives.channels)


def _factor(name: str, data: Map, gives: Map, factor: int) -> Term:
    """Return the term of a map times a factor: more than a weight holds is added again."""
    most = _WEIGHTS.high if data.channels == gives.channels else _SMALL.high
    whole, rest = divmod(factor, most)
    if whole >= _MOST_TAPS:
        raise ParameterError(
            "operator", f"of factors whose ratio is at most {_MOST_TAPS * most}", factor
        )
    return _spread(name, data, gives, [most] * whole + [rest] * (rest > 0))


def add(op: Add, names: tuple[str, ...]) -> Sums:
    """Return both maps with their factors on the diagonal, then the shift."""
    shift = op.rescale.shift
    factors = op.rescale.multiplier << (shift.max() - shift)
    common = int(shift.max())
    while common and not np.any(factors & 1):
        factors, common = factors >> 1, common - 1
    terms = tuple(
        _factor(name, data, op.gives, factor)
        for name, data, factor in zip(names, op.takes, factors.tolist(), strict=True)
    )
    rescale = replace(ONE, shift=np.array([common]), single=op.rescale.single)
    return Sums(terms, zeros(op.gives.channels), rescale, op.clip, op.gives.zero_point)


def multiply(op: Multiply, names: tuple[str, ...]) -> Sums:
    """Return a map with gains on the diagonal, or sums of both for the post unit to multiply."""
    start, gives = zeros(op.gives.channels), op.gives
    for index in (1, 0):
        other = 1 - index
        gain = op.takes[index].shape == (gives.channels, 1, 1)
        if gain and op.takes[other].shape == gives.shape and names[0] != names[1]:
            weight = np.ones((gives.channels, 1, 1, 1), np.int64)
            term = Term(names[other], weight, Windows(), apart=True, gain=names[index])
            return Sums((term,), start, op.rescale, op.clip, gives.zero_point)
    # -2^9 of the first, -1 of the second: both signs turned, their product is the same.
    first = [_SMALL.low] * ((1 << CENTRED_BITS) // -_SMALL.low)
    terms = tuple(
        _spread(name, data, gives, taps)
        for name, data, taps in zip(names, op.takes, (first, [-1]), strict=True)
    )
    return Sums(terms, start, op.rescale, op.clip, gives.zero_point, product=True)
