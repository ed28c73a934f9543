"""Chains of taps side by side, for lines whose channels mix."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from golden.dense.design import UNITS, DenseDesign
from golden.direct.design import MACS, DirectDesign, pairing_option
from golden.line.options import EngineOption
from golden.line.weights import LineWeights
from golden.numbers.interval import Integers, wrap


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseDirectDesign(DenseDesign, DirectDesign):
    """Chains of ``macs`` taps side by side: N multiplications a sample and output channel."""

    pairing: ClassVar[str] = "pairing"
    """``products`` are the chains."""
    options: ClassVar[tuple[EngineOption, ...]] = (MACS, UNITS, pairing_option(pairing))

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
        sums = np.stack(
            [
                self.correlated(lines, kernels[:, None], self.constants(kernels)[:, None]).sum(0)
                for kernels in weights.weight
            ]
        )
        # In pairs, only the result need fit its bits.
        start = weights.start()[:, None]
        return wrap(sums + start, self.accumulator.bits) - start if self.in_pairs else sums
