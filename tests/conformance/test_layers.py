"""Layers over a grid of forms, engines and shapes, held to what their manifests promise."""

import json
import shutil

import numpy as np
import pytest

from hw.build import run
from tests.conformance.check import PromiseError, check
from tests.later import cases

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus")

PAUSES = [(0.3, 0.3), (0.6, 0.0), (0.0, 0.6)]
SCALED = "[between]\nbits = 6\nlow = -20\n[output]\nbits = 8"
SAME = "[between]\n[output]"
GRID = [
    ("serial", (1, 7, 7), 1, "direct", "direct", "", ""),
    ("serial", (3, 7, 7), 1, "fermat", "fermat", SCALED, ""),
    ("serial", (2, 14, 14), 1, "fermat", "direct 5", SCALED, ""),
    ("serial", (2, 14, 14), 2, "fft", "fft", SCALED, 'order = ["width", "height"]'),
    ("serial", (1, 8, 32), 2, "fft", "fermat", SCALED, ""),
    ("serial", (1, 56, 28), 1, "direct 56", "direct", SCALED, ""),
    ("serial", (24, 3, 5), 1, "direct", "direct 2", SCALED, ""),
    ("serial", (3, 14, 14), 2, "direct", "direct", SAME, "shared_engine = true"),
    ("serial", (1, 7, 7), 1, "fermat", "fermat", SAME, "shared_engine = true"),
    ("parallel", (4, 7, 7), 1, "direct", "direct", "", ""),
    ("parallel", (16, 7, 7), 7, "direct 3", "direct 3", "[output]\nlow = 0", ""),
    ("parallel", (2, 14, 14), 2, "fft", "fft", "", ""),
    ("parallel", (2, 14, 14), 1, "fermat", "direct", "[output]", ""),
    ("parallel", (8, 4, 7), 1, "direct 2", "direct 3", "[output]", ""),
    ("parallel", (20, 3, 4), 1, "direct 2", "direct", "[output]", ""),
    ("parallel", (2, 8, 32), 2, "direct", "direct", "[output]", ""),
    ("parallel", (2, 28, 14), 1, "fermat", "fermat", "", "weight_bits = 4"),
    ("metaformer", (16, 14, 14), 2, "direct", "direct", SCALED, "residual = true"),
    ("metaformer", (2, 7, 7), 1, "fermat", "fermat", SCALED, ""),
    ("metaformer", (2, 4, 4), 2, "fft", "fft", SCALED, "residual = true"),
    ("metaformer", (16, 7, 7), 7, "direct", "direct", SCALED, "residual = true"),
    ("metaformer", (2, 8, 32), 1, "fft", "direct", SCALED, ""),
    ("metaformer", (2, 14, 7), 1, "direct", "fermat", SCALED, "residual = true"),
    ("metaformer", (4, 6, 6), 2, "fft", "direct", SCALED, "residual = true"),
    ("metaformer", (4, 4, 7), 1, "direct 2", "fermat", SCALED, ""),
    ("metaformer", (4, 7, 7), 1, "fft", "fft", SAME, "shared_engine = true"),
    ("metaformer", (6, 5, 4), 1, "direct", "direct", "", "data_bits = 3\nweight_bits = 3"),
]


LOUD = 3
"""A layer whose engines are not exact."""
PLAIN = 9
"""A small layer that is built to be broken."""


def engine_table(choice):
    engine, *macs = choice.split()
    return f'{{engine = "{engine}"{f", macs = {macs[0]}" if macs else ""}}}'


def configured(case, folder):
    form, shape, lanes, height, width, formats, more = case
    lines = [f'form = "{form}"', 'name = "layer"', f"lanes = {lanes}", more]
    names = ("channels", "height", "width")
    lines += [f"{key} = {size}" for key, size in zip(names, shape, strict=True)]
    lines += ["[engines]", f"height = {engine_table(height)}", f"width = {engine_table(width)}"]
    path = folder / "layer.toml"
    path.write_text("\n".join([*lines, formats]))
    return path


def built(case, folder, capsys):
    status = run(["layer", "--config", str(configured(case, folder)), "-o", str(folder)])
    assert status == 0, capsys.readouterr().err
    return folder / "layer.json", folder / "layer.npz"


LATER = (5, 17, 21)
"""Of the grid, those that take longest, and wait for ``make bench``."""


@needs_icarus
@pytest.mark.parametrize("number", cases(range(len(GRID)), LATER))
def test_layer_keeps_its_promises(number, tmp_path, capsys):
    manifest, weights = built(GRID[number], tmp_path, capsys)
    check(manifest, weights, tmp_path / "free")
    pauses = PAUSES[number % len(PAUSES)]
    check(manifest, weights, tmp_path / "paused", pauses=pauses, frames=1, pattern="extreme")


@needs_icarus
@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (r"assign m_axis_tlast = ", "assign m_axis_tlast = ~ ", "misplaces tlast"),
        (r"assign m_axis_tdata = ", "assign m_axis_tdata = 8'h01 ^ ", "is off by"),
        ("(m_axis_tready)", "(m_axis_tready | 1'h1)", r"gave \d+ beats, not 196"),
    ],
)
def test_checker_finds_what_is_broken(old, new, complaint, tmp_path, capsys):
    manifest, weights = built(GRID[PLAIN], tmp_path, capsys)
    verilog = tmp_path / "layer.v"
    text = verilog.read_text()
    assert text.count(old) == 1
    verilog.write_text(text.replace(old, new))
    with pytest.raises(PromiseError, match=complaint):
        check(manifest, weights, tmp_path / "broken", pauses=(0.0, 0.3), frames=1)


@needs_icarus
def test_checker_finds_a_wrong_weight(tmp_path, capsys):
    manifest, weights = built(GRID[PLAIN], tmp_path, capsys)
    arrays = dict(np.load(weights))
    arrays["width.weight"][1, 3] ^= 1
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(PromiseError, match="is off by"):
        check(manifest, tmp_path / "other.npz", tmp_path / "wrong", frames=1)


@needs_icarus
def test_a_layer_with_a_gain_keeps_the_bound_of_its_results(tmp_path, capsys):
    """What two steps of a sum come to at the output; without a gain they would be hidden."""
    manifest, weights = built(GRID[LOUD], tmp_path, capsys)
    arrays = dict(np.load(weights))
    gain = {"height.multiplier": 128110, "height.shift": 3}
    arrays |= {key: np.full_like(arrays[key], value) for key, value in gain.items()}
    np.savez(tmp_path / "loud.npz", **arrays)
    path = tmp_path / "layer.toml"
    text = path.read_text().replace("bits = 8", "bits = 32")
    path.write_text('weights = "loud.npz"\n' + text)
    assert run(["layer", "--config", str(path), "-o", str(tmp_path)]) == 0
    error = check(manifest, tmp_path / "loud.npz", tmp_path / "loud", frames=1, pauses=(0.0, 0.3))
    assert error > 1000
    promises = json.loads(manifest.read_text())
    promises["certificate"]["max_output_error"] = error - 1
    manifest.write_text(json.dumps(promises))
    with pytest.raises(PromiseError, match=f"is off by {error}"):
        check(manifest, tmp_path / "loud.npz", tmp_path / "more", frames=1, pauses=(0.0, 0.3))


@needs_icarus
def test_checker_finds_wrong_timing(tmp_path, capsys):
    manifest, weights = built(GRID[PLAIN], tmp_path, capsys)
    for key, complaint in (("latency_cycles", "latency"), ("cycles_per_frame", "frame every")):
        promises = json.loads(manifest.read_text())
        promises["timing"][key] += 1
        other = tmp_path / "other.json"
        other.write_text(json.dumps(promises))
        with pytest.raises(PromiseError, match=complaint):
            check(other, weights, tmp_path / "late")


def test_grid_is_as_wide_as_it_says():
    assert len(GRID) >= 20
    assert {case[0] for case in GRID} == {"serial", "parallel", "metaformer"}
    assert {case[3].split()[0] for case in GRID} == {"direct", "fft", "fermat"}
    shapes = {case[1][1:] for case in GRID}
    assert {(7, 7), (14, 14), (8, 32), (56, 28)} <= shapes
