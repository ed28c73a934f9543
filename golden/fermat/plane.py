"""Maps under two-dimensional integer kernels by transforms modulo 2^b + 1, exact."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from golden.fermat.design import FermatDesign
from golden.fermat.plan import apply_all, bins
from golden.fermat.ring import PlaneRing, limbs_of, rings
from golden.inputs.errors import ParameterError
from golden.line.weights import LineWeights
from golden.numbers.interval import Integers, Interval
from golden.plane.design import PlaneDesign
from golden.plane.kernels import KernelAxis

MAX_SIZE = 256
"""Points along an axis."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PlaneFermat(PlaneDesign, FermatDesign):
    """A map of a channel after the other, through transforms along both axes; see `FermatDesign`.

    The ring has roots for both axes. Where the map has no such lengths, or zeros around it, the
    transform is larger: of all that hold the sums, the one with the fewest products a map.
    """

    engine: ClassVar[str] = "plane_fermat"
    length_range: ClassVar[tuple[int, int]] = (2, MAX_SIZE**2)
    rounds_kernels: ClassVar[bool] = True

    def check(self) -> None:
        """See `PlaneDesign`: no ring holds the sums."""
        self.transform_ring  # noqa: B018 - raises

    def _check_length(self) -> None:
        self._check_lanes()
        if self.ring is not None and not any(r.bits == self.ring for r in self._possible):
            choices = ", ".join(map(str, sorted({r.bits for r in self._possible}))) or "none"
            raise ParameterError("ring", f"one of {choices} for such maps", self.ring)

    @cached_property
    def _possible(self) -> list[PlaneRing]:
        """Rings for both axes, with the fewest products a map first, then the smallest."""
        vertical, horizontal = (
            list(_sizes(axis)) for axis in (self.plane.vertical, self.plane.horizontal)
        )
        found = [
            PlaneRing(ring.bits, height * width, width)
            for height in vertical
            for width in horizontal
            for ring in rings(height)
            if any(other.bits == ring.bits for other in rings(width))
        ]
        return sorted(
            found, key=lambda r: (r.length * limbs_of(r.bits) * (limbs_of(r.bits) + 1), r.bits)
        )

    @cached_property
    def transform_ring(self) -> PlaneRing:
        """The ring that the engine works in.

        Raises
        ------
        ParameterError
            Where no ring, or not the one asked for, holds every sum.
        """
        sums = self.sum_range
        for ring in self._possible:
            if self.ring in (None, ring.bits) and ring.holds(sums):
                return ring
        rule = f"a ring that holds |y| <= {sums.max_abs} for such maps"
        raise ParameterError("ring", rule, "none" if self.ring is None else self.ring)

    @cached_property
    def sizes(self) -> tuple[int, int]:
        """Points along a column, and along a row."""
        vertical, horizontal = self.transform_ring.axes
        return vertical.length, horizontal.length

    @cached_property
    def sum_range(self) -> Interval:
        """Range of the correlation alone, the bias not yet added."""
        if self.weights is not None:
            return Interval.union(self.weights.sums(self.data))
        if self.plane.loaded_norms is not None:
            # Taps are rounded, each by a half at most.
            norm = self.plane.loaded_norms[0] + self.plane.taps / 2
            most = int(np.ceil(norm * self.data.max_abs))
            return Interval(-most, most)
        taps = Interval.signed(self.weight_bits)
        return (self.data * taps).scaled(self.plane.taps)

    @property
    def cycles_per_group(self) -> int:
        """Cycles between maps of a channel in steady state."""
        return self.size

    @property
    def coefficient_words(self) -> int:
        """Words of a spectrum."""
        return self.size

    @property
    def own_parameters(self) -> dict[str, Any]:
        """The ring, all that the spectrum is made by, and multiplications a product takes."""
        ring = self.transform_ring
        modulus = ring.reduced_modulus
        return {
            "transform_height": self.sizes[0],
            "transform_width": self.sizes[1],
            "ring": ring.bits,
            "reduced_modulus": modulus,
            "roots": [axis.power(axis.step) % modulus for axis in ring.axes],
            "bins": [bins(size) for size in self.sizes],
            "spectrum_scale": self.spectrum_scale,
            "multiplications": self.product.n_multiplications,
        }

    @property
    def spectrum_scale(self) -> int:
        """What a kernel's transform is multiplied by, modulo P."""
        ring = self.transform_ring
        modulus = ring.reduced_modulus
        return ring.power(-self.inverse.excess) * pow(self.size, -1, modulus) % modulus

    def spectra(self, kernels: Integers) -> tuple[Integers, ...]:
        """Return `spectrum`: maps are not split."""
        return (self.spectrum(kernels),)

    def spectrum(self, kernels: Integers) -> Integers:
        """Return the words ``[C, size]`` that stand for ``kernels`` ``[C, taps]``.

        As of a line's kernel, along one axis after the other: see `FermatDesign.spectrum`.
        """
        modulus = self.transform_ring.reduced_modulus
        words = self.plane.torus(kernels.astype(np.int64), self.sizes).astype(object)
        columns, rows = (
            np.array(
                [
                    [axis.power(-axis.step * (n * k % axis.length)) for n in range(axis.length)]
                    for k in bins(axis.length)
                ],
                dtype=object,
            )
            for axis in self.transform_ring.axes
        )
        words = (columns @ words % modulus) @ rows.T % modulus
        return self._balanced(words * self.spectrum_scale)

    def accumulate(self, lines: Integers, weights: LineWeights) -> Integers:
        """Exact sums, by way of every word that the hardware holds."""
        samples = np.where(self.entry < 0, 0, lines[..., self.entry])
        words = self.forward.apply(samples.astype(self._dtype))
        words = self.product.apply(self.fold.apply(words), self.spectrum(weights.weight))
        sums = apply_all(self.reductions, self.inverse.apply(words))[..., self.outputs]
        return sums.astype(np.int64) + weights.start()


def _sizes(axis: KernelAxis) -> Iterator[int]:
    """Yield the transforms that serve an axis: as long as it, or long enough."""
    if axis.wraps and rings(axis.length):
        yield axis.length
    yield from (n for n in range(axis.least_size, MAX_SIZE + 1) if rings(n))
