"""The integers that an engine is built from: kernels, embedding, bias and requantisation."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from golden.inputs.errors import ParameterError
from golden.numbers.interval import Integers, Interval, partial_sums
from golden.numbers.quantize import BIAS_BITS, MAX_SHIFT, MULTIPLIER_BITS


@dataclass(frozen=True, eq=False)
class LineWeights:
    """Integer parameters of C channels of length N, as CONTRACT.md's ``--weights`` file holds them.

    Parameters
    ----------
    weight
        Kernels ``[C, N]``; tap 0 stands on the output's own position.
    pe
        Position embedding ``[C, N]`` at the data's scale.
    bias
        ``[C]`` at the accumulator's scale, in 32 bits.
    multiplier, shift
        ``[C]`` each, for requantised output: 1 to 2^17 - 1 and 0 to 47.
    zero_point
        Added after the shift; a value of the output, the same for all channels or ``[C]``.
    """

    weight: Integers
    pe: Integers
    bias: Integers
    multiplier: Integers | None = None
    shift: Integers | None = None
    zero_point: int | Integers | None = None

    @property
    def channels(self) -> int:
        """Number of kernels C."""
        return int(self.weight.shape[0])

    @property
    def length(self) -> int:
        """Taps in a kernel N."""
        return int(self.weight.shape[-1])

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return what is held, by the names of the ``--weights`` file."""
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        return {key: np.asarray(value) for key, value in held.items() if value is not None}

    def of(self, channel: Integers) -> Self:
        """Return the kernels, embeddings and biases of some channels, in their order."""
        made = replace(
            self, weight=self.weight[channel], pe=self.pe[channel], bias=self.bias[channel]
        )
        # A model asks for thousands of lines of a few channels, whose starts are worked out once.
        made.__dict__["_origin"] = (self, channel)
        return made

    def start(self) -> Integers:
        """Return the start table ``q[c, i] = bias[c] + sum_k weight[c, k] * pe[c, (i + k) mod N]``.

        int64 ``[C, N]``; exact, since |q| < 2^31 + 1024 * 2^(31 + 31) would not be, but data and
        weights are at most 18 bits wide and N at most 4096.
        """
        return self._start

    @cached_property
    def _start(self) -> Integers:
        if "_origin" in self.__dict__:
            whole, channel = self.__dict__["_origin"]
            made: Integers = whole.start()[channel]
        else:
            made = self.bias[:, None] + correlate(self.pe, self.weight)
        made.flags.writeable = False
        return made

    def sums(self, data: Interval) -> list[Interval]:
        """Range of the kernels' sums over ``data``, without the start value, a channel each."""
        return [partial_sums(row.ravel(), data)[-1] for row in self.weight]

    def accumulators(self, data: Interval) -> list[Interval]:
        """Return the reachable range of y over every position and input, a channel each."""
        starts = self.start()
        pairs = zip(self.sums(data), starts, strict=True)
        return [sums + Interval(int(q.min()), int(q.max())) for sums, q in pairs]

    def accumulator(self, data: Interval) -> Interval:
        """Return the reachable range of y over every channel, position and input."""
        return Interval.union(self.accumulators(data))

    def scales(self) -> tuple[Integers, Integers]:
        """Return multipliers and shifts.

        Raises
        ------
        ValueError
            Where there are none.
        """
        if self.multiplier is None or self.shift is None:
            raise ValueError("Weights must hold multiplier and shift, not None")
        return self.multiplier, self.shift

    def zero_points(self) -> Integers:
        """Return zero points ``[C]``.

        Raises
        ------
        ValueError
            Where there are none.
        """
        if self.zero_point is None:
            raise ValueError("Weights must hold zero point, not None")
        return np.broadcast_to(np.asarray(self.zero_point, dtype=np.int64), (self.channels,))


Arrays: TypeAlias = Mapping[str, npt.NDArray[np.generic]]
"""Arrays of a weights file by their keys."""
WEIGHT_NAMES = tuple(field.name for field in fields(LineWeights))
"""Arrays of a line engine's file; those of a scale may stand by where sums leave whole."""


def correlate(lines: Integers, kernels: Integers) -> Integers:
    """Circular cross-correlation of ``lines`` with ``kernels`` along the last axis, in integers.

    ``y[..., i] = sum_k kernels[..., k] * lines[..., (i + k) mod N]``; the leading axes broadcast.
    Exact while ``N * max|w| * max|x| < 2^63``.
    """
    length = lines.shape[-1]
    position = np.arange(length)
    total = np.zeros(np.broadcast_shapes(lines.shape, kernels.shape), dtype=np.int64)
    for tap in range(length):
        total += kernels[..., tap, None] * lines[..., (position + tap) % length]
    return total


def check_names(
    arrays: Mapping[str, npt.NDArray[np.generic]], known: Collection[str]
) -> Mapping[str, npt.NDArray[np.generic]]:
    """Return ``arrays`` once each has a ``known`` name: under another it would have no effect.

    Raises
    ------
    ParameterError
        Names the first of the others.
    """
    for name in arrays:
        if name not in known:
            rule = f"only {', '.join(known)}"
            raise ParameterError("weights", rule, repr(name), verb="must hold")
    return arrays


def check_weights(
    arrays: Mapping[str, npt.NDArray[np.generic]],
    *,
    length: int,
    channels: int,
    data_bits: int,
    weight_bits: int,
    requantized: Interval | None,
    key: Callable[[str], str] = str,
    mixed: tuple[int, int] | None = None,
) -> LineWeights:
    """Hold ``arrays`` to the formats and return them as `LineWeights`.

    Parameters
    ----------
    arrays
        Of a ``.npz`` file: ``weight``, optionally ``pe`` and ``bias``; for requantised output
        ``multiplier``, ``shift`` and ``zero_point``.
    requantized
        Range of the output, or None where it is the accumulator.
    key
        Gives the key that ``arrays`` has for one of these names.
    mixed
        Groups of channels, and input channels of a group, where every channel is a sum over those
        of its group: ``weight`` is then ``[C, C_in, N]``, and ``pe`` ``[groups * C_in, N]``.

    Raises
    ------
    ParameterError
        Names the array, the rule and the value that breaks it.
    """
    table, embedded = kernel_shapes(length=length, channels=channels, mixed=mixed)
    weight = checked_array(arrays, key("weight"), table, Interval.signed(weight_bits))
    pe = checked_array(arrays, key("pe"), embedded, Interval.signed(data_bits), default=0)
    bias = checked_array(arrays, key("bias"), (channels,), Interval.signed(BIAS_BITS), default=0)
    if requantized is None:
        return LineWeights(weight, pe, bias)
    multiplier = checked_array(
        arrays, key("multiplier"), (channels,), Interval(1, (1 << MULTIPLIER_BITS) - 1)
    )
    shift = checked_array(arrays, key("shift"), (channels,), Interval(0, MAX_SHIFT))
    zero_point = checked_scalars(arrays, key("zero_point"), channels, requantized)
    return LineWeights(weight, pe, bias, multiplier, shift, zero_point)


def kernel_shapes(
    *, length: int, channels: int, mixed: tuple[int, int] | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shapes of kernels and of embeddings; `mixed` is as of `check_weights`."""
    if mixed is None:
        return (channels, length), (channels, length)
    groups, in_channels = mixed
    return (channels, in_channels, length), (groups * in_channels, length)


def checked_array(
    arrays: Mapping[str, npt.NDArray[np.generic]],
    key: str,
    shape: tuple[int, ...],
    allowed: Interval,
    *,
    default: int | None = None,
) -> Integers:
    """Return ``arrays[key]`` as int64, or ``default`` everywhere, once it keeps to its rule.

    Raises
    ------
    ParameterError
        Names the array, the rule and the value that breaks it.
    """
    if key not in arrays:
        if default is None:
            held = ", ".join(arrays) or "nothing"
            raise ParameterError("weights", f"an array '{key}'", f"only {held}", verb="must hold")
        return np.full(shape, default, dtype=np.int64)
    array: npt.NDArray[Any] = arrays[key]
    if array.shape != shape:
        _refuse(key, f"of shape {shape}", array.shape)
    if array.dtype.kind not in "iuf":
        _refuse(key, "of integers", f"of type {array.dtype}")
    broken = ~np.isfinite(array) | (array != np.trunc(array))
    _refuse_any(key, "of whole numbers", array, broken)
    outside = (array < allowed.low) | (array > allowed.high)
    _refuse_any(key, f"from {allowed.low} to {allowed.high}", array, outside)
    return array.astype(np.int64)


def checked_scalars(
    arrays: Mapping[str, npt.NDArray[np.generic]],
    key: str,
    channels: int,
    allowed: Interval,
    *,
    default: int | None = None,
) -> int | Integers:
    """Return ``arrays[key]`` as `checked_array` does: a value, or one for each of ``channels``."""
    each = key in arrays and np.ndim(arrays[key]) > 0
    shape = (channels,) if each else ()
    array = checked_array(arrays, key, shape, allowed, default=default)
    return array if each else int(array)


def _refuse_any(
    key: str, rule: str, array: npt.NDArray[np.generic], broken: npt.NDArray[np.bool_]
) -> None:
    if broken.any():
        where = tuple(int(i) for i in np.argwhere(broken)[0])
        place = f" at {list(where)}" if where else ""
        _refuse(key, rule, f"{array[where]}{place}")


def _refuse(key: str, rule: str, value: object) -> None:
    raise ParameterError("weights", f"'{key}' {rule}", value, verb="must hold")
