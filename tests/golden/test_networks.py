"""Shapes of the published networks' layers."""

import pytest

from golden.inputs.errors import ParameterError
from golden.operator.networks import NETWORKS

PUBLISHED = {
    "resnet50-parc": [("dense", 256, 14, 14)] * 3 + [("dense", 512, 7, 7)],
    "mobilenetv2-parc": [
        *[("parallel", 384, 14, 14)] * 2,
        ("parallel", 576, 14, 14),
        ("parallel", 960, 7, 7),
    ],
    "convnext-xt-parc": [("parallel", 192, 14, 14)] * 3 + [("parallel", 384, 7, 7)],
    "convnext-t-parc": [("parallel", 384, 14, 14)] * 3 + [("parallel", 768, 7, 7)],
    "parcnet-s": [
        *[("metaformer", 192, 32, 32)] * 2,
        *[("metaformer", 256, 16, 16)] * 4,
        *[("metaformer", 320, 8, 8)] * 3,
    ],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_are_as_published(name):
    layers = NETWORKS[name].layers()
    assert [(la.form, la.channels, la.height, la.width) for la in layers] == PUBLISHED[name]
    assert len({layer.name for layer in layers}) == len(layers)


@pytest.mark.parametrize(
    ("name", "size", "maps"),
    [
        ("mobilenetv2-parc", (1280, 800), {(80, 50), (40, 25)}),
        ("mobilenetv2-parc", (200, 100), {(13, 7), (7, 4)}),
        ("convnext-t-parc", (200, 100), {(12, 6), (6, 3)}),
        ("parcnet-s", (2048, 512), {(256, 64), (128, 32), (64, 16)}),
    ],
)
def test_maps_follow_the_image(name, size, maps):
    assert {(layer.height, layer.width) for layer in NETWORKS[name].layers(size)} == maps


@pytest.mark.parametrize("size", [(31, 64), (64, 8193)])
def test_sizes_out_of_range_are_refused(size):
    with pytest.raises(ParameterError) as caught:
        NETWORKS["parcnet-s"].layers(size)
    height, width = size
    assert str(caught.value) == f"Input size must be of sides from 32 to 8192, not {height}x{width}"
