"""RepLKNet-31B with its branches of small kernels merged, as it is deployed."""

from torch import Tensor, nn

from nets.blocks import Head, conv_norm

_STAGES = ((128, 2, 31), (256, 2, 29), (512, 18, 27), (1024, 2, 13))
"""Channels, blocks and large kernel of each."""


class LargeKernelBlock(nn.Module):
    """1 x 1, a large convolution of each channel, 1 x 1, and the residual.

    Parameters
    ----------
    channels, kernel
        Of the map, and of the convolution.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.BatchNorm2d(channels),
            conv_norm(channels, channels, activation=nn.ReLU),
            conv_norm(channels, channels, kernel, groups=channels, activation=nn.ReLU),
            conv_norm(channels, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Take maps [B, C, H, W]."""
        result: Tensor = x + self.branch(x)
        return result


class Feed(nn.Module):
    """Two layers that mix channels, and the residual.

    Parameters
    ----------
    channels
        Of the map; four times as many in between.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.BatchNorm2d(channels),
            conv_norm(channels, 4 * channels, activation=nn.GELU),
            conv_norm(4 * channels, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Take maps [B, C, H, W]."""
        result: Tensor = x + self.branch(x)
        return result


class RepLKNet31B(nn.Module):
    """RepLKNet-31B (Ding et al., CVPR 2022).

    Parameters
    ----------
    classes
        To tell apart.
    slimming
        Divides the channels of every stage.
    """

    def __init__(self, classes: int = 1000, slimming: int = 1) -> None:
        super().__init__()
        channels = _STAGES[0][0] // slimming
        self.stem = nn.Sequential(
            conv_norm(3, channels, 3, stride=2, activation=nn.ReLU),
            conv_norm(channels, channels, 3, groups=channels, activation=nn.ReLU),
            conv_norm(channels, channels, activation=nn.ReLU),
            conv_norm(channels, channels, 3, stride=2, groups=channels, activation=nn.ReLU),
        )
        self.stages = nn.Sequential()
        for full_width, n_blocks, kernel in _STAGES:
            width = full_width // slimming
            stage = nn.Sequential()
            if width != channels:
                stage.append(conv_norm(channels, width, activation=nn.ReLU))
                stage.append(conv_norm(width, width, 3, stride=2, groups=width, activation=nn.ReLU))
            for _ in range(n_blocks):
                stage.append(LargeKernelBlock(width, kernel))
                stage.append(Feed(width))
            self.stages.append(stage)
            channels = width
        self.norm = nn.BatchNorm2d(channels)
        self.head = Head(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Take images [B, 3, H, W]; return [B, classes]."""
        result: Tensor = self.head(self.norm(self.stages(self.stem(x))))
        return result
