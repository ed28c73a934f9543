"""Layers on the command line: what it writes, and how it refuses."""

import hashlib
import json

import numpy as np
import pytest

from hw.build import LAYER_PRESETS, run
from hw.layer.config import read_layer

GOOD = {
    "form": '"metaformer"',
    "channels": "2",
    "height": "4",
    "width": "4",
    "engines": '{height = {engine = "direct"}, width = {engine = "direct"}}',
    "between": "{bits = 8}",
    "output": "{bits = 8}",
}
DIRECT = '{engine = "direct"}'


def write(folder, **changes):
    """A configuration; ``changes`` replace or, None, remove."""
    entries = GOOD | changes
    path = folder / "layer.toml"
    lines = [f"{key} = {value}" for key, value in entries.items() if value is not None]
    path.write_text("\n".join(lines))
    return path


def refusal(capsys, path, out):
    assert run(["layer", "--config", str(path), "--out", str(out)]) == 2
    printed, complaint = capsys.readouterr()
    assert printed == ""
    assert complaint.count("\n") == 1
    assert not out.exists()
    return complaint.strip()


KEYS = (
    "form, weights_port, weights, channels, height, width, lanes, data_bits, weight_bits, name, "
    "target, output, after, engines, between, shared_engine, residual"
)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "1"}, f"colour must be one of the keys {KEYS}, not 'colour'"),
        ({"height": None}, "height must be an integer, not left out"),
        ({"height": '"4"'}, "height must be an integer, not '4'"),
        ({"channels": "true"}, "channels must be an integer, not True"),
        ({"channels": "3"}, "channels must be even, not 3"),
        ({"channels": "0"}, "channels must be from 1 to 65536, not 0"),
        ({"height": "5000"}, "height must be from 1 to 4096, not 5000"),
        ({"lanes": "3"}, "height must be a multiple of lanes (3), not 4"),
        ({"data_bits": "19"}, "data_bits must be from 2 to 18, not 19"),
        ({"name": '""'}, "name must be a Verilog identifier, not ''"),
        ({"name": '"nul"'}, "name must be a file's name on any system, not 'nul'"),
        ({"name": '"LUT4"'}, "name must be another name than a primitive's, not 'LUT4'"),
        ({"name": '"2d"'}, "name must be a Verilog identifier, not '2d'"),
        (
            {"target": '"z80"'},
            "target must be one of generic, ecp5, ice40, xc7, xcup, not 'z80'",
        ),
        (
            {"engines": f"{{height = {DIRECT}}}"},
            "engines.width.engine must be a string, not left out",
        ),
        (
            {"engines": f'{{height = {DIRECT}, width = {{engine = "dft"}}}}'},
            "engines.width.engine must be one of direct, fft, fermat, not 'dft'",
        ),
        (
            {"engines": f'{{height = {DIRECT}, width = {{engine = "direct", macs = 9}}}}'},
            "engines.width.macs must be from 1 to 4, not 9",
        ),
        (
            {"engines": f'{{height = {DIRECT}, width = {{engine = "direct", ring = 9}}}}'},
            "engines.width.ring must be one of the keys engine, macs, products, not 'ring'",
        ),
        (
            {"engines": f'{{height = {DIRECT}, width = {{engine = "direct", products = "two"}}}}'},
            "engines.width.products must be one of paired, single, not 'two'",
        ),
        (
            {"width": "11", "engines": f'{{height = {DIRECT}, width = {{engine = "fermat"}}}}'},
            "width must be a length with a root of unity in a ring (nearest: 8, 9, 10, 12), not 11",
        ),
        (
            {"width": "1", "engines": f'{{height = {DIRECT}, width = {{engine = "direct"}}}}'},
            "width must be from 2 to 1024, not 1",
        ),
        (
            {"output": "{zero_point = 3, zero_point_port = true}", "weights_port": "true"},
            "output.zero_point must be left out where zero points are loaded, not 3",
        ),
        (
            {"output": "{zero_point_port = true}"},
            "output.zero_point_port must be in the weights file, as output.zero_point, without "
            "weights_port = true, not true",
        ),
        ({"between": "{bits = 1}"}, "between.bits must be from 2 to 32, not 1"),
        ({"between": "{low = 5, high = 4}"}, "between.low must be at most between.high (4), not 5"),
        (
            {"output": "{bits = 8, zero_point = 3}"},
            "output.zero_point must be in the weights file, as output.zero_point, without "
            "weights_port = true, not 3",
        ),
        (
            {"between": None, "data_bits": "16"},
            "between must be given where sums of 25 bits pass on to the direct engine (at most "
            "18), not left out",
        ),
        (
            {"residual": "true", "output": None},
            "residual must be false where sums leave whole (without output), not true",
        ),
        (
            {"residual": "true", "shared_engine": "true"},
            "residual must be false with shared_engine = true, not true",
        ),
        (
            {"residual": "{multiplier = 1, shift = 0}"},
            "residual must be true or false without weights_port = true: the weights file has "
            "its scale, not a table",
        ),
        (
            {"residual": "true", "weights_port": "true"},
            "residual must be a table of multiplier, shift and zero_point with weights_port = "
            "true, not true",
        ),
        (
            {"shared_engine": "true", "width": "8"},
            "shared_engine must be false where height and width differ, or their engines, not true",
        ),
        (
            {"shared_engine": "true", "between": "{bits = 7}"},
            "shared_engine must be false where between and output are not given alike, not true",
        ),
        (
            {"weights": '"w.npz"', "weights_port": "true"},
            "weights must be left out with weights_port = true, not 'w.npz'",
        ),
        (
            {"form": '"spiral"'},
            "form must be one of serial, parallel, metaformer, dense, linear, global_filter, "
            "depthwise, not 'spiral'",
        ),
        (
            {"form": '"serial"', "order": '["width", "width"]'},
            'order must be "height" and "width" in any order, or one of them, not '
            "['width', 'width']",
        ),
        (
            {"height": "384", "width": "384", "target": '"ecp5"', "engines": None}
            | {"engines.height": '{engine = "direct", macs = 8}'}
            | {"engines.width": '{engine = "direct", macs = 8}'},
            "target must be a family with 444 block RAMs of 18 kb in a device, not ecp5, whose "
            "largest (LFE5U-85F-6) has 208",
        ),
    ],
)
def test_bad_configurations_are_refused(changes, message, tmp_path, capsys):
    path = write(tmp_path, **changes)
    assert refusal(capsys, path, tmp_path / "out") == f"hw.build: {message}"


def test_files_that_cannot_be_read_are_refused(tmp_path, capsys):
    out = tmp_path / "out"
    absent = tmp_path / "absent.toml"
    message = f"--config must be a readable TOML file, not {absent} (No such file or directory)"
    assert refusal(capsys, absent, out) == f"hw.build: {message}"
    broken = tmp_path / "broken.toml"
    broken.write_text("form = ")
    message = (
        f"--config must be a readable TOML file, not {broken} (Invalid value (at end of document))"
    )
    assert refusal(capsys, broken, out) == f"hw.build: {message}"
    path = write(tmp_path, weights='"none.npz"')
    weights = tmp_path / "none.npz"
    message = f"weights must be a readable .npz archive, not {weights}"
    assert refusal(capsys, path, out).startswith(f"hw.build: {message}")


@pytest.fixture
def arrays(tmp_path):
    return dict(read_layer(write(tmp_path)).weights)


@pytest.mark.parametrize(
    ("key", "array", "message"),
    [
        ("width.weight", None, "an array 'width.weight', not only"),
        (
            "width.bais",
            np.zeros(2),
            "only height.weight, height.pe, height.bias, height.multiplier",
        ),
        ("width.weight", np.zeros((2, 3)), "'width.weight' of shape (2, 4), not (2, 3)"),
        (
            "height.weight",
            np.full((2, 4), 128),
            "'height.weight' from -128 to 127, not 128 at [0, 0]",
        ),
        ("height.shift", np.array([0, 48]), "'height.shift' from 0 to 47, not 48 at [1]"),
        ("between.zero_point", np.array(200), "'between.zero_point' from -128 to 127, not 200"),
        ("output.zero_point", np.zeros(3), "'output.zero_point' of shape (2,), not (3,)"),
        (
            "between.zero_point",
            np.array([0, 200]),
            "'between.zero_point' from -128 to 127, not 200 at [1]",
        ),
    ],
)
def test_bad_weights_are_refused(arrays, key, array, message, tmp_path, capsys):
    changed = {name: value for name, value in arrays.items() if name != key}
    if array is not None:
        changed[key] = array
    np.savez(tmp_path / "w.npz", **changed)
    path = write(tmp_path, weights='"w.npz"')
    line = refusal(capsys, path, tmp_path / "out")
    assert line.startswith(f"hw.build: weights must hold {message}")


def test_a_build_is_reproduced_from_its_weights(arrays, tmp_path):
    example, given = tmp_path / "example", tmp_path / "given"
    assert run(["layer", "--config", str(write(tmp_path)), "--out", str(example)]) == 0
    name = "parc_layer_metaformer"
    archive = example / f"{name}.npz"
    assert set(np.load(archive)) == set(arrays)
    (tmp_path / "w.npz").write_bytes(archive.read_bytes())
    path = write(tmp_path, weights='"w.npz"')
    assert run(["layer", "--config", str(path), "--out", str(given)]) == 0
    for suffix in ("v", "veo"):
        left, right = ((folder / f"{name}.{suffix}").read_bytes() for folder in (example, given))
        assert left == right
    made_up, manifest = (
        json.loads((folder / f"{name}.json").read_text()) for folder in (example, given)
    )
    weights = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert made_up["sha256"].pop(f"{name}.npz") == weights  # the only file that is not in both
    assert made_up == manifest
    assert manifest["kind"] == "layer"
    assert manifest["certificate"]["exact"]
    assert not (given / f"{name}.npz").exists()


@pytest.mark.parametrize("preset", sorted(LAYER_PRESETS.glob("*.toml")), ids=lambda path: path.stem)
def test_presets_describe_layers(preset):
    design = read_layer(preset)
    assert design.loaded
    assert design.channels >= 192


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--name=", "--name must be a Verilog identifier, not ''"),
        (
            "--clock=w_height_axis_tvalid",
            "--clock must be another name than that of w_height_axis_tvalid, not "
            "'w_height_axis_tvalid'",
        ),
        (
            "--reset=Parc_Layer_Serial",
            "--reset must be another name than parc_layer_serial",
        ),
        (
            "--name=event_w_width_tlast_missing",
            "--name must be another name than that of event_w_width_tlast_missing",
        ),
    ],
)
def test_names_are_held_apart(options, message, capsys, tmp_path):
    engines = f'{{height = {DIRECT}, width = {{engine = "fermat"}}}}'
    path = write(tmp_path, form='"serial"', engines=engines, weights_port="true")
    assert run(["layer", "--config", str(path), "--out", str(tmp_path / "out"), options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
