"""Operators as sums of products with tiles of weights: what all of them become."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np

from golden.accelerator.descriptor import Windows
from golden.accelerator.sizes import DATA_BITS
from golden.matrix.design import RAISED_BITS
from golden.network.rescale import Rescale
from golden.numbers.interval import Integers, Interval, wrap

SMALL = Interval.signed(DATA_BITS)
"""Weights that have a place anywhere."""
_DIAGONAL = Interval(SMALL.low, (1 << DATA_BITS) - 1)


@dataclass(frozen=True, eq=False)
class Term:
    """What an operator adds to its sums, of one map.

    Parameters
    ----------
    source
        Name of the map; none where nothing is added.
    weight
        int64 ``[O, C, K_h, K_w]``, or ``[C, 1, K_h, K_w]`` where each channel keeps to itself.
    windows
        Of all outputs; the rest of it is filled in, the kernel too but for the largest samples.
    apart
        Whether each channel keeps to itself.
    gain
        Name of the map of gains in the place of weights.
    raised
        Whether what was added up before is multiplied by 2^8 first.
    raw
        Whether samples' zero point stays in them.
    """

    source: str | None
    weight: Integers
    windows: Windows
    apart: bool = False
    gain: str | None = None
    raised: bool = False
    raw: bool = False

    @property
    def fits(self) -> bool:
        """Whether its weights have a place: a diagonal's may be without a sign."""
        return (_DIAGONAL if self.apart else SMALL).holds(Interval.of(self.weight))


FIXED_BITS = 25
"""Of what is fixed, with its sign."""
EXPONENT_BITS = 5


@dataclass(frozen=True)
class Addition:
    """Two samples in a sum, ``2^9 a + b``, that are scaled and added in float32: see `Add`.

    Parameters
    ----------
    multiplier, shift
        Of b; those of a are the sum's.
    fixed, exponent
        ``fixed * 2^exponent`` is added first, at the larger of both shifts.
    """

    multiplier: int
    shift: int
    fixed: int
    exponent: int

    @property
    def word(self) -> int:
        """What is fixed, as it lies among biases."""
        return self.exponent << FIXED_BITS | self.fixed & ((1 << FIXED_BITS) - 1)


@dataclass(frozen=True, eq=False)
class Sums:
    """An operator as sums of products.

    Parameters
    ----------
    terms
        What is added up.
    start
        int64 ``[O, H, W]``, a side 1 along which it is the same.
    rescale
        Factors, one or one an output.
    clip
        Of the results.
    zero_point
        Of the results.
    product
        Whether sums are two samples that are multiplied: see `Finish`.
    addition
        How they are added instead.
    whole
        Whether it is a whole map's average, the same of all channels: tiles are its positions.
    """

    terms: tuple[Term, ...]
    start: Integers
    rescale: Rescale
    clip: Interval
    zero_point: int
    product: bool = False
    addition: Addition | None = None
    whole: bool = False


@dataclass(frozen=True, eq=False)
class Stack:
    """Operators that each do some tiles of channels of one map, and give them behind each other.

    Parameters
    ----------
    parts
        In the order of their channels: each keeps channels apart.
    firsts
        Of each, the tile with which it begins.
    """

    parts: tuple[Sums, ...]
    firsts: tuple[int, ...]

    def of(self, tile: int) -> tuple[Sums, int]:
        """Return what does a tile, and with which tile that begins."""
        number = bisect_right(self.firsts, tile) - 1
        return self.parts[number], self.firsts[number]


ONE = Rescale(np.ones(1, np.int64), np.zeros(1, np.int64))
"""The factor of what is scaled already."""


def zeros(outputs: int) -> Integers:
    """Return what sums begin with that begin with nothing."""
    return np.zeros((outputs, 1, 1), np.int64)


class Weighted(Protocol):
    """Something that is added with weights, which may be wider than have a place."""

    @property
    def weight(self) -> Integers:
        """The weights."""

    @property
    def raised(self) -> bool:
        """Whether what was added up before is multiplied by 2^8 first."""

    @property
    def fits(self) -> bool:
        """Whether its weights have a place."""


_Any = TypeVar("_Any", bound=Weighted)


def narrow(terms: Sequence[_Any]) -> tuple[_Any, ...]:
    """Return terms whose weights have a place, digit by digit, the most significant first."""
    if all(term.fits for term in terms):
        return tuple(terms)
    lower = [_with(term, wrap(term.weight, RAISED_BITS)) for term in terms]
    upper = [
        _with(term, (term.weight - low.weight) >> RAISED_BITS)
        for term, low in zip(terms, lower, strict=True)
    ]
    # Something must be there to raise the others.
    used = [term for term in lower if term.weight.any()] or lower[:1]
    used[0] = replace(used[0], raised=True)  # type: ignore[type-var]  # all are dataclasses
    return (*narrow([term for term in upper if term.weight.any()]), *used)


def _with(term: _Any, weight: Integers) -> _Any:
    changed: _Any = replace(term, weight=weight)  # type: ignore[type-var]  # as above
    return changed
