"""Maps two rows of which are one of complex numbers: their model, and what is proved of it."""

import numpy as np
import pytest

from golden.fft.exact import exact_widths
from golden.fft.flow import TransformFlow
from golden.fft.format import MirroredFactor
from golden.fft.plane import PlaneFft, band_spectra
from golden.plane.kernels import padded, plane_weights, wrapping

PLANES = {
    "native": wrapping(8, 4),
    "native, two bands": wrapping(4, 8),
    "extended": wrapping(6, 5),
    "one band": wrapping(2, 3),
    "padded": padded(6, 5, (3, 4), (1, 2)),
    "padded, odd reach": padded(4, 9, (1, 31), (0, 3)),
    "kernel higher than the map": padded(6, 4, (9, 1), (8, 0)),
}
FOLDED = {
    "native height": wrapping(4, 3),
    "extended": wrapping(6, 5),
    "odd rows": padded(3, 4, (9, 9), (4, 4)),
    "one band": padded(2, 4, (3, 11), (1, 5)),
}
ALL = PLANES | {f"{name}, folded": plane for name, plane in FOLDED.items()}
EACH = pytest.mark.parametrize("plane", ALL.values(), ids=ALL)


def engine(plane, kernels=None, **options):
    if kernels is None:
        kernels = np.random.default_rng(plane.length).integers(-128, 128, (1, plane.taps))
    weights = None if kernels is False else plane_weights(kernels)
    lanes = 1 if plane in FOLDED.values() else 2
    options |= {"length": plane.length // lanes, "lanes": lanes}
    return PlaneFft(name="e", plane=plane, weights=weights, **options)


def random_maps(plane, count=60):
    generator = np.random.default_rng(1)
    maps = generator.integers(-128, 128, (count, plane.height, plane.width))
    maps[::3] = generator.choice([-128, 127], maps[::3].shape)
    return maps


def results(design, maps, weights=None):
    return design.maps_of(design.model(design.lines_of(maps), weights))


def sign_patterns(design):
    """Maps that maximise some bins' parts, and some results' errors by the lower rows alone."""
    rows, columns = np.mgrid[: design.plane.height, : design.plane.width]
    maps = []
    for up, along in np.ndindex(design.plane.height, design.plane.width // 2 + 1):
        turn = up * rows / design.plane.height + along * columns / design.plane.width
        for part in (np.cos, np.sin):
            sign = part(2 * np.pi * turn) >= 0
            maps += [np.where(sign, 127, -128), np.where(sign, -128, 127)]
    lower = rows % 2 == 1
    return np.array([*maps, *(np.where(lower, one, 0) for one in maps)])


def test_bands_are_the_lines_of_two_lanes():
    design = engine(padded(4, 3, (1, 1), (0, 0)))
    maps = np.arange(24).reshape(2, 4, 3)
    lines = design.lines_of(maps)
    np.testing.assert_array_equal(lines[:2], [[0, 1, 2, 6, 7, 8], [3, 4, 5, 9, 10, 11]])
    np.testing.assert_array_equal(design.maps_of(lines), maps)


def test_rows_are_put_together_where_the_transform_gives_time_for_it():
    sizes = {
        name: PlaneFft(name="e", length=plane.length, plane=plane, weights=None).sizes
        for name, plane in {
            **FOLDED,
            "14 x 14": wrapping(14, 14),
            "7 x 7 taps": padded(7, 7, (7, 7), (3, 3)),
            "native": wrapping(8, 8),
            "as many places as two rows have": padded(8, 8, (1, 17), (0, 8)),
            "one less": padded(8, 9, (1, 13), (0, 6)),
            "odd rows that wrap": wrapping(7, 7),
            "no room for one row more": padded(7, 4, (3, 9), (1, 4)),
            "no time behind the first band": wrapping(2, 3),
        }.items()
    }
    assert sizes == {
        "native height": (2, 8),
        "extended": (8, 16),
        "odd rows": (4, 8),
        "one band": (2, 8),
        "14 x 14": (16, 32),
        "7 x 7 taps": (8, 16),
        "native": (8, 8),
        "as many places as two rows have": (4, 16),
        "one less": (8, 16),
        "odd rows that wrap": (16, 16),
        "no room for one row more": (8, 8),
        "no time behind the first band": (4, 8),
    }


@pytest.mark.parametrize("plane", FOLDED.values(), ids=FOLDED)
def test_samples_of_some_cycles_are_no_more_than_counted(plane):
    """Bands' lower rows as they enter, and each upper row as soon as the one before is in."""
    design = PlaneFft(name="e", length=plane.length, plane=plane, weights=None)
    (height, width), bands = design.sizes, (plane.height + 1) // 2
    enters = np.zeros((6, height, width), dtype=int)
    enters[:, :bands, : plane.width] = 1
    if plane.height % 2:
        enters[:, bands - 1] = 0
    first = bands + 1 if design.repeats_rows else bands - 1
    column = 0 if design.repeats_rows else plane.width
    for band in range(1, bands):
        enters[:, band - 1, plane.width : 2 * plane.width] = 1
    enters[:, first, column : column + plane.width] = 1
    assert (enters.sum(axis=(1, 2)) == plane.length).all()
    flat = enters.reshape(-1)
    for cycles in (1, 5, design.size - 1, design.size, 2 * design.size + 7):
        most = max(flat[start : start + cycles].sum() for start in range(design.size))
        assert most <= design.beats_within(cycles) <= most + 4 * plane.width


@pytest.mark.parametrize("sizes", [(2, 4), (4, 4), (8, 4), (4, 16)])
def test_mirrored_places_hold_negative_frequencies(sizes):
    flow = TransformFlow(sizes[0] * sizes[1], 16, row=sizes[1])
    rows, columns = np.divmod(flow.bins, sizes[1])
    mirrored_rows, mirrored_columns = np.divmod(flow.bins[flow.mirror], sizes[1])
    assert not ((rows + mirrored_rows) % sizes[0]).any()
    assert not ((columns + mirrored_columns) % sizes[1]).any()
    assert flow.mirror_span == sizes[0] // 2 * sizes[1] - sizes[1] // 2 - 1


@pytest.mark.parametrize("sizes", [(4, 4), (8, 2), (2, 8)])
def test_two_spectra_do_in_bands_what_one_does_row_by_row(sizes):
    generator = np.random.default_rng(1)
    x, torus = generator.normal(size=(2, *sizes))
    want = np.fft.ifft2(np.fft.fft2(x) * np.fft.fft2(torus).conj()).real
    own, other = band_spectra(torus[None])[0]
    z = np.fft.fft2(x[::2] + 1j * x[1::2])
    mirrored = np.roll(z[::-1, ::-1], (1, 1), axis=(0, 1))
    y = np.fft.ifft2(own * z + (other * mirrored).conj())
    np.testing.assert_allclose(y.real, want[::2], atol=1e-12)
    np.testing.assert_allclose(y.imag, want[1::2], atol=1e-12)


@EACH
@pytest.mark.parametrize("fractional", [False, True])
def test_no_map_passes_the_bound(plane, fractional):
    """`Fixed` raises where a value leaves its shape: the model running through is the test."""
    kernels = np.full((1, plane.taps), -128)
    if fractional:
        kernels = np.random.default_rng(3).normal(0, 40, kernels.shape)
    for design in (engine(plane, kernels), engine(plane)):
        maps = np.concatenate([random_maps(plane), sign_patterns(design)])
        y = results(design, maps)
        error = np.abs(y - plane.correlate(maps, design.weights.weight[0]))
        assert error.max() <= design.max_abs_error + 1e-9
        assert error.max() <= design.error_bound + 0.5 + 1e-9
        assert design.sum_range.low <= y.min() <= y.max() <= design.sum_range.high


@EACH
def test_looser_bounds_contain_what_is_followed_and_hold_of_loaded_kernels(plane, monkeypatch):
    maps = np.concatenate([random_maps(plane, 30), sign_patterns(engine(plane))])
    loaded = engine(plane, kernels=False)
    for kernel in (np.full(plane.taps, -128), np.where(np.arange(plane.taps) % 2, 127, -128)):
        y = results(loaded, maps, plane_weights(kernel[None]))
        assert np.abs(y - plane.correlate(maps, kernel)).max() <= loaded.max_abs_error
    followed = engine(plane).error_bound
    monkeypatch.setattr("golden.fft.design.MAX_ANALYSIS", 0)
    bounded = engine(plane)
    assert bounded.error_bound > followed
    error = results(bounded, maps) - plane.correlate(maps, bounded.weights.weight[0])
    assert np.abs(error).max() <= bounded.max_abs_error


@pytest.mark.parametrize("plane", [wrapping(8, 8), padded(8, 12, (3, 3), (1, 1))], ids=str)
def test_noise_is_no_more_than_of_rows_by_themselves_and_as_predicted(plane):
    design, maps = engine(plane), random_maps(plane, 200)
    error = results(design, maps) - plane.correlate(maps, design.weights.weight[0])
    power = (maps.astype(float) ** 2).mean()
    noise = (design.operator.deviation_power * power + design.noise.power).mean()
    measured = 10 * np.log10((error.astype(float) ** 2).mean() / noise)
    print(f"{measured:.1f} dB more than predicted")
    assert -1 <= measured <= 1
    alone = PlaneFft(name="e", length=plane.length, plane=plane, weights=design.weights)
    other = alone.model(maps.reshape(len(maps), -1)).reshape(maps.shape)
    of_rows = (other - plane.correlate(maps, design.weights.weight[0])).astype(float)
    assert (error.astype(float) ** 2).mean() <= 2 * (of_rows**2).mean()


def test_one_row_of_a_band_changes_the_other_no_further_than_is_proved():
    """Upper rows' results from maps whose lower rows take no part in them."""
    plane = padded(8, 4, (3, 3), (1, 1))
    kernel = np.zeros((1, 3, 3), dtype=np.int64)
    kernel[0, 1] = [77, -128, 127]  # along the width alone
    design = engine(plane, kernel.reshape(1, -1))
    maps = random_maps(plane)
    other = maps.copy()
    other[:, 1::2] = -1 - other[:, 1::2]
    upper, changed = (results(design, m)[:, ::2] for m in (maps, other))
    assert np.abs(upper - changed).max() <= 2 * design.max_abs_error


def test_widths_of_any_kernel_hold_for_the_worst_place_of_either_spectrum():
    flow = TransformFlow(16, 16, row=4)
    zeros = np.arange(16) % 3
    factor = MirroredFactor(np.full(16, 2.0), zeros, 10, flow.mirror)
    off = np.arange(16.0)
    np.testing.assert_array_equal(factor.magnitudes(off), 2 * np.maximum(off, off[flow.mirror]))
    grain = np.arange(16)
    want = np.minimum(grain, flow.mirror) - 10 + zeros
    np.testing.assert_array_equal(factor.grains(grain), want)


def test_widths_that_are_exact_are_found():
    design = engine(wrapping(4, 4))
    choice = {option.name: option for option in design.options}["exact"]
    exact = choice.finish(design)
    maps = random_maps(exact.plane)
    want = exact.plane.correlate(maps, exact.weights.weight[0])
    np.testing.assert_array_equal(results(exact, maps), want)
    assert exact.max_abs_error == 0


def test_rows_stay_by_themselves_where_two_in_one_are_not_exact():
    """Any 3 x 3 kernel of 4 bits on a map of 4 x 4: 0.7 off at the best widths, folded."""
    plane = padded(4, 4, (3, 3), (1, 1))
    formats = {"length": 16, "data_bits": 4, "weight_bits": 4}
    design = PlaneFft(name="e", plane=plane, weights=None, **formats)
    exact = exact_widths(design)
    assert design.folded
    assert not exact.folded
    weights = plane_weights(np.random.default_rng(2).integers(-8, 8, (1, plane.taps)))
    maps = np.random.default_rng(1).integers(-8, 8, (20, 4, 4))
    want = plane.correlate(maps, weights.weight[0])
    np.testing.assert_array_equal(results(exact, maps, weights), want)
