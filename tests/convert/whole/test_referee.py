"""Operators of networks against onnxruntime on the QDQ file that is written of them."""

import re
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from golden.graph.graph import Node
from golden.inputs.errors import ParameterError
from golden.network.arithmetic import Add, Multiply
from golden.network.cases import CASES, Draw, product_factor, ratio, rescale_of
from golden.network.map import Map
from golden.network.move import Select
from golden.network.network import Network
from golden.network.pointwise import Pointwise
from golden.network.registry import OPERATORS
from golden.numbers.interval import Interval
from hw.convert.whole.functions import FUNCTIONS
from hw.convert.whole.qdq import output_name, write_qdq
from hw.convert.whole.quantise import MAKERS
from hw.convert.whole.referee import Referee, table_of
from tests.convert.whole.plain import plain_options

SEEDS = 3
"""Of each kind of operator, in both modes; ``make soak`` has many more."""
_SCALES = [(0.5, 0.25, 1.0), (0.03125, 0.03125, 0.0625), (2.0, 0.125, 2.0)]
_FREE_SCALES = [(0.1, 0.2, 0.3), (0.017, 0.25, 0.05), (0.05, 0.1, 0.2)]


def compare(network, words):
    image = network.maps[network.input].dequantize(words)
    return list(Referee(network).compare(image))


@pytest.mark.parametrize("own", [True, False], ids=["own", "imported"])
@pytest.mark.parametrize("kind", OPERATORS)
def test_operators_drawn_at_random(kind, own):
    for seed in range(SEEDS):
        network, words = Draw(seed, own=own).case(kind)
        for difference in compare(network, words):
            assert difference.right, (seed, difference)


def test_every_operator_can_be_drawn_and_made():
    assert CASES.kinds == MAKERS.kinds == set(OPERATORS)


def binary(kind, scales, zero_points, *, own, signed):
    """A network that gives an operator all pairs of words."""
    maps = [
        Map.of((1, 256, 256), float(np.float32(s)), z, signed=signed)
        for s, z in zip(scales, zero_points, strict=True)
    ]
    whole = Map.of((2, 256, 256), 1.0, signed=signed)
    words = np.arange(whole.range.low, whole.range.high + 1)
    nodes = []
    for index in (0, 1):
        cut = replace(whole, channels=1, runs=())
        indices = np.arange(256)
        part = Select(
            takes=(whole,), gives=cut, channels=np.array([index]), rows=indices, columns=indices
        )
        named = Pointwise(takes=(cut,), gives=maps[index], table=words)
        nodes += [Node(f"p{index}", part, ("x",)), Node(f"x{index}", named, (f"p{index}",))]
    factors = ratio(over=maps[2], of=maps[:2]) if kind is Add else product_factor(*maps)
    stage = kind(
        takes=tuple(maps[:2]),
        gives=maps[2],
        rescale=rescale_of(factors, own=own),
        clip=maps[2].range,
    )
    network = Network({"x": whole}, (*nodes, Node("y", stage, ("x0", "x1"))), ("y",))
    return network, np.stack(np.meshgrid(words, words))[None]


@pytest.mark.parametrize("kind", [Add, Multiply])
@pytest.mark.parametrize("own", [True, False], ids=["own", "imported"])
def test_all_pairs(kind, own):
    rng = np.random.default_rng(1)
    for scales in _SCALES if own else _FREE_SCALES:
        for signed in (True, False):
            zero_points = rng.integers(-128, 128, 3) + (0 if signed else 128)
            zero_points = [int(z) & ~1 if own else int(z) for z in zero_points]
            network, words = binary(kind, scales, zero_points, own=own, signed=signed)
            for difference in compare(network, words):
                assert difference.right, (scales, zero_points, difference)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_tables(function):
    for data, gives in (
        (Map.of((1, 16, 16), 0.0625, 4), Map.of((1, 16, 16), 0.0625, -100)),
        (Map.of((1, 16, 16), 0.1, 77, signed=False), Map.of((1, 16, 16), 0.03, 9, signed=False)),
    ):
        table = table_of(function, data, gives)
        stage = Pointwise(takes=(data,), gives=gives, table=table, function=function)
        network = Network({"x": data}, (Node("y", stage, ("x",)),), ("y",))
        words = np.arange(256).reshape(1, 1, 16, 16) + data.range.low
        assert all(difference.right for difference in compare(network, words))
        assert Interval.of(table) != Interval.of(table[:1])


def convolution(own=True):
    network, words = Draw(6, own=own).case("convolution")
    return network, words


def changed(network, **change):
    (node,) = network.nodes
    stage = replace(node.stage, **change)
    return Network(network.inputs, (replace(node, stage=stage),), network.outputs)


@pytest.mark.parametrize("own", [True, False], ids=["own", "imported"])
def test_a_corrupted_weight_is_found(own):
    network, words = convolution(own)
    stage = network.operators["y"]
    weight = stage.weight.copy()
    weight.flat[0] += 40 if weight.flat[0] < 0 else -40
    other = write_qdq(changed(network, weight=weight), exposed=True)
    image = network.maps["x0"].dequantize(words)
    (difference,) = Referee(network, other).compare(image)
    assert not difference.right
    assert difference.different > 0


def test_a_corrupted_expectation_is_found():
    network, words = convolution()
    image = network.maps["x0"].dequantize(words)
    (difference,) = Referee(network).compare(image)
    assert difference.right
    referee = Referee(network)
    referee.network = changed(network, bias=network.operators["y"].bias + 3000)
    (difference,) = referee.compare(image)
    assert not difference.right


def test_one_step_off_in_one_sample_is_wrong():
    network, words = Draw(3, own=True).case("maximum")
    referee = Referee(network)
    image = network.maps["x0"].dequantize(words)
    maps = referee.maps

    def off(images, given):
        made = maps(images, given)
        made["y"].flat[-1] += 1
        return made

    referee.maps = off
    (difference,) = referee.compare(image)
    assert (difference.different, difference.largest, difference.right) == (1, 1, False)


@pytest.mark.parametrize("kind", ["convolution", "circular", "add", "multiply", "average"])
def test_own_files_are_computed_in_integers_without_options(kind, tmp_path):
    # Signed maps too: the file's words are not.
    for seed in range(2, 4):
        network, words = Draw(seed, own=True).case(kind)
        options = plain_options()
        options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            write_qdq(network).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        used = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
        assert any(re.fullmatch("QLinear(Conv|Add|Mul)", name) for name in used)
        image = network.maps[network.input].dequantize(words).astype(np.float32)
        (made,) = session.run([output_name("y")], {network.input: image})
        (wanted,) = network.predict(image).values()
        np.testing.assert_array_equal(made, wanted.astype(np.float32))


def test_words_that_are_not_signed_are_the_same_network():
    for kind in OPERATORS:
        network, words = Draw(2, own=True).case(kind)
        data = network.maps[network.input]
        (name,) = network.outputs
        made = network.run({network.input: words})[name] + network.maps[name].offset
        moved = network.unsigned.run({network.input: words + data.offset})[name]
        np.testing.assert_array_equal(made, moved)
        assert not network.unsigned.maps[name].signed


def test_factors_that_no_scale_gives_are_refused():
    network, _ = binary(Add, _SCALES[0], (0, 0, 0), own=True, signed=True)
    stage = network.operators["y"]
    wrong = replace(stage, rescale=replace(stage.rescale, shift=stage.rescale.shift + 1))
    nodes = (*network.nodes[:-1], replace(network.nodes[-1], stage=wrong))
    with pytest.raises(ParameterError, match=r"Multiplier must be what the scales give"):
        write_qdq(Network(network.inputs, nodes, network.outputs))
