"""What the campaign damages: a good file of every kind, and what reads it and uses what it read."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from golden.inputs.read import read_arrays
from golden.inputs.write import arrays_archive
from golden.layer.design import LayerDesign
from golden.layer.registry import LAYERS
from golden.line.example import example_weights
from golden.line.weights import WEIGHT_NAMES, check_weights
from golden.network import cases
from golden.network.files import CONFIG, WEIGHTS, read_network, written
from golden.network.registry import OPERATORS
from hw.convert.calibrate import load_calibration
from hw.emit.files import to_json, with_manifest
from hw.emit.product import load_product
from hw.emit.toml import to_toml
from hw.layer.config import LayerConfig
from hw.plan.network import converted
from hw.report.subject import load_subject
from sim.campaign.fuzz.mutate import Mutation, damaged_archive, damaged_text
from sim.random_layers import random_layer

Files = Mapping[str, bytes]
Read = Callable[[Path], object]
_LINE: dict[str, Any] = {"length": 5, "channels": 2, "data_bits": 8, "weight_bits": 8}
_LARGEST = 1 << 20
"""Samples of a map that is still run, of a design that was read."""


@dataclass(frozen=True)
class Reader:
    """A reader and what is put in front of it.

    Parameters
    ----------
    samples
        Good files by name, the damaged one the first; a list of alternatives.
    mutation
        How it is damaged.
    read
        Reads the file at a path and uses what it read. Raises AssertionError where that is wrong,
        ParameterError where the file is refused.
    """

    samples: Callable[[], Sequence[Files]]
    mutation: Mutation
    read: Read


def _line_arrays() -> Sequence[Files]:
    weights = example_weights(**_LINE, requantized=None)
    arrays = {name: getattr(weights, name) for name in ("weight", "pe", "bias")}
    return [{"weights.npz": arrays_archive(arrays)}]


def _read_line_arrays(path: Path) -> None:
    arrays = {k: v for k, v in read_arrays(path, "weights").items() if k in WEIGHT_NAMES}
    with np.load(path) as known:  # NumPy's own reader
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, known[name])
    weights = check_weights(arrays, **_LINE, requantized=None)
    assert np.abs(weights.weight).max() <= 128
    assert weights.start().shape == (2, 5)


def _calibration() -> Sequence[Files]:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 4))
    return [{"calibration.npz": arrays_archive({"x": x, "y": np.array([0, 1])})}]


def _read_calibration(path: Path) -> None:
    assert np.isfinite(load_calibration(path).images).all()


def _layer(seed: int, *, filed: bool) -> Files:
    """Return a random layer's configuration, and its weights in a file beside it if ``filed``."""
    design, options = random_layer(seed)
    entries = {key: value for key, value in options.items() if key != "port"} | {"name": "layer"}
    if design.weights is None:
        return {"layer.toml": to_toml(entries | {"weights_port": True})}
    if not filed:
        return {"layer.toml": to_toml(entries)}
    config = to_toml(entries | {"weights": "w.npz"})
    return {"layer.toml": config, "w.npz": arrays_archive(design.weights)}


def _layers() -> Sequence[Files]:
    return [_layer(seed, filed=seed % 2 == 0) for seed in range(3 * len(LAYERS))]


def _read_layer(path: Path) -> None:
    design = LayerConfig.read(path).design()
    assert design.certificate()["overflow_free"]
    _run_layer(design)


def _run_layer(design: LayerDesign) -> None:
    """Send the ends of its data through a small layer, and hold results to their range."""
    shape = (1, design.channels, design.height, design.width)
    if design.weights is None or np.prod(shape) > _LARGEST:
        return
    for value in (design.data.low, design.data.high):
        made = design.model(np.full(shape, value))
        assert made.min() >= design.output_range.low
        assert made.max() <= design.output_range.high


@cache
def _networks() -> Sequence[Files]:
    files: list[Files] = []
    for seed, kind in enumerate(OPERATORS):
        network, _ = cases.Draw(seed, own=True).case(kind)
        table, arrays = written(network)
        files.append({CONFIG: to_toml(table), WEIGHTS: arrays})
    return files


def _network_arrays() -> Sequence[Files]:
    return [{WEIGHTS: f[WEIGHTS], CONFIG: f[CONFIG]} for f in _networks()]


def _read_network(path: Path) -> None:
    network = read_network(path.with_name(CONFIG))
    shapes = [data.shape for data in network.maps.values()]
    if max(int(np.prod(shape, dtype=object)) for shape in shapes) > _LARGEST:
        return
    data = network.maps[network.input]
    made = network.run({network.input: np.full((1, *data.shape), data.range.low)})
    for name in network.outputs:
        ends = network.maps[name].range
        assert ends.low <= made[name].min() <= made[name].max() <= ends.high


def _manifests() -> Sequence[Files]:
    entries = {
        "name": "engine",
        "top": "engine",
        "clock": "clk",
        "engine": "direct",
        "files": ["engine.v", "model.v"],
        "models": ["model.v"],
    }
    files = {"engine.v": b"module engine;\nendmodule\n", "model.v": b"\n"}
    made = with_manifest(files, "engine.json", entries)
    run = to_json({"frames": 1, "layers": []})
    beside = {**made, "engine.run.json": run, "engine.npz": _line_arrays()[0]["weights.npz"]}
    return [
        {"engine.json": made["engine.json"], **made},
        {"engine.json": made["engine.json"], **beside},
    ]


def _read_manifest(path: Path) -> None:
    built = load_product(path)
    facts = json.loads(path.read_text(encoding="utf-8"))
    assert built.name == facts["top"]
    assert {*built.sources, *built.models} == set(facts["files"])
    load_subject(path)


def _plans() -> Sequence[Files]:
    files = next(files for files in _layers() if "w.npz" in files)
    listed = {"input": [3, 224, 224], "layers": [{"config": "layer.toml"}] * 2}
    return [{"network.json": to_json(listed), **files}]


def _read_plan(path: Path) -> None:
    assert converted(path.parent).layers


def _onnx() -> Sequence[Files]:
    from sim.campaign.fuzz.networks import onnx_files

    return onnx_files()


def _damaged_onnx(content: bytes, random: np.random.Generator) -> bytes:
    from sim.campaign.fuzz.networks import damaged_onnx

    return damaged_onnx(content, random)


def _read_onnx(path: Path) -> None:
    from sim.campaign.fuzz.networks import compare_onnx

    compare_onnx(path)


def _pt2() -> Sequence[Files]:
    from sim.campaign.fuzz.networks import pt2_files

    return pt2_files()


def _read_pt2(path: Path) -> None:
    from sim.campaign.fuzz.networks import compare_pt2

    compare_pt2(path)


READERS = {
    "npz of an engine": Reader(_line_arrays, damaged_archive, _read_line_arrays),
    "npz of images": Reader(_calibration, damaged_archive, _read_calibration),
    "npz of a network": Reader(_network_arrays, damaged_archive, _read_network),
    "TOML of a layer": Reader(_layers, damaged_text, _read_layer),
    "TOML of a network": Reader(_networks, damaged_text, _read_network),
    "JSON manifest": Reader(_manifests, damaged_text, _read_manifest),
    "JSON of a plan": Reader(_plans, damaged_text, _read_plan),
    "ONNX": Reader(_onnx, _damaged_onnx, _read_onnx),
    "pt2": Reader(_pt2, damaged_archive, _read_pt2),
}
"""By name."""
OF_TORCH = ("ONNX", "pt2")
"""Those that need the extra torch."""
