"""The Fermat engine: one modular multiplication a sample, whatever the length, and exact."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from golden.fermat.plan import (
    Fold,
    Product,
    Reduction,
    Transform,
    apply_all,
    bins,
    forward_transform,
    inverse_transform,
    reductions,
)
from golden.fermat.ring import Ring, rings
from golden.inputs.errors import ParameterError, named
from golden.line.design import LineDesign
from golden.line.options import EngineOption
from golden.line.weights import LineWeights
from golden.numbers.interval import Integers, Interval

NEAREST = 4
"""Lengths that a refusal names."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FermatDesign(LineDesign):
    """A transform modulo 2^b + 1, a product, and a transform back; see `LineDesign`.

    With weights in ROM the ring is chosen for what they can reach, and a set that no ring holds is
    refused here. Without them it is chosen for the formats, when `transform_ring` is first asked.

    Parameters
    ----------
    ring
        Bits b of the ring; None takes the cheapest that holds every sum.
    """

    engine: ClassVar[str] = "fermat"
    length_range: ClassVar[tuple[int, int]] = (2, 256)
    options: ClassVar[tuple[EngineOption, ...]] = (
        EngineOption(
            name="ring", help="Bits b of the ring modulo 2^b + 1.", default="the cheapest"
        ),
    )

    ring: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_length()
        if self.weights is not None:
            self.transform_ring  # noqa: B018 - raises where no ring holds the weights' sums

    def _check_length(self) -> None:
        """Raise `ParameterError` where no ring has the roots."""
        possible = rings(self.length)
        if not possible:
            rule = f"a length with a root of unity in a ring (nearest: {_nearest(self.length)})"
            raise ParameterError("length", rule, self.length)
        sizes = [ring.bits for ring in possible]
        if self.ring is not None and self.ring not in sizes:
            choices = ", ".join(map(str, sorted(sizes)))
            rule = f"one of {choices} for {named('length')} {self.length}"
            raise ParameterError("ring", rule, self.ring)

    @cached_property
    def transform_ring(self) -> Ring:
        """The ring that the engine works in.

        Raises
        ------
        ParameterError
            Where no ring, or not the one asked for, holds every sum.
        """
        sums = self.sum_range
        possible = [r for r in rings(self.length) if self.ring in (None, r.bits)]
        for ring in possible:
            if ring.holds(sums):
                return ring
        if self.ring is not None:
            modulus = possible[0].reduced_modulus
            rule = f"a ring that holds |y| <= {sums.max_abs} (this one is modulo {modulus})"
            raise ParameterError("ring", rule, self.ring)
        near = _nearest(self.length, sums)
        rule = f"a length whose ring holds |y| <= {sums.max_abs} (nearest: {near})"
        raise ParameterError("length", rule, self.length)

    @cached_property
    def forward(self) -> Transform:
        """From samples to bins."""
        return forward_transform(self.transform_ring, self.data)

    @cached_property
    def fold(self) -> Fold:
        """Before the product."""
        return Fold(self.transform_ring.bits, self.forward.o)

    @cached_property
    def product(self) -> Product:
        """Bins times spectrum."""
        limit = self.transform_ring.reduced_modulus // 2
        return Product(self.transform_ring.bits, self.fold.o, Interval(-limit, limit))

    @property
    def inverse_entry(self) -> Interval:
        """Range of the words that enter the way back."""
        return self.product.o

    @property
    def reduced(self) -> Interval:
        """Range of what is brought back from the ring."""
        return self.sum_range

    @cached_property
    def inverse(self) -> Transform:
        """From bins to words congruent to the sums."""
        return inverse_transform(self.transform_ring, self.inverse_entry)

    @cached_property
    def reductions(self) -> tuple[Reduction, ...]:
        """From those words to the sums."""
        return reductions(self.transform_ring, self.inverse.o, self.reduced)

    @property
    def widest_word(self) -> int:
        """Bits of the widest word between two steps of the transforms."""
        return max(step.o.bits for step in (*self.forward.steps, *self.inverse.steps))

    @property
    def cycles_per_group(self) -> int:
        """Cycles between groups in steady state: a sample a cycle."""
        return self.length

    @property
    def coefficient_fields(self) -> dict[str, int]:
        """A word of the spectrum, as `spectrum` makes it."""
        return {"spectrum": self.product.h.bits}

    def coefficients(self, weights: LineWeights) -> dict[str, Integers]:
        """Return the spectrum: what the weights port takes beside start values."""
        return {"spectrum": self.spectrum(weights.weight)}

    @property
    def own_parameters(self) -> dict[str, Any]:
        """The ring, all that the spectrum is made by, and multiplications a lane."""
        ring = self.transform_ring
        modulus = ring.reduced_modulus
        return {
            "ring": ring.bits,
            "reduced_modulus": modulus,
            "root": ring.power(ring.step) % modulus,
            "bins": bins(self.length),
            "spectrum_scale": self.spectrum_scale,
            "multiplications": self.product.n_multiplications,
        }

    @property
    def proof(self) -> dict[str, object]:
        """What shows that sums are told apart, and no word leaves its register."""
        sums = self.sum_range
        return {
            "sum_low": sums.low,
            "sum_high": sums.high,
            "reduced_modulus": self.transform_ring.reduced_modulus,
            "widest_word": self.widest_word,
        }

    @property
    def spectrum_scale(self) -> int:
        """What a kernel's transform is multiplied by, modulo P."""
        ring = self.transform_ring
        modulus = ring.reduced_modulus
        return ring.power(-self.inverse.excess) * pow(self.length, -1, modulus) % modulus

    def spectrum(self, kernels: Integers) -> Integers:
        """Return the words ``[C, N]`` that stand for ``kernels`` ``[C, N]`` in ROM or on the port.

        Word p of a kernel w is ``scale * sum_n w[n] * g^(-n * k)`` modulo P, as the representative
        next to 0, where k is the bin that the forward transform gives p-th: the sign in the
        exponent makes a correlation of the convolution. `scale` is 1/N, less the inverse
        transform's excess. docs/fermat.md says the same in C.
        """
        ring = self.transform_ring
        modulus = ring.reduced_modulus
        powers = [ring.power(-ring.step * e) % modulus for e in range(self.length)]
        scale = self.spectrum_scale
        words = [
            [self._word(kernel, k, powers, modulus) * scale % modulus for k in bins(self.length)]
            for kernel in kernels.tolist()
        ]
        balanced = [[w - modulus if w > modulus // 2 else w for w in row] for row in words]
        return np.array(balanced, dtype=self._dtype)

    def _word(self, kernel: list[int], k: int, powers: list[int], modulus: int) -> int:
        return sum(w * powers[n * k % self.length] for n, w in enumerate(kernel)) % modulus

    @property
    def _dtype(self) -> type:
        """Of words: int64, or Python's integers where it would overflow."""
        widest = max(self.widest_word, self.product.total.bits)
        return np.int64 if widest < np.iinfo(np.int64).bits - 1 else object

    def accumulate(self, lines: Integers, weights: LineWeights) -> Integers:
        """Exact sums, by way of every word that the hardware holds."""
        words = self.forward.apply(lines.astype(self._dtype))
        words = self.product.apply(self.fold.apply(words), self.spectrum(weights.weight))
        sums = apply_all(self.reductions, self.inverse.apply(words))
        return sums.astype(np.int64) + weights.start()


def supported_lengths(sums: Interval | None = None) -> list[int]:
    """Return the lengths that some ring serves, or whose ring holds ``sums``."""
    low, high = FermatDesign.length_range
    return [
        length
        for length in range(low, high + 1)
        if any(sums is None or ring.holds(sums) for ring in rings(length))
    ]


def _nearest(length: int, sums: Interval | None = None) -> str:
    """Return the lengths next to ``length`` that some ring serves."""
    lengths = supported_lengths(sums)
    near = sorted(sorted(lengths, key=lambda other: abs(other - length))[:NEAREST])
    return ", ".join(map(str, near)) if near else "none"
