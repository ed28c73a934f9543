"""Dense designs against a plain statement in integers, and what is proved of them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from golden.dense.design import DenseDesign, DenseWeights, mixing
from golden.direct.dense import DenseDirectDesign
from golden.fermat.dense import DenseFermatDesign
from golden.fft.dense import DenseFftDesign
from golden.fft.exact import exact_widths
from golden.graph.tensor import AXES
from golden.inputs.config import Table
from golden.inputs.errors import ParameterError
from golden.layer.registry import LAYERS
from golden.line.design import Requantization
from golden.line.example import example_weights
from golden.numbers.certificate import Errors
from golden.numbers.interval import Interval
from golden.stages.dense import DenseSplit
from golden.stages.line import oriented

ROWS = 4


def weights_of(design: DenseDesign, *, seed: int = 0) -> DenseWeights:
    requantization = design.requantization
    return mixing(
        example_weights(
            length=design.length,
            channels=design.channels,
            data_bits=design.data_bits,
            weight_bits=design.weight_bits,
            requantized=requantization.clip if requantization else None,
            seed=seed,
            mixed=(design.groups, design.in_channels),
        )
    )


def design_of(kind: type[DenseDesign], *, port: bool = False, **options: Any) -> DenseDesign:
    told = {"name": "e", "channels": 6, "in_channels": 4, "rows": ROWS} | options
    bare = kind(weights=None, **told)
    return bare if port else kind(weights=weights_of(bare), **told)


def plainly(maps: np.ndarray, weights: DenseWeights) -> np.ndarray:
    """Return accumulators ``[F, C_out, R, N]`` of ``maps`` ``[F, C_in, R, N]``, one group's."""
    length = maps.shape[-1]
    y = np.zeros((len(maps), len(weights.weight), *maps.shape[2:]), dtype=np.int64)
    for o, i, k in np.ndindex(len(weights.weight), length, length):
        x = maps[..., (i + k) % length] + weights.pe[:, None, (i + k) % length]
        y[:, o, :, i] += np.tensordot(x, weights.weight[o, :, k], axes=(1, 0))
    return y + weights.bias[:, None, None]


def maps_for(design: DenseDesign, *, frames: int = 2, seed: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    shape = (frames, design.groups * design.in_channels, ROWS, design.length)
    maps = generator.integers(design.data.low, design.data.high, shape, endpoint=True)
    maps[:, :, 0] = design.data.low
    maps[0, :, 1] = generator.choice([design.data.low, design.data.high], maps[0, :, 1].shape)
    return maps


def error_of(design: DenseDesign, weights: DenseWeights, maps: np.ndarray) -> int:
    """Return the most that accumulators of ``design`` differ from the plain statement."""
    y = design.model(maps.reshape(-1, design.length), weights)
    split = np.split(maps, design.groups, axis=1)
    parts = [plainly(part, weights.group(g)) for g, part in enumerate(split)]
    expected = np.concatenate(parts, axis=1)
    return int(np.abs(y.reshape(expected.shape) - expected).max())


EXACT: list[tuple[type[DenseDesign], dict[str, Any]]] = [
    (DenseDirectDesign, {"length": 7}),
    (DenseDirectDesign, {"length": 8, "macs": 3, "products": 2, "groups": 2}),
    (DenseDirectDesign, {"length": 8, "products": 4, "groups": 2}),
    (DenseDirectDesign, {"length": 9, "macs": 4, "products": 4, "lanes": 2}),
    (DenseFermatDesign, {"length": 7}),
    (DenseFermatDesign, {"length": 8, "products": 2, "parts": 2, "groups": 3}),
    (DenseFermatDesign, {"length": 14, "products": 4, "data_bits": 12, "weight_bits": 10}),
    (DenseFermatDesign, {"length": 9, "in_channels": 3, "products": 3}),
]


@pytest.mark.parametrize(("kind", "options"), EXACT)
@pytest.mark.parametrize("port", [False, True])
def test_exact_engines_equal_the_plain_statement(kind, options, port):
    design = design_of(kind, port=port, **options)
    assert error_of(design, design.weights or weights_of(design), maps_for(design)) == 0
    assert design.certificate()["exact"] is True


@pytest.mark.parametrize("macs", [5, 8])
def test_one_middle_serves_chains_of_extremes(macs):
    """Words are at their ends: pairs, neighbours' products and sums are as large as can be."""
    design = design_of(DenseDirectDesign, length=8, macs=macs, products=4, port=True)
    assert isinstance(design, DenseDirectDesign)
    assert design.shares_middle
    made = weights_of(design)
    weights = replace(made, weight=np.full_like(made.weight, -128))
    maps = np.full_like(maps_for(design), -128)
    maps[:, :, 1::2] = 127
    assert error_of(design, weights, maps) == 0


def test_few_chains_make_a_middle_each():
    takes = [
        design_of(DenseDirectDesign, length=8, in_channels=8, products=p).shares_middle
        for p in (1, 2, 4)
    ]
    assert takes == [False, False, True]


def test_accumulator_range_is_reached():
    design = design_of(DenseDirectDesign, length=5)
    weights, reached = design.weights, []
    assert isinstance(weights, DenseWeights)
    for o, sign in np.ndindex(design.channels, 2):
        start = weights.start()[o]
        i = int(start.argmin() if sign else start.argmax())
        ends = np.where((weights.weight[o] > 0) == (not sign), design.data.high, design.data.low)
        maps = np.broadcast_to(np.roll(ends, i, axis=-1)[None, :, None], (1, 4, ROWS, 5))
        reached.append(design.model(maps.reshape(-1, 5)))
    assert design.accumulator == Interval(int(np.min(reached)), int(np.max(reached)))


FFT: list[dict[str, Any]] = [
    {"length": 7, "lanes": 1},
    {"length": 8, "lanes": 2, "products": 2},
    {"length": 14, "lanes": 2, "groups": 2},
    {"length": 16, "lanes": 4, "operand_bits": 14, "twiddle_bits": 12, "spectrum_bits": 13},
]


@pytest.mark.parametrize("options", FFT)
@pytest.mark.parametrize("port", [False, True])
def test_error_stays_within_its_bound(options, port):
    design = design_of(DenseFftDesign, port=port, **options)
    for seed in range(3):
        weights = design.weights or weights_of(design, seed=seed)
        error = error_of(design, weights, maps_for(design, frames=4, seed=seed))
        assert 0 < error <= design.max_abs_error


@pytest.mark.parametrize("length", [7, 8])
def test_extremes_search_for_a_violation_of_the_bound(length):
    """Samples that the operator's error grows with: the sign of each sample's share in it."""
    design = design_of(DenseFftDesign, length=length, channels=2, lanes=2, spectrum_bits=9)
    weights = design.weights
    worst = 0
    shape = (1, design.in_channels, ROWS, length)
    impulses = [np.zeros(shape, dtype=np.int64) for _ in range(design.in_channels * length)]
    for place, impulse in zip(np.ndindex(design.in_channels, length), impulses, strict=True):
        impulse[0, place[0], :, place[1]] = design.data.low
    shares = []
    for impulse in impulses:
        y = design.model(impulse.reshape(-1, length), weights).reshape(2, ROWS, length)
        shares.append(y - plainly(impulse, weights)[0])
    for o, i in np.ndindex(2, length):
        signs = [design.data.low if s[o, 0, i] > 0 else design.data.high for s in shares]
        lines = np.array(signs).reshape(1, design.in_channels, 1, length)
        worst = max(worst, error_of(design, weights, np.broadcast_to(lines, shape).copy()))
    assert design.max_abs_error / 4 < worst <= design.max_abs_error


def test_bounds_of_a_port_hold_for_the_weights_too():
    design = design_of(DenseFftDesign, length=8, lanes=2)
    port = design_of(DenseFftDesign, length=8, lanes=2, port=True)
    assert design.error_bound < port.error_bound


def test_exact_widths_make_sums_exact():
    design = exact_widths(design_of(DenseFftDesign, length=8, lanes=2, channels=2))
    assert error_of(design, design.weights, maps_for(design)) == 0
    assert design.certificate()["exact"] is True


def test_requantised_results_are_those_of_the_sums():
    designs = [
        design_of(kind, length=8, requantization=Requantization(bits=6, low=-10))
        for kind in (DenseDirectDesign, DenseFermatDesign)
    ]
    lines = maps_for(designs[0]).reshape(-1, 8)
    first, second = (design.model(lines) for design in designs)
    assert np.array_equal(first, second)
    assert first.min() == -10
    assert first.max() == 31


def test_sums_too_large_for_a_ring_are_cut_in_parts():
    told = {"length": 7, "in_channels": 256, "channels": 256}
    design = design_of(DenseFermatDesign, port=True, **told)
    assert (design.transform_ring.bits, design.n_parts) == (28, 4)
    wider = design_of(DenseFermatDesign, port=True, parts=1, **told)
    assert wider.product.n_multiplications > design.product.n_multiplications


ENGINES_OF_HALVES = {
    "direct": ({"engine": "direct", "macs": 3}, {"engine": "direct", "pairing": "single"}),
    "of two kinds": ({"engine": "fermat", "products": 2}, {"engine": "direct"}),
}


@pytest.mark.parametrize("engines", ENGINES_OF_HALVES.values(), ids=ENGINES_OF_HALVES)
@pytest.mark.parametrize("sides", [(5, 8), (8, 5), (6, 6)])
def test_halves_with_an_engine_each_equal_the_plain_statement(sides, engines):
    height, width = sides
    options = {"name": "l", "channels": 8, "out_channels": 6, "height": height, "width": width}
    table = Table(options | {"engines": dict(zip(AXES, engines, strict=True))})
    design = LAYERS["dense"].of_table(table, None, example=True)
    assert list(design.engines) == ["height", "width"]
    maps = np.random.default_rng(3).integers(-128, 127, (2, 8, height, width), endpoint=True)
    halves = []
    for axis, half in zip(AXES, np.split(maps, 2, axis=1), strict=True):
        names = ("weight", "pe", "bias")
        weights = DenseWeights(*(design.weights[f"{axis}.{name}"] for name in names))
        halves.append(oriented(plainly(oriented(half, axis), weights), axis))
    assert np.array_equal(design.model(maps), np.concatenate(halves, axis=1))
    certificate = design.certificate()
    assert certificate["exact"] is True
    assert list(certificate["engines"]) == ["height", "width"]


def test_one_half_may_be_off_and_the_other_not():
    engines = {"height": {"engine": "fft"}, "width": {"engine": "direct"}}
    options = {"name": "l", "channels": 4, "out_channels": 4, "height": 8, "width": 6, "lanes": 2}
    design = LAYERS["dense"].of_table(Table(options | {"engines": engines}), None, example=True)
    stage = design.graph.nodes[1].stage
    assert isinstance(stage, DenseSplit)
    sums = stage.errors(Errors([0.0] * 4, [0] * 4)).sums
    assert min(sums[:2]) > 0
    assert max(sums[2:]) == 0
    assert design.certificate()["max_abs_error"] == design.parts[0].design.max_abs_error


REFUSED = [
    ({"products": 3}, "Products must be a divisor of the input channels (4), not 3"),
    ({"groups": 4}, "Groups must be a divisor of the output channels (6), not 4"),
    ({"in_channels": 0}, "In channels must be from 1 to 65536, not 0"),
    ({"parts": 3}, "Parts must be a divisor of the input channels of a unit (4), not 3"),
    (
        {"ring": 7, "parts": 1, "in_channels": 64},
        "Length must be a length whose ring holds |y| <= 7340032, not 7",
    ),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_refused(options, message):
    with pytest.raises(ParameterError) as refusal:
        design_of(DenseFermatDesign, port=True, length=7, **options).certificate()
    assert str(refusal.value) == message


def test_weights_of_another_shape_are_refused():
    design = design_of(DenseDirectDesign, length=5)
    weights = weights_of(design_of(DenseDirectDesign, length=5, in_channels=3, port=True))
    with pytest.raises(ParameterError, match=r"'weight' of shape \(6, 4, 5\), not \(6, 3, 5\)"):
        DenseDirectDesign(name="e", length=5, channels=6, in_channels=4, rows=ROWS, weights=weights)
    assert design.weights is not None
