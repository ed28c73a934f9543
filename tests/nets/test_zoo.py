"""The published networks have the ParC layers that `golden.networks` says."""

import pytest
import torch

from golden.networks import NETWORKS, Network, Place, find_network
from hw.convert.compose import compose
from hw.convert.find import find_passes
from hw.convert.read_torch import from_program
from nets.zoo import FACTORIES

SLIMMING = 8
SIZE = (128, 96)


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_are_found_where_they_are_listed(name):
    """With an eighth of the channels, and images that are not square."""
    image = torch.zeros(1, 3, *SIZE)
    program = torch.export.export(FACTORIES[name](SLIMMING), (image,))
    graph = from_program(program, SIZE)
    found, left = find_passes(graph)
    assert not left
    assert [(la.scope, la.form, *la.shape) for la in compose(graph, found)] == [
        (la.name, la.form, la.channels // SLIMMING, la.height, la.width)
        for la in NETWORKS[name].layers(*SIZE)
    ]


def test_the_networks_are_those_published():
    shapes = {
        name: [(la.channels, la.height, la.width) for la in network.layers(*[network.size] * 2)]
        for name, network in NETWORKS.items()
    }
    assert shapes == {
        "resnet50-parc": [(256, 14, 14)] * 3 + [(512, 7, 7)],
        "mobilenetv2-parc": [(384, 14, 14)] * 2 + [(576, 14, 14), (960, 7, 7)],
        "convnext-xt-parc": [(192, 14, 14)] * 3 + [(384, 7, 7)],
        "convnext-t-parc": [(384, 14, 14)] * 3 + [(768, 7, 7)],
        "parcnet-s": [(192, 32, 32)] * 2 + [(256, 16, 16)] * 4 + [(320, 8, 8)] * 3,
    }


def test_maps_of_odd_sizes_are_halved_as_the_network_does():
    sizes = [(la.height, la.width) for la in NETWORKS["mobilenetv2-parc"].layers(230, 200)]
    assert sizes == [(15, 13)] * 3 + [(8, 7)]
    sizes = [(la.height, la.width) for la in NETWORKS["convnext-t-parc"].layers(230, 200)]
    assert sizes == [(14, 12)] * 3 + [(7, 6)]


def test_dense_halves_on_maps_that_are_not_square_are_layers():
    layers = NETWORKS["resnet50-parc"].layers(224, 256)[-2:]
    assert [(la.name, la.channels, la.height, la.width, la.axis) for la in layers] == [
        ("layer4.2.conv2.height", 256, 7, 8, "height"),
        ("layer4.2.conv2.width", 256, 7, 8, "width"),
    ]


def test_refusals():
    with pytest.raises(ValueError, match="Network") as error:
        find_network("resnet")
    assert str(error.value) == f"Network must be one of {', '.join(NETWORKS)}, not 'resnet'"
    with pytest.raises(ValueError, match="height") as error:
        NETWORKS["resnet50-parc"].layers(32, 224)
    assert str(error.value) == "Input height must be at least 33, not 32"
    network = Network("serial", 8, (Place("a", 1, 2),), round_up=False)
    with pytest.raises(ValueError, match="width") as error:
        network.layers(8, 7)
    assert str(error.value) == "Input width must be at least 8, not 7"
