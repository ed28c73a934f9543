"""Layer norm over the channels of every position, in integers."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from golden.inputs.errors import ParameterError, check_range
from golden.network.operator import Operator, check_count, check_shape
from golden.numbers.fixed import round_half_even
from golden.numbers.interval import Integers, Interval

NORMAL_F_BITS = 12
"""Fraction bits of what is normalised."""
GAIN_BITS = 18
SPREAD_BITS = 60


@dataclass(frozen=True, eq=False, kw_only=True)
class LayerNorm(Operator):
    """``y[c] = clip(round((u[c] * gain[c] + offset[c]) / 2^shift) + z)``.

    With n channels and samples x less their zero point, ``S = sum x``, ``V = n * sum x^2 - S^2 +
    epsilon``, all exact. V is taken to 32 bits, ``2^30 <= v < 2^32``, by an even shift of 2e bits,
    what is shifted out dropped. Then ``r = floor(2^31 / sqrt(v))``, of 16 bits, and
    ``u[c] = floor((n * x[c] - S) * r / 2^(19 + e))``, which is ``(x - mean) / deviation`` with 12
    fraction bits. Only the result is rounded.

    Parameters
    ----------
    gain, offset
        int64 ``[C]``, 18 and 32 bits.
    shift
        Less than 48.
    epsilon
        Added to the variance times ``n^2``, at the sums' scale; at least 1.
    clip
        Of the results.
    """

    kind: ClassVar[str] = "layer_norm"
    formula: ClassVar[str] = "clip(rq(u g[c] + b[c]) + z'), u = (n x - S) / sqrt(n sum x^2 - S^2)"

    gain: Integers
    offset: Integers
    shift: int
    epsilon: int
    clip: Interval

    def check(self) -> None:
        """See `Operator`."""
        check_count(self.takes, 1)
        check_shape("gives", self.gives.shape, self.takes[0].shape)
        for name, bits in (("gain", GAIN_BITS), ("offset", 32)):
            values, words = getattr(self, name), Interval.signed(bits)
            check_shape(name, values.shape, (self.takes[0].channels,))
            if not words.holds(Interval.of(values)):
                raise ParameterError(name, f"from {words.low} to {words.high}", values.max())
        check_range("shift", self.shift, 0, 47)
        check_range("epsilon", self.epsilon, 1, (1 << SPREAD_BITS) - 1)
        spread = self.spread.high
        if spread >= 1 << SPREAD_BITS:
            raise ParameterError("epsilon", f"such that V stays below 2^{SPREAD_BITS}", spread)

    @property
    def sums(self) -> Interval:
        """See `Operator`: of ``n * x - S``."""
        n, data = self.takes[0].channels, self.takes[0].centred
        return data.scaled(n) + Interval(-data.high * n, -data.low * n)

    @property
    def spread(self) -> Interval:
        """Range of V."""
        n = self.takes[0].channels
        most = self.takes[0].centred.max_abs
        return Interval(self.epsilon, n * n * most * most + self.epsilon)

    @property
    def reach(self) -> Interval:
        """See `Operator`."""
        return self.clip

    @property
    def max_error(self) -> int:
        """See `Operator`: of a result, correctly rounded, of the gains and offsets that it has.

        ``|u|`` is at most ``2^12 * sqrt(n - 1)``, r off by at most 2^-15 of itself for the floor
        and 2^-31 for dropped bits, and u by 1 for its floor; at the result that is times the gain.
        """
        largest = math.ceil(math.sqrt(self.takes[0].channels)) << NORMAL_F_BITS
        off = (largest * 2.0**-14 + 1) * int(np.abs(self.gain).max()) / 2.0**self.shift
        return math.ceil(off)

    @property
    def products(self) -> int:
        """See `Operator`: a square, a product with r and one with the gain a sample."""
        return 3 * math.prod(self.gives.shape)

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        x = maps[0] - self.takes[0].zero_point
        n = x.shape[1]
        total = x.sum(axis=1, keepdims=True)
        spread = n * (x * x).sum(axis=1, keepdims=True) - total * total + self.epsilon
        root, exponent = reciprocal_root(spread)
        u = ((n * x - total) * root) >> (19 + exponent)
        sums = u * self.gain[:, None, None] + self.offset[:, None, None]
        y: Integers = np.clip(
            round_half_even(sums, self.shift) + self.gives.zero_point, self.clip.low, self.clip.high
        )
        return y


def reciprocal_root(spread: Integers) -> tuple[Integers, Integers]:
    """Return r and e with ``1 / sqrt(spread)`` close to ``r / 2^(31 + e)``.

    Parameters
    ----------
    spread
        From 1 to 2^60 - 1.

    Returns
    -------
    r
        ``floor(2^31 / sqrt(v))``, from 2^15 to 2^16, where v is ``floor(spread / 4^e)``.
    e
        Such that ``2^30 <= v < 2^32``; negative for a spread below 2^30.
    """
    bits = np.frexp(spread.astype(np.float64))[1].astype(np.int64)
    # float64 rounds what is close below a power of two up to it.
    bits -= spread < np.left_shift(np.int64(1), bits - 1)
    exponent = (bits - 31) // 2
    down, up = np.maximum(exponent, 0), np.maximum(-exponent, 0)
    v = (spread >> (2 * down)) << (2 * up)
    root = np.floor(2.0**31 / np.sqrt(v.astype(np.float64))).astype(np.int64)
    # r is the largest with r^2 v <= 2^62, which float64 may miss by one.
    root -= root * root * v > np.int64(1) << 62
    root += (root + 1) * (root + 1) * v <= np.int64(1) << 62
    return root, exponent
