"""ParC in the place of a trained network's depthwise layers: the plug-in claim of its paper."""

import torch
from torch import Tensor, nn

from nets.blocks import InvertedResidual
from nets.parc import ParC


def separable(kernels: Tensor) -> tuple[Tensor, Tensor]:
    """Return columns [C, K] and rows [C, K] whose products are nearest to kernels [C, K, K]."""
    left, sizes, right = torch.linalg.svd(kernels)
    root = sizes[:, 0].sqrt()[:, None]
    return left[:, :, 0] * root, right[:, 0] * root


def parc_pair(conv: nn.Conv2d, length: int) -> nn.Sequential:
    """Return ParC along the height, then the width, nearest to a depthwise convolution.

    A zero stands around the convolution's map, and the other border around ParC's: they differ
    there, and by what is left of the kernel. Embeddings begin at 0.

    Parameters
    ----------
    conv
        Of stride 1, each channel on its own.
    length
        The map's height and width.
    """
    channels, kernel = conv.weight.shape[0], conv.kernel_size[0]
    pair = nn.Sequential(
        ParC(channels, length, axis="height", bias=False), ParC(channels, length, axis="width")
    )
    taps = (torch.arange(kernel) - kernel // 2) % length
    with torch.no_grad():
        for layer, part in zip(pair, separable(conv.weight[:, 0]), strict=True):
            line = torch.zeros(channels, length)
            line[:, taps] = part
            layer.weight.copy_(line.reshape(layer.weight.shape))
            nn.init.zeros_(layer.embedding.table)
    return pair


def plug(network: nn.Module, n_blocks: int, length: int) -> nn.Module:
    """Put ParC into the last bottlenecks of stride 1 of a network; return it.

    Parameters
    ----------
    network
        Is changed.
    n_blocks, length
        How many, and the height and width of their maps.
    """
    blocks = [module for module in network.modules() if isinstance(module, InvertedResidual)]
    for block in blocks[-n_blocks:]:
        block.conv = parc_pair(block.conv, length)
    return network


class Tail(nn.Module):
    """The last blocks of EfficientNet-Lite0.

    Parameters
    ----------
    network
        Whose they are.
    first
        The first of them.
    """

    def __init__(self, network: nn.Module, first: int) -> None:
        super().__init__()
        self.blocks, self.last = network.blocks[first:], network.last
        self.head = network.head

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Take what the blocks before give; return the last block's map, and logits."""
        x = self.blocks(x)
        return x, self.head(self.last(x))
