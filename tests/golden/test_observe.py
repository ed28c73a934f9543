"""Formats chosen from data, and the signal to noise ratio."""

import numpy as np
import pytest

from golden.numbers.observe import (
    OBSERVERS,
    Agreement,
    Samples,
    Sqnr,
    mean_square,
    minmax,
    percentile,
)


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


def agreement(*pairs):
    result = Agreement()
    for exact, actual in pairs:
        result.add(exact, actual)
    return result.decibels


def test_agreement_is_that_of_the_worst_channel_and_a_mean_is_no_signal():
    x = np.random.default_rng(0).normal(size=(3, 50, 40))
    x -= x.mean(axis=(1, 2), keepdims=True)
    x /= x.std(axis=(1, 2), keepdims=True)
    off = np.random.default_rng(1).choice([-1.0, 1.0], size=x.shape)
    errors = np.array([1e-3, 1e-4, 0.0])[:, None, None] * off
    assert agreement((x, x + errors)) == pytest.approx(60.0)
    assert agreement((x + 1e3, x + 1e3 + errors)) == pytest.approx(60.0, abs=1e-3)
    small = x * np.array([1.0, 1e-6, 1.0])[:, None, None]
    assert agreement((small, small + errors)) == pytest.approx(-40.0)
    # Two maps count as one.
    assert agreement((x, x + errors), (x, x)) == pytest.approx(63.0, abs=0.02)


def test_rounding_is_no_difference_and_broken_numbers_are_one():
    x = np.random.default_rng(0).normal(size=(2, 4, 5))
    assert agreement((x, x * (1 + 1e-12))) == np.inf
    assert agreement((np.ones_like(x), np.ones_like(x) + 1e-12)) == np.inf
    assert agreement((np.zeros_like(x), np.zeros_like(x))) == np.inf
    assert agreement((np.zeros_like(x), np.zeros_like(x) + 1e-12)) == -np.inf
    assert agreement((x, x * np.nan)) == -np.inf
    assert agreement((x * np.nan, x)) == -np.inf
