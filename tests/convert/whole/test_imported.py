"""Networks that are quantised already: integers as onnxruntime gives them for their files."""

import json
import logging

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

with pytest.MonkeyPatch.context() as patched:
    # It warns of packages that only other quantisers need.
    patched.setattr(logging, "warning", lambda *_: None)
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

from golden.network.files import read_network
from hw.command import run_command
from hw.convert.command import main
from hw.convert.whole.model import fixed
from hw.convert.whole.referee import SourceFile, session_of
from tests.convert.whole.builder import Builder

IMAGES = np.random.default_rng(3).normal(0, 1, (6, 3, 8, 8)).astype(np.float32)
FORMS = {
    "unsigned": {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8},
    "signed": {"activation_type": QuantType.QInt8, "weight_type": QuantType.QInt8},
    "per channel": {
        "activation_type": QuantType.QUInt8,
        "weight_type": QuantType.QInt8,
        "per_channel": True,
    },
    "unsigned weights": {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QUInt8},
}


class Reader(CalibrationDataReader):
    def __init__(self):
        self.left = iter(IMAGES)

    def get_next(self):
        image = next(self.left, None)
        return None if image is None else {"x": image[None]}


def run(model, folder, *more):
    np.savez(folder / "images.npz", x=IMAGES)
    arguments = [model, "--whole", "--input-size", "8x8", "--calibration", folder / "images.npz"]
    arguments += ["-o", folder / "out", *more]
    return run_command(main, "hw.convert", [str(a) for a in arguments])


def network_of_all(folder):
    """A block with a residual, attention, two maps joined, and a classifier."""
    net = Builder()
    x = net.conv(8, 3, (3, 3), pads=[1, 1, 1, 1])
    net.add("Relu")
    net.conv(8, 8, (3, 3), groups=8, pads=[1, 1, 1, 1])
    net.add("HardSwish")
    net.conv(8, 8)
    x = net.add("Add", x)
    net.add("GlobalAveragePool")
    net.conv(4, 8)
    net.add("Sigmoid")
    net.conv(8, 4)
    gate = net.add("HardSigmoid", alpha=1 / 6, beta=0.5)
    net.add("Mul", gate, source=x)
    x = net.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    net.conv(8, 8)
    net.add("Concat", x, axis=1)
    net.add("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    net.add("Add", net.constant(net.rng.normal(0, 0.3, (1, 16, 2, 2))))
    net.add("GlobalAveragePool")
    net.add("Flatten")
    net.add(
        "Gemm", net.constant(net.rng.normal(0, 0.3, (5, 16))), net.constant(np.zeros(5)), transB=1
    )
    return net.save(folder / "float.onnx", 2)


@pytest.mark.parametrize("way", QuantFormat)
@pytest.mark.parametrize("form", FORMS)
def test_files_of_onnxruntimes_quantiser(form, way, tmp_path, capsys):
    quantised = tmp_path / "quantised.onnx"
    options = {"quant_format": way, **FORMS[form]}
    logging.disable()
    try:
        quantize_static(network_of_all(tmp_path), quantised, Reader(), **options)
    finally:
        logging.disable(logging.NOTSET)
    assert run(quantised, tmp_path, "--check") == 0, capsys.readouterr().err
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    network = read_network(tmp_path / "out" / "network.toml")
    assert report["check"]["different"] == []
    assert report["output"] > 20
    assert not network.own
    # Scales and zero points are the file's.
    constants = {t.name: numpy_helper.to_array(t) for t in onnx.load(quantised).graph.initializer}
    scales = {v.item() for name, v in constants.items() if v.size == 1 and "scale" in name}
    assert {data.scale for data in network.maps.values()} <= scales


@pytest.mark.parametrize(("scale", "step"), [(0.05, 1), (0.0625, 0)])
def test_a_files_own_bilinear_resize_is_within_a_step(scale, step, tmp_path):
    net = Builder()
    format = [net.constant(scale), net.constant(117, np.uint8)]
    net.add("QuantizeLinear", *format)
    net.add("DequantizeLinear", *format)
    net.add("Resize", "", net.constant([1, 1, 4, 2]), mode="linear")
    words = net.add("QuantizeLinear", *format)
    net.add("DequantizeLinear", *format)
    net.add("MaxPool", kernel_shape=[1, 1])
    model = net.save(tmp_path / "net.onnx")
    assert run(model, tmp_path, "--check") == 0
    network = read_network(tmp_path / "out" / "network.toml")
    assert network.certificate()["exact"] == (step == 0)
    proto = fixed(onnx.load(model), (8, 8))
    image = np.random.default_rng(5).normal(0, 3, (1, 3, 8, 8)).astype(np.float32)
    (name,) = (n for n, o in network.operators.items() if o.kind == "resize")
    del proto.graph.output[:]
    proto.graph.output.append(helper.make_empty_tensor_value_info(words))
    (made,) = session_of(proto).run([words], {"x": image})
    ours = network.trace({network.input: network.quantize(image)})[name]
    off = np.abs(ours - made.astype(np.int64))
    assert off.max() <= step


def test_maps_whose_sides_are_alike_are_compared_in_their_own_order(tmp_path):
    net = Builder((1, 3, 3, 3))
    format = [net.constant(0.05), net.constant(117, np.uint8)]
    net.add("QuantizeLinear", *format)
    net.add("DequantizeLinear", *format)
    net.add("Transpose", perm=[0, 2, 3, 1])
    net.add("QuantizeLinear", *format)
    net.add("DequantizeLinear", *format)
    net.add("Sigmoid")
    net.add("QuantizeLinear", *format)
    net.add("DequantizeLinear", *format)
    model = net.save(tmp_path / "net.onnx")
    np.savez(tmp_path / "images.npz", x=IMAGES[:, :, :3, :3])
    arguments = [model, "--whole", "--input-size", "3x3", "--check", "-o", tmp_path / "out"]
    arguments += ["--calibration", tmp_path / "images.npz"]
    assert run_command(main, "hw.convert", [str(a) for a in arguments]) == 0


def quantised(folder, *, wide=np.uint8, scale=0.05, weight=None, bias=(0, 1, 2, 3)):
    """A file of one convolution, quantised by hand."""
    net = Builder()
    given = [net.constant(scale), net.constant(9, wide)]
    net.add("QuantizeLinear", *given)
    x = net.add("DequantizeLinear", *given)
    weight = np.arange(-6, 6).reshape(4, 3, 1, 1) if weight is None else weight
    integers = net.constant(weight, np.int8)
    taps = net.add(
        "DequantizeLinear", net.constant(0.02), net.constant(0, np.int8), source=integers
    )
    bias = net.constant(bias, np.int32)
    zero = net.constant(0, np.int32)
    bias = net.add("DequantizeLinear", net.constant(0.001), zero, source=bias)
    net.add("Conv", taps, bias, source=x)
    given = [net.constant(0.03), net.constant(100, wide)]
    net.add("QuantizeLinear", *given)
    net.add("DequantizeLinear", *given)
    return net.save(folder / "quantised.onnx", opset=21)


def test_a_corrupted_weight_is_found_in_the_file(tmp_path):
    path = quantised(tmp_path)
    assert run(path, tmp_path, "--check") == 0
    network = read_network(tmp_path / "out" / "network.toml")
    words = {name: f"t{index}_0" for name, index in zip(network.maps, (0, 5), strict=True)}
    image = IMAGES[:1]
    source = SourceFile(network, fixed(onnx.load(path), (8, 8)), words)
    assert all(difference.right for difference in source.compare(image))
    weight = np.arange(-6, 6).reshape(4, 3, 1, 1)
    weight[0, 0] = 90
    other = onnx.load(quantised(tmp_path, weight=weight))
    differences = list(SourceFile(network, fixed(other, (8, 8)), words).compare(image))
    assert [difference.right for difference in differences] == [True, False]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wide": np.uint16}, "MODEL must be of operations of maps of 8 bits, which uint16 is not"),
        ({"scale": 0.0}, "MODEL must be of operations of scales that are positive and finite"),
        ({"scale": np.nan}, "MODEL must be of finite parameters, not with nan in c0"),
    ],
)
def test_formats_that_no_map_has_are_refused(options, message, tmp_path, capsys):
    assert run(quantised(tmp_path, **options), tmp_path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "out").exists()


def test_weights_that_are_not_rounded_are_named(tmp_path, capsys):
    path = quantised(tmp_path)
    model = onnx.load(path)
    # Another convolution behind, of real numbers.
    kernel = numpy_helper.from_array(np.ones((2, 4, 1, 1), np.float32), "kernel")
    model.graph.initializer.append(kernel)
    last = model.graph.output[0].name
    model.graph.node.append(helper.make_node("Conv", [last, "kernel"], ["y"], "real"))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, list("abcd")))
    onnx.save(model, path)
    assert run(path, tmp_path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "Conv real, whose weight must be rounded in the file, not real numbers" in line


def test_biases_that_decide_a_channel_are_taken_off_the_ends_of_32_bits(tmp_path):
    most = 2**31 - 2000  # no image here reaches the end, but some might
    assert run(quantised(tmp_path, bias=(most, -most, 0, 5)), tmp_path, "--check") == 0
    network = read_network(tmp_path / "out" / "network.toml")
    stage = list(network.operators.values())[-1]
    assert stage.sums.bits == 32
    values = network.predict(IMAGES)[network.outputs[0]]
    assert np.ptp(values[:, :2], axis=(0, 2, 3)).max() == 0
