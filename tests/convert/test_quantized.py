"""Quantised models are read as what they approximate, with their own formats for maps."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional

from golden.inputs.errors import ParameterError
from golden.numbers.quantize import Activation
from hw.command import run_command
from hw.convert.archive import _register_roundings
from hw.convert.calibrate import Calibration, look_through, quantize_network
from hw.convert.command import main
from hw.convert.compose import compose
from hw.convert.find import find_passes
from hw.convert.quantized import levels
from hw.convert.read_onnx import read_onnx
from hw.convert.read_qdq import levels_of
from hw.convert.read_torch import from_program
from nets.parc import MetaFormer, Parallel, ParC

ROOT = Path(__file__).resolve().parents[2]
SIZE = (6, 6)
IMAGES = np.random.default_rng(0).normal(size=(4, 3, *SIZE))
CALIBRATION = Calibration(IMAGES)


class Network(nn.Module):
    """ParC of every form, with activations that tools leave to the formats."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.first = ParC(4, 6, axis="height")
        self.halves = Parallel(4, 6)
        self.meta = MetaFormer(4, 6)

    def forward(self, x):
        x = torch.relu(self.first(functional.relu6(self.stem(x))))
        return torch.relu(self.meta(torch.relu(self.halves(x))))


def found_in(graph):
    """Return the layers after the roundings are looked through, held to the graph."""
    graph, report = look_through(graph, CALIBRATION)
    layers = compose(graph, find_passes(graph)[0])
    done, left = quantize_network(graph, layers, CALIBRATION, progress=lambda _step: None)
    assert not left
    return done, report


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The network as an ONNX file of real numbers."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("plain") / "net.onnx"
    with warnings.catch_warnings():
        # torch.onnx uses what torch itself has deprecated.
        warnings.simplefilter("ignore")
        image = (torch.zeros(1, 3, *SIZE),)
        options = {"dynamo": False, "opset_version": 18, "input_names": ["x"]}
        torch.onnx.export(Network().eval(), image, path, **options)
    return path


def steps_in(path):
    """Return scale and zero point, signed in 8 bits, by the value that each pair rounds."""
    graph = onnx.load(path).graph
    known = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    found = {}
    for node in graph.node:
        if node.op_type == "QuantizeLinear":
            scale, zero_point = known[node.input[1]], known[node.input[2]]
            moved = 128 if zero_point.dtype == np.uint8 else 0
            found[node.input[0]] = float(scale), int(zero_point) - moved
    return found


@pytest.mark.parametrize(("kind", "per_channel"), [("QUInt8", False), ("QInt8", True)])
def test_a_qdq_file_gives_its_layers_and_formats(plain, tmp_path, kind, per_channel, capsys):
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.left = list(IMAGES.astype(np.float32))

        def get_next(self):
            return {"x": self.left.pop()[None]} if self.left else None

    path = tmp_path / "qdq.onnx"
    quantization.quantize_static(
        plain,
        path,
        Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        activation_type=getattr(quantization.QuantType, kind),
        weight_type=quantization.QuantType.QInt8,
        per_channel=per_channel,
    )
    data = tmp_path / "images.npz"
    np.savez(data, x=IMAGES)
    out = tmp_path / "out"
    arguments = [path, "--input-size", "6x6", "--calibration", data, "-o", out]
    assert not run_command(main, "hw.convert", [str(a) for a in arguments])
    network, report = (json.loads((out / f"{n}.json").read_text()) for n in ("network", "report"))
    assert [la["form"] for la in network["layers"]] == ["serial", "parallel", "metaformer"]
    assert min(report["layers"].values()) > 25
    figures = report["quantised"]
    # The four activations have gone from the file: formats without negative numbers stand in.
    assert not any(node.op_type in ("Relu", "Clip") for node in onnx.load(path).graph.node)
    assert len(figures["clamps"]) == 4
    assert figures["formats"] == {
        "parc_first": ["data"],
        "parc_halves": ["data"],
        "parc_meta": ["data"],
    }
    steps = steps_in(path)
    for layer in network["layers"]:
        taken = layer["formats"]["data"]
        assert (taken["scale"], taken["zero_point"]) in steps.values()
        assert taken["bits"] == 8
    text = capsys.readouterr().out
    assert (
        f"quantised model: {figures['roundings']} roundings looked through, but for 4 that clip "
        "like an activation; its own formats for data of parc_first, data of parc_halves, data of "
        "parc_meta\n"
    ) in text


WEIGHT = np.random.default_rng(1).integers(-127, 128, (4, 1, 6, 1))
SCALES = np.array([0.01, 0.02, 0.005, 0.03])
IN, OUT = (0.03, 3, -128, 127), (0.06, -7, -128, 127)


class Exported(nn.Module):
    """What torch writes after quantisation: integers, and operators of `quantized_decomposed`."""

    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.from_numpy(WEIGHT).to(torch.int8))
        self.register_buffer("scales", torch.from_numpy(SCALES))
        self.register_buffer("zeros", torch.zeros(4, dtype=torch.int64))
        self.stem = nn.Conv2d(3, 4, 1)

    def rounded(self, x, steps):
        ops = torch.ops.quantized_decomposed
        integers = ops.quantize_per_tensor(x, *steps, torch.int8)
        return ops.dequantize_per_tensor(integers, *steps, torch.int8)

    def kernels(self):
        ops = torch.ops.quantized_decomposed
        given = (self.weight, self.scales, self.zeros, 0, -127, 127, torch.int8)
        return ops.dequantize_per_channel(*given).float()

    def forward(self, x):
        x = self.rounded(self.stem(x), IN)
        # A rounding within the convolution, as tools put behind every operator.
        x = self.rounded(torch.cat((x, x[:, :, :-1]), 2), IN)
        return self.rounded(functional.conv2d(x, self.kernels(), groups=4), OUT)


class Trained(Exported):
    """Fake quantisation, as in training that is aware of it."""

    def rounded(self, x, steps):
        return torch.fake_quantize_per_tensor_affine(x, *steps)

    def kernels(self):
        kernels = self.weight * self.scales[:, None, None, None]
        zeros = torch.zeros(4, dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(
            kernels.float(), self.scales.float(), zeros, 0, -127, 127
        )


def exported(kind):
    _register_roundings()
    torch.manual_seed(0)
    return torch.export.export(kind().eval(), (torch.zeros(1, 3, *SIZE),))


def check(done, report, n_roundings):
    (layer,) = done
    assert report == {"roundings": n_roundings, "clamps": []}
    assert layer.formats.data == Activation(IN[0], IN[1], 8)
    assert layer.formats.output == Activation(OUT[0], OUT[1], 8)
    (computed,) = layer.found.chains[0].passes
    expected = WEIGHT[:, 0, :, 0] * SCALES[:, None]
    np.testing.assert_allclose(computed.weight, expected, rtol=1e-6)


@pytest.mark.parametrize("kind", [Exported, Trained])
def test_what_torch_quantised_is_looked_through(kind):
    check(*found_in(from_program(exported(kind), SIZE)), n_roundings=3)


def test_a_file_that_torch_quantised_is_converted_by_a_process_that_never_heard_of_it(tmp_path):
    path, data, out = tmp_path / "net.pt2", tmp_path / "images.npz", tmp_path / "out"
    torch.export.save(exported(Exported), path)
    np.savez(data, x=IMAGES)
    command = [sys.executable, "-m", "hw.convert", path, "--input-size=6x6"]
    done = subprocess.run(
        [*map(str, command), f"--calibration={data}", f"--out={out}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = "3 roundings looked through; its own formats for data of parc_0, output of parc_0\n"
    assert text in done.stdout


def model(nodes, constants, domains=("",), size=SIZE):
    """Return an ONNX model of ParC by a convolution over the map and itself."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "net",
        [value("x", TensorProto.FLOAT, (1, 4, *size))],
        [value("y", TensorProto.FLOAT, (1, 4, *size))],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid(domain, 18 if not domain else 1) for domain in domains]
    return helper.make_model(graph, opset_imports=opsets)


PARC = [
    helper.make_node("Slice", ["a", "0", "5", "2"], ["less"]),
    helper.make_node("Concat", ["a", "less"], ["wrapped"], axis=2),
    helper.make_node("Conv", ["wrapped", "w"], ["b"], group=4),
]
CONSTANTS = {"0": [0], "5": [5], "2": [2]}
IMAGES_OF_4 = Calibration(np.random.default_rng(2).normal(size=(4, 4, *SIZE)))


def read(tmp_path, *given, **options):
    path = tmp_path / "net.onnx"
    onnx.save(model(*given, **options), path)
    graph, report = look_through(read_onnx(path, SIZE), IMAGES_OF_4)
    layers = compose(graph, find_passes(graph)[0])
    done, _ = quantize_network(graph, layers, IMAGES_OF_4, progress=lambda _step: None)
    return done, report


def quant(source, target, bits, **attributes):
    names = [source, f"{target}.scale", f"{target}.zero", f"{target}.bits"]
    domain = "qonnx.custom_op.general"
    constants = {f"{target}.zero": np.float32(0), f"{target}.bits": np.float32(bits)}
    return helper.make_node("Quant", names, [target], domain=domain, **attributes), constants


def test_qonnx_is_looked_through(tmp_path):
    signs = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"}
    first, more = quant("x", "a", 6, **signs)
    kernel, most = quant("real", "w", 4, **(signs | {"narrow": 1}))
    last, last_more = quant("b", "y", 9, **signs)
    real = np.random.default_rng(0).normal(size=(4, 1, 6, 1)).astype(np.float32)
    scales = np.float32([0.1, 0.2, 0.3, 0.4]).reshape(4, 1, 1, 1)
    constants = {**CONSTANTS, **more, **most, **last_more, "real": real, "w.scale": scales}
    constants |= {"a.scale": np.float32(0.15), "y.scale": np.float32(0.05)}
    done, report = read(
        tmp_path,
        [first, kernel, *PARC, last],
        constants,
        domains=("", "qonnx.custom_op.general"),
    )
    assert report == {"roundings": 2, "clamps": []}
    (layer,) = done
    assert layer.formats.data == Activation(float(np.float32(0.15)), 0, 6)
    assert layer.formats.output == Activation(float(np.float32(0.05)), 0, 9)
    (computed,) = layer.found.chains[0].passes
    rounded = np.clip(np.rint(real / scales), -7, 7) * scales
    np.testing.assert_allclose(computed.weight, rounded[:, 0, :, 0], rtol=1e-6)


def test_a_clip_between_narrows_the_integers(tmp_path):
    """As Brevitas writes formats of less than 8 bits."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("Clip", ["q", "low", "high"], ["c"]),
        helper.make_node("DequantizeLinear", ["c", "s", "z"], ["a"]),
        *PARC,
        helper.make_node("Identity", ["b"], ["y"]),
    ]
    kernel = np.random.default_rng(0).normal(size=(4, 1, 6, 1)).astype(np.float32)
    constants = {**CONSTANTS, "w": kernel, "s": np.float32(0.25), "z": np.int8(1)}
    constants |= {"low": np.int8(-16), "high": np.int8(15)}
    (layer,), report = read(tmp_path, nodes, constants)
    assert report == {"roundings": 1, "clamps": []}
    assert layer.formats.data == Activation(0.25, 1, 5)


def test_what_computes_in_integers_itself_is_named(tmp_path):
    names = ["x", "s", "z", "w", "s", "z", "s", "z"]
    nodes = [helper.make_node("QLinearConv", names, ["y"])]
    constants = {"s": np.float32(1), "z": np.int8(0), "w": np.zeros((4, 4, 1, 1), np.int8)}
    path = tmp_path / "net.onnx"
    onnx.save(model(nodes, constants), path)
    with pytest.raises(ParameterError) as error:
        read_onnx(path, SIZE)
    assert str(error.value) == (
        "Model must be quantised by QuantizeLinear and DequantizeLinear around operators of reals, "
        "not by QLinearConv, which computes in integers itself"
    )


def test_levels_without_a_sign_are_moved_and_odd_ones_are_no_format():
    assert levels(0.5, 128, (0, 255)).activation() == Activation(0.5, 0, 8)
    assert levels(0.5, 0, (0, 15)).activation() == Activation(0.5, -8, 4)
    assert levels(0.5, None, (-127, 127)).activation() == Activation(0.5, 0, 8)
    assert levels(torch.ones(3), 0, (0, 15), 1).activation() is None
    assert levels(0.0, 0, (0, 15)).activation() is None


@pytest.mark.parametrize(
    ("types", "more", "found"),
    [
        ({"z": TensorProto.FLOAT}, {}, "FLOAT"),
        ({}, {"output_dtype": TensorProto.FLOAT8E4M3FN}, "FLOAT8E4M3FN"),
        ({}, {"output_dtype": 999}, "999"),
    ],
)
def test_what_rounds_to_other_numbers_is_refused(types, more, found):
    node = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"], name="q", **more)
    with pytest.raises(ParameterError, match=f"one that rounds to integers, not {found} in q"):
        levels_of(node, types)({"s": torch.tensor(0.1)})
