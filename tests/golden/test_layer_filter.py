"""Layers of two-dimensional filters against float64 statements of what they stand for."""

import numpy as np
import pytest

from golden.engines import EngineChoice
from golden.fft.plane import transform_size
from golden.inputs.config import Table
from golden.inputs.errors import ParameterError
from golden.layer.filter import (
    DepthwiseDesign,
    GlobalFilterDesign,
    filter_globally,
    kernels_of_spectra,
)
from golden.line.design import Requantization

SHAPES = [(7, 7), (8, 16), (14, 14), (5, 4), (16, 16), (3, 11)]
FFT, FERMAT = EngineChoice("fft", {}), EngineChoice("fermat", {})


def global_filter(shape, engine, **options):
    options = {"channels": 2, "weights": None, "example": True} | options
    height, width = shape
    return GlobalFilterDesign(name="e", height=height, width=width, plane_engine=engine, **options)


def depthwise(shape, engine, kernel, **options):
    """Sides are numbers, or pairs of them along the height and along the width."""
    kernel, origin = (
        side if isinstance(side, tuple) or side is None else (side, side)
        for side in (kernel, options.pop("origin", None))
    )
    options = {"channels": 2, "weights": None, "example": True} | options
    height, width = shape
    return DepthwiseDesign(
        name="e",
        height=height,
        width=width,
        plane_engine=engine,
        kernel=kernel,
        origin=origin,
        **options,
    )


def random_maps(design, frames=4):
    generator = np.random.default_rng(1)
    shape = (frames, design.channels, design.height, design.width)
    maps = generator.integers(-128, 128, shape)
    maps[0] = generator.choice([-128, 127], shape[1:])
    return maps


def by_definition(design, maps):
    """Accumulators in float64."""
    arrays = design.weights
    if isinstance(design, GlobalFilterDesign):
        spectra = arrays["spectrum_re"] + 1j * arrays["spectrum_im"]
        y = filter_globally(maps.astype(float), spectra) * 2.0**design.kernel_f_bits
    else:
        y = padded_sums(maps.astype(float), arrays["weight"], design.own_origin)
    return y + arrays["bias"][:, None, None]


def padded_sums(maps, kernels, origin):
    """A depthwise convolution layer, stated apart from the model: windows of a padded map."""
    taps = kernels.shape[1:]
    margins = [(own, n - 1 - own) for own, n in zip(origin, taps, strict=True)]
    wide = np.pad(maps, ((0, 0), (0, 0), *margins))
    windows = np.lib.stride_tricks.sliding_window_view(wide, taps, axis=(2, 3))
    return np.einsum("fchwst,cst->fchw", windows, kernels)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_filters_are_true_convolutions_with_what_irfft2_makes_of_them(shape):
    generator = np.random.default_rng(2)
    bins = (2, shape[0], shape[1] // 2 + 1)
    # The edge columns are not what a real map has: irfft2 takes their Hermitian part.
    spectra = generator.normal(size=bins) + 1j * generator.normal(size=bins)
    maps = generator.normal(size=(2, *shape))
    impulses = np.fft.irfft2(spectra, s=shape)
    want = np.zeros_like(maps)
    for down, right in np.ndindex(*shape):
        moved = np.roll(maps, (down, right), axis=(1, 2))
        want += impulses[:, down, right, None, None] * moved
    np.testing.assert_allclose(filter_globally(maps, spectra), want, atol=1e-9)
    kernels = kernels_of_spectra(spectra, shape[1])
    np.testing.assert_allclose(kernels[:, 0, 0], impulses[:, 0, 0], atol=1e-12)
    np.testing.assert_allclose(kernels[:, -1, 1 % shape[1]], impulses[:, 1, -1], atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("engine", [FFT, FERMAT], ids=["fft", "fermat"])
def test_global_filters_are_within_what_is_proved(shape, engine):
    design = global_filter(shape, engine, weight_bits=12, kernel_f_bits=3)
    maps = random_maps(design)
    want = by_definition(design, maps)
    error = design.model(maps) - want
    certificate = design.certificate()
    assert 0 < np.abs(error).max() <= certificate["max_abs_error"] + 1e-6
    y = design.model(maps)
    assert certificate["accumulator_low"] <= y.min() <= y.max() <= certificate["accumulator_high"]
    snr = 10 * np.log10((want**2).mean() / (error**2).mean())
    print(f"{shape} {engine.engine}: {snr:.1f} dB")
    assert snr > {"fft": 67, "fermat": 55}[engine.engine]


@pytest.mark.parametrize(
    ("shape", "kernel", "origin"),
    [
        *(((14, 14), 7, None), ((8, 16), 4, 2), ((7, 7), 13, None), ((5, 6), 2, 1), ((6, 9), 1, 0)),
        *(((9, 7), (17, 5), None), ((6, 10), (2, 9), (1, 0)), ((5, 8), (1, 11), (0, 9))),
    ],
)
@pytest.mark.parametrize("engine", [FFT, FERMAT], ids=["fft", "fermat"])
def test_depthwise_kernels_are_those_of_the_definition(shape, kernel, origin, engine):
    design = depthwise(shape, engine, kernel, origin=origin)
    maps = random_maps(design)
    error = np.abs(design.model(maps) - by_definition(design, maps)).max()
    certificate = design.certificate()
    assert error <= certificate["max_abs_error"]
    assert certificate["exact"] == (certificate["max_abs_error"] == 0)
    if engine is FERMAT:
        assert certificate["exact"]


@pytest.mark.parametrize("shape", [(8, 16), (14, 14), (2, 4)], ids=str)
def test_layers_with_two_lanes_take_half_the_cycles_within_what_is_proved(shape):
    for make in (global_filter, lambda *a, **o: depthwise(*a, (3, 4), **o)):
        one, two = (make(shape, FFT, lanes=lanes) for lanes in (1, 2))
        maps = random_maps(two)
        error = np.abs(two.model(maps) - by_definition(two, maps)).max()
        assert error <= two.certificate()["max_abs_error"] + 1e-6
        height, width = (transform_size(x) for x in (two.plane.vertical, two.plane.horizontal))
        assert 2 * two.engine.cycles_per_group == height * width
        assert one.engine.cycles_per_group in (height * width, height * width // 2)


@pytest.mark.parametrize("engine", [FFT, FERMAT], ids=["fft", "fermat"])
def test_requantised_results_are_within_what_is_proved(engine):
    for make in (
        lambda **o: global_filter((7, 7), engine, weight_bits=10, kernel_f_bits=4, **o),
        lambda **o: depthwise((7, 7), engine, 3, **o),
    ):
        design = make(output=Requantization(bits=8))
        arrays = design.weights
        maps = random_maps(design, 8)
        scale = arrays["multiplier"] / 2.0 ** arrays["shift"]
        scaled = by_definition(design, maps) * scale[:, None, None]
        want = np.clip(np.rint(scaled) + arrays["output.zero_point"], -128, 127)
        error = np.abs(design.model(maps) - want).max()
        assert error <= design.certificate()["max_output_error"] <= 3


def test_more_fraction_bits_bring_integer_kernels_nearer():
    def bound(f_bits):
        return global_filter((14, 14), FERMAT, kernel_f_bits=f_bits).certificate()["max_abs_error"]

    for f_bits in range(3):
        assert bound(f_bits + 1) < 1.2 * bound(f_bits)  # in units half as large


def test_exact_widths_are_for_integer_kernels():
    exact = EngineChoice("fft", {}, ("exact",))
    assert depthwise((4, 5), exact, 3).certificate()["exact"]
    with pytest.raises(ParameterError) as refusal:
        global_filter((4, 5), exact)
    message = "engines.plane.exact must be false where kernels are no integers, not true"
    assert str(refusal.value) == message


def test_loaded_filters_need_no_weights_to_be_designed():
    for design in (
        global_filter((4, 8), FFT, example=False),
        global_filter((6, 4), FFT, example=False, lanes=2),
        depthwise((4, 6), FFT, 3, example=False, lanes=2),
        global_filter((7, 7), FERMAT, example=False),
        depthwise((5, 5), FERMAT, 3, example=False),
    ):
        arrays = design.random_filters(np.random.default_rng(3))
        maps = random_maps(design)
        y = design.model(maps, arrays)
        assert design.output_range.low <= y.min() <= y.max() <= design.output_range.high
        tables = design.port_tables(arrays)["w"]
        assert {table.shape for table in tables.values()} == {(2, design.engine.size)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: global_filter((4, 8), FERMAT, lanes=2),
            "lanes must be 1 for two-dimensional engines, not 2",
        ),
        (
            lambda: global_filter((4, 8), FFT, lanes=4),
            "lanes must be 1 or 2 for two-dimensional engines, not 4",
        ),
        (lambda: global_filter((1, 8), FFT), "Height must be from 2 to 256, not 1"),
        (
            lambda: global_filter((4, 8), EngineChoice("direct", {})),
            "engines.plane.engine must be one of fft, fermat, not 'direct'",
        ),
        (
            lambda: global_filter((4, 8), FFT, kernel_f_bits=17),
            "Kernel f bits must be from 0 to 16, not 17",
        ),
        (
            lambda: global_filter((4, 4), FFT, example=False, weights={"spectrum_re": np.ones(3)}),
            "Weights must hold 'spectrum_re' of shape (2, 4, 3), not (3,)",
        ),
        (lambda: depthwise((4, 8), FFT, 0), "Kernel must be from 1 to 255, not 0"),
        (lambda: depthwise((4, 8), FFT, 3, origin=3), "Origin must be from 0 to 2, not 3"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ParameterError) as refusal:
        make()
    assert str(refusal.value) == message


def test_sums_that_no_ring_holds_are_refused_with_their_bound():
    with pytest.raises(ParameterError) as refusal:
        global_filter((14, 14), EngineChoice("fermat", {"ring": 28}), weight_bits=16)
    assert str(refusal.value).startswith("engines.plane.ring must be a ring that holds |y| <= ")


@pytest.mark.parametrize(
    ("entries", "line"),
    [
        ({}, "kernel must be an integer, not left out"),
        (
            {"kernel": [3]},
            "kernel must be a whole number, or two in a list, along the height and along the "
            "width, not [3]",
        ),
        ({"kernel": [3, 256]}, "kernel must be from 1 to 255, not 256"),
        ({"kernel": [3, 5], "origin": 3}, "origin must be from 0 to 2, not 3"),
        ({"kernel": [5, 3], "origin": [4, 3]}, "origin must be from 0 to 2, not 3"),
    ],
)
def test_kernels_that_are_none_are_refused_by_their_key(entries, line):
    shape = {"channels": 1, "height": 6, "width": 6, "engines": {"plane": {"engine": "fermat"}}}
    with pytest.raises(ParameterError) as error:
        DepthwiseDesign.of_table(Table(shape | entries), None, example=True)
    assert f"{error.value.known_as} {error.value.complaint}" == line
