"""The residual sum: a map that went in, scaled, is added to what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from golden.graph.graph import Stage, WeightSlot
from golden.graph.tensor import Tensor
from golden.inputs.config import Table
from golden.inputs.errors import check_range
from golden.line.weights import Arrays, checked_scalars
from golden.numbers.certificate import Errors
from golden.numbers.interval import Integers, Interval
from golden.numbers.quantize import MAX_MULTIPLIER, MAX_SHIFT, requantization, requantize

WIDER = 2
"""Bits that a result has more than the output's before a residual map is added."""


SKIP_ARRAYS = ("residual.multiplier", "residual.shift", "residual.zero_point")
"""Keys of weights files that say how it is scaled."""


@dataclass(frozen=True)
class Skip:
    """How a residual map is scaled: ``round((x - zero_point) * multiplier / 2^shift)``.

    It is clipped to a bit more than the output has. A result that leaves the output's range by more
    than that saturates whatever is added, so clipping it first to `WIDER` bits more does not show.

    Parameters
    ----------
    multiplier, shift
        As of `golden.numbers.quantize.requantize`; for all channels, or ``[C]``.
    zero_point
        The sample that stands for 0; as above.
    """

    multiplier: int | Integers
    shift: int | Integers
    zero_point: int | Integers

    @classmethod
    def take(cls, table: Table) -> "Skip":
        """Read it from a configuration."""
        multiplier, shift = table.take("multiplier", int), table.take("shift", int)
        skip = cls(multiplier, shift, table.take("zero_point", int, 0))
        with table.naming():
            check_range("multiplier", multiplier, 1, MAX_MULTIPLIER)
            check_range("shift", shift, 0, MAX_SHIFT)
        return skip

    @classmethod
    def of(cls, arrays: Arrays | None, channels: int, data: Interval) -> "Skip":
        """Return what the arrays hold."""
        held = arrays or {}
        scales, shifts = Interval(1, MAX_MULTIPLIER), Interval(0, MAX_SHIFT)
        return cls(
            checked_scalars(held, "residual.multiplier", channels, scales),
            checked_scalars(held, "residual.shift", channels, shifts),
            checked_scalars(held, "residual.zero_point", channels, data, default=0),
        )

    @property
    def varies(self) -> bool:
        """Whether channels have their own."""
        return any(np.ndim(value) for value in vars(self).values())

    def each(self, channels: int) -> dict[str, Integers]:
        """Return all values ``[C]`` by their names."""
        return {
            name: np.broadcast_to(np.asarray(value, np.int64), (channels,))
            for name, value in vars(self).items()
        }

    def entry(self) -> dict[str, Any]:
        """Return the manifest's entry."""
        return {name: np.asarray(value).tolist() for name, value in vars(self).items()}

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

    @staticmethod
    def clip(output_bits: int) -> Interval:
        """Range of a scaled sample."""
        return Interval.signed(output_bits + 1)

    def scale(self, maps: Integers, output_bits: int) -> Integers:
        """Return samples of maps ``[F, C, H, W]`` as they are added."""
        clip = self.clip(output_bits)
        own = {name: value[:, None, None] for name, value in self.each(maps.shape[1]).items()}
        return requantize(
            maps - own["zero_point"],
            own["multiplier"],
            own["shift"],
            zero_point=0,
            low=clip.low,
            high=clip.high,
        )


SLOT = "residual"
"""Name of the scales, where they are loaded."""


@dataclass(frozen=True, eq=False)
class ResidualSum(Stage):
    """Adds ``clip(y + scaled x)``.

    Parameters
    ----------
    samples
        The map that went in.
    results
        What became of it, `WIDER` than the sum.
    total
        The sum.
    skip
        How samples are scaled; None where that is loaded, a channel each.
    """

    samples: Tensor
    results: Tensor
    total: Tensor
    skip: Skip | None
    given_skip: Skip | None = None

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """See `Stage`."""
        return self.samples, self.results

    @property
    def output(self) -> Tensor:
        """See `Stage`."""
        return self.total

    @property
    def slots(self) -> Mapping[str, WeightSlot]:
        """See `Stage`."""
        facts = {"channels": self.samples.channels, "beats_per_channel": 1}
        return {} if self.skip is not None else {SLOT: WeightSlot(facts, self._tables)}

    def _tables(self, skip: Skip) -> Mapping[str, Integers]:
        each = skip.each(self.samples.channels)
        return {name: values[:, None] for name, values in each.items()}

    def given(self, sets: Mapping[str, Any]) -> Self:
        """See `Stage`."""
        return replace(self, given_skip=sets.get(SLOT))

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        skip = self.skip or self.given_skip
        if skip is None:
            raise ValueError("Model must be given the scales that the port was")
        samples, results = maps
        clip = self.total.range
        skipped = skip.scale(samples, self.total.bits)
        return np.asarray(np.clip(results + skipped, clip.low, clip.high))

    def errors(self, *off: Errors) -> Errors:
        """See `Stage`: a clip brings no two sums further apart.

        Raises
        ------
        ValueError
            Where samples are off: no bound follows their scale.
        """
        if any(off[0].results):
            raise ValueError("Samples of a residual sum must be right")
        most = self.total.range.high - self.total.range.low
        return Errors(off[1].sums, [min(result, most) for result in off[1].results])
