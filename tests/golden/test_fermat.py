"""The Fermat engine's model against circular correlation in plain integers."""

import itertools
import re
from collections.abc import Sequence

import numpy as np
import pytest

from golden.fermat.design import FermatDesign, supported_lengths
from golden.fermat.plan import (
    Butterfly,
    Fold,
    Product,
    Rotation,
    Step,
    apply_all,
    bins,
    forward_transform,
    inverse_transform,
    reductions,
)
from golden.fermat.ring import (
    Ring,
    SplitRing,
    limbs_of,
    line_rings,
    rings,
    rotate,
    rotated_range,
)
from golden.inputs.errors import ParameterError
from golden.line.example import example_weights
from golden.line.weights import LineWeights, correlate
from golden.numbers.interval import Integers, Interval

TABLE = {
    28: (7, 8, 14, 28, 56, 112),
    32: (8, 16, 32, 64, 128),
    36: (9, 18, 24, 36, 72),
    40: (5, 10, 20, 40, 80),
    48: (48, 96),
    50: (25, 50, 100),
}
TABLE_ROWS = [(bits, length) for bits, lengths in TABLE.items() for length in lengths]
SMALL = (4, 8)
BYTE = Interval.signed(8)


def design(length: int, weights: LineWeights | None, **options: int | None) -> FermatDesign:
    channels = 1 if weights is None else weights.channels
    return FermatDesign(name="dut", length=length, channels=channels, weights=weights, **options)


def adversarial(kernels: Integers, data: Interval) -> Integers:
    """Lines that bring output 0 to the ends of its range, and their neighbours one sample off."""
    highest = np.where(kernels > 0, data.high, data.low)
    lowest = np.where(kernels > 0, data.low, data.high)
    moved = highest.copy()
    moved[:, 0] = lowest[:, 0]
    return np.stack([highest, lowest, moved], axis=1).reshape(-1, kernels.shape[1])


def hold_to_definition(length: int, ring: int | None, weight_bits: int = 8) -> None:
    weights = example_weights(
        length=length, channels=5, data_bits=8, weight_bits=weight_bits, requantized=None
    )
    ends = Interval.signed(weight_bits)
    weights.weight[0], weights.weight[1], weights.weight[2] = ends.low, ends.high, 0
    weights.weight[3] = np.where(np.arange(length) % 2, ends.low, ends.high)
    engine = design(length, weights, ring=ring, rows=6, weight_bits=weight_bits)
    rng = np.random.default_rng(length)
    lines = rng.integers(-128, 128, (30, length))
    for channel in range(5):
        lines[6 * channel : 6 * channel + 3] = adversarial(weights.weight[[channel]], BYTE)
        lines[6 * channel + 3] = rng.choice([-128, 127], length)
    kernels, start = np.repeat(weights.weight, 6, axis=0), np.repeat(weights.start(), 6, axis=0)
    assert np.array_equal(engine.model(lines), correlate(lines, kernels) + start)


@pytest.mark.parametrize(("bits", "length"), TABLE_ROWS)
def test_every_length_of_the_table_is_exact(bits: int, length: int) -> None:
    hold_to_definition(length, bits)


@pytest.mark.parametrize("length", supported_lengths())
def test_every_supported_length_is_exact_in_its_own_ring(length: int) -> None:
    # What one of 24 bits holds is less than the sums of so many bytes.
    hold_to_definition(length, None, weight_bits=7 if length in (576, 896) else 8)


@pytest.mark.parametrize(
    ("length", "bits", "inner", "multiplications"),
    [(224, 28, 2, 6), (256, 32, 2, 6), (448, 28, 4, 6), (512, 32, 4, 6), (1024, 32, 8, 6)],
)
def test_long_lines_are_split(length: int, bits: int, inner: int, multiplications: int) -> None:
    ring = design(length, None).transform_ring
    assert ring == SplitRing(bits, length, inner)
    assert ring.n_multiplications == multiplications


@pytest.mark.parametrize("ring", [r for n in (256, 512, 1024) for r in line_rings(n)])
def test_split_lines_are_exact_in_every_ring(ring: Ring) -> None:
    """Also where the columns are shorter than they must be."""
    rng = np.random.default_rng(ring.bits)
    kernels = rng.integers(-1, 2, (1, ring.length))
    while not ring.holds(LineWeights(kernels, 0 * kernels, kernels[:, 0]).sums(BYTE)[0]):
        kernels[0, rng.integers(0, ring.length, ring.length // 4)] = 0
    weights = LineWeights(kernels, np.zeros_like(kernels), np.array([3]))
    engine = design(ring.length, weights)
    engine.__dict__["transform_ring"] = ring
    lines = np.concatenate([adversarial(kernels, BYTE), rng.integers(-128, 128, (2, ring.length))])
    want = correlate(lines, np.repeat(kernels, len(lines), axis=0)) + 3
    rows = np.zeros(len(lines), dtype=np.int64)
    assert np.array_equal(engine.accumulate(lines, weights.of(rows)), want)


@pytest.mark.parametrize(("length", "bits"), [(7, 28), (16, 40), (64, 64), (72, 36)])
def test_wide_formats_are_exact(length: int, bits: int) -> None:
    data_bits, weight_bits = (10, 9) if bits < 64 else (16, 16)
    if bits == 64:
        assert rings(length)[-1].bits == bits
    weights = example_weights(
        length=length, channels=2, data_bits=data_bits, weight_bits=weight_bits, requantized=None
    )
    engine = design(
        length, weights, data_bits=data_bits, weight_bits=weight_bits, ring=bits, rows=3
    )
    data = Interval.signed(data_bits)
    lines = np.concatenate([adversarial(weights.weight[[c]], data) for c in range(2)])
    kernels, start = np.repeat(weights.weight, 3, axis=0), np.repeat(weights.start(), 3, axis=0)
    assert np.array_equal(engine.model(lines), correlate(lines, kernels) + start)


@pytest.mark.parametrize("length", supported_lengths())
def test_the_root_is_principal_and_the_length_invertible(length: int) -> None:
    for ring in rings(length):
        modulus = ring.reduced_modulus
        for k in range(1, length):
            total = sum(ring.power(ring.step * k * n) for n in range(length))
            assert total % modulus == 0
        assert pow(length, -1, modulus) * length % modulus == 1
        assert ring.modulus % modulus == 0


@pytest.mark.parametrize(("bits", "length"), TABLE_ROWS)
def test_transforms_are_their_definitions(bits: int, length: int) -> None:
    ring = Ring(bits, length)
    modulus = ring.reduced_modulus
    lines = np.random.default_rng(bits).integers(-128, 128, (2, length))
    spectrum = forward_transform(ring, BYTE).apply(lines)
    for p, k in enumerate(bins(length)):
        want = [
            sum(int(x) * ring.power(ring.step * n * k) for n, x in enumerate(line)) % modulus
            for line in lines
        ]
        assert [int(word) % modulus for word in spectrum[:, p]] == want
    words = Interval(-modulus, modulus)
    inverse = inverse_transform(ring, words)
    back = inverse.apply(spectrum % modulus)
    scale = ring.power(-inverse.excess) * pow(length, -1, modulus)
    assert [[int(word) * scale % modulus for word in line] for line in back] == [
        [int(x) % modulus for x in line] for line in lines
    ]


@pytest.mark.parametrize("length", supported_lengths())
def test_bins_are_a_permutation(length: int) -> None:
    assert sorted(bins(length)) == list(range(length))


@pytest.mark.parametrize("bits", SMALL)
def test_rotation_is_multiplication_for_every_word(bits: int) -> None:
    modulus = (1 << bits) + 1
    for width in range(2, bits + 5):
        words = Interval.signed(width)
        every = np.arange(words.low, words.high + 1)
        for shift in range(2 * bits):
            rotated = rotate(every, shift, bits)
            assert np.all((rotated - every * pow(2, shift, modulus)) % modulus == 0)
            reach = rotated_range(words, shift, bits)
            assert reach.low <= rotated.min()
            assert rotated.max() <= reach.high


@pytest.mark.parametrize("bits", SMALL)
def test_rotated_ranges_contain_every_interval_of_words(bits: int) -> None:
    rng = np.random.default_rng(bits)
    for _ in range(2000):
        low, high = sorted(rng.integers(-(1 << (bits + 2)), 1 << (bits + 2), 2).tolist())
        shift = int(rng.integers(2 * bits))
        rotated = rotate(np.arange(low, high + 1), shift, bits)
        reach = rotated_range(Interval(low, high), shift, bits)
        assert reach.low <= rotated.min()
        assert rotated.max() <= reach.high


@pytest.mark.parametrize("bits", range(4, 65))
def test_rotation_is_multiplication_at_every_size(bits: int) -> None:
    """``rotate(high * 2^rest + low) = word * 2^shift - high * (2^b + 1)``, linear in high and low.

    An identity linear in two numbers holds for all of them once it holds at 0, 1 and 1, 0.
    """
    modulus = (1 << bits) + 1
    for shift in range(2 * bits):
        rest = bits - shift % bits
        low = min(1, (1 << (rest - 1)) - 1) if shift < bits else 1
        words = [0, 1 << rest, -1 << rest] + ([low, -low] if shift < bits else [])
        rotated = rotate(np.array(words, dtype=object), shift, bits)
        for word, result in zip(words, rotated, strict=True):
            assert (result - (word << shift)) % modulus == 0


@pytest.mark.parametrize("bits", SMALL)
def test_butterflies_add_and_subtract_every_pair(bits: int) -> None:
    modulus = (1 << bits) + 1
    words = Interval.signed(bits + 1)
    every = np.arange(words.low, words.high + 1)
    pairs = np.array(np.meshgrid(every, every)).reshape(2, -1).T
    step = Butterfly(2, 1, bits, bits, words)
    outputs = step.apply(pairs)
    assert np.array_equal(outputs[:, 0] % modulus, (pairs[:, 0] + pairs[:, 1]) % modulus)
    assert np.array_equal(outputs[:, 1] % modulus, (pairs[:, 0] - pairs[:, 1]) % modulus)
    assert step.o.low <= outputs.min()
    assert outputs.max() <= step.o.high


@pytest.mark.parametrize("bits", SMALL)
def test_products_of_every_pair(bits: int) -> None:
    modulus = (1 << bits) + 1
    x = Fold(bits, Interval.signed(bits + 3)).o
    h = Interval(-(modulus // 2), modulus // 2)
    product = Product(bits, x, h)
    words, spectrum = np.meshgrid(np.arange(x.low, x.high + 1), np.arange(h.low, h.high + 1))
    result = product.apply(words, spectrum)
    assert np.all((result - words * spectrum) % modulus == 0)
    assert product.o.low <= result.min()
    assert result.max() <= product.o.high


@pytest.mark.parametrize("bits", [4, 17, 32, 33, 48, 49, 64])
def test_limbs_multiply_as_their_words_do(bits: int) -> None:
    """The coefficients are bilinear in the limbs: unit limbs in every pair of places prove them."""
    words = Fold(bits, Interval.signed(bits + 2)).o
    product = Product(bits, words, words)
    units = [
        [int(place == one) for place in range(product.n_limbs)] for one in range(limbs_of(bits))
    ]
    for (i, x), (j, h) in itertools.product(enumerate(units), repeat=2):
        found = product.coefficients(x, h)
        assert found == [int(power == i + j) for power in range(2 * product.n_limbs - 1)]
    for extreme in (words.low, words.high, 0, -1):
        limbs = product.limbs(np.array([extreme], dtype=object))
        assert sum(int(a[0]) << (product.limb_bits * i) for i, a in enumerate(limbs)) == extreme


@pytest.mark.parametrize("bits", [16, 20, 25, 28, 32, 36, 40, 48, 49, 56, 60, 63, 64])
def test_multiplier_operands_fit_18_bits(bits: int) -> None:
    words = Fold(bits, Interval.signed(bits + 4)).o
    limbs = Product(bits, words, words).limb_ranges(words)
    for a, b in itertools.product(limbs, repeat=2):
        assert a.bits <= 18
        assert Interval(a.low - b.high, a.high - b.low).bits <= 18


@pytest.mark.parametrize(("bits", "length"), TABLE_ROWS)
def test_reduction_recovers_every_end_of_a_cell(bits: int, length: int) -> None:
    ring = Ring(bits, length)
    sums = Interval(-length * 128 * 127, length * 128 * 128)
    inverse = inverse_transform(ring, Fold(bits, Interval.signed(bits + 2)).o)
    modulus = ring.reduced_modulus
    rng = np.random.default_rng(length)
    for y in (sums.low, sums.high, 0, -1, *rng.integers(sums.low, sums.high, 20).tolist()):
        multiples = range(-((y - inverse.o.low) // modulus), (inverse.o.high - y) // modulus + 1)
        chosen = {multiples[0], multiples[-1], *rng.choice(multiples, 50).tolist()}
        words = np.array([y + m * modulus for m in chosen], dtype=object)
        for step in reductions(ring, inverse.o, sums):
            words = step.apply(words)
            assert words.min() >= step.o.low
            assert words.max() <= step.o.high
        assert set(words.tolist()) == {y}


@pytest.mark.parametrize(("bits", "length"), [(9, 3), (15, 3), (18, 3), (8, 16), (28, 56)])
@pytest.mark.parametrize("low", [5_000, -100_000, 1 << 30])
def test_reduction_recovers_sums_far_from_0(bits: int, length: int, low: int) -> None:
    """What counts is how far sums are apart: a small ring holds large ones."""
    ring = Ring(bits, length)
    modulus = ring.reduced_modulus
    words = inverse_transform(ring, Fold(bits, Interval.signed(bits + 2)).o).o
    for spread in (0, 1, modulus * 31 // 32 - 1):
        sums = Interval(low, low + spread)
        steps = reductions(ring, words, sums)
        for y in {sums.low, sums.high}:
            near = [words.low + (y - words.low) % modulus, words.high - (words.high - y) % modulus]
            recovered = apply_all(steps, np.array([*near, y % modulus], dtype=object))
            assert set(recovered.tolist()) == {y}


@pytest.mark.parametrize("length", [7, 16, 56, 64, 72, 112, 128, 224, 512])
def test_words_stay_in_their_ranges(length: int) -> None:
    """Extreme lines reach far into the ranges that registers are sized by, and never out."""
    weights = example_weights(
        length=length, channels=4, data_bits=8, weight_bits=8, requantized=None
    )
    engine = design(length, weights, rows=5)

    def through(steps: Sequence[Step], words: Integers) -> Integers:
        for step in steps:
            words = step.apply(words)
            assert step.o.low <= words.min()
            assert words.max() <= step.o.high
        return words

    lines = np.random.default_rng(1).choice([-128, 127, 0], (40, length))
    found = through(engine.forward.steps, lines)
    total = np.zeros_like(lines)
    for branch, spectrum in zip(engine.branches, engine.spectra(weights.weight), strict=True):
        words = through((*branch.before.steps, branch.fold), found)
        words = branch.product.apply(words, np.repeat(spectrum, 10, axis=0))
        assert branch.product.o.low <= words.min()
        assert words.max() <= branch.product.o.high
        total += through(branch.after.steps, words)
    through((*engine.inverse.steps, *engine.reductions), total)


@pytest.mark.parametrize("length", [7, 16, 56, 112])
def test_the_manifest_says_how_a_spectrum_is_made(length: int) -> None:
    """As docs/fermat.md has it in C."""
    weights = example_weights(
        length=length, channels=1, data_bits=8, weight_bits=8, requantized=None
    )
    engine = design(length, weights)
    given = engine.own_parameters
    root, modulus = given["root"], given["reduced_modulus"]
    words = []
    for k in given["bins"]:
        terms = (
            int(w) * pow(root, -n * k % length, modulus) for n, w in enumerate(weights.weight[0])
        )
        word = sum(terms) * given["spectrum_scale"] % modulus
        words.append(word - modulus if word > modulus // 2 else word)
    assert words == engine.coefficients(weights)["spectrum"][0].tolist()


def test_the_manifest_says_how_split_spectra_are_made() -> None:
    """As docs/fermat.md has it in C."""
    length = 256
    weights = example_weights(
        length=length, channels=1, data_bits=8, weight_bits=8, requantized=None
    )
    engine = design(length, weights)
    given = engine.own_parameters
    modulus, inner = given["reduced_modulus"], given["inner"]
    fields = [("spectrum", "spectrum_scale", 1), ("odd_spectrum", "odd_spectrum_scale", -1)]
    for number, (field, scale, sign) in enumerate(fields):
        words = []
        for k, j in itertools.product(given["bins"], given["inner_bins"]):
            power = [
                pow(given["root"], k * (n // inner), modulus)
                * pow(given["inner_root"], (2 * j + number) * (n % inner), modulus)
                for n in range(length)
            ]
            kernel = weights.weight[0].tolist()
            total = sum(kernel[-n] * power[n] for n in range(length))
            factor = 1 + sign * pow(given["root"], k, modulus)
            word = total * factor * given[scale] % modulus
            words.append(word - modulus if word > modulus // 2 else word)
        assert words == engine.coefficients(weights)[field][0].tolist()


def test_rotations_need_no_root_of_two_where_the_ring_does_not() -> None:
    for length in (8, 16, 32, 56, 64, 72):
        engine = design(length, None)
        assert not engine.transform_ring.needs_root_of_two
        rotations = [s for s in engine.forward.steps if isinstance(s, Rotation)]
        assert all(len(level.shifts) == 1 for step in rotations for level in step.levels)


def test_the_ring_follows_the_weights() -> None:
    small = LineWeights(
        np.eye(1, 64, dtype=np.int64), np.zeros((1, 64), np.int64), np.zeros(1, np.int64)
    )
    assert design(64, small).transform_ring.bits == 16
    assert design(64, None).transform_ring.bits == 32
    assert design(8, None).transform_ring.bits == 20
    assert design(8, None, data_bits=4, weight_bits=4).transform_ring.bits == 12


def refusal(message: str) -> str:
    return f"^{re.escape(message)}$"


def test_refuses_a_length_without_a_root() -> None:
    message = (
        "Length must be a length with a root of unity in a ring (nearest: 54, 56, 60, 63), not 58"
    )
    with pytest.raises(ParameterError, match=refusal(message)):
        design(58, None)


def test_refuses_sums_that_no_ring_holds() -> None:
    weights = example_weights(length=72, channels=1, data_bits=18, weight_bits=18, requantized=None)
    weights.weight[:] = -(1 << 17)
    with pytest.raises(
        ParameterError, match=r"^Length must be a length whose ring holds \|y\| <= "
    ):
        design(72, weights, data_bits=18, weight_bits=18)


def test_refuses_a_ring_without_the_length() -> None:
    with pytest.raises(
        ParameterError, match=r"^Ring must be one of 16, 32, 48, 64 for length 64, not 28$"
    ):
        design(64, None, ring=28)


def test_refuses_a_ring_too_small_for_the_sums() -> None:
    message = "Ring must be a ring that holds |y| <= 1048576 (this one is modulo 65537), not 16"
    with pytest.raises(ParameterError, match=refusal(message)):
        _ = design(64, None, ring=16).transform_ring
