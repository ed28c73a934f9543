"""Published networks have their papers' numbers of parameters, and maps that live."""

import pytest
import torch
from torch import nn

from nets.convnext import ConvNeXt
from nets.gfnet import GFNetXS
from nets.mobilenet import MobileNetV2
from nets.parcnet import ParCNetS
from nets.replknet import RepLKNet31B
from nets.resnet import ResNet50
from nets.settle import images
from nets.zoo import FACTORIES

SMALL = (64, 64)

PARAMETERS = {
    # torchvision's networks, to the last one.
    "resnet50": (lambda: ResNet50(parc={}), 25_557_032, 25.557032),
    "mobilenetv2": (lambda: MobileNetV2(parc={}), 3_504_872, 3.504872),
    "convnext-t": (lambda: ConvNeXt(96, parc={}), 28_589_128, 28.589128),
    # As the papers round them; those with ParC have their parents' less the kernels replaced.
    "parcnet-s": (ParCNetS, 5_037_088, 5.0),
    "gfnet-xs": (GFNetXS, 15_985_768, 16),
    "replknet-31b": (RepLKNet31B, 79_539_304, 79),
    "resnet50-parc": (ResNet50, 23_737_640, None),
    "mobilenetv2-parc": (MobileNetV2, 3_532_136, None),
    "convnext-xt-parc": (lambda: ConvNeXt(48), 7_412_824, None),
    "convnext-t-parc": (lambda: ConvNeXt(96), 28_538_056, None),
}
"""How many there are here, and in millions as published."""


@pytest.mark.parametrize("name", FACTORIES)
def test_parameters(name):
    make, expected, published = PARAMETERS[name]
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in make().parameters())
    assert count == expected
    if published is not None:
        assert count / 1e6 == pytest.approx(published, rel=0.01)


def _dense(width, length):
    """Return by how many parameters a dense ParC has more than a 3 x 3 convolution."""
    half = width // 2
    return 2 * (half * half * length + half * length + half) - 9 * width * width


@pytest.mark.parametrize(
    ("network", "parent", "difference"),
    [
        ("resnet50-parc", "resnet50", 3 * _dense(256, 14) + _dense(512, 7)),
        # A kernel and an embedding in the place of 7 x 7 taps; both have biases.
        ("convnext-t-parc", "convnext-t", 3 * 384 * (28 - 49) + 768 * (14 - 49)),
        # And a bias in the place of 3 x 3 taps; only the first of stage 4 has an embedding.
        ("mobilenetv2-parc", "mobilenetv2", 384 * (20 + 6) + 576 * 20 + 960 * 6),
    ],
)
def test_parc_takes_the_place_of_kernels_alone(network, parent, difference):
    assert PARAMETERS[network][1] - PARAMETERS[parent][1] == difference


@pytest.mark.parametrize("name", FACTORIES)
def test_signals_live_from_pixels_to_classes(name):
    """On images that were not seen when parameters were settled."""
    network = FACTORIES[name](8, size=SMALL)
    deviations = {}

    def note(_module, _inputs, output, name):
        deviations[name] = float(output.std())
        assert torch.isfinite(output).all()

    for module_name, module in network.named_modules():
        if not list(module.children()) and not isinstance(module, nn.Identity):
            module.register_forward_hook(lambda *a, n=module_name: note(*a, n))
    with torch.no_grad():
        logits = network(images(SMALL, 4, seed=7))
    assert logits.shape == (4, 1000)
    assert min(deviations.values()) > 0.03
    assert max(deviations.values()) < 30
    # Classes depend on the image.
    assert logits.std(0).mean() > 0.2 * logits.std()


def test_images_are_the_same_every_time_and_of_deviation_1():
    first, second = images(SMALL, 2), images(SMALL, 2)
    assert torch.equal(first, second)
    assert float(first.mean()) == pytest.approx(0, abs=1e-5)
    assert float(first.std()) == pytest.approx(1, abs=1e-5)
    # Neighbours are alike, unlike in noise.
    assert float((first[..., 1:] - first[..., :-1]).std()) < 0.7


def test_parameters_are_the_same_every_time():
    first, second = (FACTORIES["parcnet-s"](8, size=SMALL).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
