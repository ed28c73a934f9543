"""An engine that the house does not know, in one file: built, simulated, in a layer, planned."""

import json

import numpy as np
import pytest

from golden import engines as described
from golden.inputs.read import read_arrays
from golden.line.design import LineDesign
from golden.line.weights import check_weights
from hw.build import run
from hw.command import run_command
from hw.emit.manifest import design_of
from hw.emit.toml import to_toml
from hw.engines import ENGINES, register
from hw.layer.config import read_layer
from hw.layer.layer import schedule_of
from hw.plan.command import main as plan
from sim.engine import simulate
from tests.hw.toy_engine import TOY, ToyDesign
from tests.verilog import code_of

LAYER = {
    "form": "serial",
    "name": "layer",
    "channels": 2,
    "height": 3,
    "width": 4,
    "between": {"bits": 8},
    "output": {"bits": 8},
    "engines": {"height": {"engine": "toy", "rest": 2}, "width": {"engine": "direct"}},
}


@pytest.fixture(autouse=True)
def toy():
    """The engine, known for as long as a test takes."""
    register(TOY)
    yield TOY
    for registry in (ENGINES, described.DESIGNS):
        del registry["toy"]


def build(capsys, *arguments):
    status = run([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def test_the_command_line_builds_it(capsys, tmp_path):
    """From options to what the model says, bit for bit and cycle for cycle."""
    options = ["--length", 4, "--channels", 2, "--rows", 4, "--lanes", 2, "--rest", 3]
    status, _, err = build(capsys, "toy", *options, "--name", "toy", "-o", tmp_path)
    assert (status, err) == (0, "")
    manifest = json.loads((tmp_path / "toy.json").read_text())
    assert (manifest["engine"], manifest["parameters"]["rest"]) == ("toy", 3)
    assert manifest["certificate"]["exact"]
    formats = {key: manifest["parameters"][key] for key in ("length", "channels", "data_bits")}
    weights = check_weights(
        read_arrays(tmp_path / "toy.npz", "weights"), **formats, weight_bits=8, requantized=None
    )
    design = design_of(manifest, weights)
    built = code_of(tmp_path / "toy.v")
    tests = ["latency_and_rate", "all_paces", "reset_in_midstream"]
    run_of = {"simulator": "icarus", "folder": tmp_path / "sim", "groups": 2, "resets": 1}
    assert simulate(design, "sim.bench_line", tests=tests, **run_of) == tests
    assert code_of(tmp_path / "sim" / "toy.v") == built


def test_its_weights_arrive_on_a_port(tmp_path):
    design = ToyDesign(name="toy", length=3, channels=2, weights=None)
    run_of = {"simulator": "icarus", "folder": tmp_path, "groups": 2, "resets": 1}
    tests = ["sets_change_between_frames"]
    assert simulate(design, "sim.bench_weights", tests=tests, **run_of) == tests


def test_help_and_refusals_are_its_own(capsys, tmp_path):
    status, out, _ = build(capsys, "toy", "--help")
    assert status == 0
    assert "A group of lines takes N + N * N cycles." in out
    assert "--rest INTEGER" in out
    assert "Cycles of rest after a line.  [0]" in out
    assert "toy" in build(capsys, "--help")[1]
    refused = build(capsys, "toy", "--length", 65, "-o", tmp_path)
    assert refused == (2, "", "hw.build: --length must be from 2 to 64, not 65\n")
    refused = build(capsys, "toy", "--length", 4, "--ring", 8, "-o", tmp_path)
    assert refused[0] == 2
    assert not list(tmp_path.iterdir())


def test_a_layer_has_it(capsys, tmp_path):
    """As built from its configuration, as the model says, in as many cycles as promised."""
    path = tmp_path / "layer.toml"
    path.write_bytes(to_toml(LAYER))
    status, _, err = build(capsys, "layer", "--config", path, "-o", tmp_path)
    assert (status, err) == (0, "")
    manifest = json.loads((tmp_path / "layer.json").read_text())
    assert manifest["engines"]["height"]["engine"] == "toy"
    assert manifest["engines"]["height"]["rest"] == 2
    tests = ["latency_and_rate", "all_paces"]
    design = read_layer(path)
    run_of = {"simulator": "icarus", "folder": tmp_path / "sim", "groups": 2, "resets": 1}
    assert simulate(design, "sim.bench_layer", tests=tests, **run_of) == tests
    assert code_of(tmp_path / "sim" / "layer.v") == code_of(tmp_path / "layer.v")


def test_a_layer_refuses_what_it_cannot_do(capsys, tmp_path):
    path = tmp_path / "layer.toml"
    engines = LAYER["engines"]

    def complaint(**changes):
        path.write_bytes(to_toml(LAYER | changes))
        return build(capsys, "layer", "--config", path, "-o", tmp_path)[-1]

    unknown = complaint(engines=engines | {"height": {"engine": "toy", "macs": 2}})
    assert unknown == (
        "hw.build: engines.height.macs must be one of the keys engine, rest, not 'macs'\n"
    )
    assert complaint(height=65) == "hw.build: height must be from 2 to 64, not 65\n"
    none = complaint(engines=engines | {"height": {"engine": "none"}})
    names = "direct, fft, fermat, toy"
    assert none == f"hw.build: engines.height.engine must be one of {names}, not 'none'\n"


def test_its_beats_are_counted_beside_a_faster_engine(tmp_path):
    """Halves of the channels of different rates: what was counted is what the bench measures."""
    path = tmp_path / "layer.toml"
    # Counted as if it took and gave line by line, the first frames would be slower.
    halves = {"form": "parallel", "height": 2, "width": 2, "channels": 4}
    width = {"engine": "direct", "macs": 1}
    del (own := LAYER | halves | {"engines": LAYER["engines"] | {"width": width}})["between"]
    path.write_bytes(to_toml(own))
    design = read_layer(path)
    layer = schedule_of(design)
    assert layer.uneven
    assert layer.paces[-1] < layer.cycles_per_frame
    run_of = {"simulator": "icarus", "folder": tmp_path / "sim", "groups": 2, "resets": 1}
    tests = ["latency_and_rate"]
    assert simulate(design, "sim.bench_layer", tests=tests, **run_of) == tests


def network(folder):
    """A folder as hw.convert writes it."""
    folder.mkdir()
    config = {**LAYER, "engines": {axis: {"engine": "direct"} for axis in ("height", "width")}}
    path = folder / "layer.toml"
    path.write_bytes(to_toml(config))
    np.savez(folder / "layer.npz", **read_layer(path).weights)
    path.write_bytes(to_toml(config | {"weights": "layer.npz"}))
    listed = {"schema": 1, "input": [3, 8, 8], "layers": [{"name": "layer", "config": path.name}]}
    (folder / "network.json").write_text(json.dumps(listed))
    return folder


def test_the_planner_offers_and_draws_it(capsys, tmp_path):
    net, out = network(tmp_path / "net"), tmp_path / "plan"
    # The slowest there is takes the least.
    arguments = [str(net), "--fps", "1", "--engines", "toy,fermat", "-o", str(out)]
    assert run_command(plan, "hw.plan", arguments) == 0
    report, err = capsys.readouterr()
    assert err == ""
    assert " toy " in report
    picture = (out / "plan.svg").read_text()
    assert "<!-- toy alone -->" in picture
    (unit,) = json.loads((out / "plan.json").read_text())["units"]
    planned = read_layer(out / unit["config"])
    engines = planned.engines.values()
    assert "toy" in {engine.engine for engine in engines}
    status, _, err = build(capsys, "layer", "--config", out / unit["config"], "-o", out / "build")
    assert (status, err) == (0, "")
    manifest = json.loads((out / "build" / "unit_layer.json").read_text())
    assert manifest["timing"]["cycles_per_frame"] == unit["cycles_per_frame"]
    maps = np.random.default_rng(1).integers(-128, 128, (1, 2, 3, 4))
    assert np.array_equal(planned.model(maps), read_layer(net / "layer.toml").model(maps))


def test_the_planner_says_what_it_cannot_do(capsys):
    assert run_command(plan, "hw.plan", ["parcnet-s", "--engines", "toy,direct,none"]) == 2
    complaint = capsys.readouterr().err
    rule = "some of direct,fft,fermat,toy"
    assert complaint == f"hw.plan: --engines must be {rule}, not toy,direct,none\n"


def test_a_name_is_taken_once():
    class Other(LineDesign):
        engine = "toy"

    with pytest.raises(ValueError, match=r"^Engine must have a name of its own, not 'toy'$"):
        described.register(Other)
