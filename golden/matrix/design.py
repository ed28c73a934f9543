"""The matrix unit: what it is told, what it gives bit for bit, and in which cycles.

A *position* is a sample of each of ``inputs`` channels; a *pass* is the positions that meet the
same weights, ``[outputs, inputs]``. Passes over the same positions with other inputs or other
offsets add up, position by position, until the last one's sums leave:

    sums[t, o] = sum over passes of sum_i weights[o, i] * x[t, i]

Two inputs share a multiplier by Winograd's identity; see `golden.direct.pairs`. The products of
weights are not taken off in here: `constant` belongs into the bias. Sums wrap modulo
``2^sum_bits``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from golden.direct.pairs import weight_products
from golden.inputs.errors import ParameterError, check_range
from golden.numbers.interval import Integers, Interval, wrap
from golden.targets import FACTS, check_target

RAISED_BITS = 8
"""By which sums are shifted for weights that are wider than the unit's."""
_LEAST_OUTPUTS = 4
"""A sum is read, added to and written in five cycles; passes begin as far apart with 4 outputs."""


@dataclass(frozen=True, eq=False)
class Pass:
    """Positions that meet the same weights.

    Parameters
    ----------
    x
        int64 ``[positions, inputs]``.
    weights
        int64 ``[outputs, inputs]``.
    first
        Whether sums begin with it; else they go on from those of the pass before.
    final
        Whether its sums leave.
    raised
        Whether the sums that it goes on from are multiplied by 2^`RAISED_BITS` first.
    squares
        Whether the products of neighbouring inputs stay in the sums: those of inputs that come
        twice are their squares.
    """

    x: Integers
    weights: Integers
    first: bool
    final: bool
    raised: bool = False
    squares: bool = False


@dataclass(frozen=True)
class MatrixDesign:
    """A matrix unit.

    Parameters
    ----------
    inputs
        Channels that a position brings, even.
    outputs
        Sums of a position, at least 4, a multiple of ``group``.
    positions
        Of a pass at most: sums that are kept while passes add up.
    results
        Positions whose finished sums may wait to be taken; a pass of them at least.
    group
        Outputs that see a position in the same cycle; the next ones see it a cycle later, so that
        no net is long.
    data_bits
        Of an input, two's complement: 9 take uint8 as well as int8.
    weight_bits
        Of a weight, two's complement.
    sum_bits
        Of a sum, at most 62.
    target
        Device family.

    Raises
    ------
    ParameterError
        Where a parameter breaks its rule.
    """

    inputs: int = 16
    outputs: int = 16
    positions: int = 512
    results: int = 0
    group: int = 4
    data_bits: int = 9
    weight_bits: int = 8
    sum_bits: int = 32
    target: str = "generic"

    def __post_init__(self) -> None:
        check_range("inputs", self.inputs, 2, 128)
        check_range("outputs", self.outputs, _LEAST_OUTPUTS, 128)
        check_range("positions", self.positions, 2, 4096)
        check_range("data_bits", self.data_bits, 2, 17)
        check_range("weight_bits", self.weight_bits, 2, 17)
        check_range("sum_bits", self.sum_bits, self.product_bits, 62)
        if self.inputs % 2:
            raise ParameterError("inputs", "even", self.inputs)
        if self.group < 1 or self.outputs % self.group:
            raise ParameterError("group", f"a divisor of {self.outputs} outputs", self.group)
        check_target(self.target)
        widest = FACTS[self.target].operand_bits
        if widest is not None and self.pair_bits > widest:
            wider = "data_bits" if self.data_bits >= self.weight_bits else "weight_bits"
            rule = f"at most {widest - 1} on {self.target}"
            raise ParameterError(wider, rule, self.pair_bits - 1)

    @property
    def data(self) -> Interval:
        """Range of an input."""
        return Interval.signed(self.data_bits)

    @property
    def pair_bits(self) -> int:
        """Width of an input and a weight added up."""
        return max(self.data_bits, self.weight_bits) + 1

    @property
    def product_bits(self) -> int:
        """Width of a position's sum of products before the middle sum is taken off."""
        return 2 * self.pair_bits + (self.inputs // 2 - 1).bit_length()

    @property
    def groups(self) -> int:
        """Groups of outputs."""
        return self.outputs // self.group

    @property
    def multipliers(self) -> int:
        """Two products each, and a row for the middle sum that all outputs share."""
        return self.inputs * self.outputs // 2 + self.inputs // 2

    def sums(self, x: Integers, weights: Integers, *, squares: bool = False) -> Integers:
        """Return a pass's sums ``[positions, outputs]`` as the unit has them: with `constant`."""
        first, second = x[:, None, 0::2], x[:, None, 1::2]
        pairs = (first + weights[None, :, 1::2]) * (second + weights[None, :, 0::2])
        middle = (x[:, 0::2] * x[:, 1::2]).sum(axis=-1) * (not squares)
        return wrap(pairs.sum(axis=-1) - middle[:, None], self.sum_bits)

    @staticmethod
    def constant(weights: Integers) -> Integers:
        """Return what every sum of a pass has too much, ``[outputs]``: to be taken off the bias."""
        return weight_products(weights)

    def run(self, passes: Sequence[Pass]) -> list[Integers]:
        """Return the sums ``[positions, outputs]`` that leave, in order.

        Raises
        ------
        ValueError
            Where a pass is longer than the sums that are kept, or goes on with others.
        """
        left: list[Integers] = []
        total = np.zeros((0, self.outputs), np.int64)
        for one in passes:
            if not 1 <= len(one.x) <= self.positions:
                raise ValueError(f"A pass must have 1 to {self.positions} positions")
            if not one.first and len(one.x) != len(total):
                raise ValueError(f"A pass must go on with {len(total)} positions, not {len(one.x)}")
            fresh = self.sums(one.x, one.weights, squares=one.squares)
            kept = total << RAISED_BITS if one.raised else total
            total = fresh if one.first else wrap(kept + fresh, self.sum_bits)
            if one.final:
                left.append(total)
        return left

    def begins(self, lengths: Sequence[int]) -> list[int]:
        """Return the cycles in which passes of so many positions begin, unstalled.

        Counted from the first one's. The weights of a pass come, a row of ``inputs`` a cycle, while
        the one before is under way, so it begins late only behind one of ``outputs`` positions or
        less.
        """
        cycle, cycles = 0, []
        for length in lengths:
            cycles.append(cycle)
            cycle += max(length, self.outputs + 1)
        return cycles


def tiles(channels: int, width: int) -> int:
    """Return how many tiles of ``width`` hold ``channels``."""
    return ceil(channels / width)
