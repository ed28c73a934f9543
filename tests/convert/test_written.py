"""What ordinary torch code does around ParC is read right, whatever it came through."""

import inspect
import sys
import types
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from golden.inputs.errors import ParameterError
from hw.convert.compose import compose
from hw.convert.find import find_passes
from hw.convert.read_onnx import read_onnx
from hw.convert.read_torch import from_program, read_export, read_factory
from nets.parc import MetaFormer, Parallel, ParC

CHANNELS, SIZE = 4, (6, 6)


class Around(nn.Module):
    """ParC with something around it, given as a function of the layer and the map."""

    def __init__(self, write):
        super().__init__()
        self.write = write
        self.parc = ParC(CHANNELS, SIZE[0], axis="height")
        self.halves = Parallel(CHANNELS, SIZE[0])
        self.meta = MetaFormer(CHANNELS, SIZE[0])
        self.norm = nn.BatchNorm2d(CHANNELS)
        dtype = PRECISIONS.get(write, torch.float32)
        self.cast = ParC(CHANNELS, SIZE[0], axis="width").to(dtype)
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


def past_no_ops(layer, x):
    y = functional.dropout(x.detach().clone(), 0.5, layer.training).to(x.dtype)
    return layer.meta(y.contiguous()) + x.detach().contiguous()


def in_half(layer, x):
    return layer.cast(x.half()).float() * 2


def in_bfloat16(layer, x):
    return layer.cast(torch.relu(x).bfloat16()).to(x.dtype)


def in_double(layer, x):
    return layer.cast(x.double()).float()


PRECISIONS = {in_half: torch.half, in_bfloat16: torch.bfloat16, in_double: torch.double}

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
    past_no_ops: ["metaformer with its residual"],
    in_half: [P],
    in_bfloat16: [P],
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
        # torch uses what it has itself deprecated.
        warnings.simplefilter("ignore")
        program = torch.export.export(network, (image,))
        core = program.run_decompositions()
        torch.export.save(program, file)
        torch.onnx.export(program, (), onnx, dynamo=True, verbose=False)
        torch.onnx.export(network, (image,), traced, dynamo=False, opset_version=18)
    return {
        "module": from_program(program, size),
        "file": read_export(file, size),
        "core": from_program(core, size),
        "onnx": read_onnx(onnx, size),
        "traced": read_onnx(traced, size),
    }


def test_layers_have_the_values_that_torch_computes(tmp_path):
    network = Together().eval()
    graphs = read_all(network, tmp_path)
    image = 15 * torch.randn(1, CHANNELS, *SIZE, generator=torch.Generator().manual_seed(0))
    expected = network(image).detach().numpy()
    # What torch's own precision leaves of a sigmoid of values up to some tens.
    coarse = {in_half: 0.05, in_bfloat16: 0.2}
    atol = np.repeat([coarse.get(way, 1e-4) for way in WAYS], CHANNELS)[:, None, None]
    for route, graph in graphs.items():
        layers = compose(graph, find_passes(graph)[0])
        names = {name for layer in layers for name in (layer.entry, layer.exit)}
        result, values = graph.run(image.double(), names)
        assert (np.abs(result.numpy() - expected) <= atol).all(), route
        forms = {index: [] for index in range(len(WAYS))}
        for layer in layers:
            form = f"{layer.form} with its residual" if layer.residual else layer.form
            forms[int(layer.scope.split(".")[1])].append(form)
            x = layer.of_entry(values[layer.entry].numpy()[0])
            y = layer.of_exit(values[layer.exit].numpy()[0])
            np.testing.assert_allclose(layer.respond(x), y, atol=1e-9, err_msg=layer.scope)
        assert dict(zip(WAYS, forms.values(), strict=True)) == WAYS, route


@pytest.mark.parametrize("dtype", [torch.half, torch.bfloat16, torch.double])
def test_a_network_wholly_in_another_precision(dtype, monkeypatch):
    made = types.ModuleType("made_up")
    made.factory = lambda: nn.Sequential(ParC(CHANNELS, SIZE[0], axis="height")).to(dtype)
    monkeypatch.setitem(sys.modules, "made_up", made)
    graph = read_factory("made_up:factory", None, SIZE, CHANNELS)
    (layer,) = compose(graph, find_passes(graph)[0])
    assert layer.form == "serial"


class Functional(nn.Module):
    """Blocks whose names collide: modules used twice, names that differ in letters no name has."""

    def __init__(self):
        super().__init__()
        self.body = nn.ModuleList(ParC(CHANNELS, SIZE[0], axis="height") for _ in range(3))
        self.body_1 = ParC(CHANNELS, SIZE[0], axis="height")
        self.Body = nn.ModuleList([nn.Identity(), ParC(CHANNELS, SIZE[0], axis="height")])

    def forward(self, x):
        for layer in (self.body[0], self.body[0], self.body[2], self.body[2]):
            x = torch.relu(layer(x))
        x = torch.relu(self.body_1(x))
        x = torch.relu(self.body[1](x))
        # As another way to use kernels, without the module's own forward.
        x = functional.conv2d(torch.cat((x, x[:, :, :-1]), 2), self.body[0].weight, groups=CHANNELS)
        return torch.relu(self.Body[1](torch.relu(x)))


def test_every_layer_has_a_name_of_its_own():
    torch.manual_seed(0)
    image = torch.zeros(1, CHANNELS, *SIZE)
    graph = from_program(torch.export.export(Functional(), (image,)), SIZE)
    names = [layer.name for layer in compose(graph, find_passes(graph)[0])]
    assert names == [
        *("parc_body_0_0", "parc_body_0_1", "parc_body_2_2", "parc_body_2_3"),
        *("parc_body_1_4", "parc_body_1_5", "parc_6", "parc_Body_1_7"),
    ]
    assert len({name.casefold() for name in names}) == len(names)


def test_numbers_that_make_a_name_of_another_layer_are_not_taken():
    """Two uses of "a" get numbers; a module is called what one of them would be."""

    class Numbered(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = ParC(CHANNELS, SIZE[0], axis="height")
            self.a_1 = ParC(CHANNELS, SIZE[0], axis="height")

        def forward(self, x):
            return self.a_1(torch.relu(self.a(torch.relu(self.a(x)))))

    image = torch.zeros(1, CHANNELS, *SIZE)
    graph = from_program(torch.export.export(Numbered(), (image,)), SIZE)
    names = [layer.name for layer in compose(graph, find_passes(graph)[0])]
    assert names == ["parc_a_0", "parc_a_1_", "parc_a_1"]


def test_a_mixing_convolution_of_small_weights_is_no_gain_a_channel():
    torch.manual_seed(0)
    mix = nn.Conv2d(CHANNELS, CHANNELS, 1)
    with torch.no_grad():
        mix.weight *= 1e-5
    for network in (
        nn.Sequential(ParC(CHANNELS, SIZE[0], axis="height"), mix),
        nn.Sequential(mix, ParC(CHANNELS, SIZE[0], axis="height")),
    ):
        image = torch.zeros(1, CHANNELS, *SIZE)
        graph = from_program(torch.export.export(network, (image,)), SIZE)
        (layer,) = compose(graph, find_passes(graph)[0])
        passed = graph.producers.get(layer.exit), graph.producers.get(layer.entry)
        assert "conv2d" in (layer.exit, layer.entry), passed


class Shapely(nn.Module):
    """A map whose size depends on what the image shows."""

    def forward(self, x):
        return x[x > 0].sum() * x


class Random(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


class Branching(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))


@pytest.mark.parametrize(
    ("network", "complaint"),
    [
        (Shapely(), "of shapes that do not depend on what the image shows, not with index, {}"),
        (Random(), "a network without random numbers, not with randn_like, {}"),
        (Branching(), "a network of torch's own operators, not with cond, {}"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_its_line(network, complaint):
    image = torch.zeros(1, CHANNELS, *SIZE)
    program = torch.export.export(network, (image,))
    with pytest.raises(ParameterError) as error:
        from_program(program, SIZE)
    lines, first = inspect.getsourcelines(type(network).forward)
    place = f"{__file__}:{first + len(lines) - 1}"
    assert str(error.value) == f"Model must be {complaint.format(place)}"
