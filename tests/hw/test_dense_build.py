"""Layers that mix channels and linear convolutions on the command line, and their refusals."""

import json

import numpy as np
import pytest

from hw.build import run

GOOD = {
    "dense": {
        "channels": "4",
        "height": "4",
        "width": "4",
        "engines.height": '{engine = "direct"}',
        "engines.width": '{engine = "direct"}',
    },
    "linear": {
        "channels": "2",
        "height": "4",
        "width": "6",
        "kernels.height": "{taps = 3}",
        "kernels.width": "{taps = 5}",
        "between.bits": "8",
        "engines.height": '{engine = "direct"}',
        "engines.width": '{engine = "direct"}',
    },
}


def write(folder, form, changes):
    entries = {"form": f'"{form}"'} | GOOD[form] | changes
    path = folder / "layer.toml"
    path.write_text("\n".join(f"{k} = {v}" for k, v in entries.items() if v is not None))
    return path


REFUSED = [
    ("dense", {"channels": "5"}, "channels must be even where half go along either axis, not 5"),
    (
        "dense",
        {"out_channels": "5"},
        "out_channels must be even where half go along either axis, not 5",
    ),
    ("dense", {"axis": '"depth"'}, "axis must be one of both, height, width, not 'depth'"),
    (
        "dense",
        {"width": "11", "engines.width": '{engine = "fermat"}'},
        "width must be a length with a root of unity in a ring (nearest: 8, 9, 10, 12), not 11",
    ),
    (
        "dense",
        {"width": "6", "engines.width": '{engine = "fermat", products = 3}'},
        "engines.width.products must be a divisor of the input channels (2), not 3",
    ),
    (
        "dense",
        {"axis": '"height"'},
        "engines.width must be one of the keys height, not 'width'",
    ),
    (
        "dense",
        {"engines.width": None, "axis": '"height"', "streamed": "true"},
        "streamed must be left out without weights_port = true, not true",
    ),
    (
        "dense",
        {
            "engines.width": None,
            "axis": '"height"',
            "engines.height": '{engine = "direct", products = 3}',
        },
        "engines.height.products must be a divisor of the input channels (4), not 3",
    ),
    (
        "dense",
        {"engines.width": None, "axis": '"height"', "target": '"ice40"', "height": "128"}
        | {"weights_port": "true", "channels": "64", "width": "1"},
        "target must be a family with about 2502 block RAMs of 4 kb in a device, "
        "not ice40, whose largest (HX8K) has 32",
    ),
    ("linear", {"kernels.height": "{}"}, "kernels.height.taps must be an integer, not left out"),
    (
        "linear",
        {"kernels.height": "{taps = 3, stride = 4}"},
        "kernels.height.stride must be 1 or 2, not 4",
    ),
    (
        "linear",
        {"lanes": "2", "kernels.height": "{taps = 3, stride = 4}"},
        "kernels.height.stride must be 1 or 2, not 4",
    ),
    (
        "linear",
        {"lanes": "2", "kernels.width": "{taps = 3, stride = 2}"},
        "width must be such that 3 results are a multiple of lanes (2), not 6",
    ),
    (
        "linear",
        {"order": '["height"]', "engines.width": None, "kernels.width": None},
        "between must be left out where there is one pass, not given",
    ),
    (
        "linear",
        {"kernels.width": "{taps = 5, length = 7}"},
        "kernels.width.length must be from 8 to 4096, not 7",
    ),
]


@pytest.mark.parametrize(("form", "changes", "message"), REFUSED)
def test_refused_in_one_line(form, changes, message, tmp_path, capsys):
    path = write(tmp_path, form, changes)
    assert run(["layer", "--config", str(path), "--out", str(tmp_path / "out")]) == 2
    printed, complaint = capsys.readouterr()
    assert printed == ""
    assert complaint == f"hw.build: {message}\n"
    assert not (tmp_path / "out").exists()


def test_weights_of_another_shape_are_refused(tmp_path, capsys):
    np.savez(tmp_path / "w.npz", **{"height.weight": np.zeros((2, 4, 4), dtype=np.int64)})
    path = write(tmp_path, "dense", {"weights": '"w.npz"'})
    assert run(["layer", "--config", str(path), "--out", str(tmp_path / "out")]) == 2
    complaint = capsys.readouterr().err
    assert "'height.weight' of shape (2, 2, 4), not (2, 4, 4)" in complaint


def test_manifest_states_the_work_of_a_multiplier(tmp_path):
    path = write(tmp_path, "dense", {"name": '"d"'})
    assert run(["layer", "--config", str(path), "--out", str(tmp_path)]) == 0
    manifest = json.loads((tmp_path / "d.json").read_text())
    prediction = manifest["prediction"]
    assert prediction["multipliers"] == 3  # two pairs, and one for both
    assert prediction["macs_per_cycle"] == 4
    assert prediction["macs_per_cycle_and_multiplier"] == 1.33
    assert manifest["timing"]["cycles_per_frame"] == 2 * 2 * 4 * 2 * 4
    assert manifest["certificate"]["exact"]
