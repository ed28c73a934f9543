"""How far results can be off, proved: from sums through scale, rounding and clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from golden.numbers.interval import Interval
from golden.numbers.quantize import MAX_MULTIPLIER


@dataclass(frozen=True)
class Errors:
    """Most that the sums and the results of each channel are off.

    Parameters
    ----------
    sums
        In steps of the accumulator; floats where exact sums are no integers.
    results
        In steps of the output.
    """

    sums: Sequence[float]
    results: Sequence[int]

    def of(self, channels: Sequence[int]) -> "Errors":
        """Return those of some channels, in their order."""
        return Errors([self.sums[c] for c in channels], [self.results[c] for c in channels])


def certified(errors: Errors, y: Interval) -> dict[str, object]:
    """Return the entries that every certificate has; ``y`` is the accumulator's range."""
    off = ceil(max(errors.sums))
    return {
        "exact": off == 0,
        "max_abs_error": off,
        "max_output_error": max(errors.results),
        "accumulator_low": y.low,
        "accumulator_high": y.high,
        "accumulator_bits": y.bits,
        "overflow_free": True,
    }


def steps_apart(off: float, multiplier: int, shift: int) -> int:
    """Return how far apart two sums can get that are up to ``off`` apart, once they are rounded.

    Scaled, they are up to ``p = off * multiplier / 2^shift`` apart, and integers at most
    ``floor(p) + 1``: rounding to even may put a boundary more between them than p spans. Not where
    p is even, since both ends then round alike, nor where nothing is rounded.

    Parameters
    ----------
    off
        An int says that sums are integers.
    multiplier, shift
        As of `golden.numbers.quantize.requantize`.
    """
    apart = Fraction(off) * multiplier / (1 << shift)
    steps = floor(apart)
    rounds = isinstance(off, float) or multiplier % (1 << shift) != 0
    return steps + 1 if rounds and (apart > steps or steps % 2) else steps


@dataclass(frozen=True)
class Scaling:
    """What makes results of a channel's sums, its numbers known.

    Parameters
    ----------
    multiplier, shift, zero_point
        As of `golden.numbers.quantize.requantize`.
    clip
        Of results.
    """

    multiplier: int
    shift: int
    zero_point: int
    clip: Interval

    def _result(self, y: int) -> int:
        scaled = round(Fraction(y * self.multiplier, 1 << self.shift)) + self.zero_point
        return min(max(scaled, self.clip.low), self.clip.high)

    def results_off(self, off: float, y: Interval) -> int:
        """Bound how far results are apart of sums in ``y`` that are up to ``off`` apart.

        No further than what is reached of the clip.
        """
        reached = self._result(y.high) - self._result(y.low)
        return min(steps_apart(off, self.multiplier, self.shift), reached)


def loaded_off(off: float, clip: Interval) -> int:
    """Bound how far results are apart whose scale is loaded, of sums up to ``off`` apart."""
    return min(steps_apart(off, MAX_MULTIPLIER, 0), clip.high - clip.low)
