"""Blocks alone: each published one, at any of its shapes, as a network of its own."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from nets.blocks import InvertedResidual
from nets.convnext import Block
from nets.parc import Parallel
from nets.parcnet import MetaFormerBlock
from nets.resnet import Bottleneck

_SCALE = 0.1
"""What ConvNeXt's branch begins with: 1e-6 would not show in integers."""


@dataclass(frozen=True)
class Shape:
    """Of a block's map.

    Parameters
    ----------
    channels, length
        Its channels, and its height and width.
    """

    channels: int
    length: int


PUBLISHED: Mapping[str, Shape] = {
    "metaformer": Shape(192, 32),
    "bottleneck": Shape(1024, 14),
    "mobilenet": Shape(96, 14),
    "convnext": Shape(384, 14),
}
"""Of ParC-Net-S at 256, and ResNet50-ParC, MobileNetV2-ParC and ConvNeXt-T-ParC at 224."""


def block(name: str, shape: Shape) -> nn.Module:
    """Return a block, as its network has it, of a shape."""
    channels, length = shape.channels, shape.length
    if name == "metaformer":
        return MetaFormerBlock(channels, length)
    if name == "bottleneck":
        width = channels // 4
        return Bottleneck(channels, width, 1, Parallel(width, length, dense=True))
    if name == "mobilenet":
        conv = Parallel(6 * channels, length)
        return InvertedResidual(channels, channels, expansion=6, activation=nn.ReLU6, conv=conv)
    if name == "convnext":
        return Block(channels, Parallel(channels, length), scale=_SCALE)
    raise KeyError(name)


def to_onnx(name: str, shape: Shape, path: Path) -> None:
    """Write a block with its first weights as an ONNX file."""
    torch.manual_seed(1)
    image = torch.zeros(1, shape.channels, shape.length, shape.length)
    with warnings.catch_warnings():
        # torch.onnx traces with what torch itself has deprecated: it is the quicker way.
        warnings.simplefilter("ignore")
        torch.onnx.export(block(name, shape).eval(), (image,), path, dynamo=False, opset_version=17)
