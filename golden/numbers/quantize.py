"""From float to the engines' integers, and the requantiser that follows an engine.

Data are affine, ``x = data.scale * (q - data.zero_point)``; weights are symmetric, with one scale a
channel. An accumulator then has the scale ``data.scale * weight_scale`` and no zero point.
Every rounding is half to even, as in the hardware.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from golden.inputs.errors import check_range
from golden.inputs.write import arrays_archive
from golden.numbers.fixed import round_half_even
from golden.numbers.interval import Integers, Interval
from golden.operator.parc import Floats, Kernel

MULTIPLIER_BITS = 17
MAX_MULTIPLIER = 2**MULTIPLIER_BITS - 1
MAX_SHIFT = 47
BIAS_BITS = 32
# Times the greatest multiplier this stays below 2**62.
MAX_ACCUMULATOR = 2**45 - 1


@dataclass(frozen=True)
class Activation:
    """Integer format of an engine's input or output: ``x = scale * (q - zero_point)``.

    Parameters
    ----------
    scale : float
        Value of one step, positive.
    zero_point : int
        The integer that stands for 0.0, from `low` to `high`.
    bits : int
        Two's complement width, 2 to 32.

    Raises
    ------
    ValueError
        If a parameter is out of range.
    """

    scale: float
    zero_point: int
    bits: int

    def __post_init__(self) -> None:
        _check_bits(self.bits)
        if not 0 < self.scale < np.inf:
            raise ValueError(f"Scale must be positive and finite, not {self.scale}")
        check_range("zero_point", self.zero_point, self.low, self.high)

    @classmethod
    def from_range(cls, low: float, high: float, bits: int) -> Self:
        """Spread all the integers over a range of values, widened to contain 0.

        Parameters
        ----------
        low, high : float
            The range; a range of 0 alone gets scale 1.
        bits : int
            Two's complement width, 2 to 32.

        Raises
        ------
        ValueError
            If the range is not finite, `low` exceeds `high`, or the width is out of range.
        """
        _check_bits(bits)
        if not -np.inf < low <= high < np.inf:
            raise ValueError(f"Range must be finite with low at most high, not {low} to {high}")
        low, high = min(float(low), 0.0), max(float(high), 0.0)
        scale = _scale_or_one((high - low) / (2**bits - 1))
        return cls(scale, round(-low / scale) - 2 ** (bits - 1), bits)

    @classmethod
    def symmetric(cls, max_abs: float, bits: int) -> Self:
        """Make a format with zero point 0 that reaches `max_abs` on both sides.

        Parameters
        ----------
        max_abs : float
            Greatest magnitude, not negative; 0 gets scale 1.
        bits : int
            Two's complement width, 2 to 32.

        Raises
        ------
        ValueError
            If a parameter is out of range.
        """
        _check_bits(bits)
        if not max_abs >= 0:
            raise ValueError(f"Maximum magnitude must be at least 0, not {max_abs}")
        return cls(_scale_or_one(max_abs / (2 ** (bits - 1) - 1)), 0, bits)

    @property
    def low(self) -> int:
        """Least integer of the format."""
        return Interval.signed(self.bits).low

    @property
    def high(self) -> int:
        """Greatest integer of the format."""
        return Interval.signed(self.bits).high

    def quantize(self, x: Floats) -> Integers:
        """Round values to the nearest integers of the format, half to even, and clip.

        Parameters
        ----------
        x : float64 array
            Finite values.

        Returns
        -------
        int64 array, from `low` to `high`

        Raises
        ------
        ValueError
            If a value is not finite.
        """
        _check_finite("Data", x)
        integers = np.rint(x / self.scale) + self.zero_point
        return _clip(integers, self.low, self.high)

    def dequantize(self, q: Integers) -> Floats:
        """Give the values that integers of the format stand for.

        Parameters
        ----------
        q : int64 array

        Returns
        -------
        float64 array
        """
        return (q - self.zero_point) * np.float64(self.scale)


@dataclass(frozen=True, eq=False)
class QuantizedKernel:
    """The integers an engine along one axis is built with, and their scales.

    Made by `quantize_lines`. The accumulator
    ``bias[c] + sum_k weight[c, k] * (x[(i + k) mod N] + pe[c, (i + k) mod N])``
    stands for `accumulator_scale` times its value.

    Parameters
    ----------
    weight, pe : int64 arrays [C, N]
        In the weight's and the data's format.
    bias : int64 array [C]
        In 32 bits; it also takes the data's zero point away.
    weight_scale : float64 array [C]
    data : Activation
        Format of the input.
    output : Activation, optional
        Format of the requantised output; without it there are no `multiplier` and `shift`.
    multiplier, shift : int64 arrays [C], optional
        Of the requantiser, as `requantization` gives them.
    """

    weight: Integers
    pe: Integers
    bias: Integers
    weight_scale: Floats
    data: Activation
    output: Activation | None = None
    multiplier: Integers | None = None
    shift: Integers | None = None

    @property
    def accumulator_scale(self) -> Floats:
        """Value of one step of the accumulator, float64 array [C]."""
        return self.data.scale * self.weight_scale

    @property
    def zero_point(self) -> int | None:
        """Zero point of the requantised output, if there is one."""
        return None if self.output is None else self.output.zero_point

    def save(self, path: Path) -> None:
        """Write the integers as an .npz file, as ``python -m hw.build --weights`` reads it.

        Parameters
        ----------
        path : Path
            File to write.
        """
        arrays: dict[str, Any] = {"weight": self.weight, "pe": self.pe, "bias": self.bias}
        if self.output is not None:
            arrays |= {
                "multiplier": self.multiplier,
                "shift": self.shift,
                "zero_point": np.int64(self.output.zero_point),
            }
        path.write_bytes(arrays_archive(arrays))


def quantize_weights(
    weight: Floats, bits: int = 8, *, least_scale: Floats | None = None
) -> tuple[Integers, Floats]:
    """Quantise kernels symmetrically, with one scale a channel.

    Parameters
    ----------
    weight : float64 array [C, N]
        Kernels, finite.
    bits : int
        Two's complement width, 2 to 32. The least integer is left unused.
    least_scale : float64 array [C], optional
        What no scale goes below, positive.

    Returns
    -------
    integers : int64 array [C, N]
        From ``-(2**(bits - 1) - 1)`` to ``2**(bits - 1) - 1``.
    scale : float64 array [C]
        ``weight`` is close to ``scale * integers``; 1 for a channel that is all zero, unless
        `least_scale` says otherwise.

    Raises
    ------
    ValueError
        If the shape, a weight or the width is out of range.
    """
    Kernel(weight)  # refuses a wrong shape
    _check_finite("Weight", weight)
    _check_bits(bits)
    limit = Interval.signed(bits).high
    scale = np.max(np.abs(weight), axis=1) / limit
    if least_scale is not None:
        scale = np.maximum(scale, least_scale)
    scale[scale == 0] = 1.0
    return _clip(np.rint(weight / scale[:, np.newaxis]), -limit, limit), scale


def requantization(ratio: Floats) -> tuple[Integers, Integers]:
    """Approximate positive factors by ``multiplier / 2**shift``.

    Parameters
    ----------
    ratio : float64 array [C]
        Accumulator scale over output scale, from 2^-47 to 2^17 - 1.

    Returns
    -------
    multiplier : int64 array [C]
        1 to 2^17 - 1, and at least 2^16 wherever the shift is below 47: a relative error of at most
        2^-17.
    shift : int64 array [C]
        0 to 47. No other pair in range is closer.

    Raises
    ------
    ValueError
        If a ratio is out of range.
    """
    channel = _first_outside(ratio, 2.0**-MAX_SHIFT, MAX_MULTIPLIER)
    if channel is not None:
        raise ValueError(
            f"Ratio of channel {channel} must be from 2^-{MAX_SHIFT} to 2^{MULTIPLIER_BITS} - 1, "
            f"not {ratio[channel]}"
        )
    exponent = np.frexp(ratio)[1]
    shift = np.minimum(MULTIPLIER_BITS - exponent, MAX_SHIFT).astype(np.int64)
    multiplier = np.rint(np.ldexp(ratio, shift)).astype(np.int64)
    carry = multiplier > MAX_MULTIPLIER
    return np.where(carry, multiplier >> 1, multiplier), shift - carry


def requantize(
    accumulator: Integers,
    multiplier: Integers,
    shift: Integers,
    *,
    zero_point: int | Integers,
    low: int,
    high: int,
) -> Integers:
    """Scale accumulators to the output format, exactly as the hardware does.

    Parameters
    ----------
    accumulator : int64 array
        Magnitudes below 2^45, so that the product stays below 2^62.
    multiplier, shift : int64 arrays
        1 to 2^17 - 1 and 0 to 47; they broadcast, so [C, 1, 1] against a map [C, H, W].
    zero_point : int, or int64 array that broadcasts
        The output that stands for 0.0.
    low, high : int
        Clip, within the output format. A ReLU has `low` equal to `zero_point`.

    Returns
    -------
    int64 array
        ``clip(round_half_even(accumulator * multiplier / 2**shift) + zero_point, low, high)``.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    _check_within("Accumulator", accumulator, -MAX_ACCUMULATOR, MAX_ACCUMULATOR)
    _check_within("Multiplier", multiplier, 1, MAX_MULTIPLIER)
    _check_within("Shift", shift, 0, MAX_SHIFT)
    if low > high:
        raise ValueError(f"Clip must have low at most high, not {low} to {high}")
    return _clip(round_half_even(accumulator * multiplier, shift) + zero_point, low, high)


def quantize_lines(
    weight: Floats,
    *,
    embedding: Floats | None = None,
    bias: Floats | None = None,
    data: Activation,
    weight_bits: int = 8,
    output: Activation | None = None,
) -> QuantizedKernel:
    """Quantise ParC along one axis.

    Parameters
    ----------
    weight : float64 array [C, N]
        Kernels.
    embedding : float64 array [C, N], optional
        Position embedding. It is rounded at the data's scale and clipped to the data's integers.
    bias : float64 array [C], optional
        Rounded at the accumulator's scale, less ``data.zero_point * sum_k weight[c, k]``, which
        takes the data's zero point out of the accumulator.
    data : Activation
        Format of the input.
    weight_bits : int
        Width of the weights, 2 to 32.
    output : Activation, optional
        Format of the output; without it the output is the accumulator. With it, a kernel that is
        too small to show in the output is rounded to zero where bias and ratio would not fit.

    Returns
    -------
    QuantizedKernel

    Raises
    ------
    ValueError
        If the shapes do not agree, a value is not finite, a bias leaves 32 bits or a ratio is
        beyond the requantiser.
    """
    kernel = Kernel(weight, embedding, bias)
    least = None if output is None else _least_scale(kernel, data, output)
    integers, weight_scale = quantize_weights(kernel.weight, weight_bits, least_scale=least)
    pe = np.zeros_like(integers)
    if kernel.embedding is not None:
        _check_finite("Embedding", kernel.embedding)
        # An embedding is a difference of data, so it has their scale but no zero point.
        pe = Activation(data.scale, 0, data.bits).quantize(kernel.embedding)
    accumulator_scale = data.scale * weight_scale
    multiplier, shift = (
        (None, None) if output is None else requantization(accumulator_scale / output.scale)
    )
    return QuantizedKernel(
        weight=integers,
        pe=pe,
        bias=_quantize_bias(kernel.bias, integers, data, accumulator_scale),
        weight_scale=weight_scale,
        data=data,
        output=output,
        multiplier=multiplier,
        shift=shift,
    )


def _least_scale(kernel: Kernel, data: Activation, output: Activation) -> Floats:
    """Return weight scales at which biases keep to 31 bits, and ratios stay above 2^-30."""
    step = np.full(len(kernel.weight), output.scale)
    if kernel.bias is not None:
        _check_finite("Bias", kernel.bias)
        step = np.maximum(step, np.abs(kernel.bias))
    return step / (data.scale * 2.0**30)


def _quantize_bias(
    bias: Floats | None, weight: Integers, data: Activation, accumulator_scale: Floats
) -> Integers:
    if bias is None:
        bias = np.zeros_like(accumulator_scale)
    _check_finite("Bias", bias)
    # In float64, where a value too great to keep can still be named.
    offset = float(data.zero_point) * weight.sum(axis=1)
    integers: Floats = np.rint(bias / accumulator_scale) - offset
    allowed = Interval.signed(BIAS_BITS)
    channel = _first_outside(integers, allowed.low, allowed.high)
    if channel is not None:
        raise ValueError(
            f"Integer bias of channel {channel} must be from {allowed.low} to {allowed.high}, "
            f"not {integers[channel]:.0f}"
        )
    return integers.astype(np.int64)


def _clip(integers: Integers | Floats, low: int, high: int) -> Integers:
    clipped: Integers = np.clip(integers, low, high).astype(np.int64, copy=False)
    return clipped


def _scale_or_one(scale: float) -> float:
    """Give a format that only has to hold 0 some valid scale."""
    return scale if scale != 0 else 1.0


def _check_bits(bits: int) -> None:
    check_range("bits", bits, 2, 32)


def _check_finite(noun: str, values: Floats) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        raise ValueError(f"{noun} must be finite, not {values[~finite][0]}")


def _check_within(noun: str, values: Integers, low: int, high: int) -> None:
    index = _first_outside(values, low, high)
    if index is not None:
        raise ValueError(f"{noun} must be from {low} to {high}, not {np.ravel(values)[index]}")


def _first_outside(values: Integers | Floats, low: float, high: float) -> int | None:
    """Find the flat index of the first value outside a range; NaN is outside."""
    outside = np.flatnonzero(~((values >= low) & (values <= high)))
    return int(outside[0]) if outside.size else None
