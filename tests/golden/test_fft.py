"""The FFT engine's model: against float64, at its worst, and within what is proved of it."""

import re
import time
from dataclasses import replace

import numpy as np
import pytest

from golden.fft.design import (
    FftDesign,
    exchange,
    multiply,
    spectrum_words,
    transform_length,
)
from golden.fft.exact import exact_widths
from golden.fft.flow import TransformFlow, bin_order
from golden.fft.norms import bound_noise
from golden.fft.proof import between, rounding_noise
from golden.inputs.errors import ParameterError
from golden.line.design import Requantization
from golden.line.example import example_weights
from golden.line.weights import LineWeights, correlate
from golden.numbers.fixed import SQ, Fixed
from golden.numbers.interval import Interval
from golden.numbers.search import Certified, climb


def design_of(length, *, kernel=None, **options):
    if kernel is None:
        weights = example_weights(
            length=length,
            channels=options.get("channels", 1),
            data_bits=options.get("data_bits", 8),
            weight_bits=options.get("weight_bits", 8),
            requantized=None,
        )
    else:
        weights = plain_weights(kernel)
    return FftDesign(name="e", length=length, weights=weights, **options)


def plain_weights(kernel):
    kernel = np.atleast_2d(np.asarray(kernel, dtype=np.int64))
    return LineWeights(kernel, kernel * 0, np.zeros(len(kernel), dtype=np.int64))


def errors(design, lines, weights=None):
    """Errors of the model, for a design of one channel."""
    weights = weights or design.weights
    lines = lines.reshape(-1, design.length)
    exact = correlate(lines, weights.weight) + weights.start()
    return design.model(lines, weights) - exact


def sqnr(signal, error):
    return 10 * np.log10((signal.astype(float) ** 2).mean() / (error.astype(float) ** 2).mean())


def random_lines(design, count, seed=1):
    generator = np.random.default_rng(seed)
    shape = (count, design.length)
    return generator.integers(design.data.low, design.data.high, shape, endpoint=True)


ODD_SIZES = [3, 5, 7, 9, 15, 21, 6, 14, 28, 56, 112, 12, 24, 48, 10, 20, 40, 18, 60, 84]


@pytest.mark.parametrize("size", [4, 8, 16, 32, 64, 128, 256, *ODD_SIZES])
def test_the_flow_is_a_transform_and_back(size):
    generator = np.random.default_rng(size)
    flow = TransformFlow(size, 50)
    z = generator.normal(size=size) + 1j * generator.normal(size=size)
    spectrum = np.fft.fft(generator.normal(size=size))
    values = z
    for number, section in enumerate(flow.sections):
        for rank in section.ranks:
            values = rank.apply(values)
        if number == flow.middle:
            np.testing.assert_allclose(values, np.fft.fft(z)[bin_order(size)], atol=1e-10)
            values = values * spectrum[bin_order(size)] / size
        elif number < flow.n_products:
            values = between(flow, number).apply(values)
    np.testing.assert_allclose(values, np.fft.ifft(np.fft.fft(z) * spectrum), atol=1e-10)
    # Pairs of ranks, with products between them; transforms of an odd number stand in place of two.
    pairs = -(-((size // flow.odd).bit_length() - 1) // 2)
    assert flow.n_products == (2 * pairs - 1 if flow.odd == 1 else 2 * max(pairs, 1) + 1)


def test_gains_are_the_transpose_of_the_flow():
    generator = np.random.default_rng(2)
    for section in TransformFlow(64, 16).sections:
        for rank in section.ranks:
            z, g = generator.normal(size=(2, 64)) + 1j * generator.normal(size=(2, 64))
            assert np.isclose(g @ rank.apply(z), rank.transpose(g) @ z)


@pytest.mark.parametrize("size", [5, 14, 28, 36])
def test_odd_transforms_are_as_exact_as_their_constants(size):
    generator = np.random.default_rng(size)
    z, g = generator.normal(size=(2, size)) + 1j * generator.normal(size=(2, size))
    for flow in (TransformFlow(size, 16), TransformFlow(size, 40)):
        for product in (flow.middle - 1, flow.middle + 1):
            odd = flow.odd_transform(product)
            assert np.isclose(g @ odd.apply(z), odd.transpose(g) @ z)
            assert np.abs(odd.matrix - odd.exact).max() <= odd.points * 2.0**-flow.twiddle_f_bits
            raw = generator.integers(-999, 999, (2, size))
            made = odd.apply_raw(raw) / 2.0**odd.f_bits
            exact = odd.apply(raw[0] + 1j * raw[1])
            np.testing.assert_allclose(made[0] + 1j * made[1], exact, rtol=1e-12, atol=1e-9)


def test_spectrum_words_are_as_documented():
    kernel = np.random.default_rng(3).integers(-128, 128, (2, 12))
    size, f_bits = 32, 9
    words = spectrum_words(kernel, size, f_bits)
    for place in range(size):
        turned = int(f"{place:05b}"[::-1], 2)
        angle = 2 * np.pi * (size - 1 - turned) * np.arange(12) / size
        scale = 2**f_bits / size
        np.testing.assert_allclose(words[:, 0, place], scale * kernel @ np.cos(angle), atol=0.501)
        np.testing.assert_allclose(words[:, 1, place], scale * kernel @ np.sin(angle), atol=0.501)


def test_transform_lengths():
    lengths = {3: 3, 4: 4, 7: 7, 8: 8, 11: 32, 14: 14, 56: 56, 64: 64, 84: 84, 100: 256, 2048: 2048}
    assert {length: transform_length(length) for length in lengths} == lengths
    assert transform_length(2047) == 4096


@pytest.mark.parametrize(("length", "least"), [(16, 81), (64, 74), (256, 68)])
def test_precision_is_high_and_predicted(length, least):
    design = design_of(length)
    lines = random_lines(design, 800)
    error = errors(design, lines)
    signal = correlate(lines, design.weights.weight)
    measured = sqnr(signal, error)
    assert measured >= least
    power = (lines.astype(float) ** 2).mean()
    noise = (design.operator.deviation_power * power + design.noise.power).mean()
    predicted = 10 * np.log10((signal.astype(float) ** 2).mean() / noise)
    assert abs(measured - predicted) < 0.5


def hard_lines(design):
    """Lines that take nodes to their ends: constants, tones on every bin, sign patterns."""
    low, high, length = design.data.low, design.data.high, design.length
    lines = [np.full(length, value) for value in (low, high, 0, -1)]
    lines += [
        np.where(np.arange(length) % 2, low, high),
        np.where(np.arange(length) % 2, high, low),
    ]
    place = np.arange(length)
    for bin_ in range(length):
        for phase in (0, np.pi / 4, np.pi / 2):
            tone = np.cos(2 * np.pi * bin_ * place / length + phase)
            lines.append(np.where(tone >= 0, high, low))
            lines.append(np.rint(np.clip(tone * -low, low, high)).astype(np.int64))
    pairs = [(a, b) for a in lines for b in (a, -1 - a, np.roll(a, 1))]
    return np.concatenate([np.array(pairs, dtype=np.int64), sign_patterns(design)])


def sign_patterns(design):
    """Pairs of lines that maximise every node's real and imaginary part and their sum, each way."""
    low, high = design.data.low, design.data.high
    columns = (design.entry == np.arange(design.length)[:, None]).astype(complex)
    spectrum = (design.words(design.weights)[0].T @ [1, 1j]) / 2.0**design.spectrum_f_bits
    pairs = []
    for number, section in enumerate(design.flow.sections):
        for rank in section.ranks:
            columns = rank.apply(columns)
            for unit in (1, -1j, 1 - 1j):
                share = (columns * unit).T  # its real part is the node's part, or the parts' sum
                for sign in (1, -1):
                    first, second = sign * share.real, -sign * share.imag
                    pair = [np.where(part > 0, high, low) for part in (first, second)]
                    pairs.append(np.stack(pair, axis=1))
        if number == design.flow.middle:
            columns = columns * spectrum
        elif number < design.flow.n_products:
            columns = between(design.flow, number).apply(columns)
    return np.concatenate(pairs) if pairs else np.zeros((0, 2, design.length), dtype=np.int64)


@pytest.mark.parametrize(
    ("length", "options"),
    [
        (4, {}),
        (7, {}),
        (8, {}),
        (16, {}),
        (14, {"data_bits": 12}),
        (9, {}),
        (20, {}),
        (56, {}),
        (32, {"guard_bits": 0}),
        (64, {}),
        (64, {"data_bits": 16, "weight_bits": 12}),
        (16, {"result_f_bits": 3, "data_bits": 2, "weight_bits": 2}),
    ],
)
def test_no_input_wraps_and_none_passes_the_bound(length, options):
    """`Fixed` raises where a value leaves its shape: the model running through is the test."""
    for kernel in (None, np.full(length, -(1 << options.get("weight_bits", 8) - 1))):
        design = design_of(length, kernel=kernel, **options)
        error = errors(design, hard_lines(design))
        assert np.abs(error).max() <= design.max_abs_error


def test_the_shapes_are_no_wider_than_they_must_be():
    design = design_of(64)
    samples = hard_lines(design)
    z = Fixed(samples[:, :, design.entry], SQ(8, 0))
    for rank, shape in zip(
        design.flow.sections[0].ranks, design.formats.sections[0].ranks, strict=True
    ):
        z = exchange(z, rank)
        reached = Interval(int(z.raw.min()), int(z.raw.max()))
        assert reached.bits == shape.width
    sums = z.raw.sum(axis=-2)
    assert (
        Interval(int(sums.min()), int(sums.max())).bits == design.formats.sections[0].operand.width
    )


@pytest.mark.parametrize(("length", "tightness"), [(16, 10), (64, 10), (256, 20)])
def test_a_search_comes_near_the_bound_and_never_past(length, tightness):
    started = time.perf_counter()
    design = design_of(length)
    bound = design.max_abs_error
    assert time.perf_counter() - started < 5

    def off(pairs):
        return np.abs(errors(design, pairs)).reshape(len(pairs), -1).max(axis=1)

    one = Certified(bound, off, (2, length), design.data)
    found = climb(one, 6 if length < 256 else 1, np.random.default_rng(length))
    print(f"N = {length}: {found} found, {bound} proved")
    assert bound / tightness <= found <= bound


@pytest.mark.parametrize("length", [4, 7, 12, 13, 16, 56, 64])
def test_loaded_kernels_are_proved_for_all_that_the_format_has(length):
    design = FftDesign(name="e", length=length, weights=None)
    generator = np.random.default_rng(length)
    lines = np.concatenate([random_lines(design, 40), np.full((2, length), -128)])
    for kernel in (
        np.full(length, -128),
        np.full(length, 127),
        np.where(np.arange(length) % 2, 127, -128),
        generator.choice([-128, 127], length),
        generator.integers(-128, 128, length),
        np.arange(length) == 1,
    ):
        error = errors(design, lines, plain_weights(kernel))
        assert np.abs(error).max() <= design.max_abs_error


@pytest.mark.parametrize("length", [13, 14, 16, 56, 64])
def test_norms_bound_what_followed_roundings_come_to(length):
    design = design_of(length)
    flow, formats = design.flow, design.formats
    followed = rounding_noise(flow, formats, design._values, design.outputs)
    bounded = bound_noise(flow, formats, design._norms, channels=1, length=length)
    assert (bounded.bound >= followed.bound).all()
    assert (bounded.power >= 0.99 * followed.power).all()


def test_sets_too_large_to_follow_are_bounded_by_their_norms(monkeypatch):
    followed = design_of(64).error_bound
    monkeypatch.setattr("golden.fft.design.MAX_ANALYSIS", 0)
    bounded = design_of(64)
    assert bounded.error_bound > followed
    assert np.abs(errors(bounded, hard_lines(bounded))).max() <= bounded.max_abs_error


def test_what_is_exact_is_known_to_be():
    """A spectrum of powers of two and no twiddles: no rounding has anything to round."""
    design = design_of(4, kernel=[64, 0, 0, 0])
    assert design.certificate()["exact"] is True
    assert not errors(design, random_lines(design, 40)).any()


@pytest.mark.parametrize("length", [5, 8, 14, 16, 64])
def test_exact_widths_are_exact_and_the_narrowest(length):
    design = exact_widths(design_of(length))
    assert design.max_abs_error == 0
    assert not errors(design, hard_lines(design)).any()
    for width in ("spectrum_bits", "twiddle_bits", "operand_bits"):
        narrower = replace(design, **{width: getattr(design, width) - 1})
        assert narrower.error_bound >= 0.5 or not design.flow.twiddle_f_bits


def test_exactness_is_found_where_factors_must_leave_operands_more_room():
    design = exact_widths(design_of(64, data_bits=10, weight_bits=10))
    assert design.operand_bits > 31 > design.spectrum_bits
    assert design.max_abs_error == 0
    assert not errors(design, hard_lines(design)).any()


OUT_OF_REACH = (
    r"^Exact must be left out where sums stay up to (.+) off at the best widths "
    r"\((?:(\d+) data bits or )?(?:(\d+) weight bits or )?(\d+) data and (\d+) weight bits would "
    r"do\), not given$"
)


@pytest.mark.parametrize("target", ["generic", "ecp5"])
@pytest.mark.parametrize("port", [False, True])
def test_exactness_out_of_reach_is_refused_with_what_would_do(target, port):
    """Each choice is exact, and none of a bit more."""
    bits = {"generic": 14, "ecp5": 8}[target]
    kernel = design_of(16, weight_bits=bits).weights.weight[0]

    def design(data, weight):
        ends = Interval.signed(weight)
        rounded = np.clip(np.rint(kernel / 2 ** (bits - weight)), ends.low, ends.high)
        weights = None if port else plain_weights(rounded)
        own = {"data_bits": data, "weight_bits": weight, "weights": weights, "target": target}
        return FftDesign(name="e", length=16, **own)

    with pytest.raises(ParameterError) as refusal:
        exact_widths(design(bits, bits))
    found = re.match(OUT_OF_REACH, str(refusal.value))
    assert found, refusal.value
    assert float(found[1]) >= 0.5
    data, weight, *both = (None if bits is None else int(bits) for bits in found.groups()[1:])
    assert data or port
    choices = [choice for choice in ((data, bits), (bits, weight), both) if all(choice)]
    for choice in choices:
        assert exact_widths(design(*choice)).max_abs_error == 0
        more = [most if most == bits else most + 1 for most in choice]
        with pytest.raises(ParameterError, match=r"^Exact must be left out"):
            exact_widths(design(*more))


def test_lanes_channels_and_tables_fall_into_place():
    weights = example_weights(
        length=12, channels=3, data_bits=8, weight_bits=8, requantized=Interval(-128, 127)
    )
    for lanes, rows in ((1, 3), (2, 4), (3, 6), (4, 4)):
        design = FftDesign(
            name="e",
            length=12,
            channels=3,
            lanes=lanes,
            rows=rows,
            weights=weights,
            requantization=Requantization(),
        )
        accumulators = replace(design, requantization=None)
        lines = random_lines(design, 6 * rows)
        channel = np.arange(len(lines)) // rows % 3
        exact = correlate(lines, weights.weight[channel]) + weights.start()[channel]
        y = accumulators.model(lines)
        assert np.abs(y - exact).max() <= design.max_abs_error
        assert design.accumulator.low <= y.min() <= y.max() <= design.accumulator.high
        assert np.abs(design.model(lines)).max() <= 128


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 2}, "Length must be from 3 to 4096, not 2"),
        (
            {"length": 2049},
            "Length must be from 3 to 2048, 4096, or one of 3, 5, 7, 9, 15, 21 times a power "
            "of two, not 2049",
        ),
        ({"operand_bits": 7}, "Operand bits must be from 8 to 40, not 7"),
        ({"twiddle_bits": 41}, "Twiddle bits must be from 6 to 40, not 41"),
        ({"spectrum_bits": 5}, "Spectrum bits must be from 6 to 40, not 5"),
        ({"guard_bits": 9}, "Guard bits must be from 0 to 8, not 9"),
        ({"result_f_bits": -1}, "Result f bits must be from 0 to 16, not -1"),
        (
            {"operand_bits": 40, "spectrum_bits": 24},
            "Operand bits must be at most 38 beside such factors, not 40",
        ),
        (
            {"target": "ecp5", "twiddle_bits": 18},
            "Twiddle bits must be from 6 to 17, not 18",
        ),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ParameterError) as refusal:
        FftDesign(name="e", weights=None, **{"length": 64} | options)
    assert str(refusal.value) == message


def test_fixed_point_is_exact_until_it_is_rounded():
    a, b = Fixed(np.array([3, -3, 5]), SQ(4, 1)), Fixed(np.array([1, 1, -1]), SQ(3, 3))
    assert ((a + b).raw.tolist(), (a + b).shape) == ([13, -11, 19], SQ(5, 3))
    assert (a - b).raw.tolist() == [11, -13, 21]
    assert ((a * b).raw.tolist(), (a * b).shape) == ([3, -3, -5], SQ(7, 4))
    assert a.quantize(SQ(4, 0)).raw.tolist() == [2, -2, 2]
    assert a.quantize(SQ(4, 2)).raw.tolist() == [6, -6, 10]
    with pytest.raises(OverflowError, match=r"^Integers must be from -2 to 1, not -3 to 5$"):
        a.quantize(SQ(1, 1))
    with pytest.raises(ValueError, match=r"^Width must be at least 1, not 0$"):
        SQ(1, -1)
    z = Fixed(np.array([[2], [3]]), SQ(4, 0))
    assert multiply(z, Fixed(np.array([[5], [-7]]), SQ(5, 0))).raw.tolist() == [[31], [1]]


def test_operands_narrower_than_samples_without_an_adder_in_front():
    """Three points are one odd transform: nothing is there that samples could be rounded by."""
    formats = {"length": 3, "channels": 1, "data_bits": 7, "weight_bits": 2}
    weights = example_weights(**formats, requantized=None)
    shape = {"name": "engine", "weights": weights, "lanes": 1, **formats}
    with pytest.raises(ParameterError, match=r"^Operand bits must be at least 9 here, not 8$"):
        _ = FftDesign(operand_bits=8, **shape).formats
    assert FftDesign(operand_bits=9, **shape).formats
