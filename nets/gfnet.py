"""GFNet: a transformer with global filters, products of spectra, in the place of attention."""

import torch
from torch import Tensor, nn

from nets.blocks import Head, LayerNorm

_DEPTH, _DIM, _PATCH, _RATIO = 12, 384, 16, 4


class GlobalFilter(nn.Module):
    """A circular convolution of each channel with a kernel as large as the map, by its spectrum.

    Parameters
    ----------
    channels, height, width
        Of the map.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        # Real and imaginary part, as the reference code has them.
        self.spectrum = nn.Parameter(0.02 * torch.randn(channels, height, width // 2 + 1, 2))

    def forward(self, x: Tensor) -> Tensor:
        """Take maps [B, C, H, W]."""
        product = torch.fft.rfft2(x, norm="ortho") * torch.view_as_complex(self.spectrum)
        return torch.fft.irfft2(product, s=x.shape[2:], norm="ortho")


class Block(nn.Module):
    """A global filter and two layers that mix channels, in one branch.

    Parameters
    ----------
    channels, size
        Of the map; height and width.
    """

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            LayerNorm(channels),
            GlobalFilter(channels, *size),
            LayerNorm(channels),
            nn.Conv2d(channels, _RATIO * channels, 1),
            nn.GELU(),
            nn.Conv2d(_RATIO * channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Take maps [B, C, H, W]."""
        result: Tensor = x + self.branch(x)
        return result


class GFNetXS(nn.Module):
    """GFNet-XS (Rao et al., NeurIPS 2021).

    Parameters
    ----------
    classes
        To tell apart.
    slimming
        Divides the channels: for tests.
    size
        Height and width of the images, multiples of 16.
    """

    def __init__(
        self, classes: int = 1000, slimming: int = 1, size: tuple[int, int] = (224, 224)
    ) -> None:
        super().__init__()
        channels = _DIM // slimming
        height, width = size[0] // _PATCH, size[1] // _PATCH
        self.patches = nn.Conv2d(3, channels, _PATCH, _PATCH)
        self.embedding = nn.Parameter(torch.empty(1, channels, height, width))
        nn.init.trunc_normal_(self.embedding, std=0.02)
        self.blocks = nn.Sequential(*(Block(channels, (height, width)) for _ in range(_DEPTH)))
        self.norm = LayerNorm(channels)
        self.head = Head(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Take images [B, 3, H, W]; return [B, classes]."""
        result: Tensor = self.head(self.norm(self.blocks(self.patches(x) + self.embedding)))
        return result
