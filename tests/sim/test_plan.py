"""Some of the planner's choices, simulated: they take the cycles that it says."""

import json

import pytest

from hw.devices import Device
from hw.generate import write_files
from hw.layer.config import read_layer
from hw.plan import report
from hw.plan.network import PlannedLayer, PlannedNetwork
from hw.plan.search import Planner, Target
from sim.engine import simulate
from sim.runner import simulators

SIMULATOR = simulators()[-1]
"""Icarus where it is: it compiles faster."""
FORMATS = {"between": {"bits": 8}, "output": {"bits": 8}}


def layers(form, channels, height, width, names="ab"):
    options = {"form": form, "height": height, "width": width} | FORMATS
    if form in ("parallel", "dense"):
        del options["between"]
    return [PlannedLayer(name, options, channels) for name in names]


def planned(network, multipliers, tmp_path, **changes):
    """The first unit of a plan, and its design as read from the file."""
    device = Device("small", "generic", multipliers, 100_000, 100)
    plan = Planner(PlannedNetwork("small", network), Target(device, 1e8, **changes)).fastest()
    write_files(report.files(PlannedNetwork("small", network), plan), tmp_path)
    return plan.units[0], read_layer(tmp_path / "unit_a.toml")


def cycles_of(folder):
    return json.loads((folder / "unit_a.json").read_text())["timing"]["cycles_per_frame"]


@pytest.mark.parametrize(
    ("network", "multipliers", "engines"),
    [
        (layers("metaformer", 2, 4, 4), 10, ("direct",)),
        (layers("parallel", 2, 7, 7), 10, ("fermat",)),
        (layers("serial", 1, 6, 14), 16, ("direct", "fermat")),
        (layers("dense", 4, 4, 4, "a"), 12, ("direct", "fermat")),
    ],
    ids=["metaformer", "parallel", "serial", "dense"],
)
def test_cycles_are_exact(network, multipliers, engines, tmp_path):
    unit, design = planned(network, multipliers, tmp_path, engines=engines, storages=("rom",))
    simulate(
        design,
        "sim.bench_layer",
        simulator=SIMULATOR,
        folder=tmp_path,
        groups=2,
        tests=["latency_and_rate"],
    )
    assert unit.cycles == cycles_of(tmp_path)


@pytest.mark.parametrize(("engine", "multipliers"), [("direct", 12), ("fermat", 18)])
def test_weights_load_beside_frames(engine, multipliers, tmp_path):
    network = layers("metaformer", 8, 8, 8)
    storages = ("reloaded",)
    unit, design = planned(network, multipliers, tmp_path, engines=(engine,), storages=storages)
    assert unit.storage == "reloaded"
    assert design.channels == 8
    simulate(design, "sim.bench_reload", simulator=SIMULATOR, folder=tmp_path, groups=6)
    assert unit.cycles == 2 * cycles_of(tmp_path)
