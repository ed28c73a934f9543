"""Averages and maxima under windows."""

from dataclasses import replace

import numpy as np

from golden.accelerator.descriptor import Windows
from golden.accelerator.operators.sums import ONE, Sums, Term, zeros
from golden.network.pool import Average, Maximum
from golden.network.window import Window


def _windows(window: Window) -> Windows:
    above, left, _, _ = window.padding
    down, right = window.stride
    return Windows(row=-above, column=-left, row_stride=down, column_stride=right)


def average(op: Average, names: tuple[str, ...]) -> Sums:
    """Return windows with weights of 1 on the diagonal."""
    channels = op.gives.channels
    weight = np.ones((channels, 1, *op.size), np.int64)
    term = Term(names[0], weight, _windows(op.window), apart=True)
    (data,) = op.takes
    whole = op.size == data.shape[1:] and op.gives.shape[1:] == (1, 1)
    alike = len(op.rescale.multiplier) == 1 and not op.rescale.single
    sums = Sums((term,), zeros(channels), op.rescale, op.clip, op.gives.zero_point)
    return replace(sums, whole=whole and alike and not any(op.window.padding))


def maximum(op: Maximum, names: tuple[str, ...]) -> Sums:
    """Return the largest samples of windows, with weights of 1 on the diagonal."""
    gives = op.gives
    rows, columns = op.size
    windows = replace(_windows(op.window), kernel_rows=rows, kernel_columns=columns, largest=True)
    weight = np.ones((gives.channels, 1, 1, 1), np.int64)
    term = Term(names[0], weight, windows, apart=True)
    return Sums((term,), zeros(gives.channels), ONE, gives.range, gives.zero_point)
