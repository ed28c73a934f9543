"""What a transform of an odd number of points does in each of the cycles that a block takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from golden.fft.odd import OddTransform, bin_sequence
from hw.fft.beats import AHEAD
from hw.primitives.memory import READ_LATENCY

COS, SIN = "cos", "sin"
"""Kinds of rows: sums of products that make an A, and a B; see `golden.fft.odd`."""


@dataclass(frozen=True)
class Row:
    """Sums of products that one multiplier makes in steps that follow each other.

    Parameters
    ----------
    kind
        `COS` or `SIN`.
    number
        Which one, q.
    unit
        The multiplier.
    first
        Step of its first product.
    constants
        Raw integers, one a step.
    """

    kind: str
    number: int
    unit: int
    first: int
    constants: tuple[int, ...]

    @property
    def last(self) -> int:
        """Step of its last product."""
        return self.first + len(self.constants) - 1


class Schedule:
    """Steps of the multipliers, one for each point of a block.

    All of them get the same pair of samples in the same step, pairs in the order in which they
    meet. A multiplier has rows of one kind, each right behind the other: two of them, or three
    where all share a product that comes first. Where rows of both kinds are left over, one more
    multiplier has them.
    """

    def __init__(self, odd: OddTransform) -> None:
        self._odd = odd

    @property
    def operands(self) -> list[int]:
        """Number of the pair of each step, in the order in which pairs meet; 0 in a rest."""
        odd = self._odd
        shared = int(odd.shares)
        period = odd.half - shared
        return [
            shared + (step - shared) % period
            if shared <= step < shared + self._turns * period
            else 0
            for step in range(odd.points)
        ]

    @property
    def _turns(self) -> int:
        """Rows that a multiplier makes of a block."""
        return self._odd.half if self._odd.shares else 2

    @property
    def n_side_by_side(self) -> int:
        """Multipliers for rows of one kind only."""
        return self._odd.half // self._turns

    @cached_property
    def rows(self) -> list[Row]:
        """All rows that have products."""
        return [row for q in range(1, self._odd.half + 1) for row in self._pair(q) if row.constants]

    def _pair(self, q: int) -> Iterator[Row]:
        """Return both rows of a result's pair."""
        odd, side = self._odd, self.n_side_by_side
        period = odd.half - odd.shares
        turn, place = divmod(q - 1, side) if q <= side * self._turns else (0, 2 * side)
        units, turns = (place, side + place), (turn, turn)
        if place == 2 * side:
            # What is left over: the cosines first, the sines behind them.
            units, turns = (place, place), (0, int(odd.half > 1))
        cosines, sines = self.constants(q)
        yield Row(COS, q, units[0], turns[0] * period + 1, cosines)
        yield Row(SIN, q, units[1], turns[1] * period + odd.shares, sines)

    def constants(self, q: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the constants of A[q] and of B[q] with its sign."""
        odd = self._odd
        signs = odd.signs
        own = signs[q - 1] * odd.sines[q - 1]
        if odd.inverse:
            # Differences come with their signs, since pairs come in `bin_sequence`.
            own = own * signs[odd.pairs[int(odd.shares) :] - 1]
        return tuple((-odd.cosines[q - 1]).tolist()), tuple(own.tolist())

    @property
    def share(self) -> int:
        """Constant of the product that all sines' rows begin with."""
        odd = self._odd
        sign = 1 if odd.inverse else int(odd.signs[odd.pairs[0] - 1])
        return sign * odd.share

    @property
    def n_units(self) -> int:
        """Multipliers for a part."""
        return 1 + max(row.unit for row in self.rows)

    def of_unit(self, unit: int) -> list[Row]:
        """Return a multiplier's rows."""
        return [row for row in self.rows if row.unit == unit]

    def row(self, kind: str, q: int) -> Row | None:
        """Return a row; None where it has no products."""
        return next((row for row in self.rows if (row.kind, row.number) == (kind, q)), None)

    @property
    def made(self) -> list[int]:
        """Results in the order in which they are made: 0, then pairs."""
        odd = self._odd
        if not odd.inverse:
            return [int(k) for k in bin_sequence(odd.points)]
        return [0, *(k for q in range(1, odd.half + 1) for k in (q, odd.points - q))]

    @property
    def subtracts(self) -> list[bool]:
        """Whether each result, as they are made, is A - j * B, its sign on B, else A + j * B."""
        odd = self._odd
        signs = [1, *odd.signs, *odd.signs[::-1]]
        return [(k <= odd.half) ^ odd.inverse ^ bool(signs[k] < 0) for k in self.made]


@dataclass(frozen=True)
class BlockTimes:
    """Cycles from the announcement of a block's last sample.

    Parameters
    ----------
    odd
        What is done.
    multiplying
        Cycles of a multiplier.
    whole
        Whether results are rounded to the end.
    """

    odd: OddTransform
    multiplying: int
    whole: bool

    @cached_property
    def _schedule(self) -> Schedule:
        return Schedule(self.odd)

    @property
    def added(self) -> int:
        """When a pair's sum and difference are there."""
        return AHEAD + (4 if self.odd.inverse else 5)

    @property
    def read(self) -> int:
        """When the operands of step 0 are addressed: the last pair is then written in time."""
        return max(self.added + 3 - self.odd.half, AHEAD)

    @property
    def operand(self) -> int:
        """When the operands of step 0 are there."""
        return self.read + READ_LATENCY

    @property
    def product(self) -> int:
        """When the products of step 0 are there."""
        return self.operand + self.multiplying

    def total(self, row: Row) -> int:
        """When a row is added up."""
        return self.product + row.last + 1

    @property
    def kept(self) -> bool:
        """Whether rows are kept until it is their turn: several end at once."""
        return self._schedule.n_side_by_side > 1

    def loaded(self, q: int) -> int:
        """When A[q] and B[q] leave their rows; before the first pair, the sum of all samples."""
        totals = {row.number: 0 for row in self._schedule.rows}
        for row in self._schedule.rows:
            totals[row.number] = max(totals[row.number], self.total(row) + self.kept)
        return max(t - 2 * n for n, t in totals.items()) + (2 * q if q else 1)

    @property
    def rounded(self) -> int:
        """When the first result is there, rounded, in the order in which they are made."""
        return self.loaded(0) + 3 + self.whole

    @property
    def reread(self) -> int:
        """On the way back: when the first result is addressed, from which on none comes late."""
        made = self._schedule.made
        return max(self.rounded + number + 1 - k for number, k in enumerate(made))

    @property
    def latency(self) -> int:
        """Cycles from a block's last sample to its first result."""
        return self.reread + READ_LATENCY - AHEAD if self.odd.inverse else self.rounded - AHEAD
