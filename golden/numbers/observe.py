"""Integer formats chosen from data: by its extremes, its percentiles or the least square error."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from golden.numbers.quantize import Activation
from golden.operator.parc import Floats

PERCENTILE = 99.99
"""Of the data lie below the upper end of the range that `percentile` takes, and above the lower."""

_MOST_KEPT = 1 << 14
"""Values kept of an array, drawn at random."""
_MOST_TRIED = 1 << 18
"""Samples that `mean_square` takes the error of."""
_SHRINKS = np.linspace(0.2, 1.0, 81)
"""Parts of the whole range that `mean_square` tries."""


class Samples:
    """What has been seen of a value: its exact range, and part of its samples."""

    def __init__(self) -> None:
        self.low, self.high = np.inf, -np.inf
        self._generator = np.random.default_rng(0)
        self._kept: list[Floats] = []

    def add(self, values: Floats) -> None:
        """Take more samples, at least one."""
        flat = values.ravel()
        self.low = min(self.low, float(flat.min()))
        self.high = max(self.high, float(flat.max()))
        if flat.size > _MOST_KEPT:
            flat = self._generator.choice(flat, _MOST_KEPT, replace=False)
        self._kept.append(flat.copy())

    def join(self, other: "Samples") -> None:
        """Take all that another has seen."""
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self._kept += other._kept

    @property
    def kept(self) -> Floats:
        """The samples kept."""
        return np.concatenate(self._kept)


def minmax(samples: Samples, bits: int) -> Activation:
    """Return the format that just holds every sample."""
    return Activation.from_range(samples.low, samples.high, bits)


def percentile(samples: Samples, bits: int) -> Activation:
    """Return the format from the (100 - `PERCENTILE`)th percentile to the `PERCENTILE`th."""
    low, high = np.percentile(samples.kept, (100 - PERCENTILE, PERCENTILE))
    return Activation.from_range(float(low), float(high), bits)


def mean_square(samples: Samples, bits: int) -> Activation:
    """Return the format with the least mean square error, among those that clip both ends alike."""
    kept = samples.kept
    kept = kept[:: -(-kept.size // _MOST_TRIED)]
    tried = [Activation.from_range(samples.low * s, samples.high * s, bits) for s in _SHRINKS]
    return min(tried, key=lambda a: float(np.mean((a.dequantize(a.quantize(kept)) - kept) ** 2)))


OBSERVERS: Mapping[str, Callable[[Samples, int], Activation]] = {
    "minmax": minmax,
    "percentile": percentile,
    "mse": mean_square,
}


class Sqnr:
    """Ratio of the power of a signal to that of its error, gathered array by array."""

    def __init__(self) -> None:
        self._signal = self._noise = 0.0

    def add(self, exact: Floats, actual: Floats) -> None:
        """Take more values, and what stands for them."""
        self._signal += float(np.sum(np.square(exact)))
        self._noise += float(np.sum(np.square(actual - exact)))

    @property
    def decibels(self) -> float | None:
        """The ratio in decibels; None where there is no error, or no signal."""
        if self._noise == 0 or self._signal == 0:
            return None
        return float(10 * np.log10(self._signal / self._noise))


class Agreement:
    """How far two computations of a map in float64 differ, channel by channel.

    A channel's mean is no signal, so that a great bias hides nothing.
    """

    _ROUNDING = 1e-9
    """Part of a channel's magnitude that is no difference."""

    def __init__(self) -> None:
        self._n = 0
        self._sum, self._square, self._noise = (np.zeros(1) for _ in range(3))

    def add(self, exact: Floats, actual: Floats) -> None:
        """Take maps ``[C, H, W]``, and what stands for them."""
        flat = exact.reshape(len(exact), -1)
        self._n += flat.shape[1]
        self._sum = self._sum + flat.sum(axis=1)
        self._square = self._square + np.square(flat).sum(axis=1)
        self._noise = self._noise + np.square(actual - exact).reshape(flat.shape).sum(axis=1)

    @property
    def decibels(self) -> float:
        """The worst channel's ratio of signal to difference; infinite where all is rounding."""
        differs = ~(self._noise <= self._ROUNDING**2 * self._square)
        if not differs.any():
            return np.inf
        signal = np.maximum(self._square - np.square(self._sum) / self._n, 0.0)
        ratio = signal[differs] / self._noise[differs]
        # Values that are not finite agree with nothing.
        worst = float(np.min(np.nan_to_num(ratio, nan=0.0)))
        return 10 * float(np.log10(worst)) if worst > 0 else -np.inf


def describe(activation: Activation) -> dict[str, Any]:
    """Return a format as plain numbers."""
    return {
        "scale": activation.scale,
        "zero_point": activation.zero_point,
        "bits": activation.bits,
    }
