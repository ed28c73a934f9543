"""Some of the planner's choices, simulated: they take the cycles that it says."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hw.emit.files import write_files
from hw.layer.config import read_layer
from hw.plan import report
from hw.plan.goal import Goal, Plan
from hw.plan.network import PlannedLayer, PlannedNetwork, converted
from hw.plan.option import Option
from hw.plan.search import Planner
from hw.targets.device import Device
from sim.engine import simulate
from sim.frames import run_frames
from sim.runner import simulators
from tests.hw.test_plan import SHARING, in_turn, results_alone, shared_unit, write_network

SIMULATOR = simulators()[-1]
"""Icarus where it is: it compiles faster."""
SMALL = Device("small", "generic", 12, 100_000, 100)
FORMATS = {"between": {"bits": 8}, "output": {"bits": 8}}


def layers(form, channels, height, width, names="ab", **own):
    options = {"form": form, "height": height, "width": width, **own} | FORMATS
    if form not in ("serial", "metaformer") or "order" in own:
        del options["between"]
    return [PlannedLayer(name, options, channels) for name in names]


def planned(network, multipliers, tmp_path, **changes):
    """The first unit of a plan, and its design as read from the file."""
    goal = Goal(replace(SMALL, multipliers=multipliers), 1e8, **changes)
    plan = Planner(PlannedNetwork("small", network), goal).fastest()
    write_files(report.files(PlannedNetwork("small", network), plan), tmp_path)
    return plan.units[0], read_layer(tmp_path / "unit_a.toml")


def cycles_of(folder):
    return json.loads((folder / "unit_a.json").read_text())["timing"]["cycles_per_frame"]


def hold_to_its_rate(design, folder):
    tests = ["latency_and_rate"]
    simulate(design, "sim.bench_layer", simulator=SIMULATOR, folder=folder, groups=2, tests=tests)


@pytest.mark.parametrize(
    ("network", "multipliers", "engines"),
    [
        (layers("metaformer", 2, 4, 4), 10, ("direct",)),
        (layers("parallel", 2, 7, 7), 10, ("fermat",)),
        (layers("serial", 1, 6, 14), 16, ("direct", "fermat")),
        (layers("dense", 4, 4, 4, "a"), 12, ("direct", "fermat")),
        (
            layers(
                "linear", 2, 6, 8, kernels={"height": {"taps": 3, "stride": 2}}, order=["height"]
            ),
            *(8, ("direct",)),
        ),
        (layers("depthwise", 2, 4, 6, kernel=3), 12, ("fermat",)),
    ],
    ids=["metaformer", "parallel", "serial", "dense", "linear", "depthwise"],
)
def test_cycles_are_exact(network, multipliers, engines, tmp_path):
    unit, design = planned(network, multipliers, tmp_path, engines=engines, storages=("rom",))
    hold_to_its_rate(design, tmp_path)
    assert unit.cycles == cycles_of(tmp_path)


@pytest.mark.parametrize(
    ("engine", "channels"), [({"engine": "direct", "macs": 3}, 10), ({"engine": "fermat"}, 18)]
)
def test_weights_load_beside_frames(engine, channels, tmp_path):
    network = layers("metaformer", 2 * channels, 6, 6)
    engines = {"height": engine, "width": engine}
    unit = Option(tuple(network), engines, 1, "reloaded", slices=2)
    assert unit.loads
    plan = Plan(Goal(SMALL, 1e8), (unit,))
    write_files(report.files(PlannedNetwork("small", network), plan), tmp_path)
    design = read_layer(tmp_path / "unit_a.toml")
    assert design.channels == channels
    simulate(design, "sim.bench_reload", simulator=SIMULATOR, folder=tmp_path, groups=5)
    assert unit.cycles == 2 * 2 * cycles_of(tmp_path)


@pytest.mark.parametrize(
    ("network", "engines"),
    [
        (layers("serial", 6, 6, 9, order=["height"]), {"height": {"engine": "direct", "macs": 2}}),
        (
            layers("linear", 8, 4, 12, kernels={"width": {"taps": 3}}, order=["width"]),
            {"width": {"engine": "fermat"}},
        ),
    ],
    ids=["columns", "linear"],
)
def test_weights_of_other_forms_load_beside_frames(network, engines, tmp_path):
    unit = Option(tuple(network), engines, 1, "reloaded")
    assert unit.loads
    plan = Plan(Goal(SMALL, 1e8), (unit,))
    write_files(report.files(PlannedNetwork("small", network), plan), tmp_path)
    design = read_layer(tmp_path / "unit_a.toml")
    simulate(design, "sim.bench_reload", simulator=SIMULATOR, folder=tmp_path, groups=5)
    assert unit.cycles == 2 * cycles_of(tmp_path)


@SHARING
def test_layers_of_other_zero_points_take_turns(names, tmp_path):
    """Two layers as channels of one map, their zero points and residuals' scales in tables."""
    network = converted(write_network(tmp_path / "net"))
    unit = shared_unit(network, names, "rom", engine="direct")
    plan = Plan(Goal(SMALL, 1e8), (unit,))
    write_files(report.files(network, plan), tmp_path / "plan")
    design = read_layer(tmp_path / "plan" / f"unit_{names[0]}.toml")
    shape = (2, 2, unit.layers[0].channels, 4, 4)
    maps = np.random.default_rng(1).integers(-128, 128, shape)
    result = run_frames(design, in_turn(maps), tmp_path / "build", simulator=SIMULATOR)
    assert np.array_equal(result.maps, results_alone(tmp_path / "net", names, maps))


def test_zero_points_are_loaded_beside_frames(tmp_path):
    """Sets of other zero points and residual scales, one after the other, no cycle lost."""
    network = converted(write_network(tmp_path / "net"))
    options = {axis: {"engine": "direct", "macs": 3} for axis in ("height", "width")}
    wide = [
        replace(layer, channels=20, options=layer.options | {"height": 6, "width": 6}, arrays=None)
        for layer in network.layers[:2]
    ]
    unit = Option(tuple(wide), options, 1, "reloaded", slices=2)
    assert unit.loads
    plan = Plan(Goal(SMALL, 1e8), (unit,))
    write_files(report.files(PlannedNetwork("wide", wide), plan), tmp_path / "plan")
    design = read_layer(tmp_path / "plan" / "unit_one.toml")
    assert design.skip_port
    simulate(design, "sim.bench_reload", simulator=SIMULATOR, folder=tmp_path / "b", groups=5)


def test_dense_weights_stream_beside_frames(tmp_path):
    network = [
        replace(layer, scalars={"output": {"zero_point": number}})
        for number, layer in enumerate(layers("dense", 8, 8, 8))
    ]
    unit, design = planned(network, 11, tmp_path, engines=("direct",), storages=("reloaded",))
    assert design.streamed
    assert design.parts[0].design.zero_points_vary
    hold_to_its_rate(design, tmp_path)
    assert unit.cycles == 2 * cycles_of(tmp_path)
