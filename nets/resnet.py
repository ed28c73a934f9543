"""ResNet50-ParC: ResNet-50 with dense ParC in the last blocks of stages 3 and 4."""

from collections.abc import Mapping

from torch import Tensor, nn

from nets.blocks import Head, conv_norm
from nets.parc import Parallel

_STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
"""Width, blocks and stride of each."""
PARC: Mapping[tuple[int, int], int] = {(3, 3): 14, (3, 4): 14, (3, 5): 14, (4, 2): 7}
"""Stage and block that have ParC, and the size of their maps at 224."""


class Bottleneck(nn.Module):
    """1 x 1, a convolution, 1 x 1, and the residual.

    Parameters
    ----------
    channels, width
        Of the map in, and between; four times as many leave.
    stride
        Of the middle convolution.
    conv
        In its place.
    """

    def __init__(
        self, channels: int, width: int, stride: int, conv: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.conv1 = conv_norm(channels, width, activation=nn.ReLU)
        self.conv2 = conv or nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv3 = conv_norm(width, 4 * width)
        same = stride == 1 and channels == 4 * width
        self.shortcut = nn.Identity() if same else conv_norm(channels, 4 * width, stride=stride)
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Take maps [B, C, H, W]."""
        y = self.activation(self.norm2(self.conv2(self.conv1(x))))
        result: Tensor = self.activation(self.conv3(y) + self.shortcut(x))
        return result


class ResNet50(nn.Module):
    """ResNet50-ParC, or without ParC ResNet-50.

    Parameters
    ----------
    classes
        To tell apart.
    slimming
        Divides the channels of every stage: for tests.
    parc
        Stage and block that have ParC, and the size of their maps: none makes ResNet-50.
    """

    def __init__(
        self,
        classes: int = 1000,
        slimming: int = 1,
        parc: Mapping[tuple[int, int], int] = PARC,
    ) -> None:
        super().__init__()
        channels = 64 // slimming
        self.stem = conv_norm(3, channels, 7, stride=2, activation=nn.ReLU)
        self.pool = nn.MaxPool2d(3, 2, 1)
        for stage, (full_width, n_blocks, stride) in enumerate(_STAGES, start=1):
            width = full_width // slimming
            blocks = []
            for block in range(n_blocks):
                length = parc.get((stage, block))
                conv = Parallel(width, length, dense=True) if length else None
                blocks.append(Bottleneck(channels, width, 1 if block else stride, conv))
                channels = 4 * width
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.head = Head(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Take images [B, 3, H, W]; return [B, classes]."""
        x = self.pool(self.stem(x))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        result: Tensor = self.head(x)
        return result
