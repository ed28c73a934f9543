"""Blocks of the published networks written as in their reference code, in place."""

import warnings

import numpy as np
import torch
from torch import nn

from hw.convert.calibrate import Calibration, measure, quantize_network
from hw.convert.compose import compose
from hw.convert.find import find_passes
from hw.convert.read_onnx import read_onnx
from hw.convert.read_torch import from_program, read_export
from nets.blocks import Head, InvertedResidual, conv_norm
from nets.parc import Parallel
from nets.resnet import Bottleneck

SIZE = (16, 16)
IMAGES = np.random.default_rng(0).normal(size=(2, 3, *SIZE))


def bottleneck(self, x):
    y = self.conv3(self.activation(self.norm2(self.conv2(self.conv1(x)))))
    y += self.shortcut(x)
    return self.activation(y)


def inverted_residual(self, x):
    y = self.project(self.activation(self.norm(self.conv(self.expand(x)))))
    if self.residual:
        y += x
    return y


def blocks():
    """Return blocks of ResNet50-ParC and MobileNetV2-ParC, with ParC and without."""
    mobile = {"expansion": 2, "activation": nn.ReLU6}
    return nn.Sequential(
        conv_norm(3, 16, 3, stride=2, activation=nn.ReLU6),
        InvertedResidual(16, 16, **mobile),
        InvertedResidual(16, 16, **mobile, conv=Parallel(32, 8)),
        Bottleneck(16, 4, 1),
        Bottleneck(16, 4, 1, conv=Parallel(4, 8, dense=True)),
        Head(16, 10),
    )


def converted(graph):
    layers = compose(graph, find_passes(graph)[0])
    data = Calibration(IMAGES)
    done, _ = quantize_network(graph, layers, data, progress=lambda _step: None)
    figures = measure(graph, done, data, lambda _step: None)
    return [layer.form for layer in layers], [*figures["layers"].values(), figures["output"]]


def test_what_is_written_in_place_gives_what_it_gives_in_onnx(tmp_path, monkeypatch):
    torch.manual_seed(0)
    network = blocks().eval()
    image = torch.zeros(1, 3, *SIZE)
    with warnings.catch_warnings():
        # torch.onnx uses what torch itself has deprecated.
        warnings.simplefilter("ignore")
        options = {"dynamo": False, "opset_version": 18}
        torch.onnx.export(network, (image,), tmp_path / "net.onnx", **options)
    expected = converted(read_onnx(tmp_path / "net.onnx", SIZE))
    assert expected[0] == ["parallel", "dense"]
    assert min(expected[1]) > 30
    monkeypatch.setattr(Bottleneck, "forward", bottleneck)
    monkeypatch.setattr(InvertedResidual, "forward", inverted_residual)
    for module in network.modules():
        if isinstance(module, (nn.ReLU, nn.ReLU6)):
            module.inplace = True
    program = torch.export.export(network, (image,))
    torch.export.save(program, tmp_path / "net.pt2")
    for graph in (from_program(program, SIZE), read_export(tmp_path / "net.pt2", SIZE)):
        found, figures = converted(graph)
        assert found == expected[0]
        # What is folded in single precision by the exporter can move a rounding.
        np.testing.assert_allclose(figures, expected[1], atol=0.5)
