"""What every line engine is told: lines, lanes, formats and weights, validated where it is made."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from golden.inputs.errors import ParameterError, check_range, named
from golden.inputs.names import check_module_name
from golden.line.options import EngineOption
from golden.line.weights import LineWeights, check_weights
from golden.numbers.certificate import Errors, Scaling, certified, loaded_off
from golden.numbers.interval import Integers, Interval
from golden.numbers.quantize import requantize
from golden.numbers.search import Certified
from golden.targets import check_target

SLOT_UNIT = 8
"""A lane's slot in a beat is a whole number of bytes."""


def slot_bits(sample_bits: int) -> int:
    """Width of the slot that carries a sample of ``sample_bits`` bits."""
    return math.ceil(sample_bits / SLOT_UNIT) * SLOT_UNIT


@dataclass(frozen=True, kw_only=True)
class Requantization:
    """Output as ``clip(round_half_even(y * multiplier / 2^shift) + zero_point, low, high)``.

    Parameters
    ----------
    bits
        Width of a result, two's complement.
    low, high
        Clip; None takes the whole range of ``bits``.
    zero_point
        Used where weights are loaded; else the weights' own holds. None is 0.
    zero_point_port
        Whether zero points are loaded too, one a channel, with multiplier and shift.

    Raises
    ------
    ParameterError
        Where a bound leaves the range of ``bits``, or the zero point the bounds.
    """

    bits: int = 8
    low: int | None = None
    high: int | None = None
    zero_point: int | None = None
    zero_point_port: bool = False

    def __post_init__(self) -> None:
        check_range("output_bits", self.bits, 2, 32)
        full = Interval.signed(self.bits)
        for parameter, value in (("output_low", self.low), ("output_high", self.high)):
            if value is not None:
                check_range(parameter, value, full.low, full.high)
        low, high = self._bounds
        if low > high:
            raise ParameterError("output_low", f"at most {named('output_high')} ({high})", low)
        if self.zero_point is not None:
            check_range("zero_point", self.zero_point, low, high)
            if self.zero_point_port:
                rule = "left out where zero points are loaded"
                raise ParameterError("zero_point", rule, self.zero_point)

    @property
    def _bounds(self) -> tuple[int, int]:
        full = Interval.signed(self.bits)
        return (
            full.low if self.low is None else self.low,
            full.high if self.high is None else self.high,
        )

    @property
    def clip(self) -> Interval:
        """Range that results are clipped to."""
        return Interval(*self._bounds)


@dataclass(frozen=True, kw_only=True, eq=False)
class LineDesign(ABC):
    """Parameters that every line engine has; an engine's own class adds its own.

    Generator, model, prediction, manifest and bench all read this one description.

    Parameters
    ----------
    name
        Verilog module and file name.
    length
        Samples of a line N.
    channels
        Kernels C, taken in turn.
    rows
        Lines of one channel before the next channel's; a multiple of ``lanes``.
    lanes
        Lines that travel side by side in a beat.
    data_bits, weight_bits
        Two's complement widths.
    requantization
        Output format, or None for every bit of the accumulator.
    weights
        The integers in ROM, or None where they arrive on the port.
    start_bits
        Width of the start values that arrive on the port; None takes what the embedding can
        reach. Unused with weights in ROM.
    data_range
        Range that samples keep to, where it is narrower than ``data_bits``.
    target
        What multipliers and memories map to.

    Raises
    ------
    ParameterError
        Where a parameter breaks its rule.
    """

    engine: ClassVar[str]
    max_data_bits: ClassVar[int] = 18
    length_range: ClassVar[tuple[int, int]]
    options: ClassVar[tuple[EngineOption, ...]] = ()
    """What a user can choose of the engine beside what all engines have."""
    rounds: ClassVar[bool] = False
    """Whether sums may be off, by as much as the certificate says."""

    name: str
    length: int
    channels: int = 1
    lanes: int = 1
    rows: int | None = None
    data_bits: int = 8
    weight_bits: int = 8
    requantization: Requantization | None = None
    weights: LineWeights | None
    start_bits: int | None = None
    data_range: Interval | None = None
    target: str = "generic"

    def __post_init__(self) -> None:
        check_module_name(self.name)
        check_range("length", self.length, *self.length_range)
        check_range("channels", self.channels, 1, 65536)
        check_range("lanes", self.lanes, 1, 64)
        if self.rows is not None and (self.rows < 1 or self.rows % self.lanes):
            rule = f"a positive multiple of {named('lanes')} ({self.lanes})"
            raise ParameterError("rows", rule, self.rows)
        check_range("data_bits", self.data_bits, 2, self.max_data_bits)
        check_range("weight_bits", self.weight_bits, 2, self.max_data_bits)
        if self.start_bits is not None:
            check_range("start_bits", self.start_bits, 1, 40)
        check_target(self.target)
        if self.weights is not None:
            self._check_weights(self.weights)

    def _check_weights(self, weights: LineWeights) -> None:
        """Raise `ParameterError` unless ``weights`` keep to the formats."""
        check_weights(
            weights.arrays(),
            length=self.length,
            channels=self.channels,
            data_bits=self.data_bits,
            weight_bits=self.weight_bits,
            requantized=self.output_range if self.requantization else None,
        )

    @classmethod
    def with_taps(cls, taps: int) -> dict[str, Any]:
        """Return fields that say that only the first ``taps`` of a kernel are not 0."""
        del taps
        return {}

    @classmethod
    def least_circle(cls, length: int) -> int:
        """Return the length to begin with in looking for the best of ``length`` or more."""
        return length

    @property
    def stored_channels(self) -> int:
        """Channels of a set of weights."""
        return self.channels

    @property
    def lines_per_channel(self) -> int:
        """Lines of a channel that come one after the other: ``rows``, by default ``lanes``."""
        return self.lanes if self.rows is None else self.rows

    @property
    def groups_per_channel(self) -> int:
        """Groups of ``lanes`` lines of a channel that come one after the other."""
        return self.lines_per_channel // self.lanes

    @property
    def data(self) -> Interval:
        """Range of a sample."""
        return self.data_range or Interval.signed(self.data_bits)

    @property
    def start_words(self) -> int:
        """Start values of a channel: one for each position, or one for all of them."""
        return self.length

    @cached_property
    def start(self) -> Integers | None:
        """Start table ``[C, start_words]``, or None where it arrives on the port."""
        return None if self.weights is None else self.weights.start()

    @cached_property
    def start_range(self) -> Interval:
        """Range of a start value."""
        if (start := self.start) is not None:
            return Interval(int(start.min()), int(start.max()))
        if self.start_bits is not None:
            return Interval.signed(self.start_bits)
        return Interval.signed(self.sum_range.bits)

    def added(self, weights: LineWeights) -> Integers:
        """Return ``[C, start_words]``: what is added to an engine's sums, the start table."""
        return weights.start()

    @cached_property
    def added_table(self) -> Integers | None:
        """What is added to an engine's sums, or None where it arrives on the port."""
        return None if self.weights is None else self.added(self.weights)

    @property
    def added_bits(self) -> int:
        """Width of a word of it."""
        return self.start_range.bits

    @property
    def core_bits(self) -> int:
        """Width of an engine's sums, before anything is added."""
        return self.sum_range.bits

    @property
    def max_abs_error(self) -> int:
        """Most that a sum is off, proved; 0 where the engine is exact."""
        return 0

    @property
    def sum_errors(self) -> Sequence[float]:
        """Most that each channel's sums are off, proved; floats where no integers are wanted."""
        return [self.max_abs_error] * self.channels

    def errors(
        self,
        weights: LineWeights | None = None,
        *,
        samples: Sequence[int] | None = None,
        own: Sequence[float] | None = None,
    ) -> Errors:
        """Bound how far sums and results of each channel are off.

        Parameters
        ----------
        weights
            The set in effect, for the bound that holds of it, where weights are loaded. Without it
            bounds hold of every set.
        samples
            Most that each channel's samples are off; None where they are right.
        own
            Used in the place of `sum_errors`.
        """
        known = self.weights or weights
        own = self.sum_errors if own is None else own
        # Sums of samples that are off, and of right ones, are in the range all the same.
        ranges = self._ranges(known, own)
        sums = own if samples is None else self._sums_off(known, samples, own, ranges)
        return Errors(sums, self._results_off(known, sums, ranges))

    def _ranges(self, weights: LineWeights | None, own: Sequence[float]) -> list[Interval]:
        """Return the range of each channel's accumulators, for ``own`` errors allowed for."""
        if weights is None:
            return [self.accumulator] * self.channels
        ranges = zip(weights.accumulators(self.data), own, strict=True)
        return [y.widened(math.ceil(off)) for y, off in ranges]

    def _sums_off(
        self,
        weights: LineWeights | None,
        samples: Sequence[int],
        own: Sequence[float],
        ranges: Sequence[Interval],
    ) -> list[float]:
        """Return what samples that are off do to sums: as much as the kernel's L1 norm."""
        norms = [self.summands << self.weight_bits - 1] * self.channels
        if weights is not None:
            norms = [int(np.abs(kernel).sum()) for kernel in weights.weight]
        channels = zip(norms, samples, own, ranges, strict=True)
        return [min(norm * x + off, y.high - y.low) for norm, x, off, y in channels]

    def _results_off(
        self, weights: LineWeights | None, sums: Sequence[float], ranges: Sequence[Interval]
    ) -> list[int]:
        clip = self.output_range
        if self.requantization is None:
            return [math.ceil(off) for off in sums]
        if weights is None:
            return [loaded_off(off, clip) for off in sums]
        each = zip(*weights.scales(), weights.zero_points(), sums, ranges, strict=True)
        return [
            Scaling(int(m), int(s), int(z), clip).results_off(off, y) for m, s, z, off, y in each
        ]

    @property
    def summands(self) -> int:
        """Products of a sample and a weight that a sum is made of."""
        return self.length

    @cached_property
    def sum_range(self) -> Interval:
        """Range of the correlation alone, the start value not yet added.

        From the weights where they are known, else from the formats; exact but for
        `max_abs_error`.
        """
        if self.weights is not None:
            sums = Interval.union(self.weights.sums(self.data))
        else:
            sums = (self.data * Interval.signed(self.weight_bits)).scaled(self.summands)
        return sums.widened(self.max_abs_error)

    @cached_property
    def accumulator(self) -> Interval:
        """Range of y: what the generator proves the accumulator can reach."""
        if self.weights is not None:
            return self.weights.accumulator(self.data).widened(self.max_abs_error)
        return self.sum_range + self.start_range

    @property
    def output_range(self) -> Interval:
        """Range of a result on the output stream."""
        if self.requantization is None:
            return self.accumulator
        return self.requantization.clip

    @property
    def zero_points(self) -> Interval:
        """Range of what requantisation adds; where it is no single value, a table holds it."""
        if self.weights is not None and self.weights.zero_point is not None:
            return Interval.of(self.weights.zero_point)
        if self.requantization is not None and self.requantization.zero_point_port:
            return self.requantization.clip
        given = (self.requantization and self.requantization.zero_point) or 0
        return Interval(given, given)

    @property
    def zero_points_vary(self) -> bool:
        """Whether a table holds what requantisation adds, a channel each."""
        return self.zero_points.low != self.zero_points.high

    @property
    def zero_point(self) -> int | list[int] | None:
        """What requantisation adds: to all channels, to each, or None where that is loaded."""
        if not self.zero_points_vary:
            return self.zero_points.low
        return None if self.weights is None else [int(z) for z in self.weights.zero_points()]

    @property
    def output_bits(self) -> int:
        """Width of a result on the output stream."""
        return self.requantization.bits if self.requantization else self.accumulator.bits

    @property
    def coefficient_fields(self) -> dict[str, int]:
        """Parts of a stored coefficient and their two's complement widths, low bits first."""
        return {"weight": self.weight_bits}

    @property
    def coefficient_words(self) -> int:
        """Coefficients of a channel."""
        return self.length

    def coefficients(self, weights: LineWeights) -> dict[str, Integers]:
        """Return what the port takes for ``weights``: ``[C, coefficient_words]`` a field."""
        return {"weight": weights.weight}

    def port_tables(self, weights: LineWeights) -> dict[str, Integers]:
        """Return what the port takes for ``weights``: ``[C, coefficient_words]`` a field.

        Beats beyond the line length carry no start value, and 0 here.
        """
        table = (self.channels, self.coefficient_words)
        tables = dict(self.coefficients(weights))
        tables["start"] = np.pad(self.added(weights), ((0, 0), (0, table[1] - self.start_words)))
        if self.requantization is not None:
            for name, scale in zip(("multiplier", "shift"), weights.scales(), strict=True):
                tables[name] = np.broadcast_to(scale[:, None], table)
        if self.zero_points_vary:
            tables["zero_point"] = np.broadcast_to(weights.zero_points()[:, None], table)
        return tables

    @property
    def coefficient_stride(self) -> int:
        """Words from a channel's coefficients to the next one's in the engine's store."""
        return self.coefficient_words

    @property
    @abstractmethod
    def cycles_per_group(self) -> int:
        """Cycles from a group to the next in steady state, unstalled."""

    @property
    def cycles_per_result(self) -> int:
        """Cycles from a result of a group to the next, unstalled."""
        return 1

    @property
    @abstractmethod
    def own_parameters(self) -> dict[str, Any]:
        """The engine's own entries among the manifest's parameters."""

    @classmethod
    def fields_of(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields that a manifest's ``parameters`` hold."""
        own = {field.name for field in fields(cls)} - {"weights"}
        return {key: value for key, value in parameters.items() if key in own}

    @property
    def proof(self) -> dict[str, object]:
        """The engine's own entries of the certificate."""
        return {}

    def certificate(self, weights: LineWeights | None = None) -> dict[str, object]:
        """Return what is proved of every possible input: error bounds, ranges, no overflow.

        `max_abs_error` is in steps of the accumulator, `max_output_error` in those of the output;
        ``weights`` are as of `errors`.
        """
        return certified(self.errors(weights), self.accumulator) | self.proof

    def searchable(self) -> Certified | None:
        """Return what a search holds the bound of sums' error against, of a design with weights.

        None where sums are exact, and where a line by itself is not what they are made of.
        """
        return None

    def beats_within(self, cycles: int) -> int:
        """Return the most beats that can enter in so many cycles."""
        return cycles

    def channel_of(self, line: int) -> int:
        """Channel that the ``line``-th line since reset belongs to."""
        return line // self.lines_per_channel % self.channels

    @abstractmethod
    def accumulate(self, lines: Integers, weights: LineWeights) -> Integers:
        """Return accumulators of ``lines`` ``[L, N]``, each under its own kernel, as hardware does.

        ``weights`` holds one channel for each line.
        """

    def stored(
        self, lines: Integers, coefficients: Mapping[str, Integers], added: Integers
    ) -> Integers:
        """Return accumulators of ``lines`` ``[L, N]`` under what the port was given.

        ``coefficients`` are as of `coefficients`, and ``added`` as of `added`, of a channel for
        each line. Of engines whose sums are exact.
        """
        del lines, coefficients, added
        raise NotImplementedError

    def model(self, lines: Integers, weights: LineWeights | None = None) -> Integers:
        """Return what the hardware gives for ``lines``, bit for bit.

        Parameters
        ----------
        lines
            int64 ``[L, N]`` in order of arrival, in the range of the data.
        weights
            The set in effect; needed only where weights arrive on the port.

        Returns
        -------
        int64 ``[L, N]``, accumulators or requantised results.
        """
        weights = weights or self.weights
        if weights is None:
            raise ValueError("Model must be given the weights that the port was")
        channel = np.array([self.channel_of(line) for line in range(len(lines))], dtype=np.int64)
        accumulators = self.accumulate(lines, weights.of(channel))
        return self.finish(accumulators, weights, channel)

    def finish(self, accumulators: Integers, weights: LineWeights, channel: Integers) -> Integers:
        """Return results ``[L, N]`` of accumulators, of which line l belongs to ``channel[l]``."""
        if self.requantization is None:
            return accumulators
        multiplier, shift = weights.scales()
        return requantize(
            accumulators,
            multiplier[channel, None],
            shift[channel, None],
            zero_point=weights.zero_points()[channel, None],
            low=self.output_range.low,
            high=self.output_range.high,
        )
