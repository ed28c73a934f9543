"""Formats chosen from data, and the signal to noise ratio."""

import numpy as np
import pytest

from golden.observe import OBSERVERS, Samples, Sqnr, mean_square, minmax, percentile


def gathered(*arrays):
    samples = Samples()
    for array in arrays:
        samples.add(np.asarray(array, dtype=np.float64))
    return samples


def test_minmax_holds_every_sample():
    chosen = minmax(gathered([[-1.0, 0.5]], [3.0]), 8)
    assert (chosen.scale, chosen.zero_point) == (4.0 / 255, -64)


def test_percentiles_leave_outliers_out():
    data = np.random.default_rng(0).normal(size=16000)
    data[:1] = 1000.0
    assert minmax(gathered(data), 8).scale > 3.0
    assert percentile(gathered(data), 8).scale < 0.04


def test_mean_square_is_the_least_of_those_it_tries():
    data = np.random.default_rng(0).normal(size=10000) ** 3
    samples = gathered(data)

    def error(chosen):
        return np.mean((chosen.dequantize(chosen.quantize(data)) - data) ** 2)

    best = error(mean_square(samples, 4))
    assert best < 0.6 * error(minmax(samples, 4))


@pytest.mark.parametrize("observer", OBSERVERS)
def test_zeros_have_a_format(observer):
    assert OBSERVERS[observer](gathered(np.zeros(5)), 8).scale == 1.0


def test_extremes_are_exact_though_samples_are_drawn():
    data = np.zeros(100_000)
    data[77] = 5.0
    samples = gathered(data)
    assert (samples.low, samples.high) == (0.0, 5.0)
    assert len(samples.kept) < len(data)


def test_joined_samples_are_those_of_both():
    samples = gathered([1.0, 2.0])
    samples.join(gathered([-3.0]))
    assert (samples.low, samples.high) == (-3.0, 2.0)
    assert sorted(samples.kept) == [-3.0, 1.0, 2.0]


def test_ratio_in_decibels():
    ratio = Sqnr()
    assert ratio.decibels is None
    ratio.add(np.array([3.0, 4.0]), np.array([3.0, 4.0]))
    assert ratio.decibels is None
    ratio.add(np.array([0.0]), np.array([0.05]))
    assert ratio.decibels == pytest.approx(40.0)
