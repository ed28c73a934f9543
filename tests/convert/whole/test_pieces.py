"""Layer norms in pieces, and a softmax at the end."""

import json

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from golden.network.files import read_network
from hw.command import run_command
from hw.convert.command import main
from hw.convert.whole.model import fixed, simplified
from hw.convert.whole.norms import with_layer_norms
from tests.convert.whole.builder import Builder

IMAGES = np.random.default_rng(3).normal(0, 1, (6, 3, 8, 8)).astype(np.float32)


def run(model, folder, *more):
    np.savez(folder / "images.npz", x=IMAGES)
    arguments = [model, "--whole", "--input-size", "8x8", "--calibration", folder / "images.npz"]
    arguments += ["-o", folder / "out", *more]
    return run_command(main, "hw.convert", [str(a) for a in arguments])


def converted(net, folder, rank=4, opset=20):
    path = net.save(folder / "net.onnx", rank, opset)
    assert run(path, folder, "--check") == 0
    report = json.loads((folder / "out" / "report.json").read_text())
    assert report["check"]["different"] == []
    return read_network(folder / "out" / "network.toml"), report


def mean(net, source, axis, opset):
    if opset < 18:
        return net.add("ReduceMean", source=source, axes=[axis], keepdims=1)
    return net.add("ReduceMean", net.constant([axis], np.int64), source=source)


def layer_norm(net, x, *, axis=-1, opset=20, square="Pow", root="Div", gain=True, first=False):
    """Add a layer norm in pieces."""
    centre = mean(net, x, axis, opset)
    away = net.add("Sub", centre, source=x)
    if square == "Pow":
        net.add("Pow", net.constant(2.0), source=away)
    else:
        net.add("Mul", away, source=away)
    variance = mean(net, net.last, axis, opset)
    net.add("Add", net.constant(1e-3), source=variance)
    net.add("Sqrt")
    if root == "Div":
        net.add("Div", net.last, source=away)
    else:
        net.add("Reciprocal")
        net.add("Mul", away)
    if gain:
        sides = (-1, 1, 1) if first else (-1,)
        for kind, low, high in (("Mul", 0.5, 1.5), ("Add", -0.3, 0.3)):
            net.add(kind, net.constant(net.rng.uniform(low, high, 6).reshape(sides)))
    return net.last


FORMS = {
    "last": {},
    "last, an axis that is counted": {"axis": 3},
    "squares as products": {"square": "Mul"},
    "a reciprocal root": {"root": "Reciprocal"},
    "opset 13": {"opset": 13},
    "opset 17": {"opset": 17, "square": "Mul"},
    "no gain": {"gain": False},
    "first": {"axis": 1, "first": True},
    "first, by a reciprocal": {"axis": 1, "first": True, "root": "Reciprocal"},
}


@pytest.mark.parametrize("form", FORMS)
def test_layer_norms_in_pieces_are_one(form, tmp_path):
    net, options = Builder(), FORMS[form]
    first = options.get("first", False)
    net.conv(6, 3)
    if not first:
        net.add("Transpose", perm=[0, 2, 3, 1])
    layer_norm(net, net.last, **options)
    if not first:
        net.add("Transpose", perm=[0, 3, 1, 2])
    net.conv(4, 6)
    network, report = converted(net, tmp_path, opset=options.get("opset", 20))
    kinds = [operator.kind for operator in network.operators.values()]
    assert kinds == ["convolution", "layer_norm", "convolution"]
    assert report["output"] > 25


@pytest.mark.parametrize("form", FORMS)
def test_one_operator_computes_what_the_pieces_do(form, tmp_path):
    net, options = Builder((1, 6, 8, 8)), FORMS[form]
    first = options.get("first", False)
    net.add("Transpose", perm=[0, 1, 2, 3] if first else [0, 2, 3, 1])
    layer_norm(net, net.last, **options)
    path = net.save(tmp_path / "net.onnx", opset=options.get("opset", 20))
    proto = fixed(onnx.load(path), (8, 8))
    model = simplified(proto)
    assert [o.kind for o in model.operations].count("LayerNormalization") == 1
    image = np.random.default_rng(0).normal(1, 3, (1, 6, 8, 8)).astype("f4")
    pieces = onnx.reference.ReferenceEvaluator(proto).run(None, {"x": image})[0]
    made = model.run([model.output], image)[model.output]
    np.testing.assert_allclose(made, pieces, atol=1e-5)


WRONG = {
    "another map's mean": lambda net, x: net.add(
        "Sub", mean(net, net.add("Abs", source=x), 1, 20), source=x
    ),
    "over height": lambda net, x: net.add("Sub", mean(net, x, 2, 20), source=x),
}


@pytest.mark.parametrize("form", WRONG)
def test_pieces_of_something_else_are_left(form, tmp_path):
    net = Builder()
    away = WRONG[form](net, "x")
    net.add("Pow", net.constant(2.0), source=away)
    mean(net, net.last, 1, 20)
    net.add("Add", net.constant(1e-3))
    net.add("Sqrt")
    net.add("Div", net.last, source=away)
    proto = fixed(onnx.load(net.save(tmp_path / "net.onnx")), (8, 8))
    assert with_layer_norms(proto) is proto


class ChannelsFirst(nn.Module):
    """The layer norm that ConvNeXt's own code has."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 6, 1), nn.Conv2d(6, 4, 1)
        self.weight, self.bias = nn.Parameter(torch.rand(6) + 0.5), nn.Parameter(torch.rand(6))

    def forward(self, x):
        x = self.first(x)
        centre = x.mean(1, keepdim=True)
        variance = (x - centre).pow(2).mean(1, keepdim=True)
        x = (x - centre) / torch.sqrt(variance + 1e-6)
        return self.last(self.weight[:, None, None] * x + self.bias[:, None, None])


def test_torchs_exporter_gives_pieces_that_are_found(tmp_path):
    torch.manual_seed(0)
    program = torch.export.export(ChannelsFirst().eval(), (torch.zeros(1, 3, 8, 8),))
    torch.export.save(program, tmp_path / "net.pt2")
    assert run(tmp_path / "net.pt2", tmp_path, "--check") == 0
    network = read_network(tmp_path / "out" / "network.toml")
    kinds = [operator.kind for operator in network.operators.values()]
    assert kinds == ["convolution", "layer_norm", "convolution"]


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
def test_a_softmax_over_classes_is_left_out_at_the_end(kind, tmp_path, capsys):
    net = Builder()
    net.conv(6, 3)
    net.add("GlobalAveragePool")
    net.add("Flatten")
    classes = net.add("Gemm", net.constant(net.rng.normal(0, 1, (5, 6))), transB=1)
    softmax = net.add(kind, axis=-1)
    network, report = converted(net, tmp_path, 2)
    assert report["left_out"] == [f"{kind} n4"]
    assert f"warning: {kind} n4 is left out: the results before it" in capsys.readouterr().err
    path = tmp_path / "net.onnx"
    theirs = simplified(fixed(onnx.load(path), (8, 8)))
    made = theirs.run([classes, softmax], IMAGES[:1])
    assert np.array_equal(np.argsort(made[classes]), np.argsort(made[softmax]))
    assert network.outputs == (classes,)


def test_a_softmax_over_channels_of_a_map_is_left_out(tmp_path):
    net = Builder()
    net.conv(4, 3)
    net.add("Softmax", axis=1)
    _, report = converted(net, tmp_path)
    assert report["left_out"] == ["Softmax n1"]


def test_other_softmaxes_are_refused(tmp_path, capsys):
    for name, axis, more in (("rows", 3, False), ("between", 1, True)):
        net = Builder()
        net.conv(4, 3)
        net.add("Softmax", axis=axis)
        if more:
            net.conv(4, 4)
        assert run(net.save(tmp_path / f"{name}.onnx"), tmp_path) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "among those that are known" in line
        assert "Softmax n1" in line
