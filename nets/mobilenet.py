"""MobileNetV2-ParC: MobileNetV2 with ParC for the last depthwise convolutions of stages 4 to 6."""

from collections.abc import Mapping

from torch import Tensor, nn

from nets.blocks import Head, InvertedResidual, conv_norm
from nets.parc import Parallel

_STAGES = (
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)
"""Expansion, channels, blocks and stride of each, from stage 1."""
PARC: Mapping[tuple[int, int], int] = {(4, 2): 14, (4, 3): 14, (5, 2): 14, (6, 2): 7}
"""Stage and block that have ParC, and the size of their maps at 224."""


def everywhere(size: int = 224) -> Mapping[tuple[int, int], int]:
    """Return all stages and blocks, and the size of the maps that each convolves."""
    lengths, length = {}, size // 2
    for stage, (_, _, n_blocks, stride) in enumerate(_STAGES, start=1):
        for block in range(n_blocks):
            lengths[stage, block] = length
            length //= 1 if block else stride
    return lengths


class EveryOther(nn.Module):
    """Every other row and column: what a stride of 2 leaves."""

    def forward(self, x: Tensor) -> Tensor:
        """Take maps [B, C, H, W]."""
        return x[:, :, ::2, ::2]


class MobileNetV2(nn.Module):
    """MobileNetV2-ParC, or without ParC MobileNetV2.

    Parameters
    ----------
    classes
        To tell apart.
    slimming
        Divides the channels of every stage: for tests.
    parc
        Stage and block that have ParC, and the size of their maps: none makes MobileNetV2. Where
        there is a stride, every other result of ParC goes on.
    """

    def __init__(
        self,
        classes: int = 1000,
        slimming: int = 1,
        parc: Mapping[tuple[int, int], int] = PARC,
    ) -> None:
        super().__init__()
        channels = 32 // slimming
        self.stem = conv_norm(3, channels, 3, stride=2, activation=nn.ReLU6)
        stages = []
        for stage, (expansion, width, n_blocks, stride) in enumerate(_STAGES, start=1):
            blocks = nn.Sequential()
            for block in range(n_blocks):
                length = parc.get((stage, block))
                # As in the reference code, only the first of a stage has embeddings.
                first = (stage, block - 1) not in parc
                step = 1 if block else stride
                conv: nn.Module | None = None
                if length:
                    conv = Parallel(channels * expansion, length, embedding=first)
                    conv = nn.Sequential(conv, EveryOther()) if step > 1 else conv
                blocks.append(
                    InvertedResidual(
                        channels,
                        width // slimming,
                        stride=step,
                        expansion=expansion,
                        activation=nn.ReLU6,
                        conv=conv,
                    )
                )
                channels = width // slimming
            self.add_module(f"stage{stage}", blocks)
            stages.append(blocks)
        self._stages = stages
        last = 1280 // slimming
        self.last = conv_norm(channels, last, activation=nn.ReLU6)
        self.head = Head(last, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Take images [B, 3, H, W]; return [B, classes]."""
        x = self.stem(x)
        for stage in self._stages:
            x = stage(x)
        result: Tensor = self.head(self.last(x))
        return result
