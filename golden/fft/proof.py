"""What is proved of an FFT engine: what every node can reach, and how far results can be off.

The engine is linear but for its roundings. Twiddles and spectrum as they are quantised give a
linear operator: its rows say what a node can reach, and how far the operator is from the
correlation wanted. Every rounding is an error of at most half a unit at a known node; its way to
the results is linear again, so half units times gains add up to a bound.

Operators are computed in double precision; `SLACK` covers what that may lose, with much to spare.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.fft.flow import Complexes, TransformFlow
from golden.fft.format import NodeFormats, Reach
from golden.fft.odd import OddTransform
from golden.numbers.interval import Integers, Interval

Floats = npt.NDArray[np.float64]

SLACK = 1 + 1e-9
"""Widening of every bound: sums of 4096 doubles are good to 1e-12 of their terms."""
Wanted = Callable[[int, int, slice], Floats]
"""Of a channel and a term, what some samples should add to each result, ``[samples, results]``."""

BLOCK = 1 << 20
"""Complex numbers in a block of operator rows; bounds the memory."""


class _Sums:
    """Gathers, sample by sample, what the nodes of one level can reach.

    A node's parts, and the sum of its parts, are ``sum(a[n] * x[n])``. The sums of a and of its
    magnitude give their range over all samples.
    """

    def __init__(self, size: int) -> None:
        self._total = np.zeros((3, size))
        self._magnitude = np.zeros((3, size))

    def add(self, columns: Complexes, *, paired: bool) -> None:
        """Add what some samples contribute, ``[samples, size]``; `paired` with a second line's."""
        re, im = columns.real, columns.imag
        total_re, total_im = re.sum(axis=0), im.sum(axis=0)
        size_re, size_im = np.abs(re), np.abs(im)
        if paired:
            self._total += np.stack([total_re - total_im, total_im + total_re, 2 * total_re])
            part = (size_re + size_im).sum(axis=0)
            self._magnitude += np.stack([part, part, 2 * np.maximum(size_re, size_im).sum(axis=0)])
        else:
            self._total += np.stack([total_re, total_im, total_re + total_im])
            both = np.abs(re + im).sum(axis=0)
            self._magnitude += np.stack([size_re.sum(axis=0), size_im.sum(axis=0), both])

    def reach(self, data: Interval) -> Reach:
        """Return the range over samples of ``data``."""
        middle, half = (data.high + data.low) / 2, (data.high - data.low) / 2
        away = self._magnitude * (half * SLACK + abs(middle) * (SLACK - 1))
        return Reach(self._total * middle - away, self._total * middle + away)


@dataclass(frozen=True, eq=False)
class LinearPart:
    """The linear part of an engine, as quantised.

    Parameters
    ----------
    reaches
        Of every section the ranges in front of its first rank and behind each.
    deviation
        ``[C, N]``, most that the operator's results differ from the correlation wanted.
    deviation_power
        ``[C, N]``, the difference's mean square for white samples of variance 1.
    """

    reaches: list[list[Reach]]
    deviation: Floats
    deviation_power: Floats


def reach_ahead(
    flow: TransformFlow, entry: Integers, data: Interval, *, paired: bool
) -> tuple[list[list[Reach]], Complexes]:
    """Return ranges up to the spectrum, and what each sample adds to each bin ``[N, size]``.

    Parameters are as in `analyse`.
    """
    length = int(entry.max()) + 1
    sums = _sums(flow)
    bins = np.empty((length, flow.size), dtype=np.complex128)
    for samples in _blocks(length, flow.size):
        columns = (entry == np.arange(length)[samples, None]).astype(np.complex128)
        bins[samples] = _pass(flow, columns, range(flow.middle + 1), sums, paired=paired)
    return _reaches(sums[: flow.middle + 1], data), bins


def analyse(
    flow: TransformFlow,
    spectra: Complexes,
    wanted: Wanted,
    *,
    entry: Integers,
    outputs: Integers,
    data: Interval,
    paired: bool,
) -> LinearPart:
    """Follow every sample's share through the engine.

    Parameters
    ----------
    flow
        What the engine does.
    spectra
        ``[C, T, size]``, values of the words that are stored; a result is the sum of T lines under
        as many kernels.
    wanted
        What the engine is to do.
    entry
        ``[size]``: the sample that each place of the transform takes, or -1 for none.
    outputs
        ``[N]``: the place that each result leaves from.
    data
        Range of a sample.
    paired
        Whether a second line rides in the imaginary part.
    """
    length = int(entry.max()) + 1
    ahead, bins = reach_ahead(flow, entry, data, paired=paired)
    behind = range(flow.middle + 1, len(flow.sections))
    back: list[list[Reach]] = []
    shape = (len(spectra), len(outputs))
    deviation, power = np.zeros(shape), np.zeros(shape)
    for channel, terms in enumerate(spectra):
        sums = _sums(flow)
        blocks = _blocks(length, flow.size)
        for term, samples in itertools.product(range(len(terms)), blocks):
            results = _pass(flow, bins[samples] * terms[term], behind, sums, paired=paired)
            error = results[:, outputs] - wanted(channel, term, samples)
            if not paired:
                error.imag = 0
            size = np.abs(error.real) + np.abs(error.imag)
            deviation[channel] += size.sum(axis=0) * data.max_abs * SLACK
            power[channel] += (error.real**2 + error.imag**2).sum(axis=0)
        own = _reaches(sums[flow.middle + 1 :], data)
        back = own if not back else _union(back, own)
    return LinearPart(ahead + back, deviation, power)


def deviations(
    flow: TransformFlow,
    spectrum: Complexes,
    wanted: Floats,
    *,
    entry: Integers,
    outputs: Integers,
) -> Complexes:
    """Return the rows of an engine's error as quantised, no rounding done, ``[N, results]``.

    Samples that follow their signs bring a result as far off as quantisation can. Of two lines in
    one, the second's samples add to the first's results with the imaginary part, negated.

    Parameters
    ----------
    flow, entry, outputs
        As of `analyse`.
    spectrum
        ``[size]``, as it is stored.
    wanted
        ``[N, results]``, what samples should add.
    """
    _, bins = reach_ahead(flow, entry, Interval(0, 0), paired=False)
    behind = range(flow.middle + 1, len(flow.sections))
    results = _pass(flow, bins * spectrum, behind, _sums(flow), paired=False)
    return np.asarray(results[:, outputs] - wanted)


def analyse_bands(
    flow: TransformFlow,
    spectra: Complexes,
    wanted: Callable[[int, int, slice], Complexes],
    *,
    entry: Integers,
    outputs: Integers,
    data: Interval,
) -> LinearPart:
    """Follow every sample's share through the engine, where two rows of a map are one of bands.

    Parameters
    ----------
    flow, entry, outputs, data
        As of `analyse`.
    spectra
        ``[C, 2, size]``: those that bins meet, and those that the bins at `TransformFlow.mirror`
        do, whose products' conjugates are added.
    wanted
        Of a channel, a row of bands (0 or 1) and a slice of its samples: what these should add to
        each beat of results, ``[samples, N]``, the second row's in the imaginary part.
    """
    length = int(entry.max()) + 1
    ahead, bins = reach_ahead(flow, entry, data, paired=True)
    behind = range(flow.middle + 1, len(flow.sections))
    back: list[list[Reach]] = []
    parts = np.zeros((2, 2, len(spectra), len(outputs)))
    for channel, (own, mirrored) in enumerate(spectra):
        sums = _sums(flow)
        for row, samples in itertools.product(range(2), _blocks(length, flow.size)):
            z = 1j**row * bins[samples]
            products = z * own + (z[:, flow.mirror] * mirrored).conj()
            results = _pass(flow, products, behind, sums, paired=False)
            error = results[:, outputs] - wanted(channel, row, samples)
            split = np.stack([error.real, error.imag])
            parts[0, :, channel] += np.abs(split).sum(axis=1) * data.max_abs * SLACK
            parts[1, :, channel] += (split**2).sum(axis=1)
        own_back = _reaches(sums[flow.middle + 1 :], data)
        back = own_back if not back else _union(back, own_back)
    return LinearPart(ahead + back, parts[0].max(axis=0), parts[1].mean(axis=0))


def _sums(flow: TransformFlow) -> list[list[_Sums]]:
    return [[_Sums(flow.size) for _ in range(len(s.ranks) + 1)] for s in flow.sections]


def _reaches(sums: list[list[_Sums]], data: Interval) -> list[list[Reach]]:
    return [[level.reach(data) for level in levels] for levels in sums]


def _union(first: list[list[Reach]], second: list[list[Reach]]) -> list[list[Reach]]:
    return [
        [a.union(b) for a, b in zip(one, other, strict=True)]
        for one, other in zip(first, second, strict=True)
    ]


def _blocks(rows: int, size: int) -> list[slice]:
    step = max(BLOCK // size, 1)
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


def _pass(
    flow: TransformFlow, z: Complexes, sections: range, sums: list[list[_Sums]], *, paired: bool
) -> Complexes:
    """Take columns through ``sections`` and the twiddles between them."""
    for number in sections:
        sums[number][0].add(z, paired=paired)
        for place, rank in enumerate(flow.sections[number].ranks, start=1):
            z = rank.apply(z)
            sums[number][place].add(z, paired=paired)
        if number != sections[-1]:
            z = between(flow, number).apply(z)
    return z


def factors(flow: TransformFlow, product: int) -> Complexes:
    """Return a product's twiddles as numbers, repeated to ``[size]``."""
    re, im = flow.spread(product) / 2.0**flow.twiddle_f_bits
    return np.asarray(re + 1j * im)


@dataclass(frozen=True, eq=False)
class Twiddles:
    """Products with factors ``[size]``."""

    values: Complexes

    def apply(self, z: Complexes) -> Complexes:
        """Return what becomes of ``[..., size]``."""
        return z * self.values

    def transpose(self, gains: Complexes) -> Complexes:
        """Return gains from what comes, given those from what leaves."""
        return gains * self.values


def between(flow: TransformFlow, product: int) -> Twiddles | OddTransform:
    """Return what stands behind section ``product``; not the spectrum."""
    return flow.odd_transform(product) or Twiddles(factors(flow, product))


@dataclass(frozen=True, eq=False)
class Noise:
    """What roundings do to the results of C channels, ``[C, N]`` each.

    Parameters
    ----------
    bound
        Most that they can add up to.
    power
        Their mean square, if each were independent and uniform.
    """

    bound: Floats
    power: Floats


def rounding_noise(
    flow: TransformFlow,
    formats: NodeFormats,
    spectra: Complexes,
    outputs: Integers,
    *,
    mirrored: bool = False,
) -> Noise:
    """Follow every rounding's share to the results.

    Parameters are as in `analyse`, or, where ``mirrored``, as in `analyse_bands`.
    """
    shape = (len(spectra), len(outputs))
    noise = Noise(np.zeros(shape), np.zeros(shape))
    for rows in _blocks(len(outputs), flow.size):
        results = (np.arange(flow.size) == outputs[rows, None]).astype(np.complex128)
        behind = range(len(flow.sections) - 1, flow.middle, -1)
        bound, power, gains = _gather(flow, formats, results, behind)
        noise.bound[:, rows], noise.power[:, rows] = bound * SLACK, power
        for channel, terms in enumerate(spectra):
            ways = _mirrored_ways(flow, gains, terms) if mirrored else gains * terms[:, None]
            more, more_power = _gather_ahead(flow, formats, ways)
            combine = np.max if mirrored else np.sum
            noise.bound[channel, rows] += combine(more, axis=0) * SLACK
            noise.power[channel, rows] += combine(more_power, axis=0)
    return noise


def _mirrored_ways(flow: TransformFlow, gains: Complexes, terms: Complexes) -> Complexes:
    """Return the gains in front of both spectra, to a result of the first row and the second.

    Of ``y = g * (S * z + conj(D * z'))``, z' at the mirrored places, the first row has the real
    part, ``re((g * S + (conj(g) * D)') * z)``, and the second the imaginary part,
    ``im((g * S - (conj(g) * D)') * z)``.
    """
    own, other = gains * terms[0], (gains.conj() * terms[1])[:, flow.mirror]
    return np.stack([own + other, own - other])


def _gather_ahead(
    flow: TransformFlow, formats: NodeFormats, ways: Complexes
) -> tuple[Floats, Floats]:
    """Return bounds and powers of the roundings ahead of the spectra, for each of ``ways``."""
    gathered = [_gather(flow, formats, way, range(flow.middle, -1, -1)) for way in ways]
    bounds, powers, _ = zip(*gathered, strict=True)
    return np.stack(bounds), np.stack(powers)


def _gather(
    flow: TransformFlow, formats: NodeFormats, gains: Complexes, sections: Sequence[int]
) -> tuple[Floats, Floats, Complexes]:
    """Add up the roundings in ``sections``, the last first; return the gains in front of them."""
    bound, power = np.zeros(len(gains)), np.zeros(len(gains))
    for number in sections:
        shapes = formats.sections[number]
        for rounding, ranks in (
            (shapes.leaving, ()),
            (shapes.entering, flow.sections[number].ranks),
        ):
            for rank in reversed(ranks):
                gains = rank.transpose(gains)
            if rounding is not None:
                bound += (np.abs(gains.real) + np.abs(gains.imag)) @ rounding.bound
                power += (gains.real**2 + gains.imag**2) @ rounding.power
        if number != sections[-1]:
            gains = between(flow, number - 1).transpose(gains)
    return bound, power, gains


def upwards(value: float) -> float:
    """Return ``value`` with three decimals: no machine's last digit in a manifest."""
    return float(np.ceil(value * 1e3) / 1e3)
