"""Quantisation against exact rationals, and the quantised operator against the float one."""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from golden.numbers.fixed import round_half_even
from golden.numbers.interval import Integers
from golden.numbers.quantize import (
    Activation,
    QuantizedKernel,
    quantize_lines,
    quantize_weights,
    requantization,
    requantize,
)
from golden.operator.parc import Floats, parc


def refusal(message: str) -> str:
    return f"^{re.escape(message)}$"


def int64(values: object) -> Integers:
    return np.array(values, dtype=np.int64)


def accumulate(kernel: QuantizedKernel, x: Integers) -> Integers:
    """Compute the engine's accumulators [C, N] for one line a channel, by CONTRACT.md's formula."""
    n_channels, length = x.shape
    y = np.empty_like(x)
    for c, i in np.ndindex(n_channels, length):
        taps = (
            int(kernel.weight[c, k]) * int(x[c, (i + k) % length] + kernel.pe[c, (i + k) % length])
            for k in range(length)
        )
        y[c, i] = kernel.bias[c] + sum(taps)
    return y


@pytest.mark.parametrize("shift", [0, 1, 2, 7, 47, 61, 62])
def test_round_half_even_equals_exact_rounding(shift: int) -> None:
    unit, limit = 1 << shift, 2**63 - 1
    ties = [quotient * unit + unit // 2 for quotient in (-3, -2, -1, 0, 1, 2)]
    values = [tie + d for tie in ties for d in (-1, 0, 1) if abs(tie + d) <= limit]
    values += [limit, limit - 1, -limit, -limit - 1]
    values += np.random.default_rng(shift).integers(-limit, limit, 200).tolist()
    expected = [round(Fraction(v, unit)) for v in values]
    np.testing.assert_array_equal(round_half_even(int64(values), shift), expected)


def test_round_half_even_by_hand() -> None:
    halves = int64([-5, -3, -1, 1, 3, 5])
    np.testing.assert_array_equal(round_half_even(halves, 1), [-2, -2, 0, 0, 2, 2])
    shifts = int64([[0], [1], [2]])
    np.testing.assert_array_equal(round_half_even(int64([6, 7]), shifts), [[6, 7], [3, 4], [2, 2]])


@pytest.mark.parametrize("shift", [-1, 63])
def test_round_half_even_refusals(shift: int) -> None:
    message = f"Shift must be from 0 to 62, not {shift}"
    for argument in (shift, int64([0, shift, 1])):
        with pytest.raises(ValueError, match=refusal(message)):
            round_half_even(int64([1, 2, 3]), argument)


def test_quantize_weights_by_hand() -> None:
    weight = np.array([[-127.0, 0.5, 1.5, 126.6], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.25, -0.5]])
    integers, scale = quantize_weights(weight)
    np.testing.assert_array_equal(integers, [[-127, 0, 2, 127], [0] * 4, [0, 0, 64, -127]])
    np.testing.assert_array_equal(scale, [1, 1, 0.5 / 127])
    assert integers.dtype == np.int64


@pytest.mark.parametrize("bits", [2, 4, 8, 16, 32])
def test_quantize_weights_uses_the_symmetric_range(bits: int) -> None:
    weight = np.random.default_rng(bits).normal(size=(5, 14))
    integers, scale = quantize_weights(weight, bits)
    np.testing.assert_array_equal(np.abs(integers).max(axis=1), 2 ** (bits - 1) - 1)
    error = np.abs(weight - integers * scale[:, np.newaxis])
    assert (error <= 0.5000001 * scale[:, np.newaxis]).all()


def test_quantize_weights_stays_in_range_where_the_scale_underflows() -> None:
    tiny = np.nextafter(0, 1)
    integers, scale = quantize_weights(np.array([[190 * tiny, -190 * tiny], [tiny, 0]]))
    np.testing.assert_array_equal(integers, [[127, -127], [0, 0]])
    np.testing.assert_array_equal(scale, [tiny, 1])


def test_quantize_weights_refusals() -> None:
    message = "Weight must be a non-empty [C, N] array, not of shape (3,)"
    with pytest.raises(ValueError, match=refusal(message)):
        quantize_weights(np.zeros(3))
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match=refusal(f"Weight must be finite, not {bad}")):
            quantize_weights(np.array([[0.0, bad]]))
    for bits in (1, 33):
        with pytest.raises(ValueError, match=refusal(f"Bits must be from 2 to 32, not {bits}")):
            quantize_weights(np.zeros((1, 1)), bits)


@pytest.mark.parametrize(
    ("low", "high", "scale", "zero_point"),
    [
        (-1.0, 1.55, 0.01, -28),
        (0.0, 2.55, 0.01, -128),
        (1.0, 2.55, 0.01, -128),
        (-2.55, 0.0, 0.01, 127),
        (-2.55, -1.0, 0.01, 127),
        (0.0, 0.0, 1.0, -128),
    ],
)
def test_activation_from_range(low: float, high: float, scale: float, zero_point: int) -> None:
    activation = Activation.from_range(low, high, 8)
    assert activation.scale == pytest.approx(scale, rel=1e-12)
    assert activation.zero_point == zero_point
    assert (activation.low, activation.high) == (-128, 127)


@pytest.mark.parametrize(("max_abs", "scale"), [(12.7, 0.1), (0.0, 1.0)])
def test_activation_symmetric(max_abs: float, scale: float) -> None:
    activation = Activation.symmetric(max_abs, 8)
    assert activation.scale == pytest.approx(scale, rel=1e-12)
    assert activation.zero_point == 0


def test_activation_rounds_half_to_even_and_clips() -> None:
    activation = Activation(0.5, 3, 4)
    x = np.array([0, 0.25, 0.75, -0.25, -0.75, 2, 2.4, 99, -5.5, -99])
    q = activation.quantize(x)
    np.testing.assert_array_equal(q, [3, 3, 5, 3, 1, 7, 7, 7, -8, -8])
    assert q.dtype == np.int64
    np.testing.assert_array_equal(activation.dequantize(int64([3, 4, -8])), [0, 0.5, -5.5])


@pytest.mark.parametrize("bits", [2, 8, 32])
def test_activation_round_trip(bits: int) -> None:
    activation = Activation.from_range(-1.3, 2.1, bits)
    x = np.random.default_rng(bits).uniform(-1.3, 2.1, 1000)
    error = np.abs(activation.dequantize(activation.quantize(x)) - x)
    # The zero point's own rounding can push one end of the range half a step out.
    assert error.max() <= 1.0000001 * activation.scale
    assert activation.dequantize(activation.quantize(np.zeros(1)))[0] == 0


def test_activation_refusals() -> None:
    for scale in (0.0, -1.0, np.inf, np.nan):
        message = f"Scale must be positive and finite, not {scale}"
        with pytest.raises(ValueError, match=refusal(message)):
            Activation(scale, 0, 8)
    for zero_point in (-129, 128):
        message = f"Zero point must be from -128 to 127, not {zero_point}"
        with pytest.raises(ValueError, match=refusal(message)):
            Activation(1.0, zero_point, 8)
    for bits in (1, 33):
        message = f"Bits must be from 2 to 32, not {bits}"
        with pytest.raises(ValueError, match=refusal(message)):
            Activation(1.0, 0, bits)
        with pytest.raises(ValueError, match=refusal(message)):
            Activation.from_range(0.0, 1.0, bits)
        with pytest.raises(ValueError, match=refusal(message)):
            Activation.symmetric(1.0, bits)
    for low, high in ((1.0, 0.0), (np.nan, 1.0), (0.0, np.inf), (-np.inf, 0.0)):
        message = f"Range must be finite with low at most high, not {low} to {high}"
        with pytest.raises(ValueError, match=refusal(message)):
            Activation.from_range(low, high, 8)
    message = "Maximum magnitude must be at least 0, not -1.0"
    with pytest.raises(ValueError, match=refusal(message)):
        Activation.symmetric(-1.0, 8)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match=refusal(f"Data must be finite, not {bad}")):
            Activation(1.0, 0, 8).quantize(np.array([0.0, bad]))


@pytest.mark.parametrize(
    ("ratio", "multiplier", "shift"),
    [
        (1.0, 65536, 16),
        (0.5, 65536, 17),
        (131071.0, 131071, 0),
        (2.0**-47, 1, 47),
        (1.5 * 2.0**-47, 2, 47),
        (2.5 * 2.0**-47, 2, 47),
        (2.0**-31, 65536, 47),
        (131071.6 / 131072, 65536, 16),
        (131071.4 / 131072, 131071, 17),
    ],
)
def test_requantization_by_hand(ratio: float, multiplier: int, shift: int) -> None:
    got_multiplier, got_shift = requantization(np.array([ratio]))
    assert (got_multiplier.tolist(), got_shift.tolist()) == ([multiplier], [shift])
    assert got_multiplier.dtype == got_shift.dtype == np.int64


def test_requantization_is_the_closest_pair() -> None:
    ratios = 2.0 ** np.random.default_rng(9).uniform(-47, np.log2(131071), 300)
    multiplier, shift = requantization(ratios)
    assert ((multiplier >= 65536) | (shift == 47)).all()
    for ratio, m, s in zip(ratios.tolist(), multiplier.tolist(), shift.tolist(), strict=True):
        error = abs(Fraction(ratio) - Fraction(m, 1 << s))
        for other in range(48):
            closest = min(max(round(Fraction(ratio) * (1 << other)), 1), 131071)
            assert error <= abs(Fraction(ratio) - Fraction(closest, 1 << other))
        if s < 47:
            assert error <= Fraction(ratio) / 2**17


@pytest.mark.parametrize("bad", [0.0, -1.0, 2.0**-47 * 0.999, 131071.5, np.inf, np.nan])
def test_requantization_refusals(bad: float) -> None:
    message = f"Ratio of channel 1 must be from 2^-47 to 2^17 - 1, not {bad}"
    with pytest.raises(ValueError, match=refusal(message)):
        requantization(np.array([1.0, bad, 1.0]))


@pytest.mark.parametrize("shift", [0, 1, 16, 31, 47])
def test_requantize_equals_exact_rationals(shift: int) -> None:
    rng = np.random.default_rng(shift)
    limit = 2**45 - 1
    magnitude = rng.choice([2**8, 2**20, 2**35, limit], size=(4, 200))
    accumulator = (rng.uniform(-1, 1, (4, 200)) * magnitude).astype(np.int64)
    accumulator[:, :4] = [limit, -limit, 0, -1]
    multiplier = int64([[1], [65536], [131071], [int(rng.integers(1, 131072))]])
    # Wide enough that the rounding shows; the clip has a test of its own.
    low, high = -(2**62), 2**62
    y = requantize(accumulator, multiplier, int64(shift), zero_point=-7, low=low, high=high)
    for (c, i), a in np.ndenumerate(accumulator):
        exact = Fraction(int(a) * int(multiplier[c, 0]), 1 << shift)
        assert y[c, i] == round(exact) - 7


@pytest.mark.parametrize("shift", [1, 17, 47])
def test_requantize_ties_go_to_even(shift: int) -> None:
    odd = np.arange(-9, 10, 2)
    scale = 1 << max(shift - 17, 0)
    multiplier = (1 << (shift - 1)) // scale
    y = requantize(odd * scale, int64(multiplier), int64(shift), zero_point=1, low=-128, high=127)
    np.testing.assert_array_equal(y, [-3, -3, -1, -1, 1, 1, 3, 3, 5, 5])


def test_requantize_clips_after_the_zero_point() -> None:
    y = requantize(
        int64([-50, -11, -10, -9, 9, 10, 11, 50]),
        int64(1),
        int64(0),
        zero_point=5,
        low=-5,
        high=15,
    )
    np.testing.assert_array_equal(y, [-5, -5, -5, -4, 14, 15, 15, 15])


def test_requantize_broadcasts_channels_over_maps() -> None:
    accumulator = np.arange(24).reshape(2, 3, 4)
    multiplier, shift = int64([3, 1])[:, None, None], int64([0, 1])[:, None, None]
    y = requantize(accumulator, multiplier, shift, zero_point=0, low=-99, high=99)
    np.testing.assert_array_equal(y[0], 3 * accumulator[0])
    np.testing.assert_array_equal(y[1], np.rint(accumulator[1] / 2))


@pytest.mark.parametrize(
    ("accumulator", "multiplier", "shift", "message"),
    [
        (2**45, 1, 0, f"Accumulator must be from {1 - 2**45} to {2**45 - 1}, not {2**45}"),
        (-(2**45), 1, 0, f"Accumulator must be from {1 - 2**45} to {2**45 - 1}, not {-(2**45)}"),
        (-(2**63), 1, 0, f"Accumulator must be from {1 - 2**45} to {2**45 - 1}, not {-(2**63)}"),
        (1, 0, 0, "Multiplier must be from 1 to 131071, not 0"),
        (1, 131072, 0, "Multiplier must be from 1 to 131071, not 131072"),
        (1, 1, -1, "Shift must be from 0 to 47, not -1"),
        (1, 1, 48, "Shift must be from 0 to 47, not 48"),
    ],
)
def test_requantize_refusals(accumulator: int, multiplier: int, shift: int, message: str) -> None:
    with pytest.raises(ValueError, match=refusal(message)):
        requantize(
            int64([[0, accumulator]]),
            int64([multiplier]),
            int64([shift]),
            zero_point=0,
            low=0,
            high=1,
        )


def test_requantize_refuses_a_clip_upside_down() -> None:
    message = "Clip must have low at most high, not 1 to 0"
    with pytest.raises(ValueError, match=refusal(message)):
        requantize(int64([0]), int64([1]), int64([0]), zero_point=0, low=1, high=0)


@pytest.mark.parametrize("length", [7, 14, 56])
@pytest.mark.parametrize(
    "data", [Activation.symmetric(2.0, 8), Activation.from_range(-0.4, 2.0, 8)]
)
def test_quantized_operator_is_close_to_float(length: int, data: Activation) -> None:
    rng = np.random.default_rng(length)
    weight = rng.normal(size=(4, length))
    embedding, bias = rng.uniform(-0.3, 0.3, (4, length)), rng.normal(size=4)
    x = rng.uniform(-0.3, 1.9, (4, length))
    expected = parc(x[:, None, :], weight, axis="width", embedding=embedding, bias=bias)[:, 0]
    output = Activation.from_range(expected.min() - 0.5, expected.max() + 0.5, 8)
    kernel = quantize_lines(weight, embedding=embedding, bias=bias, data=data, output=output)

    integers = data.quantize(x)
    accumulator = accumulate(kernel, integers)
    got = accumulator * kernel.accumulator_scale[:, None]
    bound = operator_bound(kernel, weight, integers)[:, None]
    assert (np.abs(got - expected) <= bound).all()
    # The bound says something: it is far below the values themselves.
    assert bound.max() < np.abs(expected).max() / 4

    assert kernel.multiplier is not None
    assert kernel.shift is not None
    y = requantize(
        accumulator,
        kernel.multiplier[:, None],
        kernel.shift[:, None],
        zero_point=output.zero_point,
        low=output.low,
        high=output.high,
    )
    # One rounding to the output, and a ratio that is off by at most 2^-17 of the value.
    extra = 0.5 * output.scale + np.abs(got) * 2.0**-17
    assert (np.abs(output.dequantize(y) - got) <= 1.000001 * extra).all()


def operator_bound(kernel: QuantizedKernel, weight: Floats, x: Integers) -> Floats:
    """Half a step for each weight, datum, embedding and bias, through the exact operator."""
    data = kernel.data
    seen = data.scale * np.abs(x - data.zero_point + kernel.pe).sum(axis=1)
    of_weights = 0.5 * kernel.weight_scale * seen
    of_data_and_embedding = data.scale * np.abs(weight).sum(axis=1)
    bound: Floats = of_weights + of_data_and_embedding + 0.5 * kernel.accumulator_scale
    return bound * 1.000001


def test_quantize_lines_by_hand() -> None:
    kernel = quantize_lines(
        np.array([[1.0, -7.0], [0.0, 0.0]]),
        embedding=np.array([[0.5, -99.0], [0.75, 99.0]]),
        bias=np.array([2.25, -2.85]),
        data=Activation(0.5, 10, 8),
        weight_bits=4,
    )
    np.testing.assert_array_equal(kernel.weight, [[1, -7], [0, 0]])
    np.testing.assert_array_equal(kernel.weight_scale, [1, 1])
    np.testing.assert_array_equal(kernel.accumulator_scale, [0.5, 0.5])
    np.testing.assert_array_equal(kernel.pe, [[1, -128], [2, 127]])
    # 2.25 / 0.5 rounds to 4; the zero point takes 10 * (1 - 7) away.
    np.testing.assert_array_equal(kernel.bias, [64, -6])
    assert (kernel.output, kernel.multiplier, kernel.shift, kernel.zero_point) == (None,) * 4


def test_quantize_lines_without_embedding_and_bias() -> None:
    kernel = quantize_lines(np.ones((2, 3)), data=Activation(0.5, 0, 8))
    np.testing.assert_array_equal(kernel.pe, np.zeros((2, 3)))
    np.testing.assert_array_equal(kernel.bias, [0, 0])


@pytest.mark.parametrize("output", [None, Activation(0.25, -3, 8)])
def test_save_writes_the_contract(tmp_path: Path, output: Activation | None) -> None:
    rng = np.random.default_rng(10)
    kernel = quantize_lines(
        rng.normal(size=(2, 7)), bias=rng.normal(size=2), data=Activation(0.01, 4, 8), output=output
    )
    kernel.save(tmp_path / "weights.npz")
    expected = {"weight": kernel.weight, "pe": kernel.pe, "bias": kernel.bias}
    if output is not None:
        ratio = kernel.accumulator_scale / 0.25
        multiplier, shift = requantization(ratio)
        expected |= {"multiplier": multiplier, "shift": shift, "zero_point": int64(-3)}
    with np.load(tmp_path / "weights.npz") as written:
        assert set(written.files) == set(expected)
        for name, array in expected.items():
            assert written[name].dtype == np.int64
            np.testing.assert_array_equal(written[name], array)


@pytest.mark.parametrize(("bias", "zero_point"), [(2.0**31, 0), (-(2.0**31), 10)])
def test_quantize_lines_refuses_a_bias_over_32_bits(bias: float, zero_point: int) -> None:
    message = (
        "Integer bias of channel 1 must be from -2147483648 to 2147483647, "
        f"not {bias - 127 * zero_point:.0f}"
    )
    with pytest.raises(ValueError, match=refusal(message)):
        quantize_lines(
            np.full((2, 1), 127.0),
            bias=np.array([0.0, bias]),
            data=Activation(1.0, zero_point, 8),
        )


def test_quantize_lines_reaches_the_ends_of_32_bits() -> None:
    ends = np.array([2.0**31 - 1, -(2.0**31)])
    kernel = quantize_lines(np.full((2, 1), 127.0), bias=ends, data=Activation(1.0, 0, 8))
    np.testing.assert_array_equal(kernel.bias, [2**31 - 1, -(2**31)])


def test_quantize_lines_refusals() -> None:
    weight, data = np.ones((2, 3)), Activation(1.0, 0, 8)
    message = "Embedding must be of shape (2, 3), not (2, 4)"
    with pytest.raises(ValueError, match=refusal(message)):
        quantize_lines(weight, embedding=np.zeros((2, 4)), data=data)
    with pytest.raises(ValueError, match=refusal("Bias must be finite, not nan")):
        quantize_lines(weight, bias=np.array([0, np.nan]), data=data)
    with pytest.raises(ValueError, match=refusal("Embedding must be finite, not nan")):
        quantize_lines(weight, embedding=np.full((2, 3), np.nan), data=data)
    message = f"Ratio of channel 0 must be from 2^-47 to 2^17 - 1, not {2.0**60 / 127}"
    with pytest.raises(ValueError, match=refusal(message)):
        quantize_lines(weight, data=data, output=Activation(2.0**-60, 0, 8))
