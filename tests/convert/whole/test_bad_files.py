"""Quantised files that no network is: one line each, exit status 2, nothing written."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from hw.convert.archive import _register_roundings
from tests.convert.whole.test_foreign import FILES, run

QDQ, QOPERATOR, QONNX = "qdq", "qoperator", "qonnx"
DOMAINS = {QDQ: [], QOPERATOR: ["com.microsoft"], QONNX: ["qonnx.custom_op.general"]}
PLAIN = {
    "x_scale": np.float32(0.05),
    "x_zero": np.uint8(120),
    "y_scale": np.float32(0.1),
    "y_zero": np.uint8(100),
    "weight": np.ones((4, 3, 1, 1), np.int8),
    "real": np.ones((4, 3, 1, 1), np.float32),
    "w_scale": np.full(4, 0.02, np.float32),
    "steps": np.full((4, 1, 1, 1), 0.02, np.float32),
    "w_zero": np.zeros(4, np.int8),
    "bias": np.zeros(4, np.int32),
    "none": np.float32(0),
    "bits": np.float32(8),
}
"""Constants of a convolution of the image, by every form."""


def node(kind, inputs, output, domain="", **attributes):
    return helper.make_node(kind, inputs, [output], output, domain=domain, **attributes)


def nodes(form, axis):
    x, y = ["x_scale", "x_zero"], ["y_scale", "y_zero"]
    if form == QONNX:
        (domain,) = DOMAINS[form]
        return [
            node("Quant", ["x", "x_scale", "none", "bits"], "image", domain),
            node("Quant", ["real", "steps", "none", "bits"], "taps", domain),
            node("Conv", ["image", "taps"], "sums"),
            node("Quant", ["sums", "y_scale", "none", "bits"], "y", domain),
        ]
    made = [node("QuantizeLinear", ["x", *x], "words")]
    if form == QOPERATOR:
        taken = ["words", *x, "weight", "w_scale", "w_zero", *y, "bias"]
        made.append(node("QLinearConv", taken, "made"))
    else:
        made += [
            node("DequantizeLinear", ["words", *x], "image"),
            node("DequantizeLinear", ["weight", "w_scale", "w_zero"], "taps", axis=axis),
            node("Conv", ["image", "taps"], "sums"),
            node("QuantizeLinear", ["sums", *y], "made"),
        ]
    return [*made, node("DequantizeLinear", ["made", *y], "y")]


def save(path, form, *, shape=(1, 3, 8, 8), axis=0, more=(), left_out=(), **changed):
    values = {name: v for name, v in (PLAIN | changed).items() if name not in left_out}
    constants = [numpy_helper.from_array(np.asarray(v), name) for name, v in values.items()]
    taken = [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))]
    given = [helper.make_tensor_value_info("y", TensorProto.FLOAT, list("abcd"))]
    graph = helper.make_graph([*more, *nodes(form, axis)], "net", taken, given, constants)
    opsets = [helper.make_opsetid(d, v) for d, v in [("", 21), *((d, 1) for d in DOMAINS[form])]]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def refused(path, folder, capsys):
    assert run(path, folder) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert not (folder / "out").exists()
    return line


@pytest.mark.parametrize("form", [QDQ, QOPERATOR, QONNX])
def test_the_plain_files_are_read(form, tmp_path):
    assert run(save(tmp_path / "net.onnx", form), tmp_path, "--check") == 0


COMPUTED = [node("ReduceMax", ["x"], "most", keepdims=0), node("Abs", ["most"], "x_scale")]
POSITIVE = "of scales that are positive and finite"
FAULTS = {
    "scale 0": ({"x_scale": np.float32(0)}, POSITIVE),
    "scale below 0": ({"y_scale": np.float32(-0.1)}, POSITIVE),
    "scale without end": ({"x_scale": np.float32(np.inf)}, "finite"),
    "scale no number": ({"y_scale": np.float32(np.nan)}, "finite"),
    "weights of scale 0": (
        {"w_scale": np.zeros(4, "f4"), "steps": np.zeros((4, 1, 1, 1), "f4")},
        POSITIVE,
    ),
    "two scales a map": ({"x_scale": np.float32([0.1, 0.1])}, "MODEL must be"),
    "free channels": ({"shape": (1, "channels", 8, 8)}, "free dimension channels"),
    "another size": ({"shape": (1, 3, 9, 8)}, "9x8, which the model is made for"),
    "a computed scale": (
        {"left_out": ["x_scale"], "more": COMPUTED},
        "MODEL must be of operations",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("form", [QDQ, QOPERATOR, QONNX])
def test_faults_of_every_form(form, fault, tmp_path, capsys):
    changed, message = FAULTS[fault]
    line = refused(save(tmp_path / "net.onnx", form, **changed), tmp_path, capsys)
    assert message in line


@pytest.mark.parametrize(
    ("form", "changed", "message"),
    [
        (QDQ, {"x_zero": np.uint16(7)}, "of maps of 8 bits, which uint16 is not"),
        (QDQ, {"x_zero": np.int16(7)}, "of maps of 8 bits, which int16 is not"),
        (QDQ, {"axis": 1}, "a network that onnxruntime runs"),
        (QDQ, {"axis": 9}, "a network that onnxruntime runs"),
        (QDQ, {"w_scale": np.ones(3, "f4")}, "a network that onnxruntime runs"),
        (QDQ, {"y_zero": np.float32(0.5)}, "a network that onnxruntime runs"),
        (QOPERATOR, {"w_scale": np.ones(3, "f4")}, "with a scale an output, not 3 for weight"),
        (QOPERATOR, {"x_zero": np.uint16(7)}, "8 bits"),
        (QOPERATOR, {"weight": np.ones((4, 3, 1, 1), np.int16)}, "tensor(int16)"),
        (QONNX, {"steps": np.ones((5, 1, 1, 1), "f4")}, "with scales along one axis"),
        (QONNX, {"steps": np.ones((4, 3, 1, 1), "f4")}, "with scales along one axis"),
        (QONNX, {"bits": np.float32(2)}, "of 4 to 8 bits, not [2.0] in Quant image"),
        (QONNX, {"bits": np.float32(16)}, "of 4 to 8 bits, not [16.0] in Quant image"),
        (QONNX, {"none": np.float32(200)}, "zero points that are integers from -128 to 127"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_faults_of_one_form(form, changed, message, tmp_path, capsys):
    line = refused(save(tmp_path / "net.onnx", form, **changed), tmp_path, capsys)
    assert message in line


@pytest.mark.parametrize(
    "name", ["brevitas_qonnx.onnx", "brevitas_qcdq.onnx", "torchao_xnnpack.pt2"]
)
@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_files_that_are_cut_off(name, part, tmp_path, capsys):
    whole = (FILES / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: int(part * len(whole))])
    assert "MODEL must be a readable" in refused(path, tmp_path, capsys)


@pytest.mark.parametrize("form", [QDQ, QOPERATOR, QONNX])
def test_external_data_outside_the_folder(form, tmp_path, capsys):
    folder = tmp_path / "inside"
    folder.mkdir()
    path = save(folder / "net.onnx", form)
    (tmp_path / "outside.bin").write_bytes(bytes(64))
    proto = onnx.load(path)
    name = "real" if form == QONNX else "weight"
    (tensor,) = [t for t in proto.graph.initializer if t.name == name]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../outside.bin"
    path.write_bytes(proto.SerializeToString())
    line = refused(path, tmp_path, capsys)
    assert "MODEL must be a readable ONNX file" in line


class Rounded(torch.nn.Module):
    """What torch exports of a rounding."""

    def __init__(self, scale, zero, low, high, words):
        super().__init__()
        self.ends = (scale, zero, low, high, words)

    def forward(self, x):
        ops = torch.ops.quantized_decomposed
        return ops.dequantize_per_tensor(ops.quantize_per_tensor(x, *self.ends), *self.ends)


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ((0.0, 0, 0, 255, torch.uint8), POSITIVE),
        ((0.1, 0, -32768, 32767, torch.int16), "8 bits"),
        ((0.1, 300, 0, 255, torch.uint8), "zero points from 0 to 255, not 300 in quantize_per"),
        ((0.1, 90, 0, 50, torch.uint8), "zero points from 0 to 50, not 90 in quantize_per"),
    ],
    ids=str,
)
def test_faults_of_torch(ends, message, tmp_path, capsys):
    _register_roundings()
    program = torch.export.export(Rounded(*ends), (torch.zeros(1, 3, 8, 8),))
    torch.export.save(program, tmp_path / "net.pt2")
    line = refused(tmp_path / "net.pt2", tmp_path, capsys)
    assert line.startswith("hw.convert: MODEL must be of operations ")
    assert message in line


def test_free_dimensions_of_torch(tmp_path, capsys):
    _register_roundings()
    side = torch.export.Dim("side", min=4, max=16)
    module = Rounded(0.1, 0, 0, 255, torch.uint8)
    shapes = {"x": {2: side}}
    program = torch.export.export(module, (torch.zeros(1, 3, 8, 8),), dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "net.pt2")
    assert "of fixed shapes" in refused(tmp_path / "net.pt2", tmp_path, capsys)
