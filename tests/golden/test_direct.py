"""The direct engine's model, held against plain integers."""

from fractions import Fraction

import numpy as np
import pytest

from golden.direct.design import DirectDesign
from golden.direct.pairs import chain_sums, weight_products
from golden.inputs.errors import ParameterError
from golden.line.design import Requantization
from golden.line.weights import LineWeights, correlate
from golden.numbers.interval import wrap


def plain(design, lines, weights):
    """The contract's definition, in Python's own integers."""
    results = []
    for number, line in enumerate(lines.tolist()):
        c = number // design.lines_per_channel % design.channels
        w, pe = weights.weight[c].tolist(), weights.pe[c].tolist()
        n = len(line)
        row = []
        for i in range(n):
            y = int(weights.bias[c])
            y += sum(w[k] * (line[(i + k) % n] + pe[(i + k) % n]) for k in range(n))
            if design.requantization is not None:
                scaled = round(Fraction(y * int(weights.multiplier[c]), 1 << int(weights.shift[c])))
                clip = design.output_range
                y = min(max(scaled + weights.zero_point, clip.low), clip.high)
            row.append(y)
        results.append(row)
    return results


def random_weights(generator, channels, length, *, requantized):
    table = (channels, length)
    scale = {}
    if requantized:
        scale = {
            "multiplier": generator.integers(1, 2**17, channels),
            "shift": generator.integers(20, 30, channels),
            "zero_point": -5,
        }
    return LineWeights(
        generator.integers(-128, 128, table),
        generator.integers(-128, 128, table),
        generator.integers(-(2**20), 2**20, channels),
        **scale,
    )


@pytest.mark.parametrize("requantized", [False, True])
@pytest.mark.parametrize(
    ("length", "channels", "lanes", "rows"), [(2, 1, 1, 1), (7, 3, 2, 4), (14, 2, 1, 3)]
)
def test_the_model_is_the_definition(length, channels, lanes, rows, requantized):
    generator = np.random.default_rng(length)
    weights = random_weights(generator, channels, length, requantized=requantized)
    design = DirectDesign(
        name="e",
        length=length,
        channels=channels,
        lanes=lanes,
        rows=rows,
        requantization=Requantization(low=-100) if requantized else None,
        weights=weights,
    )
    lines = generator.integers(-128, 128, (3 * rows * channels, length))
    assert design.model(lines).tolist() == plain(design, lines, weights)


LENGTHS = (2, 3, 5, 7, 8, 13)


@pytest.mark.parametrize(
    ("length", "macs"), [(n, p) for n in LENGTHS for p in {2, 3, n - 1, n} if 2 <= p <= n]
)
@pytest.mark.parametrize("bits", [(8, 8), (2, 3), (11, 5)], ids=str)
def test_pairs_are_the_definition(length, macs, bits):
    generator = np.random.default_rng(length)
    data_bits, weight_bits = bits
    low, high = -(1 << (data_bits - 1)), (1 << (data_bits - 1)) - 1
    weight = generator.integers(-(1 << weight_bits - 1), 1 << weight_bits - 1, (2, length))
    weight[1, ::2] = -(1 << weight_bits - 1)
    pe = generator.integers(low, high + 1, (2, length))
    weights = LineWeights(weight, pe, np.array([-999, 7]))
    design = DirectDesign(
        name="e",
        length=length,
        channels=2,
        macs=macs,
        paired=True,
        data_bits=data_bits,
        weight_bits=weight_bits,
        weights=weights,
    )
    lines = generator.choice([low, high, 0, -1, 1], (40, length))
    lines[8:] = generator.integers(low, high + 1, (32, length))
    assert design.model(lines).tolist() == plain(design, lines, weights)
    assert design.chain_bits <= design.core_bits <= design.accumulator.bits
    half = 1 << (design.added_bits - 1)
    assert -half <= design.added_table.min() <= design.added_table.max() < half


def test_products_that_neighbours_make_cancel_out_of_any_sum():
    generator = np.random.default_rng(5)
    lines, kernels = generator.integers(-8, 8, (3, 9)), generator.integers(-8, 8, (1, 6))
    exact = correlate(lines, np.pad(kernels, ((0, 0), (0, 3)))) + weight_products(kernels)[:, None]
    assert chain_sums(lines, kernels, bits=40).tolist() == exact.tolist()
    assert chain_sums(lines, kernels, bits=6).tolist() == wrap(exact, 6).tolist()


@pytest.mark.parametrize(
    ("options", "paired"),
    [
        ({"length": 56}, True),
        ({"length": 56, "macs": 4}, True),
        ({"length": 56, "macs": 3}, False),  # as many multipliers either way
        ({"length": 56, "macs": 1}, False),
        ({"length": 56, "target": "ecp5", "weight_bits": 17}, True),
        ({"length": 56, "target": "ecp5", "weight_bits": 18}, False),
        ({"length": 56, "target": "ice40", "data_bits": 15}, True),
        ({"length": 56, "target": "ice40", "data_bits": 16}, False),
        ({"length": 56, "target": "xcup", "lanes": 1}, True),
        ({"length": 56, "target": "xcup", "lanes": 2}, False),  # two lanes share a DSP48E2
        ({"length": 56, "target": "xcup", "lanes": 3}, True),
        ({"length": 56, "target": "xcup", "lanes": 2, "data_bits": 10}, True),
    ],
    ids=str,
)
def test_pairs_are_taken_where_they_spare_multipliers(options, paired):
    assert DirectDesign(name="e", weights=None, **options).in_pairs is paired


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"macs": 1}, "Products must be single with macs 1, not paired"),
        (
            {"target": "ecp5", "data_bits": 18},
            "Products must be single with data bits or weight bits over 17 on ecp5, not paired",
        ),
    ],
)
def test_pairs_that_cannot_be_are_refused(options, message):
    with pytest.raises(ParameterError) as refused:
        DirectDesign(name="e", length=8, weights=None, paired=True, **options)
    assert str(refused.value) == message


def test_loaded_start_values_have_the_constants_taken_off():
    weights = random_weights(np.random.default_rng(4), 2, 6, requantized=False)
    design = DirectDesign(name="e", length=6, channels=2, paired=True, weights=None, start_bits=9)
    bits = design.accumulator.bits
    assert design.added_bits == bits
    words = design.port_tables(weights)["start"]
    products = (weights.weight[:, 0::2] * weights.weight[:, 1::2]).sum(axis=1)
    assert (words == wrap(weights.start() - products[:, None], bits)).all()


def test_the_accumulator_range_is_reached_and_never_left():
    generator = np.random.default_rng(1)
    weights = random_weights(generator, 1, 5, requantized=False)
    design = DirectDesign(name="e", length=5, weights=weights)
    ends = np.array(np.meshgrid(*[[-128, 127]] * 5)).reshape(5, -1).T
    y = design.model(ends)
    assert (y.min(), y.max()) == (design.accumulator.low, design.accumulator.high)
    certificate = design.certificate()
    assert certificate["exact"] is True
    assert (certificate["accumulator_low"], certificate["accumulator_high"]) == (y.min(), y.max())


def test_the_range_of_loaded_weights_follows_from_the_formats():
    design = DirectDesign(name="e", length=56, weights=None, start_bits=8)
    assert design.sum_range.high == 56 * 128 * 128
    assert design.accumulator.high == 56 * 128 * 128 + 127
    wide = DirectDesign(name="e", length=56, weights=None)
    assert wide.start_range.bits == wide.sum_range.bits


def test_a_folded_chain_counts_its_passes():
    generator = np.random.default_rng(2)
    weights = random_weights(generator, 2, 13, requantized=False)
    design = DirectDesign(name="e", length=13, channels=2, macs=5, weights=weights)
    assert (design.passes, design.cycles_per_group, design.coefficient_stride) == (3, 39, 15)
    assert design.padded(weights.weight)[:, 13:].tolist() == [[0, 0], [0, 0]]


def test_loaded_weights_must_be_given_to_the_model():
    design = DirectDesign(name="e", length=4, weights=None)
    with pytest.raises(ValueError, match=r"^Model must be given the weights that the port was$"):
        design.model(np.zeros((1, 4), dtype=np.int64))


def test_weights_of_another_shape_are_refused():
    weights = random_weights(np.random.default_rng(3), 2, 4, requantized=False)
    rule = r"^Weights must hold 'weight' of shape \(1, 4\), not \(2, 4\)$"
    with pytest.raises(ParameterError, match=rule):
        DirectDesign(name="e", length=4, weights=weights)
