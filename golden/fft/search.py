"""Inputs that an engine's error bound is held against, and the worst of them by argument."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from golden.fft.proof import deviations
from golden.line.weights import LineWeights
from golden.numbers.interval import Integers
from golden.numbers.search import Certified, Floats

if TYPE_CHECKING:
    from golden.fft.design import FftDesign


def searchable(design: "FftDesign") -> Certified:
    """Return the sums of a design's worst channel beside the bound of their error.

    An input is a line, or two where they share a transform. The search begins with those that
    bring each result of the first as far off as quantisation can.
    """
    assert design.weights is not None
    channel = int(np.argmax(design.sum_errors))
    whole = design.weights
    weights = LineWeights(*(part[[channel]] for part in (whole.weight, whole.pe, whole.bias)))
    lanes = min(design.lanes, 2)
    alone = replace(
        design, channels=1, lanes=lanes, rows=lanes, weights=weights, requantization=None
    )
    # Below 2^53 products of matrices in float64 are exact.
    shares = alone.shares(weights.weight[0], slice(None))

    def off(inputs: Integers) -> Floats:
        lines = inputs.reshape(-1, design.length)
        sums = alone.accumulate(lines, weights.of(np.zeros(len(lines), dtype=np.int64)))
        apart = np.abs(sums - weights.start() - lines.astype(np.float64) @ shares)
        return np.asarray(apart.reshape(len(inputs), -1).max(axis=1))

    starts = _worst(alone, weights, shares)
    bound = float(design.sum_errors[channel])
    return Certified(bound, off, (lanes, design.length), design.data, starts)


def _worst(design: "FftDesign", weights: LineWeights, shares: Floats) -> Integers:
    """Return the lines that bring each result of the first furthest off, either way."""
    re, im = design.words(weights)[0] / 2.0**design.spectrum_f_bits
    rows = deviations(
        design.flow, re + 1j * im, shares, entry=design.entry, outputs=design.outputs
    ).T
    # Without a partner a line's results leave in the real part.
    lines = [rows.real, -rows.imag][: design.lanes]
    signs = np.stack(lines, axis=1) >= 0
    both = np.concatenate([signs, ~signs])
    return np.where(both, design.data.high, design.data.low)
