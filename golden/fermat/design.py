"""The Fermat engine: one modular multiplication a sample, whatever the length, and exact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from golden.fermat.plan import (
    Branch,
    Fold,
    Product,
    Reduction,
    Transform,
    apply_all,
    bins,
    branches,
    forward_transform,
    inverse_transform,
    reductions,
)
from golden.fermat.ring import Ring, SplitRing, line_rings
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
    length_range: ClassVar[tuple[int, int]] = (2, 1024)
    options: ClassVar[tuple[EngineOption, ...]] = (
        EngineOption(
            name="ring", help="Bits b of the ring modulo 2^b + 1.", default="the cheapest"
        ),
    )

    ring: int | None = None

    @classmethod
    def rings_for(cls, length: int) -> Sequence[Ring]:
        """Return the rings that lines of ``length`` can go through, the cheapest first."""
        return line_rings(length)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_length()
        if self.weights is not None:
            self.transform_ring  # noqa: B018 - raises where no ring holds the weights' sums

    def _check_length(self) -> None:
        """Raise `ParameterError` where no ring has the roots."""
        possible = self.rings_for(self.length)
        if not possible:
            rule = f"a length with a root of unity in a ring (nearest: {self._nearest()})"
            raise ParameterError("length", rule, self.length)
        sizes = {ring.bits for ring in possible}
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
        possible = [r for r in self.rings_for(self.length) if self.ring in (None, r.bits)]
        for ring in possible:
            if ring.holds(sums):
                return ring
        if self.ring is not None:
            modulus = possible[0].reduced_modulus
            rule = f"a ring that holds |y| <= {sums.max_abs} (this one is modulo {modulus})"
            raise ParameterError("ring", rule, self.ring)
        near = self._nearest(sums)
        rule = f"a length whose ring holds |y| <= {sums.max_abs} (nearest: {near})"
        raise ParameterError("length", rule, self.length)

    @cached_property
    def forward(self) -> Transform:
        """From samples to bins."""
        return forward_transform(self.transform_ring, self.data)

    @cached_property
    def branches(self) -> tuple[Branch, ...]:
        """What is between the transforms: a product with a spectrum, or two if lines are split."""
        return branches(self.transform_ring, self.forward.o)

    @property
    def fold(self) -> Fold:
        """Before the product, where there is one."""
        return self.branches[0].fold

    @property
    def product(self) -> Product:
        """Bins times spectrum, where there is one."""
        return self.branches[0].product

    @property
    def inverse_entry(self) -> Interval:
        """Range of the words that enter the way back."""
        first, *others = (branch.o for branch in self.branches)
        return sum(others, start=first)

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

    @cached_property
    def widest_word(self) -> int:
        """Bits of the widest word between two steps of the transforms."""
        between = (step for branch in self.branches for step in branch.steps)
        steps = (*self.forward.steps, *between, *self.inverse.steps)
        return max(self.inverse_entry.bits, *(step.o.bits for step in steps))

    @property
    def cycles_per_group(self) -> int:
        """Cycles between groups in steady state: a sample a cycle."""
        return self.length

    @property
    def coefficient_fields(self) -> dict[str, int]:
        """Words of the spectra, as `spectra` makes them."""
        return dict.fromkeys(self._fields, self.product.h.bits)

    @property
    def _fields(self) -> tuple[str, ...]:
        return ("spectrum", "odd_spectrum")[: len(self.branches)]

    def coefficients(self, weights: LineWeights) -> dict[str, Integers]:
        """Return the spectra: what the weights port takes beside start values."""
        return dict(zip(self._fields, self.spectra(weights.weight), strict=True))

    @property
    def own_parameters(self) -> dict[str, Any]:
        """The ring, all that the spectrum is made by, and multiplications a lane."""
        ring = self.transform_ring
        modulus = ring.reduced_modulus
        (columns,) = ring.axes
        parameters = {
            "ring": ring.bits,
            "reduced_modulus": modulus,
            "root": ring.power(columns.step) % modulus,
            "bins": bins(columns.length),
            "spectrum_scale": self.spectrum_scale,
            "multiplications": ring.n_multiplications,
        }
        if isinstance(ring, SplitRing):
            parameters |= {
                "inner": ring.inner,
                "inner_root": ring.power(ring.turning.step) % modulus,
                "inner_bins": bins(ring.inner),
                "odd_spectrum_scale": self._scale(1),
            }
        return parameters

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
        return self._scale(0)

    def _scale(self, number: int) -> int:
        """Return what the spectrum of a branch is multiplied by: 1/N, or half that, less excess."""
        ring = self.transform_ring
        modulus = ring.reduced_modulus
        excess = self.inverse.excess + self.branches[number].after.excess
        return ring.power(-excess) * pow(self.length * ring.products, -1, modulus) % modulus

    def spectrum(self, kernels: Integers) -> Integers:
        """Return the words ``[C, N]`` that stand for ``kernels`` ``[C, N]`` in ROM or on the port.

        Word p of a kernel w is ``scale * sum_n w[n] * g^(-n * k)`` modulo P, as the representative
        next to 0, where k is the bin that the forward transform gives p-th: the sign in the
        exponent makes a correlation of the convolution. `scale` is 1/N, less the inverse
        transform's excess. docs/fermat.md says the same in C.
        """
        (words,) = self.spectra(kernels)
        return words

    def spectra(self, kernels: Integers) -> tuple[Integers, ...]:
        """Return `spectrum`, or where lines are split the words ``[C, N]`` of both branches.

        Word p = k' * N1 + j' of the branch modulo ``z^N1 - 1`` is, for the column's bin k that is
        k'-th and the bin j that is j'-th, ``scale * (1 + g^k) * sum_n w'[n] * g^(k * (n // N1)) *
        h^(2 * j * (n mod N1))``, with ``w'[n] = w[-n mod N]`` and h the root of order 2 * N1; of
        the other one ``(1 - g^k)`` and ``2 * j + 1``.
        """
        ring = self.transform_ring
        modulus = ring.reduced_modulus
        (columns,) = ring.axes
        inner = self.length // columns.length
        turned = np.roll(kernels[:, ::-1], 1, axis=-1).astype(object)
        order = np.array(bins(columns.length))
        transform = _powers(ring, columns.step, np.outer(order, np.arange(columns.length)))
        words = transform @ turned.reshape(-1, columns.length, inner) % modulus
        if not isinstance(ring, SplitRing):
            return (self._balanced(words * self._scale(0)),)
        ends = _powers(ring, columns.step, order)[:, None]
        spectra = []
        for number, factor in enumerate((1 + ends, 1 - ends)):
            turns = np.outer(2 * np.array(bins(inner)) + number, np.arange(inner))
            branch = words @ _powers(ring, ring.turning.step, turns).T % modulus
            spectra.append(self._balanced(branch * factor % modulus * self._scale(number)))
        return tuple(spectra)

    def _balanced(self, words: npt.NDArray[Any]) -> Integers:
        """Return the representatives next to 0 of ``words``, channel by channel."""
        modulus = self.transform_ring.reduced_modulus
        words = words % modulus
        balanced = np.where(words > modulus // 2, words - modulus, words)
        return np.asarray(balanced.reshape(len(words), -1).astype(self._dtype))

    @cached_property
    def _dtype(self) -> type:
        """Of words: int64, or Python's integers where it would overflow."""
        widest = max(self.widest_word, *(b.product.total.bits for b in self.branches))
        return np.int64 if widest < np.iinfo(np.int64).bits - 1 else object

    def accumulate(self, lines: Integers, weights: LineWeights) -> Integers:
        """Exact sums, by way of every word that the hardware holds."""
        return self.stored(lines, self.coefficients(weights), weights.start())

    def stored(
        self, lines: Integers, coefficients: Mapping[str, Integers], added: Integers
    ) -> Integers:
        """See `LineDesign`."""
        words = self.forward.apply(lines.astype(self._dtype))
        spectra: list[Integers] = [coefficients[n].astype(self._dtype) for n in self._fields]
        pairs = zip(self.branches, spectra, strict=True)
        total, *others = (branch.apply(words, spectrum) for branch, spectrum in pairs)
        total = sum(others, start=total)
        sums = apply_all(self.reductions, self.inverse.apply(total))
        return sums.astype(np.int64) + added

    def _nearest(self, sums: Interval | None = None) -> str:
        """Return the lengths next to this one that some ring serves."""
        lengths = supported_lengths(sums, type(self))
        near = sorted(sorted(lengths, key=lambda other: abs(other - self.length))[:NEAREST])
        return ", ".join(map(str, near)) if near else "none"


def _powers(ring: Ring, step: int, exponents: Integers) -> npt.NDArray[Any]:
    """Return sqrt(2) to ``step * exponents`` modulo P."""
    table = [ring.power(turn) % ring.reduced_modulus for turn in range(ring.circle)]
    return np.array(table, dtype=object)[step * exponents % ring.circle]


def supported_lengths(
    sums: Interval | None = None, design: type[FermatDesign] = FermatDesign
) -> list[int]:
    """Return the lengths that some ring serves, or whose ring holds ``sums``."""
    low, high = design.length_range
    return [
        length
        for length in range(low, high + 1)
        if any(sums is None or ring.holds(sums) for ring in design.rings_for(length))
    ]
