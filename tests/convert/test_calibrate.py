"""Formats and integers of whole layers, and what they cost."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from golden.inputs.errors import ParameterError
from golden.numbers.quantize import Activation
from hw.convert.calibrate import Calibration, measure, quantize_network, warnings_of
from hw.convert.compose import compose
from hw.convert.find import find_passes
from hw.convert.integers import Formats, to_integers
from hw.convert.read_torch import from_program
from hw.emit.files import write_files
from hw.emit.toml import config_files, to_toml
from hw.plan import report
from hw.plan.goal import Goal
from hw.plan.network import converted as read_network
from hw.plan.network import in_memory
from hw.plan.search import Planner
from hw.targets.registry import device_named
from nets.parc import MetaFormer, Parallel, ParC

SIZE = (6, 5)
IMAGES = np.random.default_rng(0).normal(size=(3, 4, *SIZE))


class Residual(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return x + self.layer(x)


def graph_of(network):
    image = torch.zeros(1, 4, *SIZE)
    return from_program(torch.export.export(network.eval(), (image,)), SIZE)


def converted(network, images=IMAGES, **options):
    torch.manual_seed(0)
    graph = graph_of(network)
    layers = compose(graph, find_passes(graph)[0])
    data = Calibration(images, np.zeros(len(images), dtype=np.int64))
    steps = []
    done, left = quantize_network(graph, layers, data, progress=steps.append, **options)
    assert not left
    figures = measure(graph, done, data, steps.append)
    assert steps == [1] * (2 * len(images))
    return done, figures


NETWORKS = {
    "height": lambda: ParC(4, 6, axis="height"),
    "width": lambda: ParC(4, 5, axis="width"),
    "serial": lambda: nn.Sequential(ParC(4, 6, axis="height"), ParC(4, 5, axis="width")),
    "parallel": lambda: Parallel(4, 6),
    "dense": lambda: ParC(4, 6, axis="height", groups=1),
    "dense halves": lambda: Parallel(4, 6, dense=True),
    "metaformer": lambda: MetaFormer(4, 6),
    "residual": lambda: Residual(MetaFormer(4, 6)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_integers_are_close_and_wider_ones_closer(name):
    torch.manual_seed(0)
    network = NETWORKS[name]()
    ratios = []
    for bits in (6, 8, 12):
        ((layer,), figures) = converted(network, bits=bits, weight_bits=bits)
        assert figures["layers"] == {layer.found.name: figures["output"]}
        ratios.append(figures["output"])
    assert ratios[0] > 18
    assert ratios[1] > 30
    assert ratios[2] > 53


def with_weights(layer, change):
    """Return a found layer whose first kernels are changed."""
    chain = layer.chains[0]
    first = chain.passes[0]
    wrong = replace(first, weight=change(first.weight))
    chain = replace(chain, passes=(wrong, *chain.passes[1:]))
    return replace(layer, chains=(chain, *layer.chains[1:]))


def one_channel(weight):
    """Change a channel whose bias hides what its kernels give."""
    weight = weight.copy()
    weight[1, 2] += 0.01 * np.abs(weight[1]).max()
    return weight


@pytest.mark.parametrize("change", [lambda w: 1.002 * w, one_channel, lambda w: w * np.nan])
@pytest.mark.parametrize("name", ["height", "parallel", "metaformer"])
def test_a_layer_that_is_not_what_was_found_is_refused(name, change):
    torch.manual_seed(0)
    network = NETWORKS[name]()
    for module in network.modules():
        if isinstance(module, ParC):
            nn.init.constant_(module.bias, 100.0)
    graph = graph_of(network)
    found = compose(graph, find_passes(graph)[0])
    wrong = [with_weights(found[0], change)]
    data = Calibration(IMAGES)
    done, _ = quantize_network(graph, found, data, progress=lambda _step: None)
    assert len(done) == 1
    with pytest.raises(ParameterError) as error:
        quantize_network(graph, wrong, data, progress=lambda _step: None)
    layer = found[0]
    assert str(error.value).startswith(
        "Model must be of layers that compute what was found, within 60 dB on the images, not with "
        f"{layer.name}, found as {layer.form} from {layer.entry} to {layer.exit}, at "
    )


def test_poor_integers_are_warned_of():
    figures = {"layers": {"a": 19.96, "b": 20.0, "c": None}, "output": 3.0}
    assert warnings_of(figures) == [
        "integers of a are 20.0 dB from float, under 20 dB",
        "integers of the network's output are 3.0 dB from float, under 20 dB",
    ]


def test_an_embedding_greater_than_the_data_fits():
    torch.manual_seed(0)
    network = ParC(4, 6, axis="height")
    nn.init.normal_(network.embedding.table, std=30.0)
    (layer,), figures = converted(network)
    assert figures["output"] > 30
    assert np.abs(layer.config.arrays["height.pe"]).max() == 127


def test_kernels_that_have_died_cost_nothing():
    torch.manual_seed(0)
    network = ParC(4, 6, axis="height")
    with torch.no_grad():
        network.weight[2] *= 1e-12
        network.weight[3] = 0.0
        network.bias[2:] = 1.0
    _, figures = converted(network)
    assert figures["output"] > 30


def test_what_does_not_fit_the_formats_is_left_with_the_reason():
    torch.manual_seed(0)
    network = ParC(4, 1025, axis="height")
    graph = from_program(torch.export.export(network, (torch.zeros(1, 4, 1025, 2),)), (1025, 2))
    layers = compose(graph, find_passes(graph)[0])
    images = Calibration(np.random.default_rng(0).normal(size=(1, 4, 1025, 2)))
    done, left = quantize_network(graph, layers, images, progress=lambda _step: None)
    assert not done
    (item,) = left
    assert item.name == layers[0].name
    assert item.reason == "height must be from 2 to 1024, not 1025"


@pytest.mark.parametrize("name", ["serial", "residual", "dense"])
@pytest.mark.parametrize("storage", ["rom", "reloaded"])
def test_layers_go_to_the_planner_as_they_are(name, storage, tmp_path):
    """Files in between say the same."""
    (layer,), _ = converted(NETWORKS[name]())
    listed = {"input": [4, *SIZE], "layers": [layer.described()]}
    write_files(
        config_files(layer.config) | {"network.json": json.dumps(listed).encode()}, tmp_path / "net"
    )
    goal = Goal(device_named("lfe5u-25f-6"), 100e6, engines=("direct",), storages=(storage,))
    of_files = read_network(tmp_path / "net")
    passed_on = in_memory(of_files.name, [layer.config], SIZE)
    one, two = (report.files(net, Planner(net, goal).fastest()) for net in (of_files, passed_on))
    assert one == two
    assert any(file.endswith(".npz") for file in one)


def test_the_configuration_in_full():
    torch.manual_seed(0)
    graph = graph_of(Residual(MetaFormer(4, 6)))
    (found,) = compose(graph, find_passes(graph)[0])
    formats = Formats(*(Activation(scale, 1, 8) for scale in (0.03, 0.04, 0.02)))
    layer = to_integers(found, formats, weight_bits=7)
    assert to_toml(layer.config.options).decode() == (
        'form = "metaformer"\n'
        'name = "parc_layer"\n'
        "channels = 4\n"
        "height = 6\n"
        "width = 5\n"
        "data_bits = 8\n"
        "weight_bits = 7\n"
        'weights = "parc_layer.npz"\n'
        "residual = true\n"
        "\n"
        "[engines.height]\n"
        'engine = "direct"\n'
        "\n"
        "[engines.width]\n"
        'engine = "direct"\n'
        "\n"
        "[between]\n"
        "bits = 8\n"
        "\n"
        "[output]\n"
        "bits = 8\n"
    )
    assert sorted(layer.config.arrays) == sorted(
        [
            f"{axis}.{key}"
            for axis in ("height", "width")
            for key in ("weight", "pe", "bias", "multiplier", "shift")
        ]
        + ["between.zero_point", "output.zero_point"]
        + [f"residual.{key}" for key in ("multiplier", "shift", "zero_point")]
    )
