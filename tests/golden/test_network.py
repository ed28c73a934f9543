"""Operators of networks against their definitions, files against what was written."""

from dataclasses import replace

import numpy as np
import pytest
import tomli_w

from golden.graph.graph import Node
from golden.inputs.errors import ParameterError
from golden.network.arithmetic import Add, Multiply
from golden.network.circular import Circular
from golden.network.convolution import Convolution
from golden.network.files import read_network, written
from golden.network.layer_norm import LayerNorm, reciprocal_root
from golden.network.map import Map
from golden.network.move import Arrange, Concatenate, Select
from golden.network.network import Network
from golden.network.pointwise import Pointwise
from golden.network.pool import Average, Maximum
from golden.network.registry import OPERATORS
from golden.network.rescale import Rescale, to_float32
from golden.network.resize import Resize, shares
from golden.numbers.interval import Interval
from golden.operator.parc import parc

WORDS = Interval.signed(8)
FREE = Interval(-(1 << 40), 1 << 40)


def codes(rng, data, n=1):
    return rng.integers(data.range.low, data.range.high + 1, (n, *data.shape))


def one(channels):
    """Factors that leave sums as they are."""
    return Rescale(np.ones(channels, np.int64), np.zeros(channels, np.int64))


def convolution(rng, data, outputs, kernel, **options):
    groups = options.get("groups", 1)
    weight = rng.integers(-127, 128, (outputs, data.channels // groups, *kernel))
    stride, padding = options.get("stride", (1, 1)), options.get("padding", (0, 0, 0, 0))
    shape = [outputs]
    for axis in (0, 1):
        room = data.shape[1 + axis] + padding[axis] + padding[axis + 2] - kernel[axis]
        shape.append(room // stride[axis] + 1)
    return Convolution(
        takes=(data,),
        gives=Map.of(tuple(shape), 0.5, 4),
        weight=weight,
        bias=rng.integers(-5000, 5000, outputs),
        rescale=Rescale.nearest(rng.uniform(1e-4, 1e-2, outputs)),
        clip=WORDS,
        **options,
    )


def by_definition(stage, x):
    """Sums of a convolution, sample by sample."""
    x = x - stage.takes[0].zero_point
    above, left, below, right = stage.padding
    x = np.pad(x, ((0, 0), (0, 0), (above, below), (left, right)))
    y = np.zeros((len(x), *stage.gives.shape), np.int64)
    inputs = stage.weight.shape[1]
    per_group = len(stage.weight) // stage.groups
    for o, i, j in np.ndindex(*stage.gives.shape):
        first = o // per_group * inputs
        rows, columns = i * stage.stride[0], j * stage.stride[1]
        height, width = stage.weight.shape[2:]
        under = x[:, first : first + inputs, rows : rows + height, columns : columns + width]
        y[:, o, i, j] = (under * stage.weight[o]).sum(axis=(1, 2, 3)) + stage.bias[o]
    return y


@pytest.mark.parametrize(
    ("channels", "outputs", "kernel", "options"),
    [
        (3, 5, (1, 1), {}),
        (4, 6, (3, 2), {"stride": (2, 1), "padding": (1, 0, 2, 1)}),
        (6, 6, (3, 3), {"groups": 6, "padding": (1, 1, 1, 1)}),
        (4, 8, (2, 3), {"groups": 4, "stride": (1, 2)}),
        (6, 4, (1, 3), {"groups": 2}),
        (1, 1, (5, 7), {"padding": (4, 4, 4, 4)}),
    ],
)
def test_convolution(channels, outputs, kernel, options):
    rng = np.random.default_rng(1)
    stage = convolution(rng, Map.of((channels, 5, 7), 1.0, -7), outputs, kernel, **options)
    x = codes(rng, stage.takes[0], 2)
    sums = by_definition(stage, x)
    exact = sums * stage.rescale.factors[:, None, None]
    np.testing.assert_array_equal(stage.value(x), np.clip(np.rint(exact) + 4, -128, 127))
    assert stage.sums.holds(Interval.of(sums))
    assert stage.products == stage.weight[0].size * np.prod(stage.gives.shape)
    # The same with the zero point left in the samples: in the bias and around the map.
    folded = replace(stage, takes=(replace(stage.takes[0], zero_point=0),), bias=stage.folded_bias)
    around = folded.window.padded(x, -7)
    bare = replace(folded, padding=(0, 0, 0, 0), takes=(Map.of(around.shape[1:], 1.0),))
    np.testing.assert_array_equal(bare.value(around), stage.value(x))


def test_sums_that_float32_would_round_are_exact():
    rng = np.random.default_rng(2)
    stage = convolution(rng, Map.of((2048, 1, 1), 1.0, -128), 4, (1, 1))
    assert stage.sums.max_abs > 1 << 24
    x = codes(rng, stage.takes[0])
    x[:] = np.where(rng.random(x.shape) < 0.9, 127, x)
    whole = replace(stage, weight=np.abs(stage.weight))
    sums = by_definition(whole, x)
    assert sums.max() > 1 << 24
    wide = replace(whole, rescale=Rescale.of_float32(np.array([2.0**-20])))
    np.testing.assert_array_equal(
        wide.value(x), np.clip(np.rint(sums * np.float64(2.0**-20)) + 4, -128, 127)
    )


@pytest.mark.parametrize("axis", ["height", "width"])
def test_circular_is_parc(axis):
    rng = np.random.default_rng(3)
    data = Map.of((3, 6, 5), 1.0, 9)
    length = 6 if axis == "height" else 5
    line = (length, 1) if axis == "height" else (1, length)
    weight, pe = rng.integers(-127, 128, (3, length)), rng.integers(-100, 101, (3, length))
    stage = Circular(
        takes=(data,),
        gives=replace(data, zero_point=0),
        weight=weight.reshape(3, 1, *line),
        bias=rng.integers(-99, 99, 3),
        embedding=pe.reshape(3, *line),
        rescale=Rescale.nearest(np.array([0.004])),
        clip=WORDS,
        groups=3,
    )
    x = codes(rng, data)
    exact = parc(
        x[0] - 9.0, weight.astype(float), axis=axis, embedding=pe.astype(float), bias=stage.bias
    )
    wanted = np.clip(np.rint(exact * stage.rescale.factors[0]), -128, 127)
    np.testing.assert_array_equal(stage.value(x)[0], wanted)
    assert stage.sums.holds(Interval.of(exact.astype(int)))


def test_circular_over_both_axes():
    rng = np.random.default_rng(4)
    data = Map.of((2, 3, 4), 1.0)
    weight = rng.integers(-9, 10, (2, 2, 3, 4))
    stage = Circular(
        takes=(data,),
        gives=data,
        weight=weight,
        bias=np.zeros(2, np.int64),
        embedding=np.zeros((2, 1, 1), np.int64),
        rescale=Rescale.nearest(np.array([0.02])),
        clip=WORDS,
    )
    x = codes(rng, data)
    sums = np.zeros((2, 3, 4))
    for i, j in np.ndindex(3, 4):
        around = np.roll(x[0], (-i, -j), (1, 2))
        sums[:, i, j] = (weight * around).sum(axis=(1, 2, 3))
    wanted = np.clip(np.rint(sums * stage.rescale.factors[0]), -128, 127)
    np.testing.assert_array_equal(stage.value(x)[0], wanted)


def test_roundings_of_float32():
    rng = np.random.default_rng(5)
    sums = np.concatenate(
        [rng.integers(-(2**31), 2**31, 4000), 2**24 + np.arange(-9, 9), [2**31 - 1, -(2**31), 0]]
    )
    np.testing.assert_array_equal(to_float32(sums), sums.astype(np.float32).astype(np.int64))
    for factor in np.float32([1e-5, 0.3, 1.0, 0.0123, 2.0**-24, 1e-38, 3.0]):
        scaled = np.rint(sums.astype(np.float32) * factor).astype(np.float64)
        rescale = Rescale.of_float32(np.array([float(factor)]))
        made = rescale.apply(sums[None, None, None], 3, WORDS)
        np.testing.assert_array_equal(made.ravel(), np.clip(scaled + 3, -128, 127))


def test_own_factors_are_those_of_float32_too():
    # Multiples of 2^-16: one rounding is what float32's three come to, wherever nothing clips.
    rng = np.random.default_rng(6)
    sums = np.concatenate([rng.integers(-(2**31), 2**31, 3000), rng.integers(-30000, 30000, 9000)])
    for m in (1, 3, 77, 4095, 65536, 131071):
        own = Rescale(np.array([m]), np.array([16])).apply(sums[None, None, None], 2, WORDS)
        theirs = np.rint(sums.astype(np.float32) * np.float32(m * 2.0**-16)).astype(np.float64) + 2
        np.testing.assert_array_equal(own.ravel(), np.clip(theirs, -128, 127))


def pairs(low):
    """All pairs of words as two maps."""
    words = np.arange(low, low + 256)
    a, b = np.meshgrid(words, words)
    return a[None, None], b[None, None]


def test_add_and_multiply_round_once():
    a, b = pairs(-128)
    first, second, gives = (
        Map.of((1, 256, 256), 0.5, 3),
        Map.of((1, 256, 256), 0.25, -8),
        Map.of((1, 256, 256), 1.0, 2),
    )
    factors = Rescale(np.array([1, 1]), np.array([1, 2]))
    stage = Add(takes=(first, second), gives=gives, rescale=factors, clip=WORDS)
    exact = np.rint((a - 3) / 2 + (b + 8) / 4) + 2
    np.testing.assert_array_equal(stage.value(a, b), np.clip(exact, -128, 127))
    assert stage.sums.holds(Interval(int(exact.min()) - 2, int(exact.max()) - 2))
    once = Rescale(np.array([1]), np.array([5]))
    gain = Multiply(takes=(first, second), gives=gives, rescale=once, clip=WORDS)
    exact = np.rint((a - 3) * (b + 8) / 32) + 2
    np.testing.assert_array_equal(gain.value(a, b), np.clip(exact, -128, 127))


def test_a_gain_a_channel():
    rng = np.random.default_rng(7)
    data, gains = Map.of((4, 3, 3), 1.0), Map.of((4, 1, 1), 1.0)
    stage = Multiply(
        takes=(data, gains),
        gives=data,
        rescale=Rescale(np.array([1]), np.array([7])),
        clip=WORDS,
    )
    x, g = codes(rng, data), codes(rng, gains)
    np.testing.assert_array_equal(stage.value(x, g), np.clip(np.rint(x * g / 128), -128, 127))
    with pytest.raises(ParameterError, match="or 1 in places"):
        replace(stage, takes=(data, Map.of((4, 2, 1), 1.0)))


def test_pools():
    rng = np.random.default_rng(8)
    data = Map.of((2, 5, 5), 1.0, 10)
    x = codes(rng, data)
    factor = Rescale.nearest(np.array([1 / 25]))
    whole = Average(
        takes=(data,),
        gives=Map.of((2, 1, 1), 1.0, 10),
        size=(5, 5),
        stride=(1, 1),
        rescale=factor,
        clip=WORDS,
    )
    sums = (x - 10).sum(axis=(2, 3), keepdims=True)
    np.testing.assert_array_equal(whole.value(x), np.rint(sums * factor.factors[0]) + 10)
    windows = {"size": (3, 3), "stride": (2, 2), "padding": (1, 1, 1, 1)}
    part = replace(whole, gives=Map.of((2, 3, 3), 1.0, 10), **windows)
    largest = Maximum(takes=(data,), gives=replace(data, height=3, width=3), **windows)
    for i, j in np.ndindex(3, 3):
        rows, columns = (slice(max(2 * k - 1, 0), 2 * k + 2) for k in (i, j))
        under = x[:, :, rows, columns]
        np.testing.assert_array_equal(largest.value(x)[:, :, i, j], under.max(axis=(2, 3)))
        wanted = np.rint((under - 10).sum(axis=(2, 3)) * factor.factors[0]) + 10
        np.testing.assert_array_equal(part.value(x)[:, :, i, j], np.clip(wanted, -128, 127))


def test_means_with_scales_of_others_are_integers_of_a_whole_map_alone():
    rng = np.random.default_rng(9)
    data, scales = Map.of((2, 4, 4), 0.1, 9), (np.float32(0.1), np.float32(0.07))
    x = codes(rng, data)
    gives = Map.of((2, 1, 1), float(scales[1]), 7)
    factor = Rescale.of_float32(np.float64([scales[0] / (scales[1] * np.float32(16))]))
    options = {"size": (4, 4), "stride": (2, 2), "rescale": factor, "clip": WORDS}
    whole = Average(takes=(data,), gives=gives, **options)
    sums = (x - 9).sum(axis=(2, 3), keepdims=True)
    np.testing.assert_array_equal(whole.value(x), factor.apply(sums, 7, WORDS))
    windows = options | {"size": (2, 2), "padding": (1, 0, 0, 1)}
    part = Average(takes=(data,), gives=replace(gives, height=2, width=2), **windows)
    real = np.pad((x - 9).astype("f4") * scales[0], ((0, 0), (0, 0), (1, 0), (0, 1)))
    for i, j in np.ndindex(2, 2):
        sums = np.zeros((1, 2), "f4")
        for row, column in np.ndindex(2, 2):
            sums = sums + real[:, :, 2 * i + row, 2 * j + column]
        wanted = np.rint(sums / np.float32(4) / scales[1] + np.float32(7))
        np.testing.assert_array_equal(part.value(x)[:, :, i, j], np.clip(wanted, -128, 127))


def test_moves():
    rng = np.random.default_rng(9)
    data = Map.of((4, 2, 3), 1.0)
    x = codes(rng, data)
    for axis in range(3):
        shape = [4, 2, 3]
        shape[axis] *= 2
        both = Concatenate(takes=(data, data), gives=Map.of(tuple(shape), 1.0), axis=axis)
        wanted = np.concatenate([x, x], axis + 1)
        np.testing.assert_array_equal(both.value(x, x), wanted)
    indices = [np.array(i) for i in ([3, 0], [1], [2, 2, 0, 1])]
    names = ("channels", "rows", "columns")
    part = Select(
        takes=(data,), gives=Map.of((2, 1, 4), 1.0), **dict(zip(names, indices, strict=True))
    )
    np.testing.assert_array_equal(part.value(x)[0], x[0][np.ix_(*indices)])
    pixels = Arrange(
        takes=(data,), gives=Map.of((1, 4, 6), 1.0), parts=(2, 2, 2, 3), order=(2, 0, 3, 1)
    )
    wanted = x[0].reshape(2, 2, 2, 3).transpose(2, 0, 3, 1).reshape(1, 4, 6)
    np.testing.assert_array_equal(pixels.value(x)[0], wanted)


def bilinear(before, factor):
    """What a resize by a whole factor, half pixels aligned, has of each sample."""
    places = np.clip((np.arange(before * factor) + 0.5) / factor - 0.5, 0, before - 1)
    return np.maximum(1 - np.abs(places[:, None] - np.arange(before)), 0)


@pytest.mark.parametrize(("factor", "exact"), [(2, True), (8, True), (3, False)])
def test_resize_rounds_once_or_is_within_a_step(factor, exact):
    rng = np.random.default_rng(15)
    data = Map.of((2, 5, 4), 0.25, -20)
    rows, columns = bilinear(5, factor), bilinear(4, factor)
    stage = Resize(
        takes=(data,),
        gives=Map.of((2, 5 * factor, 4 * factor), 0.25, -20),
        rows=shares(rows, 8),
        columns=shares(columns, 8),
    )
    x = codes(rng, data, 40)
    x[20:] = rng.choice([-128, 127], x[20:].shape)
    real = np.einsum("ik,jl,nckl->ncij", rows, columns, x + 20.0)
    off = np.abs(stage.value(x) - (np.rint(real) - 20))
    assert off.max() == (0 if exact else 1)
    assert stage.sums.holds(
        Interval.of(np.einsum("ik,jl,nckl->ncij", stage.rows, stage.columns, x + 20))
    )
    assert stage.max_error == 0
    flat = np.full((1, 2, 5, 4), 77)
    np.testing.assert_array_equal(stage.value(flat), 77)


def test_shares_keep_sums_and_no_resize_leaves_24_bits():
    weights = np.random.default_rng(16).dirichlet(np.ones(7), 50)
    fixed = shares(weights, 8)
    np.testing.assert_array_equal(fixed.sum(axis=1), 256)
    assert np.abs(fixed - weights * 256).max() < 1
    pair = shares(np.array([[0.3, 0.7], [-0.125, 1.125]]), 8)
    np.testing.assert_array_equal(pair, [[77, 179], [-32, 288]])
    data = Map.of((1, 2, 2), 1.0, -128)
    with pytest.raises(ParameterError, match="Weights must be such that no sum leaves 24 bits"):
        Resize(takes=(data,), gives=data, rows=pair, columns=pair)


def test_reciprocal_root():
    rng = np.random.default_rng(10)
    powers = np.int64(1) << np.arange(60)
    spread = np.concatenate([rng.integers(1, 1 << 60, 5000), powers, powers[1:] - 1, powers + 1])
    root, exponent = reciprocal_root(spread)
    assert root.min() >= 1 << 15
    assert root.max() <= 1 << 16
    assert np.abs(root * 2.0 ** (-31 - exponent) * np.sqrt(spread) - 1).max() < 2.0**-14
    # The floor is exact.
    for s, r, e in zip(spread.tolist(), root.tolist(), exponent.tolist(), strict=True):
        v = s >> 2 * e if e > 0 else s << -2 * e
        assert r * r * v <= 1 << 62 < (r + 1) ** 2 * v


def test_layer_norm_is_within_a_step():
    rng = np.random.default_rng(11)
    for channels, zero_point in ((1, 0), (7, -128), (96, 5), (768, 60)):
        data = Map.of((channels, 6, 5), 0.02, zero_point)
        gives = Map.of((channels, 6, 5), 1 / 16, 4)
        gamma, beta = rng.normal(1, 0.5, channels), rng.normal(0, 1, channels)
        epsilon = 1e-6
        stage = LayerNorm(
            takes=(data,),
            gives=gives,
            gain=np.rint(gamma * 16 * 2.0**10).astype(np.int64),
            offset=np.rint(beta * 16 * 2.0**22).astype(np.int64),
            shift=22,
            epsilon=max(round(epsilon * channels**2 / 0.02**2), 1),
            clip=WORDS,
        )
        x = codes(rng, data, 3)
        x[1] = x[1, :1]  # channels all alike: no spread
        real = (x - zero_point) * 0.02
        mean, variance = real.mean(axis=1, keepdims=True), real.var(axis=1, keepdims=True)
        normal = (real - mean) / np.sqrt(variance + epsilon)
        exact = normal * gamma[:, None, None] + beta[:, None, None]
        wanted = np.clip(np.rint(exact * 16) + 4, -128, 127)
        off = np.abs(stage.value(x) - wanted)
        assert off.max() <= stage.max_error == 1
        assert off.mean() < 0.01


def small_network(rng):
    data = Map.of((3, 6, 6), 0.5, -2)
    first = convolution(rng, data, 4, (3, 3), padding=(1, 1, 1, 1), stride=(2, 2))
    table = np.clip(np.arange(-128, 128), 4, 100)
    clipped = Pointwise(takes=(first.gives,), gives=first.gives, table=table)
    factors = Rescale(np.array([1, 1]), np.array([1, 1]))
    total = Add(takes=(first.gives,) * 2, gives=first.gives, rescale=factors, clip=WORDS)
    nodes = (
        Node("first", first, ("image",)),
        Node("clipped", clipped, ("first",)),
        Node("total", total, ("first", "clipped")),
    )
    return Network({"image": data}, nodes, ("total",))


def test_network_and_its_files(tmp_path):
    rng = np.random.default_rng(12)
    network = small_network(rng)
    table, archive = written(network)
    (tmp_path / "network.toml").write_text(tomli_w.dumps(table))
    (tmp_path / "network.npz").write_bytes(archive)
    again = read_network(tmp_path / "network.toml")
    x = codes(rng, network.maps["image"], 2)
    made, remade = network.trace({"image": x}), again.trace({"image": x})
    assert made.keys() == remade.keys() == {"image", "first", "clipped", "total"}
    for name, values in made.items():
        np.testing.assert_array_equal(values, remade[name])
        assert network.maps[name].range.holds(Interval.of(values))
    assert network.operators["clipped"].clip == Interval(4, 100)
    assert network.certificate() == again.certificate()
    assert network.certificate()["overflow_free"]
    images = network.maps["image"].dequantize(x)
    np.testing.assert_array_equal(network.quantize(images), x)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.update(schema=2), "schema must be 1, not 2"),
        (lambda t: t["node"][0].update(operator="conv"), "operator of first must be one of"),
        (lambda t: t["node"][0]["options"].update(groups=2), "groups of first must be a divisor"),
        (lambda t: t["node"][0]["options"].pop("clip"), "clip of first must be a list of integers"),
        (
            lambda t: t["node"][0]["options"].update(clip=[-200, 100]),
            "clip of first must be within -128 to 127, not -200 to 100",
        ),
        (lambda t: t["node"][0]["options"].update(odd=1), "odd of first must be left out"),
        (lambda t: t["node"][0]["map"].update(scale=0.0), "scale must be positive and finite"),
        (lambda t: t["node"][1].update(sources=["none"]), "sources of clipped must be maps made"),
        (lambda t: t.update(weights="../w.npz"), "weights must be a file beside"),
        (
            lambda t: t.update(outputs=["none"]),
            r"Outputs must be maps of the graph, not \['none'\]",
        ),
        (lambda t: t["node"].pop(2), "must hold only arrays of the network's nodes, not total"),
        (lambda t: t.update(more=1), "more must be one of the keys"),
    ],
)
def test_broken_files_are_refused(tmp_path, change, message):
    table, archive = written(small_network(np.random.default_rng(13)))
    change(table)
    (tmp_path / "network.toml").write_text(tomli_w.dumps(table))
    (tmp_path / "network.npz").write_bytes(archive)
    with pytest.raises(ParameterError, match=message):
        read_network(tmp_path / "network.toml")


def test_formats_that_do_not_agree_are_refused():
    network = small_network(np.random.default_rng(14))
    moved = replace(network.inputs["image"], zero_point=0)
    with pytest.raises(ValueError, match="first must take"):
        Network({"image": moved}, network.nodes, network.outputs)
    first = network.operators["first"]
    with pytest.raises(ParameterError, match="Sums must be of at most 32 bits, not 36"):
        replace(first, bias=first.bias + (1 << 34))
    with pytest.raises(ParameterError, match="Multiplier must be from 1 to 131071, not 0"):
        Rescale(np.array([0]), np.array([1]))
    with pytest.raises(ParameterError, match="Range must be of at most 8 bits"):
        Map(1, 1, 1, Interval.signed(16))


def test_all_operators_say_what_they_compute():
    assert len(OPERATORS) == 13
    assert all(operator.formula for operator in OPERATORS.values())
