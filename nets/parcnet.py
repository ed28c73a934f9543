"""ParC-Net-S: MobileViT with blocks of ParC and channel attention in the place of transformers."""

import torch
from torch import Tensor, nn

from nets.blocks import ChannelAttention, Head, InvertedResidual, conv_norm
from nets.parc import MetaFormer

_STAGES = ((96, 192, 2, 32), (128, 256, 4, 16), (160, 320, 3, 8))
"""Channels, those of the blocks, blocks, and the size of maps at 256, of layers 3 to 5."""


class MetaFormerBlock(nn.Module):
    """Spatial mixing by ParC, then mixing of channels and their attention, each with a residual.

    Parameters
    ----------
    channels
        Of the map, even.
    length
        The map's height and width.
    embedding, bias
        Whether its ParC has them.
    """

    def __init__(
        self, channels: int, length: int, *, embedding: bool = True, bias: bool = True
    ) -> None:
        super().__init__()
        self.mix = MetaFormer(channels, length, embedding=embedding, bias=bias)
        self.feed = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, 2 * channels, 1),
            nn.Hardswish(),
            nn.Conv2d(2 * channels, channels, 1),
            ChannelAttention(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Take maps [B, C, H, W]."""
        x = x + self.mix(x)
        result: Tensor = x + self.feed(x)
        return result


class ParCStage(nn.Module):
    """MobileViT's block: local convolutions, the blocks on more channels, and both fused.

    As in the reference code, only the first block has position embeddings, and none a bias.

    Parameters
    ----------
    channels, inner
        Of the map, and of the blocks: twice as many.
    n_blocks
        How many.
    length
        The map's height and width.
    """

    def __init__(self, channels: int, inner: int, n_blocks: int, length: int) -> None:
        super().__init__()
        self.before = nn.Sequential(
            conv_norm(channels, inner, 3, groups=channels, activation=nn.SiLU),
            nn.Conv2d(inner, inner, 1, bias=False),
        )
        self.blocks = nn.Sequential(
            *(
                MetaFormerBlock(inner, length, embedding=index == 0, bias=False)
                for index in range(n_blocks)
            )
        )
        self.norm = nn.BatchNorm2d(inner)
        self.after = conv_norm(inner, channels, groups=channels, activation=nn.SiLU)
        self.fuse = conv_norm(2 * channels, channels, 3, activation=nn.SiLU)

    def forward(self, x: Tensor) -> Tensor:
        """Take maps [B, C, H, W]."""
        y = self.after(self.norm(self.blocks(self.before(x))))
        result: Tensor = self.fuse(torch.cat((y, x), 1))
        return result


class ParCNetS(nn.Module):
    """ParC-Net-S (Zhang et al., ECCV 2022).

    Parameters
    ----------
    classes
        To tell apart.
    slimming
        Divides the channels of every stage: for tests.
    """

    def __init__(self, classes: int = 1000, slimming: int = 1) -> None:
        super().__init__()
        first, second, third = 16 // slimming, 32 // slimming, 64 // slimming
        self.stem = conv_norm(3, first, 3, stride=2, activation=nn.SiLU)
        self.layer1 = _residual(first, second)
        self.layer2 = nn.Sequential(
            _residual(second, third, 2), _residual(third, third), _residual(third, third)
        )
        channels = third
        for index, (full, inner, n_blocks, length) in enumerate(_STAGES, start=3):
            width = full // slimming
            self.add_module(f"down{index}", _residual(channels, width, 2))
            stage = ParCStage(width, inner // slimming, n_blocks, length)
            self.add_module(f"layer{index}", stage)
            channels = width
        last = 640 // slimming
        self.last = conv_norm(channels, last, activation=nn.SiLU)
        self.head = Head(last, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Take images [B, 3, H, W]; return [B, classes]."""
        x = self.layer2(self.layer1(self.stem(x)))
        x = self.layer3(self.down3(x))
        x = self.layer4(self.down4(x))
        x = self.layer5(self.down5(x))
        result: Tensor = self.head(self.last(x))
        return result


def _residual(channels: int, out_channels: int, stride: int = 1) -> InvertedResidual:
    return InvertedResidual(channels, out_channels, stride=stride, expansion=4, activation=nn.SiLU)
