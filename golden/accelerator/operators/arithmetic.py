"""Two maps added or multiplied."""

from dataclasses import replace

import numpy as np

from golden.accelerator.descriptor import Windows
from golden.accelerator.operators.sums import ONE, Addition, Sums, Term, zeros
from golden.accelerator.sizes import CENTRED_BITS, SUM_BITS
from golden.inputs.errors import ParameterError
from golden.network.arithmetic import FAINT, Add, Multiply
from golden.network.map import Map
from golden.network.rescale import SIGNIFICAND_BITS, Rescale
from golden.numbers.interval import Interval

ADDED_SHIFTS = Interval(14, 44)
"""Of factors that are added in float32: their products have 53 bits at one shift."""


def _spread(name: str, data: Map, gives: Map, factor: int) -> Term:
    """Return the term of a map times a factor, the same along sides of 1."""
    windows = Windows(
        row_stride=int(data.height == gives.height), column_stride=int(data.width == gives.width)
    )
    weight = np.full((gives.channels, 1, 1, 1), factor, np.int64)
    return Term(name, weight, windows, apart=data.channels == gives.channels)


def add(op: Add, names: tuple[str, ...]) -> Sums:
    """Return both maps with their factors on the diagonal, then the shift."""
    if op.rescale.single:
        return _add_in_float32(op, names)
    shift = op.rescale.shift
    factors = op.rescale.multiplier << (shift.max() - shift)
    common = int(shift.max())
    while common and not np.any(factors & 1):
        factors, common = factors >> 1, common - 1
    pairs = list(zip(names, op.takes, factors.tolist(), strict=True))
    most = sum(data.centred.max_abs * factor for _, data, factor in pairs)
    if most >> (SUM_BITS - 1):
        rule = f"of factors whose sums take {SUM_BITS} bits"
        raise ParameterError("operator", rule, factors.tolist())
    terms = tuple(_spread(name, data, op.gives, factor) for name, data, factor in pairs)
    rescale = replace(ONE, shift=np.array([common]), single=op.rescale.single)
    return Sums(terms, zeros(op.gives.channels), rescale, op.clip, op.gives.zero_point)


def _add_in_float32(op: Add, names: tuple[str, ...]) -> Sums:
    """Return sums that hold both samples, which the post unit scales and adds."""
    shift = op.rescale.shift
    if not ADDED_SHIFTS.holds(Interval.of(shift)):
        rule = (
            f"an addition of factors m / 2^s with s from {ADDED_SHIFTS.low} to {ADDED_SHIFTS.high}"
        )
        raise ParameterError("operator", rule, shift.tolist())
    terms = [
        replace(_spread(name, data, op.gives, factor), raw=True)
        for name, data, factor in zip(names, op.takes, (1 << CENTRED_BITS, 1), strict=True)
    ]
    fixed = op.fixed
    exponent = max(fixed.bit_length() - SIGNIFICAND_BITS, 0)
    multiplier = op.rescale.multiplier
    return Sums(
        tuple(terms),
        zeros(op.gives.channels),
        Rescale(multiplier[:1], shift[:1], single=True),
        op.clip,
        op.gives.zero_point,
        product=True,
        addition=Addition(int(multiplier[1]), int(shift[1]), fixed >> exponent, exponent),
    )


def multiplies_maps(op: Multiply, names: tuple[str, ...]) -> bool:
    """Return whether products are the post unit's, and not those of a map with gains."""
    return _gain_of(op, names) is None


def _gain_of(op: Multiply, names: tuple[str, ...]) -> int | None:
    """Return which of two maps is a gain for each channel of the other, if one is."""
    for index in (1, 0):
        gain = op.takes[index].shape == (op.gives.channels, 1, 1)
        # With float32's roundings the zero point is added to the product, which a gain is not.
        gain = gain and not op.rescale.single
        if gain and op.takes[1 - index].shape == op.gives.shape and names[0] != names[1]:
            return index
    return None


def multiply(op: Multiply, names: tuple[str, ...]) -> Sums:
    """Return a map with gains on the diagonal, or sums of both for the post unit to multiply."""
    start, gives = zeros(op.gives.channels), op.gives
    rescale = op.rescale
    if rescale.single and rescale.shift[0] > FAINT:
        # Below half of a step whatever the product.
        rescale = Rescale(np.zeros(1, np.int64), np.zeros(1, np.int64), single=True)
    index = _gain_of(op, names)
    if index is not None:
        weight = np.ones((gives.channels, 1, 1, 1), np.int64)
        term = Term(names[1 - index], weight, Windows(), apart=True, gain=names[index])
        return Sums((term,), start, rescale, op.clip, gives.zero_point)
    terms = tuple(
        _spread(name, data, gives, factor)
        for name, data, factor in zip(names, op.takes, (1 << CENTRED_BITS, 1), strict=True)
    )
    return Sums(terms, start, rescale, op.clip, gives.zero_point, product=True)
