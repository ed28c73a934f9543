"""What several of the networks are made of."""

import torch
from torch import Tensor, nn


def conv_norm(
    channels: int,
    out_channels: int,
    kernel: int = 1,
    *,
    stride: int = 1,
    groups: int = 1,
    activation: type[nn.Module] | None = None,
) -> nn.Sequential:
    """Return a convolution that keeps the size, over `stride`, a batch norm and an activation."""
    layers: list[nn.Module] = [
        nn.Conv2d(channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels),
    ]
    if activation is not None:
        layers.append(activation())
    return nn.Sequential(*layers)


class InvertedResidual(nn.Module):
    """MobileNetV2's block: expand, convolve each channel, project.

    Parameters
    ----------
    channels, out_channels
        Of the maps in and out.
    stride, expansion
        Of the convolution; of the channels.
    activation
        After the first two.
    conv
        In the place of the 3 x 3 convolution.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        expansion: int,
        activation: type[nn.Module],
        conv: nn.Module | None = None,
    ) -> None:
        super().__init__()
        hidden = channels * expansion
        self.expand = (
            conv_norm(channels, hidden, activation=activation) if expansion > 1 else nn.Identity()
        )
        self.conv = conv or nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False)
        self.norm = nn.BatchNorm2d(hidden)
        self.activation = activation()
        self.project = conv_norm(hidden, out_channels)
        self.residual = stride == 1 and channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Take maps [B, C, H, W]."""
        y = self.activation(self.norm(self.conv(self.expand(x))))
        y = self.project(y)
        return x + y if self.residual else y


class ChannelAttention(nn.Module):
    """Weighs channels by what their means say.

    Parameters
    ----------
    channels
        Of the map; a sixteenth of them in between.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        less = max(channels // 16, 1)
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            conv_norm(channels, less, activation=nn.Hardswish),
            conv_norm(less, channels, activation=nn.Hardsigmoid),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Take maps [B, C, H, W]."""
        return x * self.weigh(x)


class LayerNorm(nn.Module):
    """Layer norm over the channels of a map.

    Parameters
    ----------
    channels
        Of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Take maps [B, C, H, W]."""
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Mean(nn.Module):
    """The mean of every channel."""

    def forward(self, x: Tensor) -> Tensor:
        """Take maps [B, C, H, W]; return [B, C]."""
        return torch.mean(x, (2, 3))


class Head(nn.Module):
    """The mean of every channel, and a linear layer.

    Parameters
    ----------
    channels, classes
        Of the map, and to tell apart.
    norm
        Of the means.
    """

    def __init__(self, channels: int, classes: int, norm: nn.Module | None = None) -> None:
        super().__init__()
        self.mean = Mean()
        self.norm = norm or nn.Identity()
        self.linear = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Take maps [B, C, H, W]; return [B, classes]."""
        result: Tensor = self.linear(self.norm(self.mean(x)))
        return result
