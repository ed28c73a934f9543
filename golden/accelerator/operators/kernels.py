"""Operators with kernels."""

import numpy as np

from golden.accelerator.descriptor import Windows
from golden.accelerator.operators.sums import Sums, Term
from golden.network.circular import Circular
from golden.network.convolution import Convolution
from golden.network.kernels import Kernels


def _kernels(op: Kernels, name: str, windows: Windows) -> Term:
    """Return the term of a convolution: over all channels, unless each has its own kernel."""
    outputs, inputs = op.weight.shape[:2]
    channels = op.takes[0].channels
    if op.groups == channels == outputs:
        return Term(name, op.weight, windows, apart=True)
    full = np.zeros((outputs, channels, *op.weight.shape[2:]), np.int64)
    for output in range(outputs):
        first = output // (outputs // op.groups) * inputs
        full[output, first : first + inputs] = op.weight[output]
    return Term(name, full, windows)


def convolution(op: Convolution, names: tuple[str, ...]) -> Sums:
    """Return a convolution as it is."""
    above, left, _, _ = op.padding
    windows = Windows(row=-above, column=-left, row_stride=op.stride[0], column_stride=op.stride[1])
    term = _kernels(op, names[0], windows)
    return Sums((term,), op.bias[:, None, None], op.rescale, op.clip, op.gives.zero_point)


def circular(op: Circular, names: tuple[str, ...]) -> Sums:
    """Return windows around the map's end; the embedding is in the biases."""
    term = _kernels(op, names[0], Windows(around=True))
    return Sums((term,), op.start, op.rescale, op.clip, op.gives.zero_point)
