"""The direct engine: N multiplications a sample, exact."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from golden.design import LineDesign
from golden.errors import ParameterError, check_range
from golden.interval import Integers, Interval, partial_sums
from golden.weights import LineWeights, correlate


@dataclass(frozen=True, kw_only=True, eq=False)
class DirectDesign(LineDesign):
    """A chain of ``macs`` multipliers a lane; see `LineDesign` for what all engines share.

    Parameters
    ----------
    macs
        Multipliers a lane P, from 1 to ``support``; None takes as many.
    support
        Taps of a kernel that are not 0, the first ones; None takes all N.
    """

    engine: ClassVar[str] = "direct"
    length_range: ClassVar[tuple[int, int]] = (2, 1024)

    macs: int | None = None
    support: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.support is not None:
            check_range("support", self.support, 1, self.length)
        if self.macs is not None:
            check_range("macs", self.macs, 1, self.kernel_taps)

    def _check_weights(self, weights: LineWeights) -> None:
        super()._check_weights(weights)
        if weights.weight[..., self.kernel_taps :].any():
            rule = f"zeros beyond the first {self.support} taps"
            raise ParameterError("weights", rule, "others", verb="must hold")

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
        """Multipliers a lane, P."""
        return self.kernel_taps if self.macs is None else self.macs

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
        own: dict[str, int | str] = {"macs": self.taps, "passes": self.passes}
        return own if self.support is None else own | {"support": self.support}

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

    def accumulate(self, lines: Integers, weights: LineWeights) -> Integers:
        """Exact sums: ``|y| < 2^10 * 2^17 * 2^17 + |q| < 2^46``, far inside int64."""
        return correlate(lines, weights.weight) + weights.start()
