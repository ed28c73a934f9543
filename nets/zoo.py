"""The published networks with ParC, named as in `golden.operator.networks`, of random parameters.

``python -m hw.convert nets.zoo:parcnet_s --input-size 256x256 ...`` takes one.
"""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from nets.convnext import ConvNeXt
from nets.mobilenet import MobileNetV2
from nets.parcnet import ParCNetS
from nets.resnet import ResNet50

_SEED = 2022


def resnet50_parc(slimming: int = 1) -> nn.Module:
    """Return ResNet50-ParC, its channels divided by ``slimming``."""
    return _seeded(lambda: ResNet50(slimming=slimming))


def mobilenetv2_parc(slimming: int = 1) -> nn.Module:
    """Return MobileNetV2-ParC, its channels divided by ``slimming``."""
    return _seeded(lambda: MobileNetV2(slimming=slimming))


def convnext_xt_parc(slimming: int = 1) -> nn.Module:
    """Return ConvNeXt-XT-ParC, its channels divided by ``slimming``."""
    return _seeded(lambda: ConvNeXt(48 // slimming))


def convnext_t_parc(slimming: int = 1) -> nn.Module:
    """Return ConvNeXt-T-ParC, its channels divided by ``slimming``."""
    return _seeded(lambda: ConvNeXt(96 // slimming))


def parcnet_s(slimming: int = 1) -> nn.Module:
    """Return ParC-Net-S, its channels divided by ``slimming``."""
    return _seeded(lambda: ParCNetS(slimming=slimming))


FACTORIES: Mapping[str, Callable[..., nn.Module]] = {
    "resnet50-parc": resnet50_parc,
    "mobilenetv2-parc": mobilenetv2_parc,
    "convnext-xt-parc": convnext_xt_parc,
    "convnext-t-parc": convnext_t_parc,
    "parcnet-s": parcnet_s,
}


def _seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(_SEED)
        return make().eval()
