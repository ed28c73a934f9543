"""ConvNeXt-ParC: ConvNeXt with ParC for the last 7 x 7 convolutions of stages 2 and 3."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from nets.blocks import Head, LayerNorm
from nets.parc import Parallel

DEPTHS = (3, 3, 9, 3)
PARC: Mapping[tuple[int, int], int] = {(2, 6): 14, (2, 7): 14, (2, 8): 14, (3, 2): 7}
"""Stage and block, from 0, that have ParC, and the size of their maps at 224."""


def everywhere(size: int = 224, patch: int = 4) -> Mapping[tuple[int, int], int]:
    """Return all stages and blocks, and the size of their maps."""
    return {
        (stage, block): size // patch >> stage
        for stage, n_blocks in enumerate(DEPTHS)
        for block in range(n_blocks)
    }


class Block(nn.Module):
    """A convolution of each channel, and an inverted bottleneck.

    Parameters
    ----------
    channels
        Of the map.
    conv
        In the place of the 7 x 7 convolution.
    scale
        What the branch begins with, a channel each.
    """

    def __init__(
        self, channels: int, conv: nn.Module | None = None, *, scale: float = 1e-6
    ) -> None:
        super().__init__()
        self.conv = conv or nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = LayerNorm(channels)
        self.expand = nn.Conv2d(channels, 4 * channels, 1)
        self.activation = nn.GELU()
        self.project = nn.Conv2d(4 * channels, channels, 1)
        self.scale = nn.Parameter(torch.full((channels, 1, 1), scale))

    def forward(self, x: Tensor) -> Tensor:
        """Take maps [B, C, H, W]."""
        y = self.activation(self.expand(self.norm(self.conv(x))))
        result: Tensor = x + self.scale * self.project(y)
        return result


class ConvNeXt(nn.Module):
    """ConvNeXt-ParC, or without ParC ConvNeXt.

    Parameters
    ----------
    base
        Channels of the first stage; every other one has twice those of the one before.
    classes
        To tell apart.
    depths
        Blocks of each stage.
    parc
        Stage and block that have ParC, and the size of their maps: none makes ConvNeXt.
    patch
        Size of the stem's convolution, and its stride.
    image_channels
        Of the images.
    scale
        What the branches begin with.
    """

    def __init__(
        self,
        base: int,
        classes: int = 1000,
        *,
        depths: Sequence[int] = DEPTHS,
        parc: Mapping[tuple[int, int], int] = PARC,
        patch: int = 4,
        image_channels: int = 3,
        scale: float = 1e-6,
    ) -> None:
        super().__init__()
        channels = base
        self.stem = nn.Sequential(
            nn.Conv2d(image_channels, channels, patch, patch), LayerNorm(channels)
        )
        self.downsample = nn.ModuleList()
        self.stages = nn.ModuleList()
        for stage, n_blocks in enumerate(depths):
            if stage:
                self.downsample.append(
                    nn.Sequential(LayerNorm(channels), nn.Conv2d(channels, 2 * channels, 2, 2))
                )
                channels *= 2
            blocks = nn.Sequential()
            for block in range(n_blocks):
                length = parc.get((stage, block))
                conv = Parallel(channels, length) if length else None
                blocks.append(Block(channels, conv, scale=scale))
            self.stages.append(blocks)
        self.head = Head(channels, classes, nn.LayerNorm(channels, eps=1e-6))

    def forward(self, x: Tensor) -> Tensor:
        """Take images [B, C, H, W]; return [B, classes]."""
        x = self.stages[0](self.stem(x))
        for downsample, stage in zip(self.downsample, list(self.stages)[1:], strict=True):
            x = stage(downsample(x))
        result: Tensor = self.head(x)
        return result
