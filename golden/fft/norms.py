"""Bounds on an FFT engine that hold for every kernel up to given norms: looser, but known at once.

For kernels that arrive on a port, and for sets of weights too large to follow every sample through.
With 1/N in the spectrum, a node of the way back is a mean of results times phases, so none passes
the results' own range. A node ahead of the spectrum reaches a result by way of all bins that depend
on it; Parseval's equation gives the root of the sum of squares of its gains, and Cauchy's
inequality their sum.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from golden.fft.flow import TransformFlow
from golden.fft.format import Factor, NodeFormats, Reach
from golden.fft.proof import Floats, LinearPart, Noise, factors, reach_ahead
from golden.numbers.interval import Integers, Interval

SECOND_ORDER = 1.01
"""Errors of errors: with factors of 6 bits and more, under a hundredth."""
MAX_REACH = 1 << 22
"""Samples times points of a plane up to which every sample is followed to the spectrum."""
WORD_ERROR = 0.51
"""Units that a stored spectrum may be off: a half, and the arithmetic of whoever made it."""


@dataclass(frozen=True)
class KernelNorms:
    """The most that kernels of a set come to.

    Parameters
    ----------
    terms
        Kernels T that a result is a sum of.
    sum_abs
        Sum of the magnitudes of all their taps.
    root_square
        Root of the sum of the squares of a kernel's taps, added up over the T kernels.
    square
        Sum of the squares of all their taps.
    """

    terms: int
    sum_abs: float
    root_square: float
    square: float

    @classmethod
    def of(cls, kernels: Integers | Floats) -> "KernelNorms":
        """Return the norms of kernels ``[C, T, N]``."""
        values = kernels.astype(np.float64)
        squares = (values**2).sum(axis=-1)
        return cls(
            kernels.shape[1],
            float(np.abs(values).sum(axis=(-2, -1)).max()),
            float(np.sqrt(squares).sum(axis=-1).max()),
            float(squares.sum(axis=-1).max()),
        )

    @classmethod
    def of_format(cls, length: int, bits: int, terms: int) -> "KernelNorms":
        """Return the norms that no kernels of ``length`` taps of ``bits`` bits pass."""
        most = float(Interval.signed(bits).max_abs)
        taps = terms * length
        return cls(terms, taps * most, terms * length**0.5 * most, taps * most**2)


def bound_operator(
    flow: TransformFlow,
    norms: KernelNorms,
    spectrum_f_bits: int,
    *,
    entry: Integers,
    data: Interval,
    paired: bool,
    channels: int,
) -> LinearPart:
    """Return what holds of the linear part under every kernel within ``norms``.

    Parameters are as in `golden.fft.proof.analyse`.
    """
    modulus = data.max_abs * (2**0.5 if paired else 1)
    if flow.row is None or flow.size * (int(entry.max()) + 1) <= MAX_REACH:
        ahead = _reach_ahead(flow, entry.tobytes(), data, paired=paired)
    else:
        ahead = _bound_ahead(flow, modulus, data)
    root_energy = modulus * np.count_nonzero(entry >= 0) ** 0.5
    # Each is a perturbation of a product: its size, the values' norm, and the gains' norm.
    word = WORD_ERROR * 2**0.5 * 2.0**-spectrum_f_bits
    error = word * flow.size * root_energy * norms.terms
    exact = replace(flow, twiddle_f_bits=52)
    for product in range(flow.n_products):
        if product == flow.middle:
            continue
        if odd := flow.odd_transform(product):
            # Its norm takes the place of a factor's size, and the sides have a times the points.
            off = float(np.linalg.norm(odd.matrix - odd.exact, 2)) / odd.points**0.5
            error += off * (
                root_energy * norms.root_square
                if product < flow.middle
                else flow.size**0.5 * modulus * norms.sum_abs
            )
            continue
        twiddle = float(np.abs(factors(flow, product) - factors(exact, product)).max())
        if product < flow.middle:
            error += twiddle * root_energy * norms.root_square
        else:
            error += twiddle * flow.size**0.5 * modulus * norms.sum_abs
    error *= SECOND_ORDER
    most = modulus * norms.sum_abs + error
    ends = np.array([[most], [most], [2**0.5 * most]]) * np.ones(flow.size)
    back = [[Reach(-ends, ends)] * (len(s.ranks) + 1) for s in flow.sections[flow.middle + 1 :]]
    length = int(entry.max()) + 1
    deviation = np.full((channels, length), error)
    # Where samples can only be 0, nothing deviates.
    power = (deviation / max(data.max_abs, 1)) ** 2 / length
    return LinearPart(ahead + back, deviation, power)


@lru_cache(maxsize=64)
def _reach_ahead(
    flow: TransformFlow, entry: bytes, data: Interval, *, paired: bool
) -> list[list[Reach]]:
    """Return what `reach_ahead` does, which designs of any channels and lanes have in common."""
    ahead, _ = reach_ahead(flow, np.frombuffer(entry, np.int64), data, paired=paired)
    return ahead


def _bound_ahead(flow: TransformFlow, modulus: float, data: Interval) -> list[list[Reach]]:
    """Return what holds ahead of the spectrum: a node is a sum of samples times phases.

    What enters are samples as they come, and zeros.
    """
    levels: list[list[Reach]] = []
    most = modulus
    for section in flow.sections[: flow.middle + 1]:
        own: list[Reach] = []
        for growth in (1, *[2] * len(section.ranks)):
            most *= growth
            ends = np.array([[most], [most], [2**0.5 * most]]) * np.ones(flow.size)
            own.append(Reach(-ends, ends))
        levels.append(own)
        if section is flow.sections[0]:
            parts = np.array([[1], [1], [2]]) * np.ones(flow.size)
            own[0] = Reach(min(data.low, 0) * parts, max(data.high, 0) * parts)
        most *= 1 + 2.0**-flow.twiddle_f_bits  # a twiddle may be longer than 1
    return levels


def spectrum_factor(flow: TransformFlow, norms: KernelNorms, f_bits: int) -> Factor:
    """Return what is known of the spectrum's words."""
    magnitude = norms.sum_abs / flow.size + norms.terms * 2.0**-f_bits
    return Factor(np.full(flow.size, magnitude), np.zeros(flow.size, dtype=np.int64), f_bits)


def bound_noise(
    flow: TransformFlow, formats: NodeFormats, norms: KernelNorms, *, channels: int, length: int
) -> Noise:
    """Return what holds of the roundings under every kernel within ``norms``."""
    bound = power = 0.0
    points = 1  # of the transform so far, forward; of the way back, behind the spectrum
    for number, section in enumerate(flow.sections):
        ahead = number <= flow.middle
        if number == flow.middle + 1:
            points = 1
        shapes = formats.sections[number]
        entered = points
        points <<= len(section.ranks)
        for rounding, so_far in ((shapes.entering, entered), (shapes.leaving, points)):
            if rounding is None:
                continue
            fan_out = flow.size / so_far
            if ahead:
                root_gain = (fan_out / flow.size) ** 0.5 * norms.root_square
                bound += 2**0.5 * root_gain * float(np.sqrt((rounding.bound**2).sum()))
                power += fan_out / flow.size * norms.square * rounding.power.max()
            else:
                bound += 2**0.5 * fan_out * rounding.bound.max()
                power += fan_out * rounding.power.max()
        if number < flow.n_products and (odd := flow.odd_transform(number)):
            points *= odd.points
    shape = (channels, length)
    return Noise(np.full(shape, bound * SECOND_ORDER), np.full(shape, power))
