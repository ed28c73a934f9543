"""What a part of a graph computes, as forms of layers have it, in float64.

Maps are ``[C, H, W]``. Every kind of computation can be applied, and takes in what scales and
shifts the map channel by channel in front of it or behind it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from golden.operator.parc import Axis, Floats, circulant

_ROUNDING = 1e-12
"""Part of a channel's greatest result that may be rounding."""
_RANK = 1e-6
"""Part of a kernel's greatest singular value that may be rounding of a single precision."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Computed(ABC):
    """One step of a layer.

    Parameters
    ----------
    weight
        Kernels, float64, the channel that comes out first.
    bias
        float64 ``[C_out]``.
    """

    padded: ClassVar[bool] = True
    """Whether it takes the map to be zero beyond its borders."""

    weight: Floats
    bias: Floats

    @property
    @abstractmethod
    def kind(self) -> tuple[str, ...]:
        """What steps are put together by."""

    @property
    @abstractmethod
    def taps(self) -> tuple[int, int]:
        """Taps along the height, and along the width."""

    @abstractmethod
    def apply(self, x: Floats) -> Floats:
        """Return what it gives for a map."""

    @property
    def dense(self) -> bool:
        """Whether channels mix."""
        return False

    @property
    def most_embedded(self) -> float:
        """Greatest magnitude of what is added to the map first."""
        return 0.0

    def before(self, gain: Floats, offset: Floats) -> Self:
        """Return what gives ``gain * y + offset`` where this one gives y, both ``[C_out]``."""
        column = gain.reshape(-1, *[1] * (self.weight.ndim - 1))
        return replace(self, weight=self.weight * column, bias=self.bias * gain + offset)

    def after(self, gain: Floats, table: Floats) -> Self | None:
        """Return what takes x where this one took ``gain * x + table``, or None if there is none.

        ``gain`` is ``[C_in]`` without zeros, ``table`` ``[C_in, H, W]``.
        """
        # Beyond the borders nothing is added, so no constant can stand for what is added within.
        if self.padded and np.any(table):
            return None
        if not is_flat(table, (1, 2)):
            return None
        column = gain.reshape(-1, *[1] * (self.weight.ndim - 1))
        sums = self.weight.reshape(len(self.weight), -1).sum(axis=1)
        return replace(
            self, weight=self.weight * column, bias=self.bias + sums * table.mean(axis=(1, 2))
        )

    def separated(self) -> "tuple[Computed, ...]":
        """Return the steps along one axis each that it is made of: itself, if it is of none."""
        return (self,)

    def part(self, outputs: list[int], inputs: list[int]) -> Self:
        """Return what gives some of the channels alone, of the inputs that they are made of."""
        return replace(self, weight=self.weight[outputs], bias=self.bias[outputs])


@dataclass(frozen=True, eq=False, kw_only=True)
class Pass(Computed):
    """ParC along one axis.

    Parameters
    ----------
    axis
        Along which lines run.
    weight
        ``[C, N]``, or ``[C_out, C_in, N]`` where channels mix.
    embedding
        float64 ``[C_in, N]``, added to the lines first.
    """

    padded: ClassVar[bool] = False

    axis: Axis
    embedding: Floats

    @property
    def dense(self) -> bool:
        """See `Computed`."""
        return self.weight.ndim == 3

    @property
    def most_embedded(self) -> float:
        """See `Computed`."""
        return float(np.abs(self.embedding).max())

    @property
    def kind(self) -> tuple[str, ...]:
        """See `Computed`."""
        return ("dense", self.axis) if self.dense else (self.axis,)

    @property
    def taps(self) -> tuple[int, int]:
        """See `Computed`."""
        return along(self.axis, self.weight.shape[-1])

    def apply(self, x: Floats) -> Floats:
        """See `Computed`."""
        lines = lines_of(x, self.axis) + self.embedding[:, None]
        matrices = circulant(self.weight)
        if self.dense:
            y = np.einsum("oijk,irk->orj", matrices, lines, optimize=True)
        else:
            y = lines @ np.swapaxes(matrices, 1, 2)
        return lines_of(y + self.bias[:, None, None], self.axis)

    def after(self, gain: Floats, table: Floats) -> Self | None:
        """See `Computed`. What the table adds to every position goes into the bias."""
        across = lines_of(table, self.axis)
        if not is_flat(across, (1,)):
            return None
        # What this pass adds to its lines itself counts as the inner part of the table.
        inner = across[:, 0] + self.embedding
        mean = inner.mean(axis=1)
        sums = self.weight.sum(axis=-1)
        moved = sums @ mean if self.dense else sums * mean
        embedding = (inner - mean[:, None]) / gain[:, None]
        weight, bias = self.weight * gain[:, None], self.bias + moved
        return replace(self, weight=weight, embedding=embedding, bias=bias)

    def part(self, outputs: list[int], inputs: list[int]) -> Self:
        """See `Computed`."""
        weight = self.weight[np.ix_(outputs, inputs)] if self.dense else self.weight[outputs]
        embedding = self.embedding[inputs if self.dense else outputs]
        return replace(self, weight=weight, embedding=embedding, bias=self.bias[outputs])


@dataclass(frozen=True, eq=False, kw_only=True)
class Band(Computed):
    """Kernels along one axis, zeros around the map.

    ``y[c, i] = bias[c] + sum_k weight[c, k] * x[c, stride * i + k - origin]``.

    Parameters
    ----------
    axis
        Along which lines run.
    weight
        ``[C, K]``.
    origin
        The tap that sits on a result's own sample.
    stride
        Samples from one result to the next.
    """

    axis: Axis
    origin: int
    stride: int = 1

    @property
    def kind(self) -> tuple[str, ...]:
        """See `Computed`."""
        return ("linear", self.axis)

    @property
    def taps(self) -> tuple[int, int]:
        """See `Computed`."""
        return along(self.axis, self.weight.shape[-1])

    def apply(self, x: Floats) -> Floats:
        """See `Computed`."""
        lines = lines_of(x, self.axis)
        n_samples, n_taps = lines.shape[-1], self.weight.shape[-1]
        results = np.arange(-(-n_samples // self.stride))[:, None]
        tap = np.arange(n_samples) - self.stride * results + self.origin
        within = (tap >= 0) & (tap < n_taps)
        matrices = np.where(within, self.weight[:, np.where(within, tap, 0)], 0.0)
        y = lines @ np.swapaxes(matrices, 1, 2)
        return lines_of(y + self.bias[:, None, None], self.axis)


@dataclass(frozen=True, eq=False, kw_only=True)
class Torus(Computed):
    """Kernels as large as the map, circular along both axes.

    ``y[c, r, s] = bias[c] + sum_(i, j) weight[c, i, j] * x[c, (r + i) mod H, (s + j) mod W]``.
    """

    padded: ClassVar[bool] = False

    @property
    def kind(self) -> tuple[str, ...]:
        """See `Computed`."""
        return ("global_filter",)

    @property
    def taps(self) -> tuple[int, int]:
        """See `Computed`."""
        return self.weight.shape[1], self.weight.shape[2]

    def apply(self, x: Floats) -> Floats:
        """See `Computed`."""
        bins = np.fft.rfft2(x) * np.conj(np.fft.rfft2(self.weight))
        y: Floats = np.fft.irfft2(bins, s=x.shape[1:]) + self.bias[:, None, None]
        return y

    def separated(self) -> tuple[Computed, ...]:
        """See `Computed`: two passes, where all kernels have rank 1."""
        rows, sizes, columns = np.linalg.svd(self.weight, full_matrices=False)
        if self.taps[0] == 1 or self.taps[1] == 1 or (sizes[:, 1] > _RANK * sizes[:, 0]).any():
            return (self,)
        # Both kernels are as large, so that what passes between has the map's own magnitude.
        share = np.sqrt(sizes[:, :1])
        first, second = rows[:, :, 0] * share, columns[:, 0] * share
        none = np.zeros(len(self.bias))
        return (
            Pass(axis="height", weight=first, bias=none, embedding=np.zeros(first.shape)),
            Pass(axis="width", weight=second, bias=self.bias, embedding=np.zeros(second.shape)),
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Patch(Computed):
    """Kernels in both directions, zeros around the map.

    ``y[c, r, s] = bias[c] + sum_(i, j) weight[c, i, j] * x[c, r + i - oh, s + j - ow]``.

    Parameters
    ----------
    weight
        ``[C, K_h, K_w]``.
    origin
        The tap that sits on a result's own place: ``(oh, ow)``.
    """

    origin: tuple[int, int]

    @property
    def kind(self) -> tuple[str, ...]:
        """See `Computed`."""
        return ("depthwise",)

    @property
    def taps(self) -> tuple[int, int]:
        """See `Computed`."""
        return self.weight.shape[1], self.weight.shape[2]

    def apply(self, x: Floats) -> Floats:
        """See `Computed`."""
        height, width = x.shape[1:]
        size = (height + self.taps[0] - 1, width + self.taps[1] - 1)
        bins = np.fft.rfft2(x, s=size) * np.conj(np.fft.rfft2(self.weight, s=size))
        rows, columns = (
            (np.arange(side) - origin) % whole
            for side, origin, whole in zip(x.shape[1:], self.origin, size, strict=True)
        )
        y: Floats = np.fft.irfft2(bins, s=size)[:, rows[:, None], columns]
        return y + self.bias[:, None, None]


def along(axis: Axis, taps: int) -> tuple[int, int]:
    """Return the taps along height and width of a kernel along one of them."""
    return (taps, 1) if axis == "height" else (1, taps)


def lines_of(x: Any, axis: Axis) -> Floats:
    """Return a map with its lines last, ``[C, lines, N]``, or such lines as a map again."""
    lines: Floats = np.swapaxes(x, 1, 2) if axis == "height" else x
    return lines


def is_flat(table: Floats, axes: tuple[int, ...]) -> bool:
    """Whether a table ``[C, H, W]`` is the same along ``axes``, but for rounding in a channel."""
    spread = np.ptp(table, axis=axes, keepdims=True)
    most = np.abs(table).max(axis=(1, 2), keepdims=True)
    return bool((spread <= _ROUNDING * most).all())
