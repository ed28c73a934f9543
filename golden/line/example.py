"""Integer weights made up for a design that was given none, the same every time."""

from typing import Any

import numpy as np
import numpy.typing as npt

from golden.line.weights import LineWeights, kernel_shapes
from golden.numbers.interval import Integers, Interval
from golden.numbers.quantize import requantization


def example_weights(
    *,
    length: int,
    channels: int,
    data_bits: int,
    weight_bits: int,
    requantized: Interval | None,
    seed: int = 0,
    mixed: tuple[int, int] | None = None,
) -> LineWeights:
    """Return pseudo-random full-range kernels, embeddings and biases.

    For requantised output the scales bring three standard deviations of a random line's result to
    the ends of ``requantized``. Every ``seed`` gives other numbers. ``mixed`` is as of
    `golden.line.weights.check_weights`.
    """
    generator = np.random.default_rng(seed)
    data, weight = Interval.signed(data_bits), Interval.signed(weight_bits)
    table, embedded = kernel_shapes(length=length, channels=channels, mixed=mixed)
    kernels = generator.integers(weight.low, weight.high, table, endpoint=True)
    pe = generator.integers(data.low, data.high, embedded, endpoint=True)
    bias = generator.integers(-(1 << data_bits), 1 << data_bits, channels, endpoint=True)
    if requantized is None:
        return LineWeights(kernels, pe, bias)
    return LineWeights(kernels, pe, bias, *example_scales(kernels, data_bits, requantized))


def example_scales(
    kernels: npt.NDArray[Any], data_bits: int, requantized: Interval
) -> tuple[Integers, Integers, int]:
    """Return multipliers, shifts and a zero point for kernels ``[C, ...]``; see above."""
    squares = (kernels.reshape(len(kernels), -1).astype(np.float64) ** 2).sum(axis=1)
    deviation = np.sqrt(squares) * (1 << data_bits) / 12**0.5
    half_range = (requantized.high - requantized.low) / 2
    ratio = half_range / np.maximum(3 * deviation, 1.0)
    multiplier, shift = requantization(np.clip(ratio, 2.0**-30, 1.0))
    return multiplier, shift, (requantized.low + requantized.high) // 2
