"""Equalisation across layers: the same network in real numbers, a better one in integers."""

import json

import numpy as np
import pytest

from golden.graph.graph import Node
from golden.network.convolution import Convolution
from golden.network.files import read_network
from golden.network.map import Map
from golden.network.network import Network
from golden.network.rescale import Rescale
from golden.numbers.interval import Interval
from hw.command import run_command
from hw.convert.command import main
from hw.convert.read_onnx import check_model
from hw.convert.whole.biases import corrected
from hw.convert.whole.equalise import equalised, gains_of, groups_of, watch
from hw.convert.whole.model import fixed, simplified
from hw.convert.whole.quantise import fuse_clips
from hw.convert.whole.recognise import recognise
from tests.convert.whole.builder import Builder

IMAGES = np.random.default_rng(1).normal(0, 1, (6, 3, 8, 8)).astype(np.float32)
UNEVEN = 2.0 ** np.arange(-5, 3)


def uneven(net, clip=None):
    """A block whose hidden channels differ much: expanded, each convolved, projected."""
    net.conv(8, 3)
    net.add("Mul", net.constant(UNEVEN[:, None, None]))
    net.add(*(["Relu"] if clip is None else ["Clip", net.constant(0.0), net.constant(clip)]))
    net.conv(8, 8, (3, 3), groups=8, pads=[1, 1, 1, 1])
    net.add("Relu")
    net.add("Mul", net.constant(1 / UNEVEN[:, None, None]))
    net.conv(4, 8)


def steps_of(net, tmp_path):
    """Return a file's steps, its last one's name, and all tensors of all images."""
    proto = check_model(net.save(tmp_path / "net.onnx"))
    model = simplified(fixed(proto, (8, 8)))
    steps, output = recognise(model)
    steps = fuse_clips(steps, output, model.constants)
    names = [name for o in model.operations for name in o.outputs]
    return steps, output, [model.run(names, i[None]) | {model.input: i[None]} for i in IMAGES]


def run(model, folder, *more):
    np.savez(folder / "images.npz", x=IMAGES)
    arguments = [model, "--whole", "--input-size", "8x8", "--calibration", folder / "images.npz"]
    arguments += ["-o", folder / "out", "--check", *more]
    return run_command(main, "hw.convert", [str(a) for a in arguments])


def report_of(folder):
    return json.loads((folder / "out" / "report.json").read_text())


def test_it_helps_where_channels_differ(tmp_path, capsys):
    net = Builder()
    uneven(net)
    model = net.save(tmp_path / "net.onnx")
    assert run(model, tmp_path) == 0
    plain = report_of(tmp_path)["output"]
    assert run(model, tmp_path, "--equalise") == 0
    report = report_of(tmp_path)
    assert report["check"]["different"] == []
    assert report["output"] > plain + 3
    figures = report["equalised"]
    best = max(figures["decibels"], key=figures["decibels"].__getitem__)
    assert figures["chosen"] == best != "as it is"
    assert f"equalised: {best}, of as it is" in capsys.readouterr().out
    again = (tmp_path / "out" / "network.npz").read_bytes()
    assert run(model, tmp_path, "--equalise") == 0
    assert (tmp_path / "out" / "network.npz").read_bytes() == again


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_gains_leave_the_network_as_it_is(power, tmp_path):
    net = Builder()
    uneven(net)
    steps, output, traces = steps_of(net, tmp_path)
    groups = list(groups_of(steps, output))
    assert [(len(g.maps), len(g.readers)) for g in groups] == [(1, 1)] * 2
    seen, by_name = watch(steps, traces), {step.name: step for step in steps}
    gains = [gains_of(group, by_name, seen, power) for group in groups]
    made = equalised(steps, groups, gains)
    first, middle, last = (step.real["weight"][:, :, 0, 0] for step in steps[1:])
    *others, third = (step.real["weight"][:, :, 0, 0] for step in made[1:])
    np.testing.assert_allclose(third @ (others[1] * others[0]), last @ (middle * first), rtol=1e-12)
    # A channel that is hardly seen has 16 times the gain of the largest, not more.
    reach = seen[steps[1].name].reach
    spread = min(reach.max() / reach.min(), 16)
    assert gains[0].max() / gains[0].min() == pytest.approx(spread**power)


def test_an_end_of_a_clip_stays_between_what_was_seen_and_where_it_was(tmp_path):
    net = Builder()
    uneven(net, clip=6.0)
    steps, output, traces = steps_of(net, tmp_path)
    (group, *_) = groups_of(steps, output)
    seen, by_name = watch(steps, traces), {step.name: step for step in steps}
    gain = gains_of(group, by_name, seen, 1.0)
    (step,) = (s for s in equalised(steps, [group], [gain]) if s.name == group.maps[0])
    end = step.clip[1] / gain
    assert np.all(end >= seen[step.name].reach * (1 - 1e-12))
    assert end.max() == pytest.approx(6)
    assert seen[step.name].reach.max() == 6


def test_residual_sums_have_gains_of_their_own(tmp_path):
    net = Builder()
    x = net.conv(8, 3)
    net.conv(8, 8)
    x = net.add("Add", x)
    net.add("GlobalAveragePool")
    net.conv(4, 8)
    steps, output, _ = steps_of(net, tmp_path)
    (group,) = groups_of(steps, output)
    assert [s.name for s in steps if s.name in group.maps] == [s.name for s in steps[1:5]]
    assert group.readers == (steps[2].name, steps[5].name)


@pytest.mark.parametrize("kind", ["HardSwish", "Sigmoid"])
def test_what_a_function_reads_is_left(kind, tmp_path):
    net = Builder()
    net.conv(8, 3)
    net.add(kind)
    net.conv(4, 8)
    steps, output, _ = steps_of(net, tmp_path)
    assert list(groups_of(steps, output)) == []


def test_biases_are_corrected_to_the_means_seen():
    data = Map.of((2, 4, 4), 0.25, -8)
    stage = Convolution(
        takes=(data,),
        gives=Map.of((2, 4, 4), 0.5, 2),
        weight=np.array([[3, -2], [0, 1]]).reshape(2, 2, 1, 1),
        bias=np.array([100, -(1 << 29)]),
        rescale=Rescale(np.array([2000, 1]), np.array([16, 16])),
        clip=Interval(2, 127),
    )
    network = Network({"x": data}, (Node("y", stage, ("x",)),), ("y",))
    images = data.dequantize(np.random.default_rng(2).integers(-128, 128, (5, 2, 4, 4)))
    totals = stage.totals(network.quantize(images))
    unit = stage.gives.scale * stage.rescale.factors
    wanted = (totals.mean(axis=(0, 2, 3)) + 40.4) * unit
    (made,) = corrected(network, {"y": wanted}, images, lambda _: None).operators.values()
    assert made.bias[0] == 140
    # The other is all at the end of its clip: it needs no bias of 30 bits for that.
    assert made.sums.bits < stage.sums.bits - 10
    x = network.quantize(images)
    assert np.all(made.value(x)[:, 1] == 2)
    assert np.all(stage.value(x)[:, 1] == 2)


def test_what_cannot_be_is_refused(tmp_path, capsys):
    net = Builder()
    net.conv(4, 3)
    model = net.save(tmp_path / "net.onnx")
    np.savez(tmp_path / "images.npz", x=IMAGES)
    arguments = [model, "--input-size", "8x8", "--calibration", tmp_path / "images.npz"]
    arguments += ["-o", tmp_path / "out", "--equalise"]
    assert run_command(main, "hw.convert", [str(a) for a in arguments]) == 2
    assert "--equalise must be left out without --whole" in capsys.readouterr().err
    assert run(model, tmp_path) == 0
    folder = tmp_path / "second"
    folder.mkdir()
    assert run(tmp_path / "out" / "network.qdq.onnx", folder, "--equalise") == 2
    message = "--equalise must be left out of a network that is quantised, not given"
    assert message in capsys.readouterr().err
    assert read_network(tmp_path / "out" / "network.toml").own
