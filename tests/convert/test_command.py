"""The command line: what it writes, and every refusal by its whole line."""

import inspect
import json
import pickle
import subprocess
import sys
import types
import warnings
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from hw.command import run_command
from hw.convert.command import main
from hw.emit.files import with_manifest, write_product
from hw.layer.config import read_layer
from nets.digits import TASKS, digits, load_trained
from nets.parc import ParC

IMAGES = 12
ROOT = Path(__file__).resolve().parents[2]


def run(*arguments):
    return run_command(main, "hw.convert", [str(a) for a in arguments])


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.fixture
def images(tmp_path):
    """Some test digits of 8 x 8."""
    x, y = digits(8, test=True)
    return save(tmp_path / "images.npz", x=x[:IMAGES], y=y[:IMAGES])


def save_export(network, path, size=8, batch=1, **options):
    image = torch.zeros(batch, 1, size, size)
    program = torch.export.export(network.eval(), (image,), **options)
    torch.export.save(program, path)
    return path


def test_a_trained_network_is_converted(tmp_path, images, capsys):
    model = save_export(load_trained("convnext"), tmp_path / "net.pt2")
    out = tmp_path / "out"
    # Of a layer that is gone.
    old = with_manifest({"parc_old.toml": b"", "parc_old.npz": b""}, "network.json", {})
    write_product(old, "network.json", out)
    assert not run(model, "--input-size", "8x8", "--calibration", images, "-o", out)
    text = capsys.readouterr().out
    assert "accuracy: 100.00% in float, 100.00% with ParC in integers" in text
    network = json.loads((out / "network.json").read_text())
    assert network["input"] == [1, 8, 8]
    report = json.loads((out / "report.json").read_text())
    assert {item["reason"] for item in report["left"]} == {
        "7 x 7 taps, fewer than 9 (`depthwise` does them, --least-taps takes them)"
    }
    for layer in network["layers"]:
        assert report["layers"][layer["name"]] > 25
        design = read_layer(out / layer["config"])
        assert (design.form, design.channels) == (layer["form"], layer["channels"])
        assert design.out_shape == (layer["channels"], layer["height"], layer["width"])
    names = {f"{layer['name']}.{kind}" for layer in network["layers"] for kind in ("toml", "npz")}
    assert {path.name for path in out.iterdir()} == names | {"network.json", "report.json"}


def test_the_same_files_come_from_onnx(tmp_path, images, capsys):
    torch_out, onnx_out = tmp_path / "torch", tmp_path / "onnx"
    model = save_export(load_trained("convnext"), tmp_path / "net.pt2")
    options = ("--input-size", "8x8", "--calibration", images)
    assert not run(model, *options, "-o", torch_out)
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        # torch.onnx uses what torch itself has deprecated.
        warnings.simplefilter("ignore")
        image = (torch.zeros(1, 1, 8, 8),)
        torch.onnx.export(load_trained("convnext"), image, path, dynamo=True, verbose=False)
    assert not run(path, *options, "-o", onnx_out)
    capsys.readouterr()
    assert {p.name for p in torch_out.iterdir()} == {p.name for p in onnx_out.iterdir()}
    for path in torch_out.glob("*.npz"):
        with np.load(path) as mine, np.load(onnx_out / path.name) as theirs:
            for key in mine.files:
                np.testing.assert_allclose(mine[key], theirs[key], atol=1, err_msg=key)


@pytest.mark.parametrize("observer", ["minmax", "percentile", "mse"])
def test_observers_differ_and_all_do(tmp_path, images, observer, capsys):
    model = save_export(load_trained("convnext"), tmp_path / "net.pt2")
    out = tmp_path / "out"
    options = ("--input-size", "8x8", "--calibration", images, "-o", out)
    assert not run(model, *options, "--observer", observer)
    capsys.readouterr()
    report = json.loads((out / "report.json").read_text())
    assert report["observer"] == observer
    assert min(report["layers"].values()) > 20


def test_a_state_of_another_size_is_resized(tmp_path, capsys):
    """Kernels of 8 x 8 and 4 x 4 maps, in a network for maps of 6 x 6 and 3 x 3."""
    state = tmp_path / "state.pt"
    torch.save(load_trained("convnext").state_dict(), state)
    data = save(tmp_path / "images.npz", x=np.random.default_rng(0).normal(size=(2, 1, 12, 12)))
    place = "nets.digits:convnext"
    out = tmp_path / "out"
    options = ("--state", state, "--input-size", "12x12", "--calibration", data, "-o", out)
    assert not run(place, *options)
    network = json.loads((out / "network.json").read_text())
    assert [(la["height"], la["width"]) for la in network["layers"]] == [(12, 12), (6, 6)]
    capsys.readouterr()


class NoParc(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.line = nn.Conv2d(2, 2, (5, 1), padding=(2, 0))

    def forward(self, x):
        return self.line(torch.relu(self.conv(x)))


def refused(capsys, out, *arguments):
    """Run, expect exit status 2, nothing written and one line; return the line."""
    assert run(*arguments, "-o", out) == 2
    captured = capsys.readouterr()
    assert not out.exists()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line.removeprefix("hw.convert: ")


def test_bad_calibration_is_refused(tmp_path, capsys):
    out, path = tmp_path / "out", tmp_path / "data.npz"
    shape = (2, 1, 8, 8)
    broken = np.ones(shape)
    broken[1, 0, 2, 3] = np.nan
    good = np.random.default_rng(0).normal(size=shape)
    cases = [
        ({"z": good}, "an array 'x', not only z"),
        ({}, "an array 'x', not only nothing"),
        (
            {"x": good[0]},
            "numbers 'x' [n, channels, height, width], not float64 of shape (1, 8, 8)",
        ),
        ({"x": good[:0]}, "at least one image, not 'x' of shape (0, 1, 8, 8)"),
        ({"x": broken}, "finite numbers in 'x', not nan in image 1"),
        ({"x": np.full(shape, 0.5)}, "images that vary, not 0.5 everywhere"),
        ({"x": good, "y": np.zeros(3, int)}, "integers 'y' of shape (2,), not int64 of shape (3,)"),
        ({"x": good, "y": np.zeros(2)}, "integers 'y' of shape (2,), not float64 of shape (2,)"),
        ({"x": good[:, :, :7]}, "images of 1 x 8 x 8, not 1 x 7 x 8"),
    ]
    model = save_export(load_trained("convnext"), tmp_path / "net.pt2")
    for arrays, complaint in cases:
        save(path, **arrays)
        line = refused(capsys, out, model, "--input-size", "8x8", "--calibration", path)
        assert line == f"--calibration must hold {complaint}"
    path.write_bytes(b"none")
    line = refused(capsys, out, model, "--input-size", "8x8", "--calibration", path)
    assert line.startswith(f"--calibration must be a readable .npz archive, not {path} (")


def test_bad_models_are_refused(tmp_path, images, capsys):
    out = tmp_path / "out"
    broken = tmp_path / "broken.pt2"
    broken.write_bytes(b"no archive")
    plain = save_export(NoParc(), tmp_path / "plain.pt2")
    good = save_export(load_trained("convnext"), tmp_path / "good.pt2")
    image = torch.zeros(1, 1, 8, 8)
    for name, layer in (("dropout", nn.Dropout()), ("batch_norm", nn.BatchNorm2d(1))):
        training = tmp_path / f"{name}.pt2"
        torch.export.save(torch.export.export(nn.Sequential(layer).train(), (image,)), training)
        line = refused(capsys, out, training, "--input-size", "8x8", "--calibration", images)
        assert line == f"MODEL must be a network in evaluation mode, not with {name} in training"
    free = {"x": {0: torch.export.Dim("batch")}}
    dynamic = save_export(NoParc(), tmp_path / "dynamic.pt2", batch=2, dynamic_shapes=free)
    cases = [
        ("net", "a file .onnx or .pt2, or MODULE:FUNCTION, not net"),
        (
            plain,
            "of ParC layers, not conv2d_1 in line: it mixes channels with zeros around the map: "
            "`dense` is circular, of 8 taps",
        ),
        (dynamic, "of fixed shapes, not with free dimensions"),
        (
            "nets.digits:none",
            "a module and a factory in it, not nets.digits:none "
            "(AttributeError: module 'nets.digits' has no attribute 'none')",
        ),
        (
            "nets.none:make",
            "a module and a factory in it, not nets.none:make "
            "(ModuleNotFoundError: No module named 'nets.none')",
        ),
        ("nets.digits:TASKS.get", None),
        ("builtins:dict", "a factory of a torch.nn.Module, not of a dict"),
        ("nets.zoo:convnext_xt_parc", None),
    ]
    for model, complaint in cases:
        line = refused(capsys, out, model, "--input-size", "8x8", "--calibration", images)
        if complaint is not None:
            assert line == f"MODEL must be {complaint}"
    line = refused(capsys, out, broken, "--input-size", "8x8", "--calibration", images)
    assert line.startswith(f"MODEL must be a readable file of torch.export, not {broken} (")
    line = refused(capsys, out, good, "--input-size", "16x16", "--calibration", images)
    assert line == "--input-size must be 8x8, which the model is made for, not 16x16"
    line = refused(capsys, out, good, "--input-size", "8", "--calibration", images)
    assert line == "--input-size must be a height and a width, as 224x224, not '8'"


class Fixed(nn.Module):
    """ParC as the reference code has it, for one size of map."""

    def __init__(self, embedding):
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(1, 1, 6, 1)) if embedding else 0.0
        self.conv = nn.Conv2d(1, 1, (6, 1))

    def forward(self, x):
        x = x + self.embedding
        return self.conv(torch.cat((x, x[:, :, :-1]), 2))


def line_number(function, text):
    """Return the line of a function that contains ``text``."""
    lines, first = inspect.getsourcelines(function)
    (number,) = (i for i, line in enumerate(lines, first) if text in line)
    return number


def test_kernels_for_another_size_are_refused(tmp_path, images, capsys, monkeypatch):
    made = types.ModuleType("made_up")
    made.plain = lambda: Fixed(embedding=False)
    made.embedded = lambda: Fixed(embedding=True)
    monkeypatch.setitem(sys.modules, "made_up", made)
    options = ("--input-size", "8x8", "--calibration", images)
    line = refused(capsys, tmp_path / "out", "made_up:plain", *options)
    assert line == (
        "MODEL must be of kernels as long as its maps, or of some that it resizes, not with 6 taps "
        "along a height of 8 in conv2d in conv"
    )
    line = refused(capsys, tmp_path / "out", "made_up:embedded", *options)
    assert line == (
        "MODEL must be a network that takes 1 x 1 x 8 x 8, not one that fails (RuntimeError: The "
        "size of tensor a (8) must match the size of tensor b (6) at non-singleton dimension 2, at "
        f"{__file__}:{line_number(Fixed.forward, 'x + self.embedding')})"
    )


class Failing(nn.Module):
    """Runs, but depends on what the image shows, in a way that no export can follow."""

    def forward(self, x):
        return x if x.sum() > 0 else -x


def out_of_range():
    return nn.ModuleList()[0]


class Exiting:
    def __call__(self):
        raise SystemExit("usage: train.py DATA")


FAILURES = [
    (
        out_of_range,
        "a factory that takes no arguments and makes a network, not one that fails (IndexError: "
        "index 0 is out of range, at {file}:{line})",
        (out_of_range, "[0]"),
    ),
    (
        Exiting(),
        "a factory that takes no arguments and makes a network, not one that fails (SystemExit: "
        "usage: train.py DATA, at {file}:{line})",
        (Exiting.__call__, "raise"),
    ),
    (
        lambda: nn.Conv2d(3, 1, 1),
        "a network that takes 1 x 1 x 8 x 8, not one that fails (RuntimeError: Given groups=1, "
        "weight of size [1, 3, 1, 1], expected input[1, 1, 8, 8] to have 3 channels, but got 1 "
        "channels instead)",
        None,
    ),
    (Failing, "a network that torch.export takes, not one that fails (", (Failing.forward, "if")),
]


@pytest.mark.parametrize(("factory", "complaint", "place"), FAILURES)
def test_the_line_of_the_users_code_that_fails_is_named(
    factory, complaint, place, tmp_path, images, capsys, monkeypatch
):
    made = types.ModuleType("made_up")
    made.factory = factory
    monkeypatch.setitem(sys.modules, "made_up", made)
    options = ("--input-size", "8x8", "--calibration", images)
    line = refused(capsys, tmp_path / "out", "made_up:factory", *options)
    number = line_number(*place) if place else 0
    complaint = complaint.format(file=__file__, line=number)
    assert line.startswith(f"MODEL must be {complaint}")
    assert place is None or line.endswith(f", at {__file__}:{number})")


def test_a_module_that_is_no_python_is_refused_with_the_line(tmp_path, images, capsys, monkeypatch):
    (tmp_path / "no_python.py").write_text("import torch\ndef make(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    options = ("--input-size", "8x8", "--calibration", images)
    line = refused(capsys, tmp_path / "out", "no_python:make", *options)
    assert line == (
        "MODEL must be a module and a factory in it, not no_python:make (SyntaxError: invalid "
        f"syntax (no_python.py, line 2), at {tmp_path / 'no_python.py'}:2)"
    )


def test_bad_states_are_refused(tmp_path, images, capsys):
    out, state = tmp_path / "out", tmp_path / "state.pt"
    options = ("--state", state, "--input-size", "8x8", "--calibration", images)
    good = load_trained("convnext").state_dict()

    def line_for(content):
        torch.save(content, state)
        return refused(capsys, out, "nets.digits:convnext", *options)

    line = line_for(good | {"head.linear.weight": torch.zeros(3, 3)})
    assert line == (
        "--state must be of shape (10, 32) in head.linear.weight, or a kernel of another length, "
        "not (3, 3)"
    )
    line = line_for({})
    assert line.startswith("--state must be that of the network, not Error(s) in loading")
    line = line_for([1])
    assert line == f"--state must be a readable state dict, not {state} (a list)"
    # What runs code when it is unpickled is not loaded.
    line = line_for({"head": Evil()})
    assert line.startswith(f"--state must be a readable state dict, not {state} (Weights only load")
    model = save_export(load_trained("convnext"), tmp_path / "net.pt2")
    line = refused(capsys, out, model, *options)
    assert line == f"--state must be left out with a file, not {state}"
    for other in ("net.onnx", "nets.zoo:resnet50"):
        line = refused(capsys, out, other, *options[2:], "--trust-pickle")
        assert line == "--trust-pickle must be left out but for a file .pt2, not given"


class Evil:
    """Breaks the test when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def test_pickled_objects_run_only_where_trusted(tmp_path, images, capsys):
    model, out = tmp_path / "net.pt2", tmp_path / "out"
    program = torch.export.export(load_trained("convnext").eval(), (torch.zeros(1, 1, 8, 8),))
    torch.export.save(program, model)
    options = ("--input-size", "8x8", "--calibration", images)
    replace_member(model, "data/sample_inputs/model.pt", pickle.dumps(Evil()))
    line = refused(capsys, out, model, *options)
    assert line == (
        "MODEL must be plain data, or trusted by --trust-pickle, not a file with pickled sample "
        "inputs"
    )


def replace_member(path, name, content):
    """Write another member into an archive."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    (key,) = (key for key in members if key.endswith(name))
    members[key] = content
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)


def onnx_model(nodes, inputs, outputs, opset=18, domain=""):
    graph = onnx.helper.make_graph(nodes, "net", inputs, outputs)
    opsets = [onnx.helper.make_opsetid(domain, opset)]
    return onnx.helper.make_model(graph, opset_imports=opsets)


def onnx_value(name, *shape):
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)


def test_bad_onnx_files_are_refused(tmp_path, images, capsys):
    out, path = tmp_path / "out", tmp_path / "net.onnx"
    relu = onnx.helper.make_node("Relu", ["x"], ["y"], name="relu")
    x, y = onnx_value("x", 1, 1, 8, 8), onnx_value("y", 1, 1, 8, 8)
    dynamic = onnx_value("x", "n", 1, "height", 8)
    add = onnx.helper.make_node("Add", ["x", "z"], ["y"])
    cases = [
        (onnx_model([relu], [x], [y], opset=9), f"of opset 11 to {LAST}, not 9"),
        (
            onnx_model([relu], [dynamic], [y]),
            "a network of fixed shapes, not with the free dimension height",
        ),
        (onnx_model([relu], [x], [y]), "of ParC layers, not one without any"),
        (
            onnx_model([add], [x, onnx_value("z", 1, 1, 8, 8)], [y]),
            "a network of one input and one output, not of 2 and 1",
        ),
        (
            onnx_model([relu], [onnx_value("x", 1, 64)], [onnx_value("y", 1, 64)]),
            "a network of images [batch, channels, height, width], not of [1, 64]",
        ),
        (
            onnx_model([relu], [onnx_value("x", 4, 1, 8, 8)], [onnx_value("y", 4, 1, 8, 8)]),
            "of one image a batch, or a free number, not 4",
        ),
    ]
    for model, complaint in cases:
        onnx.save(model, path)
        line = refused(capsys, out, path, "--input-size", "8x8", "--calibration", images)
        assert line == f"MODEL must be {complaint}"
    path.write_bytes(b"\xff no ONNX")
    line = refused(capsys, out, path, "--input-size", "8x8", "--calibration", images)
    assert line.startswith(f"MODEL must be a readable ONNX file, not {path} (")


LAST = onnx.defs.onnx_opset_version()


def test_layers_that_no_hardware_can_do_are_refused(tmp_path, capsys):
    model, out = tmp_path / "net.pt2", tmp_path / "out"
    network = ParC(1, 1025, axis="width")
    program = torch.export.export(network, (torch.zeros(1, 1, 2, 1025),))
    torch.export.save(program, model)
    data = save(tmp_path / "images.npz", x=np.random.default_rng(0).normal(size=(1, 1, 2, 1025)))
    line = refused(capsys, out, model, "--input-size", "2x1025", "--calibration", data)
    assert line == (
        "MODEL must be of layers that the hardware can do, not parc_0: width must be from 2 to "
        "1024, not 1025"
    )


def test_digits_lose_little(tmp_path, capsys):
    """Calibrated on training images, at most one point of accuracy goes: here on some of them."""
    for name, task in TASKS.items():
        x, y = digits(task.size, test=True)
        data = save(tmp_path / f"{name}.npz", x=x[:60], y=y[:60])
        model = save_export(load_trained(name), tmp_path / f"{name}.pt2", task.size)
        size = f"{task.size}x{task.size}"
        out = tmp_path / name
        assert not run(model, "--input-size", size, "--calibration", data, "-o", out)
        report = json.loads((out / "report.json").read_text())
        assert report["float_accuracy"] > 0.95
        assert report["integer_accuracy"] >= report["float_accuracy"] - 0.02
    capsys.readouterr()


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        ("torch", "torch, of the extra 'torch', must be installed"),
        ("onnx", "MODEL must be read with onnx, of the extra 'torch', not without"),
    ],
)
def test_a_missing_extra_is_named(missing, line, images, tmp_path):
    code = (
        f"import runpy, sys; sys.modules['{missing}'] = None; "
        "runpy.run_module('hw.convert', run_name='__main__')"
    )
    options = ["--input-size=8x8", f"--calibration={images}", f"--out={tmp_path / 'out'}"]
    done = subprocess.run(
        [sys.executable, "-c", code, "net.onnx", *options],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == f"hw.convert: {line}\n"
    assert not (tmp_path / "out").exists()


def test_names_that_are_no_text_are_refused(tmp_path, images, capsys):
    path = tmp_path / "net.onnx"
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 1, 8, 8])
        for name in ("image", "y")
    ]
    node = onnx.helper.make_node("Relu", ["image"], ["y"])
    graph = onnx.helper.make_graph([node], "net", ends[:1], ends[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    path.write_bytes(model.SerializeToString().replace(b"image", b"im\xffge"))
    out = tmp_path / "out"
    assert run(path, "--input-size", "8x8", "--calibration", images, "-o", out) == 2
    line = capsys.readouterr().err
    assert line.startswith("hw.convert: MODEL must be a readable ONNX file, not ")
    assert line.count("\n") == 1
