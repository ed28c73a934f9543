"""The direct engine's model, held against plain integers."""

from fractions import Fraction

import numpy as np
import pytest

from golden.design import Requantization
from golden.direct import DirectDesign
from golden.errors import ParameterError
from golden.weights import LineWeights


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
