"""What ordinary torch code does around ParC is read right, whatever it came through."""

import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from hw.convert.compose import compose
from hw.convert.find import find_passes
from hw.convert.read_onnx import read_onnx
from hw.convert.read_torch import from_program, read_export
from nets.parc import Parallel, ParC

CHANNELS, SIZE = 4, (6, 6)


class Around(nn.Module):
    """ParC with something around it, given as a function of the layer and the map."""

    def __init__(self, write):
        super().__init__()
        self.write = write
        self.parc = ParC(CHANNELS, SIZE[0], axis="height")
        self.halves = Parallel(CHANNELS, SIZE[0])
        self.norm = nn.BatchNorm2d(CHANNELS)
        nn.init.normal_(self.norm.running_mean)

    def forward(self, x):
        return self.write(self, x)


def relu_before(layer, x):
    return layer.parc(functional.relu(x, inplace=True))


def relu_between(layer, x):
    return layer.halves(functional.leaky_relu(layer.parc(x), 0.1, inplace=True))


def relu6_behind(layer, x):
    return functional.relu6(layer.norm(layer.halves(x)), inplace=True)


def added_to(layer, x):
    y = layer.parc(x)
    y += x
    return layer.halves(y).mul_(2.0)


def clipped_and_written_into(layer, x):
    y = layer.parc(x).clamp_(-0.1, 0.1)
    y[:, :1] = 0.0
    return layer.parc(y)


def without_gradient(layer, x):
    with torch.no_grad():
        y = torch.relu(layer.parc(x))
    return layer.halves(y)


def gated_by_integers(layer, x):
    gate = (x.mean(1, keepdim=True) > 0).to(torch.int32)
    return layer.parc(x) * (1 + gate).float()


def masked(layer, x):
    return layer.parc(x * (x > 0).float())


def picked_by_index(layer, x):
    order = torch.argsort(x.mean((2, 3)), 1)[0]
    return layer.parc(torch.index_select(x, 1, order))


def clamped(layer, x):
    return layer.parc(torch.clamp(x, -6, 6))


def far_from_zero(layer, x):
    return layer.parc(functional.relu(x + 30.0) - 30.0)


def hard(layer, x):
    return functional.hardtanh(layer.parc(x), -20.0, 20.0) * 3.0


def chosen(layer, x):
    return layer.parc(torch.where(x < 9.0, x, 9.0 + 0.1 * x))


def stepped(layer, x):
    return layer.parc(torch.round(x * 1e6) / 1e6)


def in_double(layer, x):
    return layer.parc(x.double().float())


P, H = "serial", "parallel"
WAYS = {
    relu_before: [P],
    relu_between: [P, H],
    relu6_behind: [H],
    added_to: [P, H],
    clipped_and_written_into: [P, P],
    without_gradient: [P, H],
    gated_by_integers: [P],
    masked: [P],
    picked_by_index: [P],
    clamped: [P],
    far_from_zero: [P],
    hard: [P],
    chosen: [P],
    stepped: [P],
    in_double: [P],
}
"""Ways to write something around ParC, and the forms of the layers in it."""


class Together(nn.Module):
    """All of them side by side, and their sum: every one is exported at the cost of one."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.parts = nn.ModuleList(Around(way) for way in WAYS)

    def forward(self, x):
        # Each has maps of its own to write into.
        return torch.cat([torch.sigmoid(part(x * 1.5)) for part in self.parts], 1)


def read_all(network, folder, size=SIZE, channels=CHANNELS):
    """Return the graph by every route, exporting once."""
    image = torch.zeros(1, channels, *size)
    file, onnx, traced = (folder / name for name in ("net.pt2", "net.onnx", "traced.onnx"))
    with warnings.catch_warnings():
        # torch.onnx uses what torch itself has deprecated.
        warnings.simplefilter("ignore")
        program = torch.export.export(network, (image,))
        torch.export.save(program, file)
        torch.onnx.export(program, (), onnx, dynamo=True, verbose=False)
        torch.onnx.export(network, (image,), traced, dynamo=False, opset_version=18)
    return {
        "module": from_program(program, size),
        "file": read_export(file, size),
        "onnx": read_onnx(onnx, size),
        "traced": read_onnx(traced, size),
    }


def test_layers_have_the_values_that_torch_computes(tmp_path):
    network = Together().eval()
    graphs = read_all(network, tmp_path)
    image = 15 * torch.randn(1, CHANNELS, *SIZE, generator=torch.Generator().manual_seed(0))
    image = image.double()
    expected = network.double()(image).detach().numpy()
    for route, graph in graphs.items():
        layers = compose(graph, find_passes(graph)[0])
        names = {name for layer in layers for name in (layer.entry, layer.exit)}
        result, values = graph.run(image, names)
        # One of them rounds to single precision in between.
        np.testing.assert_allclose(result.numpy(), expected, atol=1e-6, err_msg=route)
        forms = {index: [] for index in range(len(WAYS))}
        for layer in layers:
            forms[int(layer.scope.split(".")[1])].append(layer.form)
            x, y = (values[name].numpy()[0] for name in (layer.entry, layer.exit))
            np.testing.assert_allclose(layer.respond(x), y, atol=1e-9, err_msg=layer.scope)
        assert dict(zip(WAYS, forms.values(), strict=True)) == WAYS, route
