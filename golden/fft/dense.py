"""Sums in fixed point between the transforms, for lines whose channels mix."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from golden.dense.design import UNITS, DenseDesign
from golden.fft.design import FftDesign, multiply
from golden.line.options import EngineOption
from golden.line.weights import LineWeights
from golden.numbers.fixed import SQ, Fixed
from golden.numbers.interval import Integers


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseFftDesign(DenseDesign, FftDesign):
    """Products added up, unrounded, between the transforms; the error bounded by proof."""

    options: ClassVar[tuple[EngineOption, ...]] = (*FftDesign.options, UNITS)

    @property
    def input_words(self) -> int:
        """Words of an input line as it is held: the points of the transform."""
        return self.size

    @property
    def coefficient_words(self) -> int:
        """Words of an output channel's spectra."""
        return self.in_channels * self.size

    @property
    def coefficient_stride(self) -> int:
        """The same."""
        return self.coefficient_words

    @property
    def own_parameters(self) -> dict[str, int | str]:
        """As the line engine's, and how many units there are."""
        return super().own_parameters | self.mixing

    @property
    def operand(self) -> SQ:
        """Shape of a held bin's parts."""
        return self.formats.sections[self.flow.middle].operand

    @property
    def total(self) -> SQ:
        """Shape of the sum of all products, before it is rounded.

        It reaches no further than what it is rounded to. Nor do sums of fewer products, since the
        other lines may be 0.
        """
        entry = self.formats.sections[self.flow.middle + 1].entry
        return SQ(entry.i_bits, self.operand.f_bits + self.spectrum_f_bits)

    def accumulate(self, lines: Integers, weights: LineWeights) -> Integers:
        """Return results of a group ``[C_in, rows, N]``; no sum leaves 2^62."""
        odd = self.lanes % 2
        rows = lines.shape[1]
        groups = lines.reshape(self.in_channels, -1, self.lanes, self.length)
        filled = np.pad(groups, ((0, 0), (0, 0), (0, odd), (0, 0)))
        held = self.ahead(filled.reshape(self.in_channels, -1, 2, self.length))
        results = []
        for words in self.words(weights):
            products = multiply(held, self.spectra_of(words[:, None]))
            total = Fixed(products.raw.sum(axis=0), self.total)
            back = self.behind(total)
            out = back.reshape(-1, self.lanes + odd, self.length)[:, : self.lanes]
            results.append(out.reshape(rows, self.length))
        return np.stack(results)
