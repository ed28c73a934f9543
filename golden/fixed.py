"""Integer arithmetic that the models and the hardware share."""

import numpy as np

from golden.errors import check_range
from golden.interval import Integers


def round_half_even(values: Integers, shift: int | Integers) -> Integers:
    """Divide by a power of two and round to the nearest integer, ties to even.

    Parameters
    ----------
    values : int64 array
        Any int64 value; no intermediate leaves int64.
    shift : int or int64 array
        Binary logarithm of the divisor, 0 to 62; broadcasts against `values`.

    Returns
    -------
    int64 array
        ``round(values / 2**shift)``, exact.

    Raises
    ------
    ValueError
        If a shift is out of range.
    """
    for extreme in (np.min(shift), np.max(shift)):
        check_range("shift", int(extreme), 0, 62)
    floor: Integers = values >> shift
    rest = values - (floor << shift)
    # Twice the rest is even, so a tie passes the divisor only with the help of an odd quotient.
    rounded: Integers = floor + (2 * rest + (floor & 1) > np.int64(1) << shift)
    return rounded
