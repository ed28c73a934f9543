"""Whole networks on the command line: what is written, how equal it is, and every refusal."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from golden.network.circular import Circular
from golden.network.convolution import Convolution
from golden.network.files import read_network
from hw.command import run_command
from hw.convert.command import main
from hw.convert.whole.qdq import output_name
from hw.convert.whole.supported import foreign_text, operations_text, operators_table
from nets.digits import digits, load_trained
from tests.convert.whole.builder import Builder
from tests.convert.whole.plain import plain_options


def run(*arguments):
    return run_command(main, "hw.convert", [str(a) for a in arguments])


@pytest.fixture
def images(tmp_path):
    path = tmp_path / "images.npz"
    np.savez(path, x=np.random.default_rng(1).normal(0, 1, (6, 3, 8, 8)).astype(np.float32))
    return path


def convert(model, images, out, *more, size="8x8"):
    return run(model, "--whole", "--input-size", size, "--calibration", images, "-o", out, *more)


def converted(builder, images, tmp_path, *more, rank=4):
    model = builder.save(tmp_path / "net.onnx", rank)
    assert convert(model, images, tmp_path / "out", "--check", *more) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["check"]["different"] == []
    return read_network(tmp_path / "out" / "network.toml"), report


def kinds(network):
    return [operator.kind for operator in network.operators.values()]


def test_trained_digits_lose_little_and_are_equal(tmp_path, capsys):
    x, y = digits(16, test=True)
    np.savez(tmp_path / "images.npz", x=x[:60], y=y[:60])
    program = torch.export.export(load_trained("metaformer"), (torch.zeros(1, 1, 16, 16),))
    torch.export.save(program, tmp_path / "net.pt2")
    out = tmp_path / "out"
    arguments = (tmp_path / "net.pt2", tmp_path / "images.npz", out, "--check")
    assert convert(*arguments, size="16x16") == 0
    text = capsys.readouterr().out
    assert "as onnxruntime computes them" in text
    report = json.loads((out / "report.json").read_text())
    assert report["integer_accuracy"] >= report["float_accuracy"] - 0.01
    assert report["certificate"]["overflow_free"]
    assert {p.name for p in out.iterdir()} == {
        "network.toml",
        "network.npz",
        "network.qdq.onnx",
        "report.json",
    }
    network = read_network(out / "network.toml")
    assert kinds(network).count("circular") == 8
    # Anyone's onnxruntime, without an option, gives the same.
    session = onnxruntime.InferenceSession(out / "network.qdq.onnx", plain_options())
    for image in x[:5]:
        (name,) = network.outputs
        (theirs,) = session.run([output_name(name)], {network.input: image[None]})
        np.testing.assert_array_equal(theirs, network.predict(image[None])[name].astype("f4"))


def test_batch_norms_and_clips_cost_nothing(tmp_path, images):
    net = Builder()
    net.conv(8, 3, (3, 3), pads=[1, 1, 1, 1])
    net.norm(8)
    net.add("Clip", net.constant(0.0), net.constant(6.0))
    net.conv(8, 8, (3, 3), groups=8, strides=[2, 2])
    net.norm(8)
    net.add("Relu")
    network, report = converted(net, images, tmp_path)
    assert kinds(network) == ["convolution"] * 2
    assert report["output"] > 25


def test_a_batch_norm_before_a_convolution_goes_into_it(tmp_path, images):
    net = Builder()
    net.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    net.norm(3)
    net.conv(4, 3)
    network, report = converted(net, images, tmp_path)
    assert kinds(network) == ["maximum", "convolution"]
    assert report["output"] > 25


WRITTEN = {
    "hardswish": ["HardSwish"],
    "silu": ["Sigmoid", "Mul x"],
    "hardsigmoid": ["Add 3", "Clip 0 6", "Div 6"],
    "gelu": ["Div 1.4142135", "Erf", "Add 1", "Mul x", "Mul 0.5"],
    "tanh": ["Tanh"],
    "": ["Softplus", "Tanh", "Mul x"],
}


@pytest.mark.parametrize("function", WRITTEN)
def test_activations_are_recognised_however_written(function, tmp_path, images):
    net = Builder()
    x = net.conv(4, 3)
    for line in WRITTEN[function]:
        kind, *given = line.split()
        net.add(kind, *(x if g == "x" else net.constant(float(g)) for g in given))
    network, report = converted(net, images, tmp_path)
    assert kinds(network) == ["convolution", "pointwise"]
    assert list(network.operators.values())[1].function == function
    assert report["output"] > 25


def test_activations_that_are_transposed(tmp_path, images):
    net = Builder()
    net.conv(8, 3)
    for kind, *given in (["Sigmoid"], ["Mul", net.constant(7.0)], ["Softplus"]):
        net.add(kind, *given)
        net.add("Transpose", perm=[0, 2, 3, 1])
        gamma, beta = (net.constant(net.rng.uniform(0.5, 2, 8)) for _ in range(2))
        net.add("LayerNormalization", gamma, beta, axis=-1, epsilon=1e-6)
        net.add("Transpose", perm=[0, 3, 1, 2])
    network, report = converted(net, images, tmp_path)
    assert kinds(network)[:3] == ["convolution", "pointwise", "layer_norm"]
    assert report["output"] > 20


def test_circular_convolution_with_all_that_folds_into_it(tmp_path, images):
    net = Builder()
    x = net.conv(4, 3)
    net.add("Add", net.constant(net.rng.normal(0, 0.1, (1, 4, 8, 1))))
    x = net.norm(4)
    bounds = [net.constant(np.array([v]), np.int64) for v in (0, 7, 2)]
    first = net.add("Slice", *bounds)
    net.add("Concat", first, source=x, axis=2)
    net.conv(4, 4, (8, 1), groups=4)
    network, report = converted(net, images, tmp_path)
    assert kinds(network) == ["convolution", "circular"]
    assert isinstance(network.operators["t5_0"], Circular)
    assert network.operators["t5_0"].embedding.shape == (4, 8, 1)
    assert report["output"] > 25


def test_a_map_that_goes_on_only_in_part_is_no_circle(tmp_path, images):
    net = Builder()
    x = net.conv(4, 3)
    bounds = [net.constant(np.array([v]), np.int64) for v in (0, 3, 2)]
    first = net.add("Slice", *bounds)
    net.add("Concat", first, source=x, axis=2)
    net.conv(4, 4, (8, 1), groups=4)
    network, report = converted(net, images, tmp_path)
    assert kinds(network) == ["convolution", "select", "concatenate", "convolution"]
    assert report["output"] > 25


def test_every_operator(tmp_path, images):
    net = Builder()
    x = net.conv(8, 3)
    net.add("GlobalAveragePool")
    net.conv(8, 8)
    gate = net.add("HardSigmoid", alpha=1 / 6, beta=0.5)
    x = net.add("Mul", gate, source=x)
    halves = net.add("Split", axis=1, outputs=2, num_outputs=2)
    x = net.add("Concat", halves[0], source=halves[1], axis=1)
    net.add("Transpose", perm=[0, 2, 3, 1])
    gamma, beta = net.constant(net.rng.uniform(0.5, 2, 8)), net.constant(net.rng.normal(0, 1, 8))
    net.add("LayerNormalization", gamma, beta, axis=-1, epsilon=1e-6)
    net.add("MatMul", net.constant(net.rng.normal(0, 0.3, (8, 8))))
    net.add("Transpose", perm=[0, 3, 1, 2])
    net.add("Add", x)
    net.add("DepthToSpace", blocksize=2)
    net.add("SpaceToDepth", blocksize=2)
    scales = net.constant(np.array([1, 1, 2, 2], np.float32))
    net.add(
        "Resize",
        "",
        scales,
        mode="nearest",
        nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )
    net.add("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    net.add("ReduceMean", net.constant(np.array([2, 3]), np.int64), keepdims=0)
    net.add(
        "Gemm", net.constant(net.rng.normal(0, 0.3, (5, 8))), net.constant(np.zeros(5)), transB=1
    )
    network, report = converted(net, images, tmp_path, rank=2)
    assert {"average", "multiply", "select", "concatenate", "layer_norm", "add", "arrange"} <= set(
        kinds(network)
    )
    assert report["output"] > 20
    assert not report["certificate"]["exact"]


def test_a_part_is_cut_out(tmp_path, images):
    net = Builder((None, 3, 8, 8))
    net.conv(4, 3)
    net.add("Sigmoid")
    net.conv(5, 4)
    net.add("Softmax", axis=1)
    path = net.save(tmp_path / "net.onnx")
    out = tmp_path / "out"
    assert convert(path, images, out, "--check", "--from", "n1", "--until", "n2") == 0
    network = read_network(out / "network.toml")
    assert kinds(network) == ["pointwise", "convolution"]
    assert network.maps[network.input].shape == (4, 8, 8)


def refused(capsys, message, *arguments):
    assert convert(*arguments) == 2
    line = capsys.readouterr().err.splitlines()
    assert len(line) == 1
    assert message in line[0], line[0]
    assert not arguments[2].exists()


def test_what_cant_be_done_is_named_with_its_place(tmp_path, images, capsys):
    out = tmp_path / "out"

    def model(*kinds, opset=20, **attributes):
        net = Builder()
        net.conv(4, 3)
        for kind in kinds:
            net.add(kind, **attributes)
        net.conv(4, 4)
        return net.save(tmp_path / "net.onnx", opset=opset)

    refused(
        capsys,
        "MODEL must be of operations among those that are known: Abs, Add, AveragePool,",
        model("Softmax"),
        images,
        out,
    )
    assert convert(model("Softmax"), images, out) == 2
    assert "not Softmax n1" in capsys.readouterr().err
    refused(
        capsys,
        "MODEL must be of operations without padding, or with count_include_pad",
        model("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        images,
        out,
    )
    refused(
        capsys,
        "--until must be a node: n0, n1, ... n1, not none",
        model(),
        images,
        out,
        "--until",
        "none",
    )
    refused(
        capsys,
        "--bits must be at most 8 with --whole, not 12",
        model(),
        images,
        out,
        "--bits",
        "12",
    )
    assert run(model(), "--input-size", "8x8", "--calibration", images, "-o", out, "--check") == 2
    assert "--check must be left out without --whole" in capsys.readouterr().err


def attention(net, channels, side):
    """Tokens of all places, each a sum of all by how alike they are, and a map again."""

    def weight():
        return net.constant(net.rng.normal(0, 0.3, (channels, channels)))

    net.add("Reshape", net.constant([1, channels, side * side], np.int64))
    tokens = net.add("Transpose", perm=[0, 2, 1])
    keys = net.add("MatMul", weight())
    keys = net.add("Transpose", source=keys, perm=[0, 2, 1])
    net.add("MatMul", weight(), source=tokens)
    net.add("MatMul", keys)
    likeness = net.add("Softmax", axis=-1)
    values = net.add("MatMul", weight(), source=tokens)
    net.add("MatMul", values, source=likeness)
    net.add("Transpose", perm=[0, 2, 1])
    net.add("Reshape", net.constant([1, channels, side, side], np.int64))


def test_attention_is_named_with_what_can_be_done_without_it(tmp_path, images, capsys):
    net = Builder()
    net.conv(4, 3)
    net.add("Relu")
    for _ in range(2):
        attention(net, 4, 8)
    net.conv(5, 4)
    net.add("Relu")
    model, out = net.save(tmp_path / "net.onnx"), tmp_path / "out"
    message = (
        "MODEL must be free of attention; --until n1 cuts out what is before it; --from n24 cuts "
        "out what is behind it, not with MatMul n7, MatMul n10 and 2 more"
    )
    refused(capsys, message, model, images, out)
    assert convert(model, images, out, "--check", "--until", "n1") == 0
    assert convert(model, images, out, "--check", "--from", "n24") == 0
    assert kinds(read_network(out / "network.toml")) == ["convolution"]
    # At the end of all there is nothing behind.
    net = Builder()
    attention(net, 3, 8)
    message = "MODEL must be free of attention, not with MatMul n5, MatMul n8"
    refused(capsys, message, net.save(tmp_path / "net.onnx"), images, tmp_path / "other")


def test_bad_input_is_one_line(tmp_path, images, capsys):
    out = tmp_path / "out"
    net = Builder()
    net.conv(4, 3)
    good = net.save(tmp_path / "good.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(good.read_bytes()[:100])
    refused(capsys, "MODEL must be a readable ONNX file", broken, images, out)
    two = net.save(
        tmp_path / "two.onnx",
        inputs=[helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    refused(capsys, "MODEL must be a network of one input and one output", two, images, out)
    net.constants[0] = numpy_helper.from_array(np.full((4, 3, 1, 1), np.nan, "f4"), "c0")
    nan = net.save(tmp_path / "nan.onnx")
    refused(capsys, "MODEL must be of finite parameters, not with nan in c0", nan, images, out)
    np.savez(tmp_path / "small.npz", x=np.random.default_rng(0).normal(0, 1, (2, 3, 6, 6)))
    small = tmp_path / "small.npz"
    refused(capsys, "--calibration must hold images of 3 x 8 x 8, not 3 x 6 x 6", good, small, out)
    free = Builder((1, "channels", 8, 8))
    free.conv(4, 3)
    free = free.save(tmp_path / "free.onnx")
    refused(capsys, "MODEL must be a network of fixed shapes", free, images, out)
    sides = Builder((None, 3, "height", "width"))
    sides.conv(4, 3)
    assert convert(sides.save(tmp_path / "sides.onnx"), images, out) == 0


def test_a_network_that_the_referee_computes_otherwise_fails(tmp_path, images, capsys, monkeypatch):
    net = Builder()
    net.conv(4, 3)
    model = net.save(tmp_path / "net.onnx")
    right = Convolution.value
    monkeypatch.setattr(Convolution, "value", lambda self, x: right(self, x) ^ 1)
    assert convert(model, images, tmp_path / "out", "--check") == 1
    assert "not as onnxruntime computes it: t0_0: 256 of 256 samples" in capsys.readouterr().err


RESIZED = [
    ("half_pixel", (2, 2), "resize"),
    ("pytorch_half_pixel", (1.5, 1), "resize"),
    ("align_corners", (2, 3), "resize"),
    ("asymmetric", (0.5, 2), "resize"),
    ("nearest half_pixel", (1.5, 0.75), "select"),
    ("cubic half_pixel", (2, 2), "resize"),
]


@pytest.mark.parametrize(("mode", "scales", "kind"), RESIZED)
def test_resizes(mode, scales, kind, tmp_path, images):
    *how, coordinates = mode.split()
    net = Builder()
    net.conv(4, 3)
    net.add(
        "Resize",
        "",
        net.constant([1, 1, *scales]),
        mode=how[0] if how else "linear",
        coordinate_transformation_mode=coordinates,
    )
    net.conv(4, 4)
    network, report = converted(net, images, tmp_path)
    assert kinds(network) == ["convolution", kind, "convolution"]
    assert report["output"] > 25
    assert report["certificate"]["exact"]


@pytest.mark.parametrize("options", [{}, {"align_corners": True}, {"antialias": True}])
def test_what_torch_interpolates(options, tmp_path, images):
    class Network(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.interpolate(x, (5, 19), mode="bilinear", **options)

    program = torch.export.export(Network(), (torch.zeros(1, 3, 8, 8),))
    torch.export.save(program, tmp_path / "net.pt2")
    assert convert(tmp_path / "net.pt2", images, tmp_path / "out", "--check") == 0
    network = read_network(tmp_path / "out" / "network.toml")
    assert kinds(network) == ["resize"]
    assert json.loads((tmp_path / "out" / "report.json").read_text())["output"] > 30


def test_a_resize_of_part_of_a_map_is_refused(tmp_path, images, capsys):
    net = Builder()
    net.conv(4, 3)
    sizes = net.constant([1, 5, 8, 8], np.int64)
    net.add("Resize", "", "", sizes, mode="linear")
    message = "MODEL must be of operations of height and width (--until"
    refused(capsys, message, net.save(tmp_path / "net.onnx"), images, tmp_path / "out")


def test_tables_are_added_where_no_circle_follows(tmp_path, images):
    net = Builder()
    net.conv(4, 3)
    net.add("Mul", net.constant(net.rng.uniform(0.5, 1, (1, 4, 1, 1))))
    net.add("Add", net.constant(net.rng.normal(0, 0.5, (1, 4, 8, 8))))
    net.add("Relu")
    network, report = converted(net, images, tmp_path)
    assert kinds(network) == ["convolution", "constant", "add"]
    assert report["output"] > 25


def test_documents_say_what_the_code_has():
    text = (Path(__file__).parents[3] / "docs" / "networks-in-integers.md").read_text()
    assert operators_table() in text
    assert operations_text() in text
    assert foreign_text() in text
