"""Bounds on results: never passed by any search, and near to what it finds."""

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from golden.dense.design import DenseWeights
from golden.direct.dense import DenseDirectDesign
from golden.direct.design import DirectDesign
from golden.fft.dense import DenseFftDesign
from golden.fft.design import FftDesign
from golden.inputs.config import Table
from golden.layer.filter import DepthwiseDesign, GlobalFilterDesign
from golden.layer.forms import MetaFormerDesign, ParallelDesign, SerialDesign
from golden.layer.linear import LinearLayerDesign
from golden.line.design import Requantization
from golden.line.weights import LineWeights
from golden.numbers.certificate import Scaling, loaded_off, steps_apart
from golden.numbers.interval import Interval
from golden.numbers.quantize import requantize
from golden.numbers.search import Certified, climb

GAINS = [(1, 0), (3, 0), (1, 1), (3, 1), (2, 2), (5, 2), (7, 3), (11, 3), (8, 3), (1, 5), (77, 5)]
COARSE = {"engine": "fft", "operand_bits": 10, "twiddle_bits": 8, "spectrum_bits": 8}


def results_of(y, multiplier, shift, low=-(1 << 40), high=1 << 40):
    scale = np.array(multiplier), np.array(shift)
    return requantize(np.asarray(y), *scale, zero_point=0, low=low, high=high)


@pytest.mark.parametrize(("multiplier", "shift"), GAINS)
def test_integers_apart_come_just_as_far_apart_as_is_proved(multiplier, shift):
    y = np.arange(-70, 70)  # twice a gain's period at the least, so that every rounding occurs
    for off in range(40):
        apart = results_of(y + off, multiplier, shift) - results_of(y, multiplier, shift)
        assert steps_apart(off, multiplier, shift) == apart.max()


@pytest.mark.parametrize(("multiplier", "shift"), GAINS)
def test_real_numbers_apart_come_just_as_far_apart_as_is_proved(multiplier, shift):
    gain = Fraction(multiplier, 1 << shift)
    for halves in range(24):
        off = halves / 2
        # A boundary lies just above a sum, and another just below the one that is off.
        ends = [Fraction(n, 2) / gain for n in range(-5, 6)]
        close = [end - shy for end in ends for shy in (0, Fraction(1, 1000))]
        found = max(
            round((y + Fraction(off) - less) * gain) - round(y * gain)
            for y in close
            for less in (0, Fraction(1, 1000))
            if off >= less
        )
        assert steps_apart(off, multiplier, shift) == found


@pytest.mark.parametrize("clip", [(-128, 127), (-3, 4), (0, 0), (20, 90)])
def test_clips_and_ranges_limit_what_results_are_off(clip):
    y = Interval(-31, 24)
    sums = np.arange(y.low, y.high + 1)
    for (multiplier, shift), off in product(GAINS, (0, 1, 2, 7, 60)):
        results = results_of(sums, multiplier, shift, *clip)
        near = np.abs(sums - sums[:, None]) <= off
        found = (np.abs(results - results[:, None]) * near).max()
        proved = Scaling(multiplier, shift, 0, Interval(*clip)).results_off(off, y)
        assert found <= proved <= found + 1
        assert proved <= loaded_off(off, Interval(*clip))


def line_weights(generator, scale, channels=2, length=4):
    kernels = generator.integers(-8, 8, (channels, length))
    ones = np.ones(channels, dtype=np.int64)
    bias = generator.integers(-9, 9, channels)
    multiplier, shift = (ones * value for value in scale)
    pe = np.zeros_like(kernels)
    return LineWeights(kernels, pe, bias, multiplier, shift, 0)


@pytest.mark.parametrize("scale", [(128110, 3), (5, 2), (3, 4), (1, 9)])
@pytest.mark.parametrize("output", [Requantization(bits=32), Requantization(bits=6, low=-2)])
def test_of_all_lines_the_worst_is_what_is_proved(scale, output):
    """Every line of four samples of four bits, through an engine that is made coarse."""
    weights = line_weights(np.random.default_rng(3), scale)
    options = {"data_bits": 4, "weight_bits": 4, "requantization": output, "weights": weights}
    shared = {"name": "e", "length": 4, "channels": 2, **options}
    widths = {key: value for key, value in COARSE.items() if key != "engine"}
    design = FftDesign(**shared, **widths, lanes=1, rows=1)
    exact = DirectDesign(**shared, rows=1)
    lines = np.array(list(product(range(-8, 8), repeat=4)))
    off = np.abs(design.model(lines) - exact.model(lines))
    certificate = design.certificate()
    assert certificate["max_abs_error"] > 0
    assert off.max() <= certificate["max_output_error"] <= 2 * off.max() + 1
    assert exact.certificate()["max_output_error"] == 0
    if output.bits == 32 and scale == (128110, 3):
        assert off.max() > 1000 * certificate["max_abs_error"]
    errors = design.errors()
    for channel in range(2):
        assert off[channel::2].max() <= errors.results[channel]


def furthest(error_of, shape, data, *, rounds=25, tries=24):
    """Return the most that results of any map found are off."""

    def off(maps):
        return np.abs(error_of(maps)).reshape(len(maps), -1).max(axis=1)

    one = Certified(np.inf, off, shape, data)
    return climb(one, rounds, np.random.default_rng(5), kept=6, children=tries)


SHAPE = {"channels": 2, "height": 4, "width": 4, "data_bits": 4, "weight_bits": 4}
NARROW, WIDE = {"bits": 6}, {"bits": 32}
CHAIN = {"taps": 3}
LAYERS = [
    (SerialDesign, (128110, 3), {"order": ["width"], "output": WIDE}),
    (SerialDesign, (3, 0), {"output": {"bits": 16}}),
    (SerialDesign, (3, 4), {"between": NARROW, "output": {"bits": 16}}),
    (SerialDesign, (3, 4), {"between": {"bits": 6, "low": -2, "high": 1}, "output": WIDE}),
    (SerialDesign, (3, 4), {"between": NARROW}),
    (SerialDesign, (5, 3), {"between": NARROW, "output": NARROW, "shared_engine": True}),
    (ParallelDesign, (128110, 3), {"output": WIDE}),
    (MetaFormerDesign, (3, 4), {"between": NARROW, "output": {"bits": 16}}),
    (MetaFormerDesign, (9, 4), {"between": NARROW, "output": {"bits": 7}, "residual": True}),
    (MetaFormerDesign, (3, 4), {"between": NARROW, "output": NARROW, "shared_engine": True}),
    (LinearLayerDesign, (128110, 3), {"order": ["height"], "output": WIDE}),
    (LinearLayerDesign, (3, 4), {"between": NARROW, "output": {"bits": 16}}),
]


def made(form, engine, options):
    engines = {axis: engine for axis in options.get("order", ["height", "width"])}
    if form is LinearLayerDesign:
        options = options | {"kernels": {axis: {"taps": 3} for axis in engines}}
    return form.of_table(Table({**SHAPE, "engines": engines, **options}), None, example=True)


def scaled(arrays, scale):
    """Return ``arrays`` with another gain everywhere."""
    gain = dict(zip(("multiplier", "shift"), scale, strict=True))
    return {
        key: np.full_like(array, gain.get(key.rpartition(".")[2], 0))
        if key.rpartition(".")[2] in gain and not key.startswith("residual")
        else array
        for key, array in arrays.items()
    }


@pytest.mark.parametrize(("form", "scale", "options"), LAYERS)
def test_layers_come_near_what_is_proved_and_never_past(form, scale, options):
    design = made(form, COARSE, options)
    arrays = scaled(design.weights, scale)
    design = replace(design, weights=arrays, example=False)
    plain = replace(made(form, {"engine": "direct"}, options), weights=arrays, example=False)
    shape = (design.channels, design.height, design.width)
    found = furthest(lambda maps: design.model(maps) - plain.model(maps), shape, design.data)
    certificate = design.certificate()
    proved = certificate["max_output_error"]
    print(f"{form.form}: {found} found, {proved} proved")
    assert proved / 2 - 1 <= found <= proved
    assert plain.certificate()["max_output_error"] == 0
    assert certificate["max_abs_error"] > 0
    if not options.get("output"):
        assert proved == certificate["max_abs_error"]


@pytest.mark.parametrize("scale", [(128110, 3), (5, 6)])
def test_dense_engines_come_near_what_is_proved_and_never_past(scale):
    generator = np.random.default_rng(2)
    ones = np.ones(2, dtype=np.int64)
    kernels = generator.integers(-8, 8, (2, 3, 4))
    multiplier, shift = (ones * value for value in scale)
    weights = DenseWeights(kernels, kernels[0] * 0, ones * 0, multiplier, shift, 0)
    shared = {"name": "e", "length": 4, "channels": 2, "in_channels": 3, "weights": weights}
    shared |= {"data_bits": 4, "weight_bits": 4, "requantization": Requantization(bits=32)}
    widths = {key: value for key, value in COARSE.items() if key != "engine"}
    design, plain = DenseFftDesign(**shared, lanes=1, **widths), DenseDirectDesign(**shared)

    def error_of(maps):
        lines = maps.reshape(-1, 4)
        return (design.model(lines) - plain.model(lines)).reshape(len(maps), -1)

    found = furthest(error_of, (3, 4), design.data, rounds=2, tries=6)
    proved = design.certificate()["max_output_error"]
    assert plain.certificate()["max_output_error"] == 0
    print(f"dense: {found} found, {proved} proved")
    assert proved / 2 - 1 <= found <= proved


@pytest.mark.parametrize("scale", [(128110, 3), (7, 6)])
@pytest.mark.parametrize(
    ("form", "engine", "tightness"),
    [
        (DepthwiseDesign, COARSE, 4),
        (GlobalFilterDesign, COARSE, 3),
        (GlobalFilterDesign, {"engine": "fermat"}, 2),
        (DepthwiseDesign, {"engine": "fermat"}, 1),
    ],
)
def test_filters_come_near_what_is_proved_and_never_past(form, engine, tightness, scale):
    own = {"kernel": 3} if form is DepthwiseDesign else {}
    entries = {**SHAPE, "output": WIDE, "engines": {"plane": engine}, **own}
    design = form.of_table(Table(entries), None, example=True)
    design = replace(design, weights=scaled(design.weights, scale), example=False)
    kernels, gain = design.wanted_kernels(design.weights), scale[0] / 2.0 ** scale[1]
    bias = design.weights["bias"][:, None, None]
    zero_point = int(design.weights["output.zero_point"])

    def error_of(maps):
        sums = design.plane.correlate(maps, kernels) + bias
        want = np.rint(sums * gain) + zero_point
        return design.model(maps) - want

    found = furthest(error_of, (2, 4, 4), design.data, rounds=15)
    proved = design.certificate()["max_output_error"]
    print(f"{form.form} {engine['engine']}: {found:.0f} found, {proved} proved")
    assert proved / tightness - 1 <= found <= proved


def test_bounds_of_loaded_scales_are_those_of_all_and_of_a_set_less():
    output = Requantization(bits=8)
    design = FftDesign(name="e", length=8, weights=None, requantization=output, weight_bits=4)
    known = line_weights(np.random.default_rng(1), (3, 6), channels=1, length=8)
    certificate = design.certificate()
    assert certificate["max_abs_error"] > 0
    assert certificate["max_output_error"] == 255
    of_set = design.certificate(known)
    assert 0 < of_set["max_output_error"] <= certificate["max_abs_error"] * 3 / 64 + 1
    exact = DirectDesign(name="e", length=8, weights=None, requantization=output)
    assert exact.certificate()["max_output_error"] == 0


def test_bounds_of_loaded_layers_are_those_of_all_and_of_a_set_less():
    options = {"between": {"bits": 8}, "output": {"bits": 16}}
    rom = made(SerialDesign, COARSE, options)
    port = replace(rom, weights=None, example=False)
    anything = port.certificate()
    assert anything["max_output_error"] == (1 << 16) - 1
    of_set = port.certificate(rom.weights)["max_output_error"]
    assert rom.certificate()["max_output_error"] <= of_set < anything["max_output_error"]
    linear = made(LinearLayerDesign, COARSE, options)
    loaded = replace(linear, weights=None, example=False)
    of_set = loaded.certificate(linear.weights)["max_output_error"]
    assert linear.certificate()["max_output_error"] <= of_set
