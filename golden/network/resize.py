"""Another height and width, by fixed weights along each: bilinear, and what else is separable."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from golden.inputs.errors import ParameterError
from golden.network.operator import Operator, check_count, check_same_format, check_shape
from golden.network.window import EXACT_IN_FLOAT32, bounds
from golden.numbers.fixed import round_half_even
from golden.numbers.interval import Integers, Interval
from golden.operator.parc import Floats

WEIGHT_F_BITS = 8
"""Of a weight that is exact in them a result is exact; of another within a step."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Resize(Operator):
    """``y = clip(round(sum rows[i, k] * columns[j, l] * (x[k, l] - z) / 2^(2 f)) + z)``.

    f is `f_bits`. Sums of products have 24 bits, so that a float32 holds each: whoever adds them up
    in any order gets the same.

    Parameters
    ----------
    rows, columns
        int64 ``[H', H]`` and ``[W', W]``, with f fraction bits: what each sample of the result has
        of those along the height and along the width.
    f_bits
        Fraction bits of a weight.
    """

    kind: ClassVar[str] = "resize"
    formula: ClassVar[str] = "clip(round(sum r[i, k] c[j, l] (x[k, l] - z) / 2^2f) + z)"

    rows: Integers
    columns: Integers
    f_bits: int = WEIGHT_F_BITS

    def check(self) -> None:
        """See `Operator`."""
        check_count(self.takes, 1)
        (data,) = self.takes
        check_same_format(self.takes, self.gives)
        _, height, width = self.gives.shape
        check_shape("gives", self.gives.shape, (data.channels, height, width))
        check_shape("rows", self.rows.shape, (height, data.height))
        check_shape("columns", self.columns.shape, (width, data.width))
        if (most := reach_of(self.rows, self.columns, data.centred).max_abs) > EXACT_IN_FLOAT32:
            raise ParameterError("weights", "such that no sum leaves 24 bits", most)

    @property
    def sums(self) -> Interval:
        """See `Operator`."""
        return reach_of(self.rows, self.columns, self.takes[0].centred)

    @property
    def products(self) -> int:
        """See `Operator`: those of a row's weights and of a column's as one, zeros left out."""
        rows, columns = (np.count_nonzero(w) for w in (self.rows, self.columns))
        return int(self.gives.channels * rows * columns)

    @property
    def max_error(self) -> int:
        """See `Operator`.

        A file's own resize works on real numbers: those of a scale that is no power of two are
        rounded, and a tie falls to either side.
        """
        return int(math.frexp(self.gives.scale)[0] != 0.5)

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        x = (maps[0] - self.takes[0].zero_point).astype(np.float32)
        sums = self.rows.astype(np.float32) @ x @ self.columns.T.astype(np.float32)
        y = round_half_even(sums.astype(np.int64), 2 * self.f_bits) + self.gives.zero_point
        words: Integers = np.clip(y, self.gives.range.low, self.gives.range.high)
        return words


def reach_of(rows: Integers, columns: Integers, centred: Interval) -> Interval:
    """Return a range that no partial sum of a resize leaves."""
    data = Interval.union([centred, Interval(0, 0)])
    along = Interval.union([*bounds(rows, data), Interval(0, 0)])
    return Interval.union([*bounds(columns, along), Interval(0, 0)])


def shares(weights: Floats, f_bits: int) -> Integers:
    """Return real weights ``[n', n]`` with ``f_bits`` fraction bits, whose sums are kept.

    What rounding down leaves of a sum goes to those that lost most, so that what is the same all
    over stays the same.
    """
    scaled = np.ldexp(weights, f_bits)
    floor = np.floor(scaled).astype(np.int64)
    left = np.rint(scaled.sum(axis=1)).astype(np.int64) - floor.sum(axis=1)
    order = np.argsort(floor - scaled, axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    fixed: Integers = floor + (rank < left[:, None])
    return fixed
