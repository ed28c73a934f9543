"""Batch norm folded into the kernels beside it, in float64."""

from dataclasses import dataclass

import numpy as np

from golden.operator.parc import Floats, Kernel


@dataclass(frozen=True, eq=False)
class BatchNorm:
    """Batch norm as it infers: ``weight * (x - mean) / sqrt(variance + epsilon) + bias``.

    Parameters
    ----------
    weight, bias, mean, variance : float64 arrays [C]
        Of each channel; the variance is not negative.
    epsilon : float
        Added to the variance, positive.

    Raises
    ------
    ValueError
        If the shapes do not agree, or a variance or epsilon is out of range.
    """

    weight: Floats
    bias: Floats
    mean: Floats
    variance: Floats
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        shape = self.weight.shape
        for name in ("bias", "mean", "variance"):
            if (other := getattr(self, name).shape) != shape:
                raise ValueError(f"{name.capitalize()} must be of shape {shape}, not {other}")
        if not (self.variance >= 0).all():
            raise ValueError(f"Variance must be at least 0, not {self.variance.min()}")
        if not self.epsilon > 0:
            raise ValueError(f"Epsilon must be positive, not {self.epsilon}")

    @property
    def factor(self) -> Floats:
        """What a sample is multiplied by, float64 array [C]."""
        return self.weight / np.sqrt(self.variance + self.epsilon)

    @property
    def offset(self) -> Floats:
        """What is added then, float64 array [C]."""
        return self.bias - self.mean * self.factor

    def __call__(self, x: Floats) -> Floats:
        """Normalise a map [C, H, W]."""
        return x * self.factor[:, None, None] + self.offset[:, None, None]

    def before(self, kernel: Kernel) -> Kernel:
        """Return the kernel that does this norm, then ``kernel``'s convolution.

        The norm stands between the embedding and the convolution: ``sum_k w[k] * (a * (x + pe) +
        b)`` has the weights ``a * w``, the same embedding, and ``b * sum_k w[k]`` more bias.
        """
        self._check(kernel)
        bias = _bias_of(kernel) + self.offset * kernel.weight.sum(axis=1)
        return Kernel(kernel.weight * self.factor[:, None], kernel.embedding, bias)

    def after(self, kernel: Kernel) -> Kernel:
        """Return the kernel that does ``kernel``'s convolution, then this norm."""
        self._check(kernel)
        bias = _bias_of(kernel) * self.factor + self.offset
        return Kernel(kernel.weight * self.factor[:, None], kernel.embedding, bias)

    def _check(self, kernel: Kernel) -> None:
        if len(kernel.weight) != len(self.weight):
            rule = f"Kernel must have {len(self.weight)} channels"
            raise ValueError(f"{rule}, not {len(kernel.weight)}")


def _bias_of(kernel: Kernel) -> Floats:
    return np.zeros(len(kernel.weight)) if kernel.bias is None else kernel.bias
