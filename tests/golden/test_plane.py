"""Two-dimensional engines' models: against plain sums, float64, and what is proved of them."""

import numpy as np
import pytest

from golden.fermat.plane import PlaneFermat
from golden.fft.flow import TransformFlow
from golden.fft.plane import PlaneFft
from golden.fft.proof import factors
from golden.inputs.errors import ParameterError
from golden.numbers.fixed import SQ
from golden.numbers.interval import Interval
from golden.plane.kernels import padded, plane_weights, wrapping

WRAPPING = [(4, 4), (7, 7), (8, 16), (14, 14), (5, 12), (2, 3)]
PADDED = [
    ((14, 14), (7, 7), (3, 3)),
    ((8, 16), (3, 4), (1, 2)),
    ((7, 7), (13, 13), (6, 6)),
    ((5, 6), (2, 2), (0, 1)),
    ((6, 5), (9, 1), (8, 0)),
    ((4, 9), (1, 31), (0, 3)),
]
PLANES = {f"{h}x{w}": wrapping(h, w) for h, w in WRAPPING} | {
    f"{size}-{taps}-{origin}".replace(" ", ""): padded(*size, taps, origin)
    for size, taps, origin in PADDED
}
SHAPES = pytest.mark.parametrize("plane", PLANES.values(), ids=PLANES)


def design_of(kind, plane, kernels=None, **options):
    if kernels is None:
        shape = (options.get("channels", 1), plane.taps)
        kernels = np.random.default_rng(plane.length).integers(-128, 128, shape)
    return kind(
        name="e", length=plane.length, plane=plane, weights=plane_weights(kernels), **options
    )


def one_by_one(plane, samples, kernel):
    """Outputs of one map ``[H, W]``, each sum as it is defined."""
    taps = kernel.reshape(plane.vertical.taps, plane.horizontal.taps)
    out = np.zeros(samples.shape, dtype=taps.dtype)
    for row, column in np.ndindex(*samples.shape):
        for down, right in np.ndindex(*taps.shape):
            r, c = row + down - plane.vertical.origin, column + right - plane.horizontal.origin
            if plane.wraps:
                r, c = r % plane.height, c % plane.width
            if 0 <= r < plane.height and 0 <= c < plane.width:
                out[row, column] += taps[down, right] * samples[r, c]
    return out


def exact(design, maps):
    """What results should be, of a design of one channel."""
    plane = design.plane
    grids = maps.reshape(-1, plane.height, plane.width)
    return plane.correlate(grids, design.weights.weight[0]).reshape(maps.shape)


def errors(design, maps):
    return design.model(maps) - exact(design, maps)


def random_maps(plane, count, seed=1):
    generator = np.random.default_rng(seed)
    maps = generator.integers(-128, 128, (count, plane.length))
    maps[::3] = generator.choice([-128, 127], maps[::3].shape)
    return maps


@SHAPES
def test_the_definition_is_the_plain_sum(plane):
    generator = np.random.default_rng(1)
    samples = generator.integers(-9, 9, (plane.height, plane.width))
    kernel = generator.integers(-9, 9, plane.taps)
    want = one_by_one(plane, samples, kernel)
    np.testing.assert_array_equal(plane.correlate(samples, kernel), want)
    shares = plane.shares(kernel, slice(0, plane.length))
    np.testing.assert_array_equal(samples.reshape(-1) @ shares, want.reshape(-1))


@pytest.mark.parametrize("sizes", [(4, 4), (8, 4), (4, 16), (16, 16), (32, 8)])
def test_the_flow_of_a_plane_is_a_transform_along_both_axes_and_back(sizes):
    generator = np.random.default_rng(1)
    flow = TransformFlow(sizes[0] * sizes[1], 50, row=sizes[1])
    z = generator.normal(size=sizes) + 1j * generator.normal(size=sizes)
    spectrum = np.fft.fft2(generator.normal(size=sizes))
    values = z.reshape(-1)
    for number, section in enumerate(flow.sections):
        for rank in section.ranks:
            values = rank.apply(values)
        if number == flow.middle:
            bins = np.fft.fft2(z).reshape(-1)[flow.bins]
            np.testing.assert_allclose(values, bins, atol=1e-10)
            values = values * spectrum.reshape(-1)[flow.bins] / flow.size
        elif number < flow.n_products:
            values = values * factors(flow, number)
    want = np.fft.ifft2(np.fft.fft2(z) * spectrum).reshape(-1)
    np.testing.assert_allclose(values, want, atol=1e-10)
    spans = [rank.span for section in flow.sections for rank in section.ranks]
    assert sum(spans) == 2 * (flow.size - 1)


@SHAPES
def test_fermat_engines_are_exact(plane):
    ends = np.array([[-128], [127]]) * np.ones((1, plane.taps), dtype=np.int64)
    random = np.random.default_rng(2).integers(-128, 128, (1, plane.taps))
    for kernel in (*ends[:, None], random):
        design = design_of(PlaneFermat, plane, kernel)
        maps = np.concatenate(
            [random_maps(plane, 8), np.full((1, plane.length), -128), worst_maps(design)]
        )
        np.testing.assert_array_equal(design.model(maps), exact(design, maps))


def worst_maps(design):
    """Maps that bring the middle output to both ends of its range."""
    plane = design.plane
    middle = plane.length // 2 + plane.width // 2
    share = plane.shares(design.weights.weight[0], slice(0, plane.length))[:, middle]
    low, high = design.data.low, design.data.high
    return np.array([np.where(share > 0, high, low), np.where(share > 0, low, high)])


def test_transforms_of_the_fermat_engine_are_native_or_with_the_fewest_products():
    sizes = {
        name: (design.sizes, design.transform_ring.bits)
        for name, plane in PLANES.items()
        for design in [design_of(PlaneFermat, plane)]
    }
    assert sizes["14x14"] == ((14, 14), 28)
    assert sizes["7x7"] == ((7, 7), 28)
    assert sizes["8x16"] == ((8, 16), 24)
    assert sizes["(14,14)-(7,7)-(3,3)"] == ((20, 20), 30)
    assert design_of(PlaneFermat, wrapping(56, 56)).sizes == (56, 56)


def test_every_ring_of_a_plane_has_its_roots():
    for plane in (wrapping(14, 14), wrapping(8, 12), padded(9, 6, (3, 5), (1, 2))):
        for ring in design_of(PlaneFermat, plane)._possible[:40]:
            modulus = ring.reduced_modulus
            for axis in ring.axes:
                root = axis.power(axis.step) % modulus
                for k in range(1, axis.length):
                    total = sum(pow(root, n * k, modulus) for n in range(axis.length))
                    assert total % modulus == 0
                if modulus > 1:
                    assert pow(axis.length, -1, modulus)


SMALL = {
    name: plane
    for name, plane in PLANES.items()
    if plane.length <= 64 and not design_of(PlaneFft, plane).banded
}


@pytest.mark.parametrize("plane", SMALL.values(), ids=SMALL)
@pytest.mark.parametrize("fractional", [False, True])
def test_no_map_wraps_and_none_passes_the_bound(plane, fractional):
    """`Fixed` raises where a value leaves its shape: the model running through is the test."""
    generator = np.random.default_rng(3)
    flat = np.full((1, plane.taps), -128)
    kernels = generator.normal(0, 40, (1, plane.taps)) if fractional else flat
    design = design_of(PlaneFft, plane, kernels)
    maps = np.concatenate([random_maps(plane, 60), tones(plane), sign_patterns(design)])
    error = errors(design, maps)
    # The double precision of the definition itself is all that may be added.
    assert np.abs(error).max() <= design.max_abs_error + 1e-9
    assert np.abs(error).max() <= design.error_bound + 0.5 + 1e-9
    y = design.model(maps)
    assert design.sum_range.low <= y.min() <= y.max() <= design.sum_range.high


def tones(plane):
    rows, columns = np.mgrid[: plane.height, : plane.width]
    maps = []
    for up, along in np.ndindex(plane.height, plane.width // 2 + 1):
        tone = np.cos(2 * np.pi * (up * rows / plane.height + along * columns / plane.width))
        maps += [np.where(tone >= 0, 127, -128), np.rint(tone * 127).astype(np.int64)]
    return np.array(maps).reshape(len(maps), -1)


def sign_patterns(design):
    """Maps that maximise some nodes' real and imaginary part and their sum, each way."""
    flow = design.flow
    columns = (design.entry == np.arange(design.length)[:, None]).astype(complex)
    values = (design.words(design.weights)[0].T @ [1, 1j]) / 2.0**design.spectrum_f_bits
    maps = []
    for number, section in enumerate(flow.sections):
        for rank in section.ranks:
            columns = rank.apply(columns)
            for unit in (1, -1j, 1 - 1j):
                share = (columns[:, :: max(flow.size // 8 + 1, 1)] * unit).T.real
                maps += [np.where(share > 0, 127, -128), np.where(share > 0, -128, 127)]
        if number == flow.middle:
            columns = columns * values
        elif number < flow.n_products:
            columns = columns * factors(flow, number)
    return np.concatenate(maps)


@pytest.mark.parametrize(("plane", "tightness"), [(wrapping(8, 8), 10), (wrapping(16, 16), 20)])
def test_a_search_comes_near_the_bound_and_never_past(plane, tightness):
    design = design_of(PlaneFft, plane)
    generator = np.random.default_rng(4)
    maps = generator.integers(-128, 128, (400, plane.length))
    maps[:200] = generator.choice([-128, 127], (200, plane.length))
    for _ in range(12):
        worst = np.abs(errors(design, maps)).max(axis=1)
        kept = maps[np.argsort(worst)[-8:]]
        maps = np.repeat(kept, 24, axis=0)
        where = generator.integers(plane.length, size=(2, len(maps)))
        maps[np.arange(len(maps)), where] = generator.integers(-128, 128, (2, len(maps)))
        maps[:8] = kept
    found = np.abs(errors(design, maps)).max()
    print(f"{plane.height} x {plane.width}: {found} found, {design.error_bound:.0f} proved")
    assert design.max_abs_error / tightness <= found <= design.max_abs_error


@pytest.mark.parametrize(
    ("plane", "least"),
    [
        (wrapping(8, 16), 73),
        (wrapping(16, 16), 71),
        (wrapping(7, 7), 75),
        (wrapping(14, 14), 67),
        (padded(14, 14, (7, 7), (3, 3)), 75),
    ],
    ids=str,
)
def test_precision_is_high_and_predicted(plane, least):
    design = design_of(PlaneFft, plane)
    maps = np.random.default_rng(5).integers(-128, 128, (60, plane.length))
    signal, error = exact(design, maps).astype(float), errors(design, maps).astype(float)
    measured = 10 * np.log10((signal**2).mean() / (error**2).mean())
    power = (maps.astype(float) ** 2).mean()
    noise = (design.operator.deviation_power * power + design.noise.power).mean()
    predicted = 10 * np.log10((signal**2).mean() / noise)
    print(f"{plane.height} x {plane.width}: {measured:.1f} dB, {predicted:.1f} dB predicted")
    assert measured >= least
    # Bins of a real map come in conjugate pairs, and so do the errors of their roundings, which the
    # prediction takes for independent: up to twice the power in the real part.
    assert -3 <= measured - predicted <= 0.5


@pytest.mark.parametrize("plane", [wrapping(8, 8), padded(6, 5, (3, 3), (1, 1))], ids=str)
def test_bounds_by_norms_hold_too(plane, monkeypatch):
    followed = design_of(PlaneFft, plane).error_bound
    monkeypatch.setattr("golden.fft.design.MAX_ANALYSIS", 0)
    bounded = design_of(PlaneFft, plane)
    assert bounded.error_bound > followed
    maps = np.concatenate([random_maps(plane, 60), sign_patterns(bounded)])
    assert np.abs(errors(bounded, maps)).max() <= bounded.max_abs_error


def test_words_of_large_planes_are_bounded_without_following_every_sample(monkeypatch):
    plane = padded(12, 12, (3, 3), (1, 1))
    followed = PlaneFft(name="e", length=plane.length, plane=plane, weights=None)
    monkeypatch.setattr("golden.fft.norms.MAX_REACH", 0)
    bounded = PlaneFft(name="e", length=plane.length, plane=plane, weights=None)
    pairs = zip(followed.operator.reaches, bounded.operator.reaches, strict=True)
    for levels, wider in pairs:
        for level, bound in zip(levels, wider, strict=True):
            assert (bound.low <= level.low).all()
            assert (level.high <= bound.high).all()


@pytest.mark.parametrize("kind", [PlaneFft, PlaneFermat])
def test_loaded_kernels_are_proved_for_all_that_the_format_has(kind):
    plane = padded(5, 6, (3, 4), (1, 2))
    loaded = kind(name="e", length=plane.length, plane=plane, weights=None)
    generator = np.random.default_rng(6)
    maps = random_maps(plane, 40)
    for kernel in (
        np.full(plane.taps, -128),
        np.where(np.arange(plane.taps) % 2, 127, -128),
        generator.integers(-128, 128, plane.taps),
    ):
        weights = plane_weights(kernel[None])
        grids = maps.reshape(-1, plane.height, plane.width)
        want = plane.correlate(grids, kernel).reshape(maps.shape)
        error = np.abs(loaded.model(maps, weights) - want).max()
        assert error <= loaded.max_abs_error


@pytest.mark.parametrize("kind", [PlaneFft, PlaneFermat])
def test_channels_take_turns_under_their_own_kernels_and_biases(kind):
    plane = wrapping(4, 8)
    kernels = np.random.default_rng(7).integers(-128, 128, (3, plane.taps))
    weights = plane_weights(kernels, bias=np.array([1000, -2000, 3]))
    design = kind(name="e", length=plane.length, channels=3, plane=plane, weights=weights)
    maps = random_maps(plane, 7)
    channel = np.arange(7) % 3
    grids = maps.reshape(-1, plane.height, plane.width)
    want = plane.correlate(grids, kernels[channel]).reshape(maps.shape)
    error = design.model(maps) - want - weights.bias[channel, None]
    assert np.abs(error).max() <= design.max_abs_error


@pytest.mark.parametrize("sizes", [(4, 8), (8, 8), (9, 16)])
@pytest.mark.parametrize("plane", [wrapping(4, 5), padded(3, 4, (2, 3), (1, 1))], ids=str)
def test_beats_within_some_cycles_are_counted(plane, sizes):
    block = sizes[0] * sizes[1]
    enters = np.zeros(6 * block, dtype=int)
    for start in range(0, 6 * block, block):
        enters[start + plane.outputs(sizes)] = 1
    for cycles in (0, 1, 5, block - 1, block, 2 * block + 7):
        most = max(enters[start : start + cycles].sum() for start in range(block))
        assert plane.beats_within(cycles, sizes) == most


def test_ranges_of_fractional_kernels_contain_what_they_reach():
    plane = wrapping(4, 4)
    kernels = np.random.default_rng(8).normal(0, 3, (1, plane.taps))
    (reach,) = plane_weights(kernels).sums(Interval(-128, 127))
    highest = np.where(kernels > 0, 127, -128)
    assert reach.high - 1 <= (kernels * highest).sum() <= reach.high
    assert reach.low <= (kernels * (-1 - highest)).sum() <= reach.low + 1


@pytest.mark.parametrize(
    ("kind", "plane", "options", "message"),
    [
        (
            PlaneFft,
            wrapping(8, 8),
            {"lanes": 3},
            "Lanes must be 1 or 2 for two-dimensional engines, not 3",
        ),
        (
            PlaneFft,
            wrapping(7, 8),
            {"lanes": 2},
            "Lanes must be a divisor of the map's rows (7), not 2",
        ),
        (PlaneFermat, wrapping(8, 8), {"lanes": 2}, "Lanes must be 1 for two-dimensional engines"),
        (
            PlaneFft,
            wrapping(255, 200),
            {},
            "Height must be a map whose transform has at most 65536 points, not one of 512 x 512",
        ),
        (PlaneFermat, wrapping(14, 14), {"ring": 29}, "Ring must be one of 7, 8, 12, 14, "),
        (
            PlaneFermat,
            wrapping(14, 14),
            {"ring": 7},
            "Ring must be a ring that holds |y| <= 3211264 for such maps, not 7",
        ),
    ],
)
def test_refusals(kind, plane, options, message):
    def size():
        return kind(name="e", length=plane.length, plane=plane, weights=None, **options).size

    with pytest.raises(ParameterError) as refusal:
        size()
    assert str(refusal.value).startswith(message)


def test_large_transforms_take_samples_as_they_come(monkeypatch):
    # Where there are too many samples to follow each, what enters is known all the same.
    monkeypatch.setattr("golden.fft.norms.MAX_REACH", 0)
    plane = padded(4, 4, (3, 3), (1, 1))
    engine = PlaneFft(name="e", length=plane.length, plane=plane, weights=None)
    assert engine.formats.sections[0].entry == SQ(engine.data_bits, 0)
