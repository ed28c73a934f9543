"""Integer weights made up for a design that was given none, the same every time."""

import numpy as np

from golden.interval import Interval
from golden.quantize import requantization
from golden.weights import LineWeights


def example_weights(
    *,
    length: int,
    channels: int,
    data_bits: int,
    weight_bits: int,
    requantized: Interval | None,
    seed: int = 0,
) -> LineWeights:
    """Return pseudo-random full-range kernels, embeddings and biases.

    For requantised output the scales bring three standard deviations of a random line's result to
    the ends of ``requantized``. Every ``seed`` gives other numbers.
    """
    generator = np.random.default_rng(seed)
    data, weight = Interval.signed(data_bits), Interval.signed(weight_bits)
    table = (channels, length)
    kernels = generator.integers(weight.low, weight.high, table, endpoint=True)
    pe = generator.integers(data.low, data.high, table, endpoint=True)
    bias = generator.integers(-(1 << data_bits), 1 << data_bits, channels, endpoint=True)
    if requantized is None:
        return LineWeights(kernels, pe, bias)
    deviation = np.sqrt((kernels.astype(np.float64) ** 2).sum(axis=1)) * (1 << data_bits) / 12**0.5
    half_range = (requantized.high - requantized.low) / 2
    ratio = half_range / np.maximum(3 * deviation, 1.0)
    multiplier, shift = requantization(np.clip(ratio, 2.0**-30, 1.0))
    middle = (requantized.low + requantized.high) // 2
    return LineWeights(kernels, pe, bias, multiplier, shift, middle)
