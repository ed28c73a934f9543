"""Plans: what fits, what is the best, what is written, and how the command line refuses."""

import itertools
import json
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden.graph.graph import Node
from golden.inputs.errors import ParameterError
from golden.inputs.read import read_arrays
from golden.layer.registry import LAYERS
from golden.line.design import Requantization
from golden.line.weights import LineWeights
from golden.network.circular import Circular
from golden.network.files import written
from golden.network.map import Map
from golden.network.network import Network
from golden.network.pointwise import Pointwise
from golden.network.rescale import Rescale
from golden.operator.networks import NETWORKS
from hw.command import run_command
from hw.emit.files import with_manifest, write_files, write_product
from hw.emit.toml import config_files, to_toml
from hw.engines import ENGINES
from hw.layer.config import LayerConfig, read_layer
from hw.layer.layer import schedule_of
from hw.plan import report
from hw.plan.command import _remarks, main
from hw.plan.fmax import warnings
from hw.plan.forms import FORMS as FORMS_OF_PLANS
from hw.plan.goal import Goal, Plan
from hw.plan.network import PlannedLayer, PlannedNetwork, converted, published
from hw.plan.operators import whole
from hw.plan.option import Option
from hw.plan.search import Planner, deal
from hw.predict import saved_by_rom
from hw.targets.device import Device
from hw.targets.registry import devices

DEVICES = devices()
LARGE = DEVICES["lfe5u-85f-6"]
"""A device that all of the networks fit."""


def run(capsys, *arguments):
    status = run_command(main, "hw.plan", list(arguments))
    out, err = capsys.readouterr()
    return status, out, err


def layer(name, form, channels, height, width, **options):
    options |= {"form": form, "height": height, "width": width, "output": {"bits": 8}}
    if form in ("serial", "metaformer", "linear") and len(options.get("order", "hw")) == 2:
        options["between"] = {"bits": 8}
    return PlannedLayer(name, options, channels)


FORMS = {
    "columns": layer("a", "serial", 4, 6, 8, order=["height"]),
    "rows": layer("a", "serial", 4, 6, 8, order=["width"]),
    "series": layer("a", "serial", 4, 6, 8, order=["width", "height"]),
    "band": layer("a", "linear", 4, 6, 8, order=["width"], kernels={"width": {"taps": 5}}),
    "smaller": layer(
        *("a", "linear", 4, 8, 8),
        kernels={"height": {"taps": 5, "stride": 2}, "width": {"taps": 3, "length": 10}},
    ),
    "cross": layer("a", "linear", 4, 8, 8, kernels={"height": {"taps": 3}, "width": {"taps": 3}}),
    "parallel": layer("a", "parallel", 4, 6, 8),
    "metaformer": layer("a", "metaformer", 4, 6, 8),
    "dense": layer("a", "dense", 4, 6, 6),
    "dense sides": layer("a", "dense", 4, 6, 8),
    "dense rows": layer("a", "dense", 4, 6, 8, axis="width"),
    "global": layer("a", "global_filter", 4, 7, 14),
    "depthwise": layer("a", "depthwise", 4, 7, 14, kernel=3),
}
"""A layer of every form that can be built."""


SMALL = PlannedNetwork(
    "small",
    [
        layer("a", "metaformer", 4, 6, 6),
        layer("b", "metaformer", 4, 6, 6),
        layer("c", "parallel", 6, 4, 4),
        layer("d", "parallel", 2, 4, 4),
    ],
)


def fits(plan):
    cost, usable = plan.cost, plan.goal.device.usable
    return (
        cost.multipliers <= usable.multipliers
        and cost.luts <= usable.luts
        and cost.block_rams <= usable.block_rams
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_planned(name):
    network = published(name)
    planner = Planner(network, Goal(LARGE, 150e6))
    plan = planner.fastest()
    assert fits(plan)
    served = [layer.name for unit in plan.units for layer in unit.layers]
    assert sorted(served) == sorted(layer.name for layer in network.layers)
    assert plan.cycles == max(unit.cycles for unit in plan.units)
    assert plan.fps == 150e6 / plan.cycles
    # Nothing faster fits, and what limits says why.
    faster = [bound for bound in planner.bounds if bound < plan.cycles]
    assert not faster or planner.cheapest(faster[-1]) is None
    assert planner.limits(plan)
    # A slower plan is no dearer.
    slower = planner.cheapest(2 * plan.cycles)
    assert slower.cycles <= 2 * plan.cycles
    assert _share(slower) <= _share(plan)


def _share(plan):
    cost, usable = plan.cost, plan.goal.device.usable
    return (
        cost.multipliers / usable.multipliers
        + cost.luts / usable.luts
        + cost.block_rams / usable.block_rams
    )


def every_plan(planner):
    """All plans of a network, whatever they take: what the search chooses from."""
    by_kind = [
        [
            [(option, choices.deals) for choices, option in zip(way, picked, strict=True)]
            for way in ways
            for picked in itertools.product(*(choices.options for choices in way))
        ]
        for ways in planner.ways
    ]
    for parts in itertools.product(*by_kind):
        picks = [pick for part in parts for pick in part]
        yield Plan(planner.goal, tuple(o for o, deals in picks for _ in deals))


@pytest.mark.parametrize(("multipliers", "luts"), [(20, 8000), (40, 60_000), (11, 60_000)])
def test_plan_is_the_best_of_all(multipliers, luts):
    device = Device("small", "generic", multipliers, luts, 30)
    planner = Planner(SMALL, Goal(device, 100e6, engines=("direct", "fermat")))
    best = planner.fastest()
    possible = [plan for plan in every_plan(planner) if fits(plan)]
    assert len(possible) > 3
    least = min(plan.cycles for plan in possible)
    assert best.cycles == least
    cheapest = min(_share(plan) for plan in possible if plan.cycles == least)
    assert _share(best) == pytest.approx(cheapest)


def test_every_form_is_planned():
    assert {planned.form for planned in FORMS.values()} == set(LAYERS)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("storages", [("rom",), ("port", "reloaded")])
def test_units_of_every_form_can_be_built(name, storages, tmp_path):
    """Every engine that does the layer is tried, and what the plan writes is one to build."""
    network = PlannedNetwork(name, [FORMS[name], replace(FORMS[name], name="b")])
    lacking = ("direct",) if name in ("global", "depthwise") else ()
    for engine in ENGINES.keys() - lacking:
        goal = Goal(LARGE, 150e6, engines=(engine,), storages=storages)
        plan = Planner(network, goal).fastest()
        write_files(report.files(network, plan), tmp_path)
        for unit_name, unit in report.named_units(plan):
            design = read_layer(tmp_path / f"{unit_name}.toml")
            assert design.form == FORMS[name].form
            assert unit.operations == 2 * len(unit.layers) * products(name)
            assert unit.cycles % schedule_of(design).cycles_per_frame == 0


@pytest.mark.parametrize("name", ["global", "depthwise"])
def test_forms_that_an_engine_lacks_are_refused(name):
    network = PlannedNetwork(name, [FORMS[name]])
    with pytest.raises(ParameterError, match=rf"able to do a \({FORMS[name].form}, 7 x 14\)"):
        Planner(network, Goal(LARGE, 150e6, engines=("direct",)))


def test_filters_are_planned_with_two_lanes_where_that_is_faster():
    network = PlannedNetwork("net", [layer("a", "depthwise", 2, 4, 6, kernel=3)])
    units = {
        engine: Planner(network, Goal(LARGE, 150e6, engines=(engine,))).fastest().units
        for engine in ("fft", "fermat")
    }
    assert [(unit.lanes, unit.cycles) for unit in units["fft"]] == [(2, 2 * 4 * 8)]
    assert [unit.lanes for unit in units["fermat"]] == [1]


def test_files_of_every_form_are_planned(tmp_path, capsys):
    """From network.json to units whose models are those of its layers."""
    net, out = tmp_path / "net", tmp_path / "plan"
    entries = write_forms(net, FORMS)
    status, _, err = run(
        capsys, str(net), "--weights", "rom", "--engines", "fermat", "-o", str(out)
    )
    assert (status, err) == (0, "")
    generator = np.random.default_rng(1)
    units = json.loads((out / "plan.json").read_text())["units"]
    assert [unit["layers"] for unit in units] == [[entry["name"]] for entry in entries]
    for unit in units:
        alone = read_layer(net / f"{unit['layers'][0]}.toml")
        maps = generator.integers(-128, 128, (1, alone.channels, alone.height, alone.width))
        assert np.array_equal(read_layer(out / unit["config"]).model(maps), alone.model(maps))


def write_whole(folder, kernels):
    """A network in integers as `hw.convert --whole` writes it: kernels on a map of 8 channels."""
    data = Map.of((8, 6, 8), 0.5)
    nodes, last = [], "image"
    for index, (groups, *size) in enumerate(kernels):
        stage = Circular(
            takes=(data,),
            gives=data,
            weight=np.ones((8, 8 // groups, *size), np.int64),
            bias=np.zeros(8, np.int64),
            rescale=Rescale.nearest(np.array([0.1])),
            clip=data.range,
            groups=groups,
            embedding=np.zeros((8, 1, 1), np.int64),
        )
        nodes.append(Node(f"y{index}", stage, (last,)))
        last = f"y{index}"
    same = np.arange(-128, 128)
    nodes.append(Node("z", Pointwise(takes=(data,), gives=data, table=same), (last,)))
    folder.mkdir()
    options, archive = written(Network({"image": data}, tuple(nodes), ("z",)))
    (folder / "network.toml").write_bytes(to_toml(options))
    (folder / "network.npz").write_bytes(archive)
    return folder


def test_circular_convolutions_of_a_whole_network_are_planned(tmp_path, capsys):
    net = write_whole(tmp_path / "net", [(8, 6, 1), (8, 1, 8), (8, 6, 8), (1, 6, 1), (8, 6, 1)])
    planned = whole(net)
    assert [(layer.name, layer.form, layer.channels) for layer in planned.layers] == [
        ("y0", "serial", 8),
        ("y1", "serial", 8),
        ("y2", "global_filter", 8),
        ("y3", "dense", 8),
        ("y4", "serial", 8),
    ]
    assert planned.layers[0].kind == planned.layers[4].kind != planned.layers[1].kind
    assert planned.size == (6, 8)
    out = tmp_path / "out"
    status, _, err = run(capsys, str(net), "--weights", "loaded", "-o", str(out))
    assert (status, err) == (0, "")
    units = json.loads((out / "plan.json").read_text())["units"]
    assert sorted(name for unit in units for name in unit["layers"]) == [f"y{i}" for i in range(5)]


def test_a_whole_network_without_circles_or_with_others_is_refused(tmp_path, capsys):
    for name, kernels, message in (
        ("none", [], "NETWORK must be a network with circular convolutions, not"),
        (
            "short",
            [(8, 3, 1)],
            "NETWORK must be of kernels as long as the map, a channel each",
        ),
    ):
        status, text, err = run(capsys, str(write_whole(tmp_path / name, kernels)))
        assert (status, text, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"hw.plan: {message}")


def write_forms(net, forms):
    """A folder as hw.convert writes it, of layers of `FORMS`."""
    net.mkdir()
    entries = []
    for name in forms:
        planned, name = FORMS[name], f"layer_{name}".replace(" ", "_")
        chosen = next(FORMS_OF_PLANS[planned.form].tables(planned.options, 4, ("fermat",)))
        own = planned.options | {"name": name, "channels": planned.channels}
        own["engines"] = dict(chosen)
        config = LayerConfig(own | {"weights": f"{name}.npz"}, LayerConfig(own).design().weights)
        write_files(config_files(config), net)
        entries.append({"name": name, "config": f"{name}.toml"})
    (net / "network.json").write_text(json.dumps({"input": [3, 8, 8], "layers": entries}))
    return entries


@pytest.mark.parametrize("name", FORMS)
def test_a_file_of_any_form_is_planned_or_refused_in_one_line(name, tmp_path, capsys):
    """Whatever engines there are, and wherever weights are."""
    write_forms(tmp_path / "net", [name])
    for engines in (*ENGINES, ",".join(ENGINES)):
        for weights in ("any", "rom", "loaded"):
            status, text, err = run(
                capsys, str(tmp_path / "net"), "--engines", engines, "--weights", weights
            )
            if FORMS[name].form in ("global_filter", "depthwise") and engines == "direct":
                shape = f"({FORMS[name].form}, 7 x 14)"
                assert (status, text, err.count("\n")) == (2, "", 1)
                assert err.startswith(f"hw.plan: --engines must be able to do layer_{name} {shape}")
            else:
                assert (status, err) == (0, "")


def test_a_form_that_is_none_is_refused_in_one_line(tmp_path, capsys):
    write_forms(tmp_path / "net", ["rows"])
    config = tmp_path / "net" / "layer_rows.toml"
    config.write_text(config.read_text().replace('"serial"', '"recurrent"'))
    status, text, err = run(capsys, str(tmp_path / "net"))
    assert (status, text, err.count("\n")) == (2, "", 1)
    assert "layer_rows.toml (form must be one of serial, parallel, metaformer, dense" in err


def products(name):
    """Multiplications of a layer of `FORMS`: results times taps."""
    return {
        "columns": 4 * 48 * 6,
        "rows": 4 * 48 * 8,
        "series": 4 * 48 * 14,
        "band": 4 * 48 * 5,
        "smaller": 4 * (4 * 8 * 5 + 4 * 8 * 3),
        "cross": 4 * 64 * 6,
        "parallel": 2 * 48 * 14,
        "metaformer": 4 * 48 * 14,
        "dense": 2 * 2 * 2 * 36 * 6,
        "dense sides": 2 * 2 * 48 * 14,
        "dense rows": 4 * 4 * 48 * 8,
        "global": 4 * 98 * 98,
        "depthwise": 4 * 98 * 9,
    }[name]


def test_lanes_fit_every_plane():
    """A stride of 2 leaves planes that fewer lanes divide."""
    kernels = {"height": {"taps": 3, "stride": 2}, "width": {"taps": 3}}
    shrinks = layer("a", "linear", 2, 12, 12, kernels=kernels)
    assert FORMS_OF_PLANS["linear"].lanes(shrinks.options) == [1, 2, 3, 6]
    assert FORMS_OF_PLANS["serial"].lanes(FORMS["rows"].options) == [1, 2]


def test_what_hardware_refuses_is_said():
    """Sums too wide for the next pass: every engine is refused, and each says why."""
    wide = PlannedLayer(
        "parc_body",
        {"form": "serial", "height": 7, "width": 7, "weight_bits": 16, "output": {"bits": 8}},
        4,
    )
    with pytest.raises(ParameterError, match=r"parc_body \(serial, 7 x 7\).*between must be given"):
        Planner(PlannedNetwork("wide", [wide]), Goal(LARGE, 150e6))
    # Where only some engines can't, the plan says so.
    large = layer("filter", "global_filter", 2, 20, 230, weight_bits=12)
    planner = Planner(PlannedNetwork("large", [large]), Goal(DEVICES["xc7a200t"], 150e6))
    (said,) = _remarks(planner)
    assert said.startswith(
        "filter: no fermat engine, since engines.plane.ring must be a ring that holds"
    )


def test_figures_of_another_device_are_called_so(capsys, tmp_path):
    """Counts are ECP5's: a plan for another family says so, in text and in its file."""
    for device, target in (("lfe5u-85f-6", "ecp5"), ("xc7a200t", "xc7")):
        out = tmp_path / device
        _, text, _ = run(capsys, "convnext-xt-parc", "--device", device, "-o", str(out))
        said = "no prediction for xc7: multipliers, LUTs and block RAMs are what ECP5 would take"
        assert (said in text) == (target == "xc7")
        remarks = json.loads((out / "plan.json").read_text())["remarks"]
        assert any(said in remark for remark in remarks) == (target == "xc7")


def test_cycles_that_are_no_more_than_a_bound_are_called_so():
    """Where halves differ in rate, frames take what `hw.graph.count` counts, and no more."""
    engines = {"height": {"engine": "direct", "macs": 3}, "width": {"engine": "direct", "macs": 3}}
    (_, unit) = (
        Option((layer("a", "metaformer", 8, height, 8),), engines, 1, "rom") for height in (8, 10)
    )
    assert unit.paced
    plan = Plan(Goal(LARGE, 150e6), (unit,))
    assert "cycles a frame, at most" in next(report.summary(plan, None))
    assert "cycles of unit_a are the most" in "".join(report.remarks(plan))
    assert max(schedule_of(unit.design).paces) <= unit.cycles


def test_traffic_limits():
    free = Planner(published("mobilenetv2-parc"), Goal(LARGE, 150e6)).fastest()
    goal = Goal(LARGE, 150e6, bandwidth=free.map_bytes * 100.0)
    planner = Planner(published("mobilenetv2-parc"), goal)
    plan = planner.fastest()
    assert plan.fps == pytest.approx(100)
    assert planner.limits(plan) == ["memory traffic"]
    assert plan.cost.luts < free.cost.luts


def test_layers_are_dealt_out_evenly():
    five = [layer(str(n), "parallel", channels, 4, 4) for n, channels in enumerate((8, 2, 4, 2, 8))]
    dealt = [[[item.channels for item in hand] for hand in hands] for hands in deal(five)]
    assert dealt == [[[8, 2, 4, 2, 8]], [[8, 4], [2, 2, 8]], [[8], [8], [2, 4, 2]]]


@pytest.mark.parametrize("engine", ENGINES)
def test_rom_is_predicted_without_weights(engine):
    """For weights that reach what their formats can, the two predictions are one."""
    shape = {"name": "x", "length": 8, "channels": 40, "rows": 8, "lanes": 2}
    weight = np.full((40, 8), -128)
    held = LineWeights(
        weight, np.full((40, 8), -128), np.zeros(40, int), np.full(40, 99), np.arange(40), 0
    )
    form = Requantization(bits=8)
    design = ENGINES[engine].design
    rom = design(**shape, weights=held, requantization=form)
    port = design(**shape, weights=None, requantization=form)
    predict = ENGINES[engine].predict
    cost = predict(port) - saved_by_rom(port)
    assert cost.multipliers == predict(rom).multipliers
    assert abs(cost.block_rams - predict(rom).block_rams) <= 1
    assert cost.luts == pytest.approx(predict(rom).luts, rel=0.15)


SHARED = {
    "one": ("metaformer", 4),
    "two": ("metaformer", 4),
    "three": ("parallel", 8),
    "four": ("parallel", 8),
}
"""Forms and channels of layers of which two and two can share a unit."""


def write_network(folder, *, alike=False):
    """A folder as hw.convert writes it: two MetaFormer layers with residuals, two parallel ones.

    Layers of a form differ in zero points and in their residuals' scales, unless ``alike``.
    """
    folder.mkdir()
    entries = []
    for number, (name, (form, channels)) in enumerate(SHARED.items()):
        own = {"residual": True} if form == "metaformer" else {}
        config = layer(name, form, channels, 4, 4, **own).options
        config = config | {"name": name, "channels": channels}
        engines = {axis: {"engine": "direct"} for axis in ("height", "width")}
        (folder / "made.toml").write_bytes(to_toml(config | {"engines": engines}))
        arrays = dict(read_layer(folder / "made.toml").weights)
        generator = np.random.default_rng(number)
        for key, array in arrays.items():
            if key.endswith("weight"):
                arrays[key] = generator.permuted(array)
            elif array.ndim == 0 and not alike:
                arrays[key] = array + number
        np.savez(folder / f"{name}.npz", **arrays)
        config |= {"weights": f"{name}.npz", "engines": engines}
        (folder / f"{name}.toml").write_bytes(to_toml(config))
        entries.append({"name": name, "config": f"{name}.toml"})
    (folder / "made.toml").unlink()
    listed = {"schema": 1, "input": [3, 32, 32], "layers": entries}
    (folder / "network.json").write_text(json.dumps(listed))
    return folder


def shared_unit(network, names, storage, **engine):
    """A unit for two layers of a network of `write_network`."""
    layers = tuple(layer for layer in network.layers if layer.name in names)
    return Option(layers, {axis: engine for axis in ("height", "width")}, 2, storage)


def in_turn(maps):
    """Maps of layers as channels of one: first halves of all layers, then second halves."""
    frames, layers, channels, height, width = maps.shape
    halves = maps.reshape(frames, layers, 2, channels // 2, height, width).swapaxes(1, 2)
    return halves.reshape(frames, layers * channels, height, width)


def results_alone(folder, names, maps):
    """What layers give for their maps, each by itself, as channels of one map."""
    layers = [read_layer(folder / f"{name}.toml") for name in names]
    results = [layer.model(maps[:, number]) for number, layer in enumerate(layers)]
    return in_turn(np.stack(results, axis=1))


SHARING = pytest.mark.parametrize(
    "names", [("one", "two"), ("three", "four")], ids=["metaformer", "parallel"]
)


@SHARING
@pytest.mark.parametrize("storage", ["rom", "port"])
@pytest.mark.parametrize("alike", [False, True])
def test_units_do_what_their_layers_do(names, storage, alike, tmp_path):
    """Whatever their zero points are, and their residuals' scales."""
    network = converted(write_network(tmp_path / "net", alike=alike))
    assert network.size == (32, 32)
    unit = shared_unit(network, names, storage, engine="fermat")
    write_files(report.files(network, Plan(Goal(LARGE, 150e6), (unit,))), tmp_path / "plan")
    design = read_layer(tmp_path / "plan" / f"unit_{names[0]}.toml")
    channels = unit.layers[0].channels
    assert design.channels == 2 * channels
    assert design.target == "ecp5"
    maps = np.random.default_rng(1).integers(-128, 128, (2, 2, channels, 4, 4))
    arrays = None
    if storage == "port":
        arrays = read_arrays(tmp_path / "plan" / f"unit_{names[0]}_set.npz", "weights")
        fields = {f for stream in design.port_tables(arrays).values() for f in stream}
        assert ("zero_point" in fields) != alike
    else:
        # Only what differs is in a table.
        assert design.passes[-1][0].design.zero_points_vary != alike
    alone = [
        read_layer(tmp_path / "net" / f"{name}.toml").model(maps[:, n])
        for n, name in enumerate(names)
    ]
    assert np.array_equal(design.model(in_turn(maps), arrays), in_turn(np.stack(alone, axis=1)))


def test_layers_of_other_zero_points_share_units(tmp_path):
    for folder, alike in (("same", True), ("apart", False)):
        network = converted(write_network(tmp_path / folder, alike=alike))
        plan = Planner(network, Goal(LARGE, 150e6)).cheapest(1e9)
        assert [len(unit.layers) for unit in plan.units] == [2, 2]


def test_files_of_a_network_are_read_once(tmp_path, capsys, monkeypatch):
    folder = write_network(tmp_path / "net")
    opened = Counter()
    plainly = Path.open

    def counted(path, *arguments, **options):
        opened[path.name] += path.parent == folder
        return plainly(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", counted)
    status, *_ = run(capsys, str(folder), "--engines", "direct", "-o", str(tmp_path / "plan"))
    assert status == 0
    assert {name: opened[name] for name in sorted(path.name for path in folder.iterdir())} == {
        **{f"{name}.{kind}": 1 for name in SHARED for kind in ("npz", "toml")},
        "network.json": 1,
    }


def test_a_configuration_is_read_without_its_cost(tmp_path):
    """Only a build asks whether its target has so much memory."""
    folder = write_network(tmp_path / "net")
    called = Counter()
    sys.setprofile(lambda frame, *_: called.update([frame.f_globals["__name__"]]))
    try:
        read_layer(folder / "one.toml")
    finally:
        sys.setprofile(None)
    assert called["hw.layer.config"]
    assert not [module for module in called if "predict" in module or "capacity" in module]


def test_zero_points_cost_little(tmp_path):
    """A table's field, an adder a lane: no multiplier, no cycle."""
    units = [
        shared_unit(
            converted(write_network(tmp_path / str(alike), alike=alike)),
            ("one", "two"),
            "rom",
            engine="fermat",
        )
        for alike in (True, False)
    ]
    same, apart = units
    assert (same.cycles, same.cost.multipliers) == (apart.cycles, apart.cost.multipliers)
    assert same.cost.luts < apart.cost.luts < 1.25 * same.cost.luts


@pytest.mark.parametrize("name", ["one", "three"])
def test_slices_do_what_their_layer_does(name, tmp_path):
    network = converted(write_network(tmp_path / "net"))
    (layer,) = [layer for layer in network.layers if layer.name == name]
    engines = {axis: {"engine": "direct"} for axis in ("height", "width")}
    unit = Option((layer,), engines, 1, "reloaded", slices=2)
    plan = Plan(Goal(LARGE, 150e6), (unit,))
    write_files(report.files(network, plan), tmp_path / "plan")
    design = read_layer(tmp_path / "plan" / f"unit_{name}.toml")
    assert design.loaded
    maps = np.random.default_rng(1).integers(-128, 128, (2, layer.channels, 4, 4))
    whole = read_layer(tmp_path / "net" / f"{name}.toml").model(maps)
    # Each slice has its share of the first half of the channels, then of the second.
    shares = np.arange(layer.channels).reshape(2, 2, -1).swapaxes(0, 1).reshape(2, -1)
    (described,) = json.loads((tmp_path / "plan" / "plan.json").read_text())["units"]
    for channels, file in zip(shares, described["sets"], strict=True):
        arrays = read_arrays(tmp_path / "plan" / file, "weights")
        assert np.array_equal(design.model(maps[:, channels], arrays), whole[:, channels])


def test_loaded_units_have_their_sets_beside_them(tmp_path):
    network = converted(write_network(tmp_path / "net"))
    goal = Goal(LARGE, 150e6, storages=("port", "reloaded"))
    plan = Planner(network, goal).cheapest(1e9)
    write_files(report.files(network, plan), tmp_path / "plan")
    for unit in json.loads((tmp_path / "plan" / "plan.json").read_text())["units"]:
        design = read_layer(tmp_path / "plan" / unit["config"])
        assert design.loaded
        for file in unit["sets"]:
            design.port_tables(read_arrays(tmp_path / "plan" / file, "weights"))


@pytest.mark.parametrize("name", NETWORKS)
def test_configurations_are_ones_to_build(name, tmp_path, capsys):
    out = tmp_path / "plan"
    size = "64x96" if name != "resnet50-parc" else "64x64"
    status, text, err = run(capsys, name, "--input-size", size, "--fps", "500", "-o", str(out))
    assert (status, err) == (0, "")
    assert "frames a second at 150 MHz" in text
    plan = json.loads((out / "plan.json").read_text())
    assert plan["input"] == [int(side) for side in size.split("x")]
    assert (out / "plan.svg").read_bytes().startswith(b"<?xml")
    served = Counter()
    for unit in plan["units"]:
        design = read_layer(out / unit["config"])
        served.update(unit["layers"])
        assert design.loaded == (unit["weights"] != "rom")
        assert design.target == "ecp5"
    assert set(served.values()) == {1}


def test_same_arguments_write_the_same_files(tmp_path, capsys):
    # Of a plan before, of another network.
    old = with_manifest({"unit_old.toml": b"", "unit_old.npz": b""}, "plan.json", {})
    write_product(old, "plan.json", tmp_path / "two")
    for folder in ("one", "two"):
        run(capsys, "convnext-xt-parc", "-o", str(tmp_path / folder))
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()}
        for folder in ("one", "two")
    )
    assert one == two


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["lenet"],
            "NETWORK must be a folder that hw.convert wrote, or one of resnet50-parc, "
            "mobilenetv2-parc, convnext-xt-parc, convnext-t-parc, parcnet-s, not lenet",
        ),
        (["parcnet-s", "--clock", "0"], "--clock must be from 1 to 1000, not 0"),
        (["parcnet-s", "--clock", "nan"], "--clock must be from 1 to 1000, not nan"),
        (["parcnet-s", "--fps", "-3"], "--fps must be from 0.001 to 1e+09, not -3"),
        (["parcnet-s", "--bandwidth", "0"], "--bandwidth must be from 0.001 to 10000, not 0"),
        (
            ["parcnet-s", "--input-size", "224"],
            "--input-size must be a height and a width, as 224x224, not '224'",
        ),
        (
            ["parcnet-s", "--input-size", "8x64"],
            "--input-size must be of sides from 32 to 8192, not 8x64",
        ),
        (
            ["parcnet-s", "--engines", "direct,ntt"],
            "--engines must be some of direct,fft,fermat, not direct,ntt",
        ),
    ],
)
def test_refusals(arguments, message, tmp_path, capsys):
    out = tmp_path / "plan"
    status, text, err = run(capsys, *arguments, "-o", str(out))
    assert (status, text, err) == (2, "", f"hw.plan: {message}\n")
    assert not out.exists()


def test_refusals_that_say_what_is_needed(tmp_path, capsys):
    out = tmp_path / "plan"
    for arguments, begin in (
        (["parcnet-s", "--device", "xc2064"], "--device must be one of lfe5u-12f-6, "),
        (
            ["parcnet-s", "--device", "lfe5u-12f-6", "--weights", "rom"],
            "--device must be large enough for the smallest plan (",
        ),
        (["parcnet-s", "--fps", "1e6"], "--fps must be at most "),
        (
            ["mobilenetv2-parc", "--input-size", "352x352", "--engines", "fermat"],
            "--engines must be able to do stage4_2 (parallel, 22 x 22) in 156 multipliers, ",
        ),
    ):
        status, text, err = run(capsys, *arguments, "-o", str(out))
        assert (status, text) == (2, "")
        assert err.startswith(f"hw.plan: {begin}"), err
        assert err.count("\n") == 1
        assert not out.exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "/network.json (No such file or directory)"),
        ("{", "/network.json (Expecting property name enclosed in double quotes: line 1 column 2"),
        ("[" * 100_000, "/network.json (maximum recursion depth exceeded"),
        ('{"layers": [{}], "input": [3, 8, 8]}', " (KeyError)"),
        ('{"layers": [{"config": 3}], "input": [3, 8, 8]}', " (TypeError)"),
        ('{"layers": [{"config": "a.toml"}], "input": [3, 8, true]}', " (TypeError)"),
        ('{"layers": [{"config": "a.toml"}], "input": [3, 0, 8]}', " (ValueError)"),
        ('{"layers": 7, "input": [3, 0, 8]}', " (TypeError)"),
        ('{"layers": [], "input": [3, 8, 8]}', " (none)"),
    ],
)
def test_folders_that_hold_no_network_are_refused(content, why, tmp_path, capsys):
    if content is not None:
        (tmp_path / "network.json").write_text(content)
    status, text, err = run(capsys, str(tmp_path))
    assert (status, text) == (2, "")
    assert err.startswith("hw.plan: NETWORK must be a ")
    assert f"{tmp_path}{why}" in err
    assert err.count("\n") == 1


def test_a_clock_beyond_what_was_measured_is_told(tmp_path):
    def result(engine, length, fmax):
        case = {"engine": engine, "length": length, "device": LARGE.name}
        return {"case": case, "report": {"fmax_mhz": fmax}}

    measured = tmp_path / "benchmarks.json"
    unknown = f"whether engines reach it is not known: there is no {measured}"
    assert list(warnings(_plan(150e6), [measured])) == [unknown]
    measured.write_text(json.dumps({"results": [result("direct", 16, 120.0)] * 9}))
    told = re.compile(
        r"the direct engine alone is expected at 1[12]\d MHz, nine of ten from 1?\d\d to 1[2-5]\d "
        rf"\(N = (8|16)\), on {LARGE.name}"
    )
    found = list(warnings(_plan(150e6), [measured]))
    assert found
    assert all(told.fullmatch(line) for line in found), found
    assert list(warnings(_plan(100e6), [measured])) == []
    other = f"whether engines reach it is not known: none was measured on {LARGE.name}"
    for case, fmax in (({"device": "up5k"}, 120.0), ({}, None)):
        (nothing,) = [result("direct", 16, fmax)]
        nothing["case"] |= case
        measured.write_text(json.dumps({"results": [nothing]}))
        assert list(warnings(_plan(100e6), [measured])) == [other]


def _plan(clock):
    goal = Goal(LARGE, clock, engines=("direct",))
    return Planner(published("convnext-xt-parc", (256, 256)), goal).fastest()
