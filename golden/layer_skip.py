"""The residual of a layer: how the map that goes in is scaled before it is added."""

from dataclasses import dataclass

import numpy as np

from golden.config import Table
from golden.errors import check_range
from golden.interval import Integers, Interval
from golden.layer import Arrays
from golden.quantize import MAX_MULTIPLIER, MAX_SHIFT, requantization, requantize
from golden.weights import checked_array

WIDER = 2
"""Bits that a result has more than the output's before a residual map is added."""


@dataclass(frozen=True)
class Skip:
    """How a residual map is scaled: ``round((x - zero_point) * multiplier / 2^shift)``.

    It is clipped to a bit more than the output has. A result that leaves the output's range by more
    than that saturates whatever is added, so clipping it first to `WIDER` bits more does not show.

    Parameters
    ----------
    multiplier, shift
        As of `golden.quantize.requantize`.
    zero_point
        The sample that stands for 0.
    """

    multiplier: int
    shift: int
    zero_point: int

    @classmethod
    def take(cls, table: Table) -> "Skip":
        """Read it from a configuration."""
        skip = cls(
            table.take("multiplier", int),
            table.take("shift", int),
            table.take("zero_point", int, 0),
        )
        with table.naming():
            check_range("multiplier", skip.multiplier, 1, MAX_MULTIPLIER)
            check_range("shift", skip.shift, 0, MAX_SHIFT)
        return skip

    @classmethod
    def of(cls, arrays: Arrays | None, data: Interval) -> "Skip":
        """Return what the arrays hold."""
        held = arrays or {}
        return cls(
            int(checked_array(held, "residual.multiplier", (), Interval(1, MAX_MULTIPLIER))),
            int(checked_array(held, "residual.shift", (), Interval(0, MAX_SHIFT))),
            int(checked_array(held, "residual.zero_point", (), data, default=0)),
        )

    @staticmethod
    def example(data_bits: int, output_bits: int) -> dict[str, Integers]:
        """Return arrays that bring the data's range to a quarter of the output's."""
        ratio = np.array([2.0 ** (output_bits - data_bits - 2)])
        multiplier, shift = requantization(ratio)
        values = {
            "multiplier": multiplier[0],
            "shift": shift[0],
            "zero_point": 3 - 2 ** (data_bits - 1) // 2,
        }
        return {f"residual.{name}": np.asarray(value, np.int64) for name, value in values.items()}

    def clip(self, output_bits: int) -> Interval:
        """Range of a scaled sample."""
        return Interval.signed(output_bits + 1)

    def scale(self, maps: Integers, output_bits: int) -> Integers:
        """Return samples as they are added."""
        clip = self.clip(output_bits)
        return requantize(
            maps - self.zero_point,
            np.array(self.multiplier),
            np.array(self.shift),
            zero_point=0,
            low=clip.low,
            high=clip.high,
        )
