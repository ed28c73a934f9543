"""Averages under windows."""

import numpy as np

from golden.accelerator.descriptor import Windows
from golden.accelerator.operators.sums import Sums, Term, zeros
from golden.network.pool import Average


def average(op: Average, names: tuple[str, ...]) -> Sums:
    """Return windows with weights of 1 on the diagonal."""
    above, left, _, _ = op.padding
    windows = Windows(row=-above, column=-left, row_stride=op.stride[0], column_stride=op.stride[1])
    channels = op.gives.channels
    weight = np.ones((channels, 1, *op.size), np.int64)
    term = Term(names[0], weight, windows, apart=True)
    return Sums((term,), zeros(channels), op.rescale, op.clip, op.gives.zero_point)
