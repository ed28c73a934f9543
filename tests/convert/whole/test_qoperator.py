"""Operators in integers, one by one: golden's words are those of onnxruntime's own kernels."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from golden.network.files import read_network
from golden.network.network import Network
from hw.command import run_command
from hw.convert.command import main
from hw.convert.whole.qoperator import KERNELS, MICROSOFT
from hw.convert.whole.referee import SourceFile, session_of

IMAGES = np.random.default_rng(5).normal(0, 1, (3, 4, 6, 6)).astype(np.float32)


class Words:
    """Writes files of operators in integers, on words of random formats."""

    def __init__(self, seed, wide):
        self.rng, self.wide = np.random.default_rng(seed), wide
        self.nodes, self.constants = [], []
        self.last = ["x", *self.format(2.0)]
        self.node("QuantizeLinear", self.last, self.last[1:])

    def constant(self, values, dtype=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def format(self, reach):
        """Return names of a scale, of words that reach about so far, and of a zero point."""
        scale = self.constant(reach / 128 * self.rng.uniform(0.7, 1.4))
        middle = 0 if self.wide == np.int8 else 128
        return [scale, self.constant(middle + self.rng.integers(-40, 40), self.wide)]

    def words(self, *shape, reach=1.0):
        """Return names of constant words and their format."""
        ends = np.iinfo(self.wide)
        values = self.rng.integers(ends.min, ends.max + 1, shape)
        return [self.constant(values, self.wide), *self.format(reach)]

    def node(self, kind, inputs, gives, **attributes):
        """Add a node; its result has the format ``gives``."""
        output, domain = f"t{len(self.nodes)}", MICROSOFT if kind in _OF_MICROSOFT else ""
        name = f"n{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(kind, inputs, [output], name, domain=domain, **attributes)
        )
        self.last = [output, *gives]
        return self.last

    def unary(self, kind, reach=1.0, **attributes):
        gives = self.format(reach)
        return self.node(kind, [*self.last, *gives], gives, **attributes)

    def conv(self, outputs, inputs, size=1, reach=2.0, **attributes):
        shape = (outputs, inputs // attributes.get("group", 1), size, size)
        weight = self.constant(self.rng.integers(-127, 128, shape), np.int8)
        scales = self.constant(
            self.rng.uniform(0.5, 1.5, outputs) / 127 / np.sqrt(shape[1] * size**2)
        )
        zeros = self.constant(np.zeros(outputs), np.int8)
        bias = self.constant(self.rng.integers(-3000, 3000, outputs), np.int32)
        gives = self.format(reach)
        taken = [*self.last, weight, scales, zeros, *gives, bias]
        return self.node("QLinearConv", taken, gives, **attributes)

    def binary(self, kind, first, second, reach=2.0):
        gives = self.format(reach)
        return self.node(kind, [*first, *second, *gives], gives)

    def matrix(self, kind, outputs, inputs, reach=2.0, **attributes):
        shape = (outputs, inputs) if attributes.get("transB") else (inputs, outputs)
        weight = self.constant(self.rng.integers(-127, 128, shape), np.int8)
        many = [self.constant(self.rng.uniform(0.5, 1.5, outputs) / 127 / np.sqrt(inputs))]
        many.append(self.constant(np.zeros(outputs), np.int8))
        bias = [self.constant(self.rng.integers(-3000, 3000, outputs), np.int32)]
        gives = self.format(reach)
        more = bias if kind == "QGemm" else []
        return self.node(kind, [*self.last, weight, *many, *more, *gives], gives, **attributes)

    def save(self, path, rank=4, opset=20):
        self.node("DequantizeLinear", self.last, self.last[1:])
        taken = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *IMAGES.shape[1:]])]
        sides = list("abcd"[:rank])
        given = [helper.make_tensor_value_info(self.last[0], TensorProto.FLOAT, sides)]
        graph = helper.make_graph(self.nodes, "net", taken, given, self.constants)
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
        return path


_OF_MICROSOFT = set(KERNELS) - {"QLinearConv", "QLinearMatMul"}


def _flat(net):
    pooled = net.unary("QLinearGlobalAveragePool")
    net.node("Flatten", pooled[:1], pooled[1:])


def _convolutions(net):
    net.conv(8, 4, 3, pads=[1, 1, 1, 1])
    net.conv(8, 8, 3, group=8, strides=[2, 2])
    net.conv(5, 8)


def _padded(net):
    for pads in ((0, 0, 1, 0, 0, 0, 1, 2), (0, 0, 0, 1, 0, 0, 0, 0)):
        name, scale, zero = net.last
        sides = net.constant(pads, np.int64)
        net.node("Pad", [name, sides, zero], [scale, zero])
        net.conv(4, 4, 3, strides=[2, 1], pads=[1, 0, 0, 1])


def _sums(net):
    first = net.last
    other = net.conv(4, 4)
    net.binary("QLinearAdd", first, other)
    net.binary("QLinearAdd", net.last, net.words(1, 4, 6, 6))
    net.binary("QLinearAdd", net.words(1, 4, 6, 6), net.last)
    net.binary("QLinearAdd", net.words(1, 4, 1, 1), net.last)
    net.binary("QLinearAdd", net.last, net.words(1, 4, 1, 1))


def _products(net):
    first = net.last
    other = net.conv(4, 4)
    net.binary("QLinearMul", first, other)
    net.binary("QLinearMul", net.words(1, 4, 6, 6, reach=2), net.last)
    gate = net.unary("QLinearGlobalAveragePool")
    net.binary("QLinearMul", gate, first)


def _functions(net):
    net.unary("QLinearSigmoid")
    net.conv(4, 4)
    net.unary("QLinearLeakyRelu", alpha=0.1)


def _joined(net):
    first = net.last
    net.conv(3, 4)
    gives = net.format(2.0)
    net.node("QLinearConcat", [*gives, *net.last, *first], gives, axis=1)
    pooled = net.node("MaxPool", net.last[:1], net.last[1:], kernel_shape=[2, 2], strides=[2, 2])
    net.node("Transpose", pooled[:1], pooled[1:], perm=[0, 1, 3, 2])
    net.node("Transpose", net.last[:1], net.last[1:], perm=[0, 1, 3, 2])
    net.conv(2, 7)


def _averages(net):
    net.unary("QLinearAveragePool", kernel_shape=[3, 2], strides=[1, 2])
    net.conv(4, 4)
    net.unary("QLinearGlobalAveragePool")


def _gemm(net):
    _flat(net)
    net.matrix("QGemm", 6, 4, transB=1)
    net.matrix("QGemm", 5, 6)


def _matmul(net):
    _flat(net)
    net.matrix("QLinearMatMul", 6, 4)
    bias = net.words(6)
    net.binary("QLinearAdd", net.last, bias)


NETWORKS = {
    "convolutions": (_convolutions, 4),
    "padded": (_padded, 4),
    "sums": (_sums, 4),
    "products": (_products, 4),
    "functions": (_functions, 4),
    "joined": (_joined, 4),
    "averages": (_averages, 4),
    "gemm": (_gemm, 2),
    "matmul": (_matmul, 2),
}


def run(path, folder, *more):
    np.savez(folder / "images.npz", x=IMAGES)
    arguments = [path, "--whole", "--input-size", "6x6", "--calibration", folder / "images.npz"]
    return run_command(
        main, "hw.convert", [str(a) for a in (*arguments, "-o", folder / "out", *more)]
    )


@pytest.mark.parametrize("wide", [np.uint8, np.int8])
@pytest.mark.parametrize("name", NETWORKS)
def test_maps_are_those_of_the_kernels(name, wide, tmp_path, capsys):
    write, rank = NETWORKS[name]
    net = Words(sorted(NETWORKS).index(name), wide)
    write(net)
    path = net.save(tmp_path / "net.onnx", rank)
    assert run(path, tmp_path, "--check") == 0, capsys.readouterr().err
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["check"]["different"] == []
    network = read_network(tmp_path / "out" / "network.toml")
    assert not network.own


@pytest.mark.parametrize("fault", ["value", "channels", "mode", "user"])
def test_paddings_that_no_convolution_has_are_refused(fault, tmp_path, capsys):
    net = Words(0, np.uint8)
    name, scale, zero = net.last
    pads = net.constant((0, int(fault == "channels"), 1, 1, 0, 0, 1, 1), np.int64)
    value = net.constant(3, np.uint8) if fault == "value" else zero
    options = {"mode": "edge"} if fault == "mode" else {}
    net.node("Pad", [name, pads, value], [scale, zero], **options)
    if fault == "user":
        net.unary("QLinearSigmoid")
    else:
        net.conv(4, 5 if fault == "channels" else 4, 3)
    assert run(net.save(tmp_path / "net.onnx"), tmp_path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "of operations that pad what convolutions take, by its zero point" in line


def test_zeros_padded_to_the_image_are_its_zero_point(tmp_path):
    net = Words(0, np.uint8)
    net.conv(4, 4, 3, strides=[2, 2])
    pads = net.constant((0, 0, 0, 1, 0, 0, 1, 0), np.int64)
    net.nodes[0].input[0] = "wide"
    net.nodes.insert(0, helper.make_node("Pad", ["x", pads], ["wide"], "pad"))
    path = net.save(tmp_path / "net.onnx")
    assert run(path, tmp_path, "--check") == 0
    network = read_network(tmp_path / "out" / "network.toml")
    (stage,) = network.operators.values()
    assert stage.padding == (0, 1, 1, 0)


def pool_of_ties(folder):
    """A mean of four words in their own scale: every fourth sum is in the middle of two steps."""
    net = Words(2, np.uint8)
    net.unary("QLinearAveragePool", kernel_shape=[2, 2], strides=[2, 2])
    pool, scale = net.nodes[-1], net.nodes[-1].input[1]
    pool.input[3], net.last[1] = scale, scale
    return net.save(folder / "net.onnx")


def test_means_of_windows_are_as_onnxruntime_adds_them(tmp_path):
    """In float32, sample by sample: the same sum is rounded to either side."""
    path = pool_of_ties(tmp_path)
    assert run(path, tmp_path, "--check") == 0
    network = read_network(tmp_path / "out" / "network.toml")
    (stage,) = network.operators.values()
    session = session_of(exposed(path, ["t0", "t1"]))
    given = {}
    for image in np.random.default_rng(0).normal(0, 1, (40, 1, *IMAGES.shape[1:])):
        x, y = (v.astype(np.int64) for v in session.run(["t0", "t1"], {"x": image.astype("f4")}))
        np.testing.assert_array_equal(y, stage.value(x))
        for total, word in zip(stage.totals(x).ravel(), y.ravel(), strict=True):
            given.setdefault(int(total), set()).add(int(word))
    assert any(len(words) > 1 for words in given.values())


@pytest.mark.parametrize("kind", ["ReduceMean", "GlobalAveragePool"])
def test_only_sums_in_no_known_order_may_be_off_at_a_tie(kind, tmp_path):
    net = Words(0, np.uint8)
    gives = net.last[1:]
    real = net.node("DequantizeLinear", net.last, gives)
    axes = [net.constant([2, 3], np.int64)] if kind == "ReduceMean" else []
    net.node(kind, [real[0], *axes], gives)
    net.node("QuantizeLinear", [net.last[0], *gives], gives)
    path = net.save(tmp_path / "net.onnx")
    assert run(path, tmp_path, "--check") == 0
    network = read_network(tmp_path / "out" / "network.toml")
    (node,) = network.nodes
    # Two channels whose mean is half a step, two whose mean is none; all one step off.
    image = np.zeros((1, *IMAGES.shape[1:]))
    scale = network.maps[network.input].scale
    image[0, :2].reshape(2, -1)[:, :18] = scale
    gives = node.stage.gives
    stage = replace(node.stage, gives=replace(gives, zero_point=gives.zero_point + 1))
    other = Network(network.inputs, (replace(node, stage=stage),), network.outputs)
    wrong = 2 if kind == "ReduceMean" else 4
    (difference,) = SourceFile(other, onnx.load(path), {node.name: "t3"}).compare(image)
    assert (difference.different, difference.wrong) == (4, wrong)


def exposed(path, names):
    proto = onnx.load(path)
    del proto.graph.output[:]
    proto.graph.output.extend(map(helper.make_empty_tensor_value_info, names))
    return proto
