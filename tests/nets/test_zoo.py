"""The published networks have the ParC layers that `golden.operator.networks` says."""

import pytest
import torch

from golden.operator.networks import NETWORKS
from hw.convert.compose import compose
from hw.convert.find import find_passes
from hw.convert.read_torch import from_program
from nets.zoo import FACTORIES

SLIMMING = 8


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_are_found_where_they_are_listed(name):
    """With an eighth of the channels, and but for dense layers on maps that are not square."""
    network = NETWORKS[name]
    size = (128, 128 if network.form == "dense" else 96)
    program = torch.export.export(FACTORIES[name](SLIMMING), (torch.zeros(1, 3, *size),))
    graph = from_program(program, size)
    found, left = find_passes(graph)
    # ConvNeXt's small kernels.
    assert all("taps, fewer than 9" in item.reason for item in left)
    blocks = [
        (layer.scope.rpartition(".")[0].replace(".", "_"), layer.form, *layer.shape)
        for layer in compose(graph, found)
    ]
    assert blocks == [
        (la.name, la.form, la.channels // SLIMMING, la.height, la.width)
        for la in network.layers(size)
    ]
