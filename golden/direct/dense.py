"""Chains of taps side by side, for lines whose channels mix."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from golden.dense.design import UNITS, DenseDesign
from golden.direct.design import MACS, DirectDesign, pairing_option
from golden.direct.pairs import middle_sums, pair_sums, paired_sums
from golden.line.options import EngineOption
from golden.line.weights import LineWeights
from golden.numbers.interval import Integers, Interval, wrap

MOST_ALONE = 2
"""Chains up to which each makes its own middle: a shared one's memories take more of a device."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseDirectDesign(DenseDesign, DirectDesign):
    """Chains of ``macs`` taps side by side: N multiplications a sample and output channel."""

    pairing: ClassVar[str] = "pairing"
    """``products`` are the chains."""
    options: ClassVar[tuple[EngineOption, ...]] = (MACS, UNITS, pairing_option(pairing))

    @property
    def shares_middle(self) -> bool:
        """Whether neighbours' products of all input channels are added up as these come in.

        They are the same for every output channel, and so are their sums. Every chain would make
        its own otherwise.
        """
        return self.in_pairs and self._would_share

    @property
    def _would_share(self) -> bool:
        return self.products > MOST_ALONE

    @property
    def neighbours(self) -> Interval:
        """Range of neighbours' products, added up over the input channels."""
        return (self.data * self.data).scaled(self.in_channels)

    @property
    def _pairs_take(self) -> float:
        """See `DirectDesign`: one more multiplier for all chains."""
        if not self._would_share:
            return super()._pairs_take
        return self._taps_take + self._middle_takes / self.products

    @cached_property
    def chain_bits(self) -> int:
        """See `DirectDesign`; where the middle is shared, neighbours' products are still in it."""
        if not self.shares_middle:
            return super().chain_bits
        if self.weights is None:
            weight = Interval.signed(self.weight_bits)
            pair = self.data + weight
            sums = (pair * pair).scaled(self.taps // 2)
            if self.taps % 2:
                sums = sums + self.data * weight
        else:
            sums = pair_sums(self._by_pass(self.weights.weight), self.data)
        return min(sums.bits, self.core_bits)

    @property
    def turns(self) -> int:
        """Passes whose sums are added up to a line of results."""
        return self.terms_per_unit * self.passes

    @property
    def coefficient_stride(self) -> int:
        """Weights of an output channel in the engine's store."""
        return self.in_channels * self.padded_length

    @property
    def coefficient_words(self) -> int:
        """Weights of an output channel on the port: those of the store, zeros and all."""
        return self.coefficient_stride

    def coefficients(self, weights: LineWeights) -> dict[str, Integers]:
        """Return the kernels of each output channel one after the other."""
        return {"weight": self.padded(weights.weight).reshape(len(weights.weight), -1)}

    @property
    def own_parameters(self) -> dict[str, int | str]:
        """The chains, and how many."""
        return super().own_parameters | self.mixing

    def accumulate(self, lines: Integers, weights: LineWeights) -> Integers:
        """Exact sums of a group ``[C_in, rows, N]``: ``[C_out, rows, N]``."""
        if self.shares_middle:
            return self._with_one_middle(lines, weights)
        sums = np.stack(
            [
                self.correlated(lines, kernels[:, None], self.constants(kernels)[:, None]).sum(0)
                for kernels in weights.weight
            ]
        )
        # In pairs, only the result need fit its bits.
        start = weights.start()[:, None]
        return wrap(sums + start, self.accumulator.bits) - start if self.in_pairs else sums

    def _with_one_middle(self, lines: Integers, weights: LineWeights) -> Integers:
        """As the hardware has it: chains' sums with neighbours' products, which are then taken off.

        Of all input channels at once, in the first one's turn.
        """
        start, bits = weights.start()[:, None], self.core_bits
        neighbours = (lines * np.roll(lines, 1, axis=-1)).sum(axis=0)
        results = []
        for kernels in weights.weight:
            total = np.zeros(lines.shape[1:], np.int64)
            padded = self.padded(kernels)
            for first in range(0, padded.shape[-1], self.taps):
                own = padded[:, None, first : first + self.taps]
                turned = np.roll(lines, -first, axis=-1)
                sums = paired_sums(turned, own, bits=self.chain_bits).sum(axis=0)
                middle = middle_sums(np.roll(neighbours, -first, axis=-1), self.taps)
                total = wrap(total + sums - middle, bits)
            results.append(total - self.constants(kernels).sum())
        return wrap(np.stack(results) + start, self.accumulator.bits) - start
