"""The direct engine: N multiplications a sample, or half as many, exact."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from golden.direct.pairs import chain_sums, weight_products
from golden.inputs.errors import ParameterError, check_range, named
from golden.line.design import LineDesign
from golden.line.options import EngineOption
from golden.line.weights import LineWeights, correlate
from golden.numbers.interval import Integers, Interval, partial_sums, wrap
from golden.targets import FACTS

PAIRINGS: Mapping[str, bool] = {"paired": True, "single": False}
"""What ``paired`` is called on the command line, in configurations and in manifests."""
MACS = EngineOption(name="macs", help="Products a lane and cycle, from 1 to N.", default="N")


def pairing_option(name: str) -> EngineOption:
    """Return the option that decides ``paired``, known as ``name``."""
    return EngineOption(
        name=name,
        help="Two products a multiplier, or one.",
        choices=PAIRINGS,
        field="paired",
        default="what takes fewer multipliers",
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class DirectDesign(LineDesign):
    """A chain of ``macs`` taps a lane; see `LineDesign` for what all engines share.

    Parameters
    ----------
    macs
        Products a lane and cycle P, from 1 to ``support``; None takes as many.
    support
        Taps of a kernel that are not 0, the first ones; None takes all N.
    paired
        Whether two taps share a multiplier, and one more serves them all (`golden.direct.pairs`);
        None decides for what takes fewer multipliers.
    """

    engine: ClassVar[str] = "direct"
    length_range: ClassVar[tuple[int, int]] = (2, 1024)
    pairing: ClassVar[str] = "products"
    """What a user knows ``paired`` as."""
    options: ClassVar[tuple[EngineOption, ...]] = (MACS, pairing_option(pairing))

    macs: int | None = None
    support: int | None = None
    paired: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.support is not None:
            check_range("support", self.support, 1, self.length)
        if self.macs is not None:
            check_range("macs", self.macs, 1, self.kernel_taps)
        if self.paired:
            self._check_pairs()

    def _check_pairs(self) -> None:
        if self.taps < 2:
            raise ParameterError(self.pairing, f"single with {named('macs')} 1", "paired")
        widest = FACTS[self.target].operand_bits
        if widest is not None and self.pair_bits > widest:
            widths = f"{named('data_bits')} or {named('weight_bits')}"
            rule = f"single with {widths} over {widest - 1} on {self.target}"
            raise ParameterError(self.pairing, rule, "paired")

    def _check_weights(self, weights: LineWeights) -> None:
        super()._check_weights(weights)
        if weights.weight[..., self.kernel_taps :].any():
            rule = f"zeros beyond the first {self.support} taps"
            raise ParameterError("weights", rule, "others", verb="must hold")

    @classmethod
    def with_taps(cls, taps: int) -> dict[str, Any]:
        """See `LineDesign`: other taps need no multiplier."""
        return {"support": taps}

    @property
    def kernel_taps(self) -> int:
        """Taps of a kernel that may not be 0."""
        return self.length if self.support is None else self.support

    @property
    def summands(self) -> int:
        """Products of a sample and a weight that a sum is made of."""
        return self.kernel_taps

    @property
    def taps(self) -> int:
        """Products a lane and cycle, P."""
        return self.kernel_taps if self.macs is None else self.macs

    @property
    def pair_bits(self) -> int:
        """Width of the sum of a sample and a weight."""
        return max(self.data_bits, self.weight_bits) + 1

    @cached_property
    def in_pairs(self) -> bool:
        """Whether two taps share a multiplier."""
        if self.paired is not None:
            return self.paired
        facts = FACTS[self.target]
        if not facts.takes(self.pair_bits):
            return False
        return self._pairs_take < self.taps * self._alone_takes

    @property
    def _alone_takes(self) -> int:
        """Multipliers of a tap."""
        widths = {"a_bits": self.data_bits, "b_bits": self.weight_bits}
        return FACTS[self.target].multipliers(lanes=self.lanes, **widths)

    @property
    def _pairs_take(self) -> float:
        """Multipliers of a chain in pairs."""
        return self._taps_take + self._middle_takes

    @property
    def _taps_take(self) -> int:
        """Multipliers of a chain's pairs, and of an odd last tap."""
        n_pairs, odd = divmod(self.taps, 2)
        pair = FACTS[self.target].multipliers_apart(lanes=self.lanes, bits=self.pair_bits)
        return n_pairs * pair + odd * self._alone_takes

    @property
    def _middle_takes(self) -> int:
        """Multipliers of neighbours' products."""
        return FACTS[self.target].multipliers_apart(lanes=self.lanes, bits=self.data_bits)

    @property
    def passes(self) -> int:
        """Times that a line goes past the multipliers: ceil(N / P), or of the support."""
        return math.ceil(self.kernel_taps / self.taps)

    @property
    def padded_length(self) -> int:
        """Weights of a kernel in the engine's store: zeros fill the last pass."""
        return self.passes * self.taps

    @property
    def coefficient_stride(self) -> int:
        """Weights of a channel in the engine's store."""
        return self.padded_length

    @property
    def turns(self) -> int:
        """Passes whose sums are added up to a line of results."""
        return self.passes

    @property
    def cycles_per_group(self) -> int:
        """Cycles between groups in steady state: N * ceil(N / P)."""
        return self.length * self.passes

    @property
    def own_parameters(self) -> dict[str, int | str]:
        """The chain's length, how often a line passes it, and the support if it is not all."""
        own: dict[str, int | str] = {
            "macs": self.taps,
            "passes": self.passes,
            self.pairing: "paired" if self.in_pairs else "single",
        }
        return own if self.support is None else own | {"support": self.support}

    @classmethod
    def fields_of(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """See `LineDesign`."""
        return super().fields_of(parameters) | {"paired": parameters[cls.pairing] == "paired"}

    def padded(self, weight: Integers) -> Integers:
        """Return kernels ``[..., N]`` as ``[..., padded_length]``: zeros behind their support."""
        kept = weight[..., : self.padded_length]
        behind = (0, self.padded_length - kept.shape[-1])
        return np.pad(kept, (*[(0, 0)] * (weight.ndim - 1), behind))

    @cached_property
    def chain_ranges(self) -> list[Interval]:
        """Range of the partial sum behind each multiplier of the chain, over all passes."""
        if self.weights is None:
            product = self.data * Interval.signed(self.weight_bits)
            return [product.scaled(k + 1) for k in range(self.taps)]
        passes = self.padded(self.weights.weight).reshape(-1, self.taps)
        return partial_sums(passes, self.data)

    def _by_pass(self, weight: Integers) -> Integers:
        """Return kernels ``[C, ..., N]`` as ``[C, passes of all, P]``."""
        return self.padded(weight).reshape(len(weight), -1, self.taps)

    def constants(self, weight: Integers) -> Integers:
        """Return ``[C]`` of kernels ``[C, ..., N]``: what their own products add to sums."""
        constants: Integers = weight_products(self._by_pass(weight)).sum(axis=1)
        return constants

    @property
    def _constant(self) -> Interval:
        """Range of a pass's constant, whatever the weights."""
        weight = Interval.signed(self.weight_bits)
        return (weight * weight).scaled(self.taps // 2)

    @cached_property
    def chain_bits(self) -> int:
        """Width of a pass's sum in pairs: all that it can be, or all that is left of it later."""
        if self.weights is None:
            product = self.data * Interval.signed(self.weight_bits)
            sums = product.scaled(self.taps) + self._constant
        else:
            passes = self._by_pass(self.weights.weight).reshape(-1, self.taps)
            sums = _shifted(passes, weight_products(passes), self.data)
        return min(sums.bits, self.core_bits)

    @cached_property
    def core_bits(self) -> int:
        """See `LineDesign`; in pairs, what wraps has the bits of the result."""
        if not self.in_pairs:
            return super().core_bits
        if self.weights is None:
            n_passes = self.passes * (self.summands // self.kernel_taps)
            sums = self.sum_range + self._constant.scaled(n_passes)
        else:
            rows = self.weights.weight.reshape(self.channels, -1)
            sums = _shifted(rows, self.constants(self.weights.weight), self.data)
        return min(sums.bits, self.accumulator.bits)

    def added(self, weights: LineWeights) -> Integers:
        """See `LineDesign`; in pairs, the constants are taken off, modulo the sum's bits."""
        start = super().added(weights)
        if not self.in_pairs:
            return start
        return wrap(start - self.constants(weights.weight)[:, None], self.accumulator.bits)

    @cached_property
    def added_bits(self) -> int:
        """See `LineDesign`; in pairs, constants may need all bits of the sum."""
        if not self.in_pairs:
            return super().added_bits
        if (table := self.added_table) is None:
            return self.accumulator.bits
        return Interval(int(table.min()), int(table.max())).bits

    def correlated(self, lines: Integers, weight: Integers, constants: Integers) -> Integers:
        """Return correlations along the last axis; in pairs by way of what the hardware holds.

        ``constants`` are what is taken off behind the chain, along the axes before the last.
        """
        if not self.in_pairs:
            return correlate(lines, weight)
        padded = self.padded(weight)
        total = np.zeros((), np.int64)
        for first in range(0, padded.shape[-1], self.taps):
            kernels = padded[..., first : first + self.taps]
            turned = np.roll(lines, -first, axis=-1)
            total = wrap(total + chain_sums(turned, kernels, bits=self.chain_bits), self.core_bits)
        return total - constants[..., None]

    def accumulate(self, lines: Integers, weights: LineWeights) -> Integers:
        """Exact sums: ``|y| < 2^10 * 2^17 * 2^17 + |q| < 2^46``, far inside int64."""
        return self.stored(lines, self.coefficients(weights), self.added(weights))

    def stored(
        self, lines: Integers, coefficients: Mapping[str, Integers], added: Integers
    ) -> Integers:
        """See `LineDesign`; constants are in what is added."""
        sums = self.correlated(lines, coefficients["weight"], np.zeros(1, np.int64)) + added
        return wrap(sums, self.accumulator.bits) if self.in_pairs else sums


def _shifted(rows: Integers, by: Integers, data: Interval) -> Interval:
    """Range of ``sum(row * x) + by`` over every row."""
    high = np.maximum(rows * data.low, rows * data.high).sum(axis=-1) + by
    low = np.minimum(rows * data.low, rows * data.high).sum(axis=-1) + by
    return Interval(int(low.min()), int(high.max()))
