"""Intervals of integers: what a sum of products can reach, and the bits that hold it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """The integers from ``low`` to ``high``, both included."""

    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"Interval must have low <= high, not {self.low} > {self.high}")

    @classmethod
    def signed(cls, bits: int) -> "Interval":
        """Return the range of a two's complement word of ``bits`` bits."""
        return cls(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)

    @classmethod
    def of(cls, values: npt.ArrayLike) -> "Interval":
        """Return the smallest interval that contains all of ``values``."""
        return cls(int(np.min(values)), int(np.max(values)))

    @classmethod
    def union(cls, intervals: Iterable["Interval"]) -> "Interval":
        """Return the smallest interval that contains every one of ``intervals``."""
        members = list(intervals)
        return cls(min(i.low for i in members), max(i.high for i in members))

    @property
    def bits(self) -> int:
        """Width of the narrowest two's complement word that holds the interval, at least 1."""
        return max(self.low, ~self.low, self.high, ~self.high).bit_length() + 1

    @property
    def max_abs(self) -> int:
        """Largest magnitude in the interval."""
        return max(-self.low, self.high)

    def holds(self, other: "Interval") -> bool:
        """Return whether all of ``other`` is in the interval."""
        return self.low <= other.low and other.high <= self.high

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(self.low + other.low, self.high + other.high)

    def __mul__(self, other: "Interval") -> "Interval":
        corners = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(corners), max(corners))

    def widened(self, margin: int) -> "Interval":
        """Return the interval with ``margin`` more on both sides."""
        return Interval(self.low - margin, self.high + margin)

    def scaled(self, count: int) -> "Interval":
        """Return the range of a sum of ``count`` independent members."""
        return Interval(self.low * count, self.high * count)


def wrap(values: Integers, bits: int) -> Integers:
    """Return ``values`` modulo ``2^bits``, as two's complement words of ``bits`` bits, up to 62."""
    half = 1 << (bits - 1)
    wrapped: Integers = ((values + half) & ((1 << bits) - 1)) - half
    return wrapped


def partial_sums(weights: Integers, data: Interval) -> list[Interval]:
    """Range of ``sum(weights[..., :k + 1] * x)`` for every ``k``, exactly reachable.

    Parameters
    ----------
    weights
        Integers ``[..., K]``; the sums run along the last axis, and the interval returned for
        ``k`` covers all the leading ones. ``K * max|w| * max|x|`` must stay below 2^63.
    data
        Range of each ``x``, free of the others.

    Returns
    -------
    list of `Interval`
        One for each ``k`` from 0 to ``K - 1``.
    """
    rows = weights.reshape(-1, weights.shape[-1])
    high = np.cumsum(np.maximum(rows * data.low, rows * data.high), axis=-1).max(axis=0)
    low = np.cumsum(np.minimum(rows * data.low, rows * data.high), axis=-1).min(axis=0)
    return [Interval(int(a), int(b)) for a, b in zip(low, high, strict=True)]
