"""Published networks, those with ParC named as in `golden.operator.networks`, and their parents.

``python -m hw.convert nets.zoo:parcnet_s --input-size 256x256 ...`` takes one. All have random
parameters with which signals live (`nets.settle`), the same every time.
"""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from nets.convnext import ConvNeXt
from nets.convnext import everywhere as convnext_everywhere
from nets.gfnet import GFNetXS
from nets.mobilenet import MobileNetV2
from nets.mobilenet import everywhere as mobilenet_everywhere
from nets.parcnet import ParCNetS
from nets.replknet import RepLKNet31B
from nets.resnet import ResNet50
from nets.settle import settle

_SEED = 2022

Size = tuple[int, int]
"""Height and width of images."""
AT_224, AT_256 = (224, 224), (256, 256)


def resnet50_parc(slimming: int = 1, size: Size = AT_224) -> nn.Module:
    """Return ResNet50-ParC, its channels divided by ``slimming``."""
    return _seeded(lambda: ResNet50(slimming=slimming), size)


def mobilenetv2_parc(slimming: int = 1, size: Size = AT_224) -> nn.Module:
    """Return MobileNetV2-ParC, its channels divided by ``slimming``."""
    return _seeded(lambda: MobileNetV2(slimming=slimming), size)


def convnext_xt_parc(slimming: int = 1, size: Size = AT_224) -> nn.Module:
    """Return ConvNeXt-XT-ParC, its channels divided by ``slimming``."""
    return _seeded(lambda: ConvNeXt(48 // slimming, scale=_SCALE), size)


def convnext_t_parc(slimming: int = 1, size: Size = AT_224) -> nn.Module:
    """Return ConvNeXt-T-ParC, its channels divided by ``slimming``."""
    return _seeded(lambda: ConvNeXt(96 // slimming, scale=_SCALE), size)


def parcnet_s(slimming: int = 1, size: Size = AT_256) -> nn.Module:
    """Return ParC-Net-S, its channels divided by ``slimming``."""
    return _seeded(lambda: ParCNetS(slimming=slimming), size)


def resnet50(slimming: int = 1, size: Size = AT_224) -> nn.Module:
    """Return ResNet-50, its channels divided by ``slimming``."""
    return _seeded(lambda: ResNet50(slimming=slimming, parc={}), size)


def mobilenetv2(slimming: int = 1, size: Size = AT_224) -> nn.Module:
    """Return MobileNetV2, its channels divided by ``slimming``."""
    return _seeded(lambda: MobileNetV2(slimming=slimming, parc={}), size)


def convnext_t(slimming: int = 1, size: Size = AT_224) -> nn.Module:
    """Return ConvNeXt-T, its channels divided by ``slimming``."""
    return _seeded(lambda: ConvNeXt(96 // slimming, parc={}, scale=_SCALE), size)


def convnext_xt(slimming: int = 1, size: Size = AT_224) -> nn.Module:
    """Return ConvNeXt-XT-ParC without ParC, its channels divided by ``slimming``."""
    return _seeded(lambda: ConvNeXt(48 // slimming, parc={}, scale=_SCALE), size)


def mobilenetv2_all_parc(slimming: int = 1, size: Size = AT_224) -> nn.Module:
    """Return MobileNetV2 with ParC for all of its depthwise convolutions, likewise."""
    parc = mobilenet_everywhere(size[0])
    return _seeded(lambda: MobileNetV2(slimming=slimming, parc=parc), size)


def convnext_xt_all_parc(slimming: int = 1, size: Size = AT_224) -> nn.Module:
    """Return ConvNeXt-XT with ParC for all of its depthwise convolutions, likewise."""
    parc = convnext_everywhere(size[0])
    return _seeded(lambda: ConvNeXt(48 // slimming, parc=parc, scale=_SCALE), size)


def gfnet_xs(slimming: int = 1, size: Size = AT_224) -> nn.Module:
    """Return GFNet-XS for images of ``size`` alone, its channels divided by ``slimming``."""
    return _seeded(lambda: GFNetXS(slimming=slimming, size=size), size)


def replknet_31b(slimming: int = 8, size: Size = AT_224) -> nn.Module:
    """Return RepLKNet-31B, its channels divided by ``slimming``."""
    return _seeded(lambda: RepLKNet31B(slimming=slimming), size)


_SCALE = 0.3
"""What ConvNeXt's branches are multiplied by; 1e-6, as training begins, would mute them."""

FACTORIES: Mapping[str, Callable[..., nn.Module]] = {
    "resnet50-parc": resnet50_parc,
    "mobilenetv2-parc": mobilenetv2_parc,
    "convnext-xt-parc": convnext_xt_parc,
    "convnext-t-parc": convnext_t_parc,
    "parcnet-s": parcnet_s,
    "resnet50": resnet50,
    "mobilenetv2": mobilenetv2,
    "convnext-t": convnext_t,
    "gfnet-xs": gfnet_xs,
    "replknet-31b": replknet_31b,
}


def _seeded(make: Callable[[], nn.Module], size: Size) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(_SEED)
        return settle(make(), size)
