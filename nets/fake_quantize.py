"""Networks that compute on the grids of integers, in float and with gradients: to train for int8.

Weights have a scale an output channel, maps a scale that is a power of two and a zero point, as
`hw.convert --whole` chooses them.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from nets.blocks import Head
from nets.convnext import Block
from nets.parc import Parallel, ParC

_MOMENTUM = 0.02
"""Of a new batch's ends in a map's range."""
_GIVE_MAPS = (nn.Conv2d, nn.Linear, nn.LayerNorm, nn.GELU, Parallel, Block)


class FakeQuantize(nn.Module):
    """Rounds maps to 8 bits or fewer, over the range of those seen while training.

    Parameters
    ----------
    bits
        Of a map.
    """

    low: Tensor
    high: Tensor

    def __init__(self, bits: int = 8) -> None:
        super().__init__()
        self.bits = bits
        self.register_buffer("low", torch.tensor(math.inf))
        self.register_buffer("high", torch.tensor(-math.inf))

    @property
    def grid(self) -> tuple[float, int]:
        """The scale, a power of two that covers the range, and the zero point."""
        low, high = min(float(self.low), 0.0), max(float(self.high), 0.0)
        steps = 2**self.bits - 1
        scale = 2.0 ** math.ceil(math.log2(max(high - low, 1e-30) / steps))
        least = -(2 ** (self.bits - 1))
        # The middle of the range on the middle of the grid, as far as both ends stay on it.
        zero = round(-(low + high) / 2 / scale)
        return scale, max(least, min(zero, least + steps))

    def forward(self, x: Tensor) -> Tensor:
        """Take and give any map; in training see its range first."""
        if self.training:
            self._see(x.detach())
        scale, zero = self.grid
        least = -(2 ** (self.bits - 1))
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, least, -least - 1)

    def _see(self, x: Tensor) -> None:
        low, high = torch.aminmax(x)
        if torch.isinf(self.low):
            self.low, self.high = low, high
        self.low = self.low + _MOMENTUM * (low - self.low)
        self.high = self.high + _MOMENTUM * (high - self.high)


class FakeQuantizeWeight(nn.Module):
    """Rounds weights to a symmetric grid, with a scale an output channel.

    Parameters
    ----------
    bits
        Of a weight.
    """

    def __init__(self, bits: int = 8) -> None:
        super().__init__()
        self.most = 2 ** (bits - 1) - 1

    def forward(self, weight: Tensor) -> Tensor:
        """Take and give weights [O, ...]."""
        ends = weight.detach().abs().flatten(1).amax(1).clamp(min=1e-12)
        zeros = torch.zeros(len(weight), dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(
            weight, ends / self.most, zeros, 0, -self.most, self.most
        )


def fake_quantize(network: nn.Module, *, bits: int = 8, weight_bits: int = 8) -> nn.Module:
    """Round a network's weights and maps from now on.

    Maps are its input, and what convolutions, norms, activations, sums and means give. Kernels of
    `ParC` are rounded when they have been resized; what stands beside them (biases, embeddings) is
    not, since integers have it at the width of sums.

    Parameters
    ----------
    network
        Is changed, and returned. Its batch norms and branches' scales must be folded.
    bits, weight_bits
        Of maps and weights.
    """
    for module in list(network.modules()):
        if isinstance(module, ParC):
            module.weight_grid = FakeQuantizeWeight(weight_bits)
        elif isinstance(module, (nn.Conv2d, nn.Linear)):
            parametrize.register_parametrization(module, "weight", FakeQuantizeWeight(weight_bits))
        if isinstance(module, _GIVE_MAPS):
            module.output_grid = FakeQuantize(bits)
            module.register_forward_hook(_round_output)
        if isinstance(module, Head):
            module.mean = nn.Sequential(module.mean, FakeQuantize(bits))
    network.input_grid = FakeQuantize(bits)
    network.register_forward_pre_hook(_round_input)
    return network


def _round_output(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Any:
    return module.output_grid(output)


def _round_input(module: nn.Module, inputs: tuple[Tensor, ...]) -> Any:
    return module.input_grid(inputs[0])
