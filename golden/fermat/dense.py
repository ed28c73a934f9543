"""Sums modulo 2^b + 1 between the transforms, for lines whose channels mix."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from golden.dense.design import UNITS, DenseDesign
from golden.fermat.design import FermatDesign
from golden.fermat.plan import Fold, apply_all
from golden.fermat.ring import Ring, limbs_of, rings
from golden.inputs.errors import ParameterError
from golden.line.options import EngineOption
from golden.line.weights import LineWeights
from golden.numbers.interval import Integers, Interval, partial_sums


def _divisors(number: int) -> Iterator[int]:
    return (d for d in range(1, number + 1) if number % d == 0)


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseFermatDesign(DenseDesign, FermatDesign):
    """Products added up modulo 2^b + 1 between the transforms; exact.

    Where no ring of few multipliers holds the sum over all input channels, it is cut in ``parts``
    of as many input channels each: every part has a transform back of its own, and the results are
    added up, exactly, behind it.

    Parameters
    ----------
    parts
        A divisor of C_in / P; None takes the fewest with the fewest multipliers.
    """

    length_range: ClassVar[tuple[int, int]] = (2, 256)
    options: ClassVar[tuple[EngineOption, ...]] = (
        *FermatDesign.options,
        UNITS,
        EngineOption(
            name="parts", help="Shares of a unit's channels, each with a way back of its own."
        ),
    )

    parts: int | None = None

    @classmethod
    def rings_for(cls, length: int) -> Sequence[Ring]:
        """See `FermatDesign`; bins that are held have one product each."""
        return rings(length)

    def __post_init__(self) -> None:
        units = self.in_channels // max(self.products, 1)
        if self.parts is not None and (self.parts < 1 or units % self.parts):
            rule = f"a divisor of the input channels of a unit ({units})"
            raise ParameterError("parts", rule, self.parts)
        super().__post_init__()

    def _part_range(self, parts: int) -> Interval:
        """Range of the sums of one of ``parts``."""
        share = self.terms_per_unit // parts
        if self.weights is None:
            product = self.data * Interval.signed(self.weight_bits)
            return product.scaled(self.products * share * self.length)
        # A part takes its share of every unit's input channels.
        shape = (self.channels, self.products, parts, share * self.length)
        by_part = np.moveaxis(self.weights.weight.reshape(shape), 2, 1)
        rows = by_part.reshape(self.channels * parts, -1)
        return partial_sums(rows, self.data)[-1]

    @cached_property
    def _choice(self) -> tuple[Ring, int]:
        """Ring and parts: the fewest multipliers count most, then parts."""
        choices = [
            (limbs_of(ring.bits), ring.needs_root_of_two, parts, ring.bits, ring)
            for ring in rings(self.length)
            for parts in _divisors(self.terms_per_unit)
            if self.ring in (None, ring.bits) and self.parts in (None, parts)
        ]
        for *_, parts, _, ring in sorted(choices, key=lambda choice: choice[:-1]):
            if ring.holds(self._part_range(parts)):
                return ring, parts
        least = self._part_range(self.parts or self.terms_per_unit)
        rule = f"a length whose ring holds |y| <= {least.max_abs}"
        raise ParameterError("length", rule, self.length)

    @property
    def transform_ring(self) -> Ring:
        """The ring that the engine works in."""
        return self._choice[0]

    @property
    def n_parts(self) -> int:
        """Parts that the sum over input channels is cut in."""
        return self._choice[1]

    @cached_property
    def reduced(self) -> Interval:
        """Range of a part's sums."""
        return self._part_range(self.n_parts)

    @cached_property
    def bin_sum(self) -> Fold:
        """Brings the sum of a part's products to about the ring's bits again."""
        share = self.in_channels // self.n_parts
        return Fold(self.transform_ring.bits, self.product.o.scaled(share))

    @property
    def inverse_entry(self) -> Interval:
        """Range of the words that enter the way back."""
        return self.bin_sum.o

    @property
    def coefficient_words(self) -> int:
        """Words of an output channel's spectra."""
        return self.summands

    @property
    def coefficient_stride(self) -> int:
        """The same."""
        return self.summands

    def coefficients(self, weights: LineWeights) -> dict[str, Integers]:
        """Return the spectra of each output channel one after the other."""
        spectra = self.spectrum(weights.weight.reshape(-1, self.length))
        return {"spectrum": spectra.reshape(len(weights.weight), -1)}

    @property
    def own_parameters(self) -> dict[str, Any]:
        """As the line engine's, and how many units there are, and parts."""
        return super().own_parameters | self.mixing | {"parts": self.n_parts}

    @property
    def _dtype(self) -> type:
        return np.int64 if self.bin_sum.i.bits < np.iinfo(np.int64).bits else super()._dtype

    def accumulate(self, lines: Integers, weights: LineWeights) -> Integers:
        """Exact sums of a group ``[C_in, rows, N]``, by way of every word the hardware holds."""
        held = self.fold.apply(self.forward.apply(lines.astype(self._dtype)))
        spectra: Integers = self.coefficients(weights)["spectrum"].astype(self._dtype)
        by_part = (self.products, self.n_parts, -1, self.length)
        held = held.reshape(*by_part[:-1], *held.shape[1:])
        sums = []
        for words in spectra:
            h = words.reshape(*by_part[:-1], 1, self.length)
            products = self.product.apply(held, h).sum(axis=(0, 2))
            back = self.inverse.apply(self.bin_sum.apply(products))
            sums.append(apply_all(self.reductions, back).sum(axis=0))
        return np.stack(sums).astype(np.int64)
