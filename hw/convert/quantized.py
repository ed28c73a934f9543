"""Roundings that a quantised model simulates: what they round to, and the maps they stand on.

A model of this kind computes in real numbers, and rounds maps by quantise and dequantise nodes.
They are looked through: the network is read as what it approximates, and their scales and zero
points are the formats of the maps. Ends that cut off much of a map are no rounding but an
activation, such as a ReLU that a tool has left to the format, and stay as a clamp.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from golden.numbers.quantize import Activation

ROUNDINGS = frozenset({"quantize", "dequantize", "fake_quantize"})
"""Kinds of nodes that `rounds` runs."""

Rounding = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, eq=False)
class Levels:
    """Integers ``low`` to ``high`` that stand for ``scale * (q - zero_point)``.

    Parameters
    ----------
    scale, zero_point
        One, or one for each index along ``axis``; without an axis of a shape that broadcasts.
    low, high
        Ends of the integers.
    axis
        That several are for.
    rounding
        To integers.
    """

    scale: torch.Tensor
    zero_point: torch.Tensor
    low: int
    high: int
    axis: int | None = None
    rounding: Rounding = torch.round

    def quantize(self, x: torch.Tensor) -> torch.Tensor:
        """Return the integers nearest to real numbers."""
        scale, zero_point = self._broadcast(x)
        integers = self.rounding(x / scale) + zero_point
        return integers.clamp(self.low, self.high).to(torch.int64)

    def dequantize(self, integers: torch.Tensor) -> torch.Tensor:
        """Return the real numbers that integers stand for."""
        scale, zero_point = self._broadcast(integers)
        return (integers.to(torch.float64) - zero_point) * scale

    def clip(self, x: torch.Tensor) -> torch.Tensor:
        """Return real numbers within the ends, not rounded."""
        scale, zero_point = self._broadcast(x)
        return torch.clamp(x, (self.low - zero_point) * scale, (self.high - zero_point) * scale)

    def same_steps(self, other: "Levels") -> bool:
        """Whether integers stand for the same real numbers."""
        return (
            self.axis == other.axis
            and torch.equal(self.scale, other.scale)
            and torch.equal(self.zero_point, other.zero_point)
        )

    def within(self, other: "Levels") -> "Levels":
        """Return the levels that both have the integers of."""
        return replace(self, low=max(self.low, other.low), high=min(self.high, other.high))

    def activation(self) -> Activation | None:
        """Return the format in two's complement; None where there are several, or none fits."""
        if self.scale.numel() != 1 or self.zero_point.numel() != 1:
            return None
        scale, zero_point = float(self.scale), int(self.zero_point)
        bits = (self.high - self.low).bit_length()
        # Integers without a sign are moved down by half of their range.
        moved = 0 if self.low < 0 else 1 << bits - 1
        try:
            return Activation(scale, zero_point - moved, bits)
        except ValueError:
            return None

    def _broadcast(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self.axis is None:
            return self.scale, self.zero_point
        shape = [1] * x.ndim
        shape[self.axis] = -1
        zero_point = self.zero_point.expand(self.scale.shape)
        return self.scale.reshape(shape), zero_point.reshape(shape)


def levels(
    scale: Any,
    zero_point: Any,
    ends: tuple[int, int],
    axis: int | None = None,
    rounding: Rounding = torch.round,
) -> Levels:
    """Return levels of numbers, tensors of them, or for no zero point None."""
    zero_point = 0 if zero_point is None else zero_point
    scale, zero_point = (torch.as_tensor(v, dtype=torch.float64) for v in (scale, zero_point))
    low, high = (int(end) for end in ends)
    if scale.numel() == zero_point.numel() == 1:
        return Levels(scale.reshape(()), zero_point.reshape(()), low, high, None, rounding)
    return Levels(scale, zero_point, low, high, axis, rounding)


LevelsOf = Callable[[Mapping[str, Any]], Levels]
"""Takes the values of a graph, by name."""


def rounds(
    kind: str, source: str, of: LevelsOf
) -> Callable[[Mapping[str, Any]], Sequence[torch.Tensor]]:
    """Return what a node of one of the kinds that round makes of the value ``source``."""

    def run(values: Mapping[str, Any]) -> Sequence[torch.Tensor]:
        steps, x = of(values), values[source]
        integers = x if kind == "dequantize" else steps.quantize(x)
        return [integers if kind == "quantize" else steps.dequantize(integers)]

    return run
