"""Two maps added or multiplied."""

from dataclasses import replace

import numpy as np

from golden.accelerator.descriptor import Windows
from golden.accelerator.operators.sums import ONE, Sums, Term, zeros
from golden.accelerator.sizes import CENTRED_BITS
from golden.inputs.errors import ParameterError
from golden.network.arithmetic import Add, Multiply
from golden.numbers.interval import Interval

_WEIGHTS = Interval.signed(CENTRED_BITS)


def add(op: Add, names: tuple[str, ...]) -> Sums:
    """Return both maps with their factors on the diagonal, then the shift."""
    if any(data.shape != op.gives.shape for data in op.takes):
        raise ParameterError("add", "of maps of one shape", [d.shape for d in op.takes])
    shift = op.rescale.shift
    factors = op.rescale.multiplier << (shift.max() - shift)
    common = int(shift.max())
    while common and not np.any(factors & 1):
        factors, common = factors >> 1, common - 1
    if factors.max() > _WEIGHTS.high:
        rule = f"of factors whose ratio takes weights of {CENTRED_BITS} bits"
        raise ParameterError("add", rule, factors.tolist())
    channels = op.gives.channels
    terms = tuple(
        Term(name, np.full((channels, 1, 1, 1), factor, np.int64), Windows(), True)
        for name, factor in zip(names, factors, strict=True)
    )
    rescale = replace(ONE, shift=np.array([common]), single=op.rescale.single)
    return Sums(terms, zeros(channels), rescale, op.clip, op.gives.zero_point)


def multiply(op: Multiply, names: tuple[str, ...]) -> Sums:
    """Return a map with gains on the diagonal."""
    maps = dict(zip(names, op.takes, strict=True))
    gains = [n for n, d in maps.items() if d.shape == (op.gives.channels, 1, 1)]
    if not gains or len(maps) != 2:
        raise ParameterError("multiply", "by a gain a channel", [d.shape for d in op.takes])
    gain = gains[-1]
    (source,) = maps.keys() - {gain}
    if maps[source].shape != op.gives.shape:
        raise ParameterError("multiply", "by a gain a channel", [d.shape for d in op.takes])
    weight = np.ones((op.gives.channels, 1, 1, 1), np.int64)
    terms = (Term(source, weight, Windows(), True, gain),)
    start = zeros(op.gives.channels)
    return Sums(terms, start, op.rescale, op.clip, op.gives.zero_point)
