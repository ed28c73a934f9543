"""Operators as sums of products with tiles of weights: what all of them become."""

from dataclasses import dataclass

import numpy as np

from golden.accelerator.descriptor import Windows
from golden.network.rescale import Rescale
from golden.numbers.interval import Integers, Interval


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
    """

    source: str | None
    weight: Integers
    windows: Windows
    apart: bool = False
    gain: str | None = None


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
    """

    terms: tuple[Term, ...]
    start: Integers
    rescale: Rescale
    clip: Interval
    zero_point: int
    product: bool = False


ONE = Rescale(np.ones(1, np.int64), np.zeros(1, np.int64))
"""The factor of what is scaled already."""


def zeros(outputs: int) -> Integers:
    """Return what sums begin with that begin with nothing."""
    return np.zeros((outputs, 1, 1), np.int64)
