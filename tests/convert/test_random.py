"""Random networks of ParC and of what torch code puts around it: found right, or not at all."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from golden.numbers.observe import Agreement
from hw.convert.compose import compose
from hw.convert.find import find_passes
from hw.convert.read_torch import from_program
from nets.parc import MetaFormer, Parallel, ParC

CHANNELS, SIZE = 4, (6, 6)
N_NETWORKS, N_STEPS = 6, 6


def scaled_by_table(x, _):
    return x * torch.linspace(-2, 2, SIZE[0])[:, None]


def positions_added(x, _):
    return x + torch.arange(SIZE[1]) * 0.3


def channels_scaled(x, _):
    return x.mul_(torch.tensor([1.0, -0.5, 3.0, 1e-4])[:, None, None])


def channels_mixed_a_little(x, _):
    mix = torch.eye(CHANNELS) + 1e-4 * torch.ones(CHANNELS, CHANNELS)
    return torch.einsum("oi,bihw->bohw", mix, x)


def far_clamp(x, _):
    return x.clamp_(-40.0, 35.0)


def near_clamp(x, _):
    return functional.hardtanh(x, -6.0, 6.0, inplace=True)


def relu_far_away(x, _):
    return torch.relu_(x + 20.0) - 20.0


def gated(x, _):
    return x * (1 + (x.mean(1, keepdim=True) > 0).to(torch.int32)).float()


def masked(x, _):
    x[x > 25.0] = 0.0
    return x


def first_channel_halved(x, _):
    x[:, :1] *= 0.5
    return x


def input_added(x, first):
    x += first
    return x


def rounded(x, _):
    return torch.round(x * 8) / 8


def swapped(x, _):
    return x.transpose(2, 3)


def rolled(x, _):
    return torch.roll(x, 2, 3)


def turned_channels(x, _):
    return torch.cat((x[:, 2:], x[:, :2]), 1)


def through_half(x, _):
    return x.half().float()


def leaky(x, _):
    return functional.leaky_relu(x, 0.2, inplace=True)


AROUND = [
    *(scaled_by_table, positions_added, channels_scaled, channels_mixed_a_little, far_clamp),
    *(near_clamp, relu_far_away, gated, masked, first_channel_halved, input_added, rounded),
    *(swapped, rolled, turned_channels, through_half, leaky),
]
LAYERS = [
    lambda: ParC(CHANNELS, 6, axis="height"),
    lambda: ParC(CHANNELS, 6, axis="width", form="fft"),
    lambda: ParC(CHANNELS, 6, axis="width", groups=1),
    lambda: Parallel(CHANNELS, 6),
    lambda: MetaFormer(CHANNELS, 6),
    lambda: nn.BatchNorm2d(CHANNELS),
]


class Chance(nn.Module):
    """Layers and functions drawn at random, one behind the other."""

    def __init__(self, generator):
        super().__init__()
        # Scaled so that values stay as large as they come in.
        self.layers = nn.ModuleList(LAYERS[i]() for i in generator.integers(0, 6, N_STEPS))
        self.between = [AROUND[i] for i in generator.integers(0, len(AROUND), N_STEPS)]
        for module in self.layers.modules():
            if isinstance(module, ParC):
                nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5)
                nn.init.normal_(module.embedding.table) if module.embedding else None

    def forward(self, x):
        first = x
        for layer, change in zip(self.layers, self.between, strict=True):
            x = change(layer(x) * 1.25, first)
        return x


class Many(nn.Module):
    """Several beside each other, since an export costs more than what it exports."""

    def __init__(self):
        super().__init__()
        generator = np.random.default_rng(2026)
        torch.manual_seed(0)
        self.parts = nn.ModuleList(Chance(generator) for _ in range(N_NETWORKS))

    def forward(self, x):
        return torch.cat([torch.tanh(part(1.0 * x) / 30) for part in self.parts], 1)


def test_random_networks_are_found_right_or_not_at_all():
    network = Many().eval()
    image = torch.zeros(1, CHANNELS, *SIZE)
    graph = from_program(torch.export.export(network, (image,)), SIZE)
    layers = compose(graph, find_passes(graph)[0])
    names = {name for layer in layers for name in (layer.entry, layer.exit)}
    agreements = [Agreement() for _ in layers]
    for seed in range(3):
        image = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed)) * 15
        result, values = graph.run(image.double(), names)
        expected = network(image).detach().numpy()
        # Half precision and steps: single precision can fall on another side.
        assert np.mean(np.abs(result.numpy() - expected) > 1e-3) < 0.05
        for layer, agreement in zip(layers, agreements, strict=True):
            x = layer.of_entry(values[layer.entry].numpy()[0])
            agreement.add(layer.of_exit(values[layer.exit].numpy()[0]), layer.respond(x))
    worst = {
        layer.name: agreement.decibels
        for layer, agreement in zip(layers, agreements, strict=True)
        if not agreement.decibels >= 60
    }
    assert not worst
    n_layers = sum(not isinstance(m, nn.BatchNorm2d) for p in network.parts for m in p.layers)
    assert len(layers) >= n_layers * 0.9
    assert len({layer.name.casefold() for layer in layers}) == len(layers)
