"""The command line: what it writes, and how it refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from golden.targets import FACTS
from hw.build import load_presets, run
from hw.emit.toml import to_toml

ROOT = Path(__file__).resolve().parents[2]


def write_weights(path, **changes):
    """Weights for length 4, 2 channels, requantised; ``changes`` replace or, None, remove."""
    arrays = {
        "weight": np.ones((2, 4), dtype=np.int8),
        "pe": np.zeros((2, 4), dtype=np.int8),
        "bias": np.zeros(2, dtype=np.int32),
        "multiplier": np.array([1, 2]),
        "shift": np.array([0, 47]),
        "zero_point": np.array(3),
    } | changes
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


def refusal(capsys, arguments):
    """The line that ``arguments`` are refused with; nothing else may be printed."""
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err.strip()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--length 1", "--length must be from 2 to 1024, not 1"),
        ("--length 1025", "--length must be from 2 to 1024, not 1025"),
        ("--length 4 --macs 0", "--macs must be from 1 to 4, not 0"),
        ("--length 4 --macs 5", "--macs must be from 1 to 4, not 5"),
        (
            "--length 4 --macs 1 --products paired",
            "--products must be single with --macs 1, not paired",
        ),
        (
            "--length 4 --lanes 2 --rows 3",
            "--rows must be a positive multiple of --lanes (2), not 3",
        ),
        ("--length 4 --rows 0", "--rows must be a positive multiple of --lanes (1), not 0"),
        ("--length 4 --lanes 0", "--lanes must be from 1 to 64, not 0"),
        ("--length 4 --channels 0", "--channels must be from 1 to 65536, not 0"),
        ("--length 4 --data-bits 1", "--data-bits must be from 2 to 18, not 1"),
        ("--length 4 --weight-bits 19", "--weight-bits must be from 2 to 18, not 19"),
        (
            "--length 4 --target vhs",
            "--target must be one of generic, ecp5, ice40, xc7, xcup, not 'vhs'",
        ),
        ("--length 4 --name 2fast", "--name must be a Verilog identifier, not '2fast'"),
        ("--length 4 --name module", "--name must be a Verilog identifier, not 'module'"),
        ("--length 4 --name ", "--name must be a Verilog identifier, not ''"),
        ("--length 4 --name always_comb", "--name must be a Verilog identifier, not 'always_comb'"),
        ("--length 4 --name Aux", "--name must be a file's name on any system, not 'Aux'"),
        (f"--length 4 --name {'n' * 201}", "--name must be of at most 200 characters, not of 201"),
        (
            "--length 4 --name MULT18X18D",
            "--name must be another name than a primitive's, not 'MULT18X18D'",
        ),
        (
            "--length 4 --name s_axis_tdata",
            "--name must be another name than that of s_axis_tdata, not 's_axis_tdata'",
        ),
        ("--length 4 --name e --clock E", "--clock must be another name than e, not 'E'"),
        ("--length 4 --name e --reset e_i", "--reset must be another name than e_i, not 'e_i'"),
        ("--length 4 --reset clk", "--reset must be another name than --clock, not 'clk'"),
        ("--length 4 --clock RST", "--reset must be another name than --clock, not 'rst'"),
        (
            "--length 4 --clock s_axis_tdata",
            "--clock must be another name than that of s_axis_tdata, not 's_axis_tdata'",
        ),
        (
            "--length 4 --reset M_AXIS_TLAST",
            "--reset must be another name than that of m_axis_tlast, not 'M_AXIS_TLAST'",
        ),
        (
            "--length 4 --clock event_tlast_missing",
            "--clock must be another name than that of event_tlast_missing, not "
            "'event_tlast_missing'",
        ),
        (
            "--length 4 --weights-port --reset w_axis_tready",
            "--reset must be another name than that of w_axis_tready, not 'w_axis_tready'",
        ),
        ("--length 4 --reset-active up", "--reset-active must be high or low, not 'up'"),
        (
            "--length 4 --output requantized --output-bits 1",
            "--output-bits must be from 2 to 32, not 1",
        ),
        (
            "--length 4 --output requantized --output-low -129",
            "--output-low must be from -128 to 127, not -129",
        ),
        (
            "--length 4 --output requantized --output-low 5 --output-high 4",
            "--output-low must be at most --output-high (4), not 5",
        ),
        (
            "--length 4 --output requantized --zero-point 3",
            "--zero-point must be in --weights, not on the command line",
        ),
        (
            "--length 4 --weights-port --output requantized --output-low 0 --zero-point -3",
            "--zero-point must be from 0 to 127, not -3",
        ),
        ("--length four", "Invalid value for '--length': 'four' is not a valid integer."),
        ("--macs 4", "Missing option '--length'."),
        ("--length 4 --quux", "No such option '--quux'."),
    ],
)
def test_an_impossible_option_is_refused(options, message, capsys, tmp_path):
    out = tmp_path / "out"
    line = refusal(capsys, ["direct", *options.split(" "), "--out", str(out)])
    assert line == f"hw.build: {message}"
    assert not out.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": None}, "an array 'weight', not only pe, bias, multiplier, shift, zero_point"),
        (
            {"bais": np.zeros(2)},
            "only weight, pe, bias, multiplier, shift, zero_point, not 'bais'",
        ),
        ({"weight": np.ones((2, 5))}, "'weight' of shape (2, 4), not (2, 5)"),
        ({"weight": np.full((2, 4), 0.5)}, "'weight' of whole numbers, not 0.5 at [0, 0]"),
        ({"weight": np.full((2, 4), 128)}, "'weight' from -128 to 127, not 128 at [0, 0]"),
        ({"weight": np.full((2, 4), np.nan)}, "'weight' of whole numbers, not nan at [0, 0]"),
        ({"weight": np.full((2, 4), "1")}, "'weight' of integers, not of type <U1"),
        ({"pe": np.full((2, 4), -129)}, "'pe' from -128 to 127, not -129 at [0, 0]"),
        ({"bias": np.zeros(3)}, "'bias' of shape (2,), not (3,)"),
        (
            {"bias": np.array([0, 2**31])},
            f"'bias' from {-(2**31)} to {2**31 - 1}, not {2**31} at [1]",
        ),
        (
            {"multiplier": None},
            "an array 'multiplier', not only weight, pe, bias, shift, zero_point",
        ),
        ({"multiplier": np.array([1, 0])}, "'multiplier' from 1 to 131071, not 0 at [1]"),
        ({"multiplier": np.array([1, 2**17])}, "'multiplier' from 1 to 131071, not 131072 at [1]"),
        ({"shift": np.array([48, 1])}, "'shift' from 0 to 47, not 48 at [0]"),
        (
            {"shift": None},
            "an array 'shift', not only weight, pe, bias, multiplier, zero_point",
        ),
        ({"zero_point": np.array(128)}, "'zero_point' from -128 to 127, not 128"),
        (
            {"zero_point": None},
            "an array 'zero_point', not only weight, pe, bias, multiplier, shift",
        ),
    ],
)
def test_weights_that_break_a_rule_are_refused(changes, message, capsys, tmp_path):
    weights = write_weights(tmp_path / "w.npz", **changes)
    options = f"--length 4 --channels 2 --output requantized --out {tmp_path / 'out'}"
    line = refusal(capsys, ["direct", *options.split(), "--weights", str(weights)])
    assert line == f"hw.build: --weights must hold {message}"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"text", "truncated", "array", None])
def test_a_file_that_is_no_archive_is_refused(content, capsys, tmp_path):
    path = tmp_path / "w.npz"
    if content == "truncated":
        write_weights(path)
        path.write_bytes(path.read_bytes()[:300])
    elif content == "array":
        with path.open("wb") as file:
            np.save(file, np.ones(3))
    elif content is not None:
        path.write_bytes(content)
    line = refusal(capsys, ["direct", "--length", "4", "--weights", str(path)])
    assert line.startswith("hw.build: --weights must be ")
    assert str(path) in line


def test_weights_and_weights_port_exclude_each_other(capsys, tmp_path):
    weights = str(write_weights(tmp_path / "w.npz"))
    line = refusal(capsys, ["direct", "--length", "4", "--weights-port", "--weights", weights])
    assert line == f"hw.build: --weights must be left out with --weights-port, not {weights}"


def test_a_folder_that_cannot_be_written_is_refused(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "out"
    line = refusal(capsys, ["direct", "--length", "4", "--out", str(out)])
    assert line == (
        f"hw.build: --out must be a folder that can be written, not {out} (Not a directory)"
    )


def test_an_unknown_preset_is_refused(capsys):
    names = ", ".join(load_presets())
    line = refusal(capsys, ["--preset", "huge"])
    assert line == f"hw.build: --preset must be one of {names}, not 'huge'"


def test_a_file_in_the_way_leaves_nothing_half_written(capsys, tmp_path):
    (tmp_path / "e.json").mkdir()
    line = refusal(capsys, f"direct --length 4 --name e --out {tmp_path}".split())
    assert line.startswith("hw.build: --out must be a folder that can be written, not ")
    assert [path.name for path in tmp_path.iterdir()] == ["e.json"]


def test_a_build_is_the_same_to_the_byte_everywhere(tmp_path):
    """Other hash seeds and folders change nothing."""
    builds = []
    for seed, folder in (("0", tmp_path / "a"), ("7", tmp_path / "elsewhere" / "b")):
        command = [sys.executable, "-m", "hw.build", "direct", "--length", "9", "--macs", "4"]
        subprocess.run(
            [*command, "--output", "requantized", "--out", str(folder)],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        builds.append({path.name: path.read_bytes() for path in sorted(folder.iterdir())})
    assert builds[0] == builds[1]
    assert set(builds[0]) == {f"parc_direct_9.{end}" for end in ("v", "veo", "npz", "json")}


@pytest.mark.parametrize("name", load_presets())
def test_preset_builds(name, tmp_path):
    assert run(["--preset", name, "--out", str(tmp_path)]) == 0
    manifest = json.loads((tmp_path / f"{name}.json").read_text())
    assert manifest["name"] == name
    assert (tmp_path / f"{name}.v").exists()


def test_without_a_command_every_preset_is_built(tmp_path, monkeypatch):
    known = load_presets()
    some = {name: known[name] for name in list(known)[:2]}
    monkeypatch.setattr("hw.build.load_presets", lambda: some)
    assert run(["--out", str(tmp_path)]) == 0
    assert {path.stem for path in tmp_path.glob("*.json")} == set(some)


def test_reset_and_clock_take_other_names(tmp_path):
    options = "--length 4 --clock aclk --reset aresetn --reset-active low --name e"
    assert run(["direct", *options.split(), "--out", str(tmp_path)]) == 0
    manifest = json.loads((tmp_path / "e.json").read_text())
    assert manifest["clock"] == "aclk"
    assert manifest["reset"] == {"name": "aresetn", "active": "low"}
    assert ".aresetn(aresetn)" in (tmp_path / "e.veo").read_text()


@pytest.mark.parametrize("bits", [24, 8])
def test_the_manifest_says_how_far_results_are_off(bits, tmp_path):
    """A gain of 16,000 brings two steps of a sum to as many of the output, or to its ends."""
    arrays = {
        "weight": np.random.default_rng(0).integers(-128, 128, (1, 64)),
        "multiplier": np.array([128110]),
        "shift": np.array([3]),
        "zero_point": np.array(0),
    }
    np.savez(tmp_path / "loud.npz", **arrays)
    options = f"--length 64 --output requantized --output-bits {bits} --name e"
    arguments = ["--weights", str(tmp_path / "loud.npz"), "--out", str(tmp_path)]
    assert run(["fft", *options.split(), *arguments]) == 0
    certificate = json.loads((tmp_path / "e.json").read_text())["certificate"]
    off = certificate["max_abs_error"]
    assert off > 0
    scaled = off * 128110 // 8
    assert certificate["max_output_error"] in ({scaled, scaled + 1} if bits == 24 else {255})


def test_help_teaches(capsys):
    assert run(["--help"]) == 0
    assert "python -m hw.build direct --length 56" in capsys.readouterr().out


@pytest.mark.parametrize("target", FACTS)
def test_figures_are_claimed_for_their_own_target_alone(target, tmp_path, capsys):
    """Counts hold for ECP5, which a build for no device is taken for; others get none."""
    assert run(["direct", "--length", "4", "--target", target, "-o", str(tmp_path)]) == 0
    layer = {"form": "parallel", "channels": 2, "height": 4, "width": 4, "target": target}
    engines = {axis: {"engine": "direct"} for axis in ("height", "width")}
    (tmp_path / "layer.toml").write_bytes(to_toml(layer | {"engines": engines}))
    config = str(tmp_path / "layer.toml")
    assert run(["layer", "--config", config, "--name", "layer", "-o", str(tmp_path)]) == 0
    predicted = target in ("generic", "ecp5")
    said = capsys.readouterr().out.count(f"{target}: no prediction for this target")
    assert said == (0 if predicted else 2)
    for name in ("parc_direct_4", "layer"):
        entry = json.loads((tmp_path / f"{name}.json").read_text())["prediction"]
        if predicted:
            assert entry["target"] == "ecp5"
            assert entry["multipliers"] > 0
        else:
            assert entry == {"target": target, "remark": "no prediction for this target"}
