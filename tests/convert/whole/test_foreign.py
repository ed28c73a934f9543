"""Networks as Brevitas and torchao quantise them, whole: their scales as they stand.

The files are those that `write_files` wrote with both tools.
"""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper

from golden.network.files import read_network
from hw.command import run_command
from hw.convert.archive import _register_roundings, load_program
from hw.convert.command import main
from tests.convert.whole.builder import Builder

FILES = Path(__file__).with_name("files")
IMAGES = np.random.default_rng(3).normal(0, 1, (12, 3, 8, 8)).astype(np.float32)
DOMAIN = "qonnx.custom_op.general"


def run(model, folder, *more):
    np.savez(folder / "images.npz", x=IMAGES)
    arguments = [model, "--whole", "--input-size", "8x8", "--calibration", folder / "images.npz"]
    arguments += ["-o", folder / "out", *more]
    return run_command(main, "hw.convert", [str(a) for a in arguments])


def converted(model, folder, *more):
    assert run(model, folder, "--check", *more) == 0
    report = json.loads((folder / "out" / "report.json").read_text())
    assert report["check"]["different"] == []
    return read_network(folder / "out" / "network.toml"), report


def predicted(network):
    (name,) = network.outputs
    return network.predict(IMAGES)[name].reshape(len(IMAGES), -1)


@pytest.mark.parametrize("path", sorted(FILES.glob("*.onnx")), ids=lambda path: path.name)
def test_maps_of_brevitas_are_those_of_onnxruntime(path, tmp_path):
    network, report = converted(path, tmp_path)
    assert not network.own
    assert report["output"] > 40
    assert not report["rounded"]
    maps = network.maps.values()
    assert {np.float32(data.scale) for data in maps} <= set(constants(path))
    bits = 6 if "dynamo" in path.name else 4
    assert {data.range.high - data.range.low for data in maps} == {2**bits - 1, 255}


def constants(path):
    """Return the constants of a file that are one number."""
    proto = onnx.load(path)
    made = [numpy_helper.to_array(t) for t in proto.graph.initializer]
    for node in proto.graph.node:
        for tensor in (a.t for a in node.attribute if a.HasField("t")):
            made.append(numpy_helper.to_array(tensor))
    return [np.float32(values.item()) for values in made if values.size == 1]


def test_a_quant_is_the_same_as_a_clip_between_roundings(tmp_path):
    made = []
    for form in ("qcdq", "qonnx"):
        (tmp_path / form).mkdir()
        network, _ = converted(FILES / f"brevitas_{form}.onnx", tmp_path / form)
        made.append(predicted(network))
    np.testing.assert_array_equal(*made)
    # And as onnxruntime computes the one that it runs, in real numbers.
    session = onnxruntime.InferenceSession(FILES / "brevitas_qcdq.onnx")
    name = session.get_inputs()[0].name
    theirs = [session.run(None, {name: image[None]})[0].ravel() for image in IMAGES]
    np.testing.assert_allclose(made[0], theirs, rtol=1e-6)


@pytest.mark.parametrize("backend", ["xnnpack", "x86"])
def test_torch_itself_is_a_step_off_at_most(backend, tmp_path):
    """It computes real numbers, and has biases that are not rounded."""
    path = FILES / f"torchao_{backend}.pt2"
    network, report = converted(path, tmp_path)
    left = {"xnnpack": [], "x86": ["conv2d_2", "relu_1", "linear"]}
    assert report["rounded"] == left[backend]
    assert report["output"] > 40
    module = load_program(path, trust_pickle=False).module()
    with torch.no_grad():
        theirs = np.concatenate([module(torch.tensor(image[None])).numpy() for image in IMAGES])
    steps = np.abs(predicted(network) - theirs) / network.maps[network.outputs[0]].scale
    # Where the file leaves maps in real numbers, they are rounded here, and it is further off.
    assert steps.max() < (1.5 if backend == "xnnpack" else 4)
    assert np.mean(steps < 0.5) > (0.9 if backend == "xnnpack" else 0.5)


def quant(net, values, scale, zero, bits, *, source=None, **attributes):
    """Add a `Quant` of the last map, or of a constant."""
    given = [net.constant(v) for v in (scale, zero, bits)]
    source = source or (net.last if values is None else net.constant(values))
    return net.add("Quant", *given, source=source, domain=DOMAIN, **attributes)


def saved(net, path):
    net.save(path)
    proto = onnx.load(path)
    proto.opset_import.append(helper.make_opsetid(DOMAIN, 2))
    onnx.save(proto, path)
    return path


SCALES = (0.043, np.float32([0.05, 0.021, 0.3]), 0.061)
"""Of the image, of three outputs, of the map."""


def written(folder, *, bits=8, weight_bits=8, zero=0, mode="ROUND", weight=None, **attributes):
    """A convolution, and what it is by QONNX's definition."""
    net, rng = Builder(), np.random.default_rng(int(bits))
    x_scale, w_scale, y_scale = SCALES
    weight = rng.normal(0, 2, (3, 3, 2, 2)).astype("f4") if weight is None else weight
    image = quant(net, None, x_scale, 0, 8, source="x")
    steps = w_scale.reshape(3, 1, 1, 1)
    taps = quant(net, weight, steps, 0.0, weight_bits, rounding_mode=mode, narrow=1)
    bias = rng.normal(0, 1, 3).astype("f4")
    sums = np.float32(x_scale) * w_scale
    offset = quant(net, bias, sums, 0.0, 32)
    net.add("Conv", taps, offset, source=image)
    quant(net, None, y_scale, zero, bits, **attributes)
    return saved(net, folder / "net.onnx"), (weight, bias)


def by_definition(weight, bias, *, bits=8, weight_bits=8, zero=0, mode=np.rint, signed=1, narrow=0):
    x_scale, w_scale, y_scale = (np.float32(s) for s in SCALES)
    x = np.clip(np.rint(IMAGES / x_scale), -128, 127).astype(np.int64)
    most = 2 ** (weight_bits - 1) - 1
    w = np.clip(mode(weight / w_scale.reshape(3, 1, 1, 1)), -most, most).astype(np.int64)
    sums = np.rint(bias / (x_scale * w_scale)).astype(np.int64)[None, :, None, None]
    for i, j in np.ndindex(2, 2):
        sums = sums + np.einsum("oc,nchw->nohw", w[:, :, i, j], x[:, :, i : i + 7, j : j + 7])
    factor = (x_scale * w_scale / y_scale)[None, :, None, None]
    low, high = (-(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return np.clip(np.rint(sums.astype("f4") * factor) + zero, low, high - narrow * (not signed))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bits": 4, "weight_bits": 4},
        {"bits": 5, "weight_bits": 7, "narrow": 1},
        {"bits": 6, "zero": -3},
        {"bits": 4, "signed": 0, "zero": 7},
        {"bits": 7, "signed": 0, "narrow": 1, "zero": 40, "weight_bits": 5},
        {"signed": 0, "zero": 131},
    ],
    ids=str,
)
def test_words_of_every_width_are_what_qonnx_says(options, tmp_path):
    path, parameters = written(tmp_path, **options)
    network, _ = converted(path, tmp_path)
    data = network.maps[network.outputs[0]]
    made = np.rint(network.predict(IMAGES)[network.outputs[0]] / data.scale)
    wanted = by_definition(*parameters, **options)
    assert made.min() >= wanted.min() - options.get("zero", 0)
    np.testing.assert_array_equal(made, wanted - options.get("zero", 0))
    assert len(np.unique(wanted)) > 10


@pytest.mark.parametrize(
    ("mode", "rounding"), [("FLOOR", np.floor), ("CEIL", np.ceil), ("ROUND_TO_ZERO", np.trunc)]
)
def test_weights_are_rounded_as_they_say(mode, rounding, tmp_path):
    path, parameters = written(tmp_path, mode=mode)
    network, _ = converted(path, tmp_path)
    made = np.rint(predicted(network) / SCALES[2])
    np.testing.assert_array_equal(made, by_definition(*parameters, mode=rounding).reshape(12, -1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bits": 2}, "of operations of 4 to 8 bits, not [2.0] in Quant"),
        ({"bits": 9}, "of operations of 4 to 8 bits, not [9.0] in Quant"),
        ({"bits": 7.5}, "of operations of 4 to 8 bits, not [7.5] in Quant"),
        ({"weight_bits": 3}, "of operations of 4 to 8 bits, not [3.0] in Quant"),
        ({"zero": 200}, "zero points that are integers from -128 to 127, not 200.0 in Quant"),
        ({"zero": 0.5}, "zero points that are integers from -128 to 127, not 0.5 in Quant"),
        ({"rounding_mode": "FLOOR"}, "that round maps half to even, not FLOOR in Quant"),
        ({"mode": "UP"}, "that round by one of ROUND, HALF_EVEN, CEIL,"),
    ],
    ids=str,
)
def test_quants_that_no_words_have_are_refused(options, message, tmp_path, capsys):
    weight = np.ones((3, 3, 2, 2), "f4")
    path, _ = written(tmp_path, weight=weight, **options)
    refused(path, tmp_path, message, capsys)


def refused(path, folder, message, capsys):
    assert run(path, folder) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (folder / "out").exists()


def test_scales_of_several_shapes_are_refused(tmp_path, capsys):
    net = Builder()
    quant(net, None, np.ones((1, 3, 1, 1)), 0, 8, source="x")
    refused(saved(net, tmp_path / "a.onnx"), tmp_path, "with one scale and zero point", capsys)
    net = Builder()
    quant(net, None, 0.1, 0, 8, source="x")
    x = net.last
    taps = quant(net, np.ones((3, 3, 1, 1)), np.ones((3, 3, 1, 1)), 0, 8)
    net.add("Conv", taps, source=x)
    refused(saved(net, tmp_path / "b.onnx"), tmp_path, "with scales along one axis", capsys)
    net = Builder()
    quant(net, None, 0.0, 0, 8, source="x")
    refused(saved(net, tmp_path / "c.onnx"), tmp_path, "positive and finite, not 0.0", capsys)
    net = Builder()
    net.add("BipolarQuant", net.constant(0.1), source="x", domain=DOMAIN)
    refused(saved(net, tmp_path / "d.onnx"), tmp_path, "that are Quant, not BipolarQuant", capsys)


class Narrow(torch.nn.Module):
    """What torch exports after a quantiser that leaves half of the words."""

    def forward(self, x):
        ops = torch.ops.quantized_decomposed
        ends = (0.05, 3, 0, 100, torch.uint8)
        x = ops.dequantize_per_tensor(ops.quantize_per_tensor(x, *ends), *ends)
        x = torch.nn.functional.max_pool2d(x, 2)
        return ops.dequantize_per_tensor(ops.quantize_per_tensor(x, *ends), *ends)


def test_ends_within_a_type_are_clips(tmp_path):
    _register_roundings()
    program = torch.export.export(Narrow(), (torch.zeros(1, 3, 8, 8),))
    torch.export.save(program, tmp_path / "net.pt2")
    network, _ = converted(tmp_path / "net.pt2", tmp_path)
    assert {(m.range.low, m.range.high) for m in network.maps.values()} == {(0, 100)}
    theirs = Narrow()(torch.tensor(3 * IMAGES)).numpy().reshape(len(IMAGES), -1)
    ours = network.predict(3 * IMAGES)[network.outputs[0]].reshape(len(IMAGES), -1)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert theirs.max() == pytest.approx(97 * 0.05)
