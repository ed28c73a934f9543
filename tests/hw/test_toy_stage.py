"""What follows a layer's passes: a table, and a stage in one file, built, simulated and planned."""

import itertools
import json

import numpy as np
import pytest

from golden.graph.tensor import Tensor
from golden.inputs.write import arrays_archive
from golden.numbers.certificate import Errors
from golden.numbers.interval import Interval
from hw.build import run
from hw.command import run_command
from hw.emit.toml import to_toml
from hw.layer.config import read_layer
from hw.layer.layer import schedule_of
from hw.plan.command import main as plan
from sim.engine import simulate
from tests.hw import toy_stage

LAYER = {
    "name": "layer",
    "form": "metaformer",
    "channels": 2,
    "height": 4,
    "width": 4,
    "output": {"bits": 6},
    "between": {"bits": 6},
    "engines": {"height": {"engine": "direct"}, "width": {"engine": "fermat"}},
    "after": ["magnitude"],
}
TESTS = ["latency_and_rate", "all_paces", "reset_in_midstream", "wrong_last"]


@pytest.fixture(autouse=True)
def _entered():
    toy_stage.register()
    yield
    toy_stage.forget()


def written(folder, **changes):
    path = folder / "layer.toml"
    path.write_bytes(to_toml(LAYER | changes))
    return path


def simulated(design, folder, tests=TESTS):
    run_of = {"simulator": "icarus", "folder": folder, "groups": 2, "resets": 2}
    assert simulate(design, "sim.bench_layer", tests=tests, **run_of) == tests


@pytest.mark.parametrize("lanes", [1, 2])
def test_it_is_what_its_model_says(tmp_path, lanes):
    design = read_layer(written(tmp_path, lanes=lanes))
    assert (design.output_range.low, design.output_range.high) == (0, 32)
    simulated(design, tmp_path / "sim")


def test_it_may_follow_a_residual_sum_and_a_table(tmp_path):
    """And weights in a file, with the table among them."""
    example = read_layer(written(tmp_path, residual=True, after=["lookup", "magnitude"]))
    table = np.arange(31, -33, -1)
    weights = dict(example.weights) | {"lookup": table}
    (tmp_path / "layer.npz").write_bytes(arrays_archive(weights))
    own = {"residual": True, "after": ["lookup", "magnitude"], "weights": "layer.npz"}
    design = read_layer(written(tmp_path, **own))
    maps = np.random.default_rng(0).integers(-128, 128, (2, 2, 4, 4))
    bare = read_layer(written(tmp_path, **own | {"after": []}))
    np.testing.assert_array_equal(design.model(maps), np.abs(table[bare.model(maps) + 32]))
    simulated(design, tmp_path / "sim", TESTS[:2])


def test_its_beats_are_counted(tmp_path):
    """Halves of the channels of different rates: what was counted is what the bench measures."""
    engines = {"height": {"engine": "direct", "macs": 2}, "width": {"engine": "direct"}}
    path = written(tmp_path, form="parallel", height=8, width=8, engines=engines)
    path.write_text(path.read_text().replace("[between]\nbits = 6\n", ""))
    design = read_layer(path)
    assert schedule_of(design).uneven
    simulated(design, tmp_path / "sim", TESTS[:1])


def test_it_is_built_by_the_command_line(tmp_path):
    out = tmp_path / "out"
    assert run(["layer", "--config", str(written(tmp_path)), "-o", str(out)]) == 0
    verilog = (out / "layer.v").read_text()
    assert "magnitude_0" in verilog
    manifest = json.loads((out / "layer.json").read_text())
    assert manifest["parameters"]["after"] == ["magnitude"]
    assert (manifest["parameters"]["output_low"], manifest["parameters"]["output_high"]) == (0, 32)


def test_it_is_planned(capsys, tmp_path):
    net, out = tmp_path / "net", tmp_path / "plan"
    net.mkdir()
    own = {"weights": "layer.npz", "after": ["magnitude"]}
    weights = read_layer(written(net)).weights
    (net / "layer.npz").write_bytes(arrays_archive(weights))
    config = written(net, **own)
    listed = {"schema": 1, "input": [3, 8, 8], "layers": [{"name": "layer", "config": config.name}]}
    (net / "network.json").write_text(json.dumps(listed))
    assert run_command(plan, "hw.plan", [str(net), "-o", str(out)]) == 0
    assert capsys.readouterr().err == ""
    assert (out / "plan.svg").exists()
    (unit,) = json.loads((out / "plan.json").read_text())["units"]
    planned = read_layer(out / unit["config"])
    assert planned.after == ("magnitude",)
    assert schedule_of(planned).cycles_per_frame == unit["cycles_per_frame"]
    maps = np.random.default_rng(1).integers(-128, 128, (1, 2, 4, 4))
    np.testing.assert_array_equal(planned.model(maps), read_layer(config).model(maps))


def test_errors_pass_through_it():
    tensor = Tensor(2, 4, 4, Interval.signed(6))
    design = toy_stage.Magnitude(tensor)
    assert design.output.range.high == 32
    for steps in range(4):
        apart = max(
            abs(abs(a) - abs(b))
            for a, b in itertools.product(range(-32, 32), repeat=2)
            if abs(a - b) <= steps
        )
        given = Errors([1.0] * tensor.channels, [steps] * tensor.channels)
        assert design.errors(given).results == [apart] * tensor.channels


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"after": ["none"]},
            "after must be a list of names out of lookup, magnitude, not 'none'",
        ),
        (
            {"after": ["lookup"], "weights_port": True},
            "after must be left out with weights_port = true, since the table is in the weights "
            'file, not "lookup"',
        ),
        (
            {"output": {"bits": 13}},
            "after must be left out where samples are wider than 12 bits, not given, with 13 bits",
        ),
    ],
)
def test_what_cannot_follow_is_refused(tmp_path, capsys, changes, message):
    path = written(tmp_path, **changes)
    assert run(["layer", "--config", str(path), "-o", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"hw.build: {message}\n"
    assert not (tmp_path / "out").exists()
