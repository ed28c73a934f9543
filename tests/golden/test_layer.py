"""Layers' models, held against plain integers and against the float64 definition."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from golden.engines import EngineChoice
from golden.layer.forms import MetaFormerDesign, ParallelDesign, SerialDesign
from golden.line.design import Requantization
from golden.operator import parc

FORMS = {design.form: design for design in (SerialDesign, ParallelDesign, MetaFormerDesign)}
OUTPUT = Requantization(bits=7, low=-50)
NARROW = Requantization(bits=6, low=-3)


def choice(engine, **options):
    return EngineChoice(engine, options)


DIRECT = choice("direct")


def make(form, shape, *, height="direct", width="direct", **options):
    channels, rows, columns = shape
    return FORMS[form](
        name="layer",
        channels=channels,
        height=rows,
        width=columns,
        height_engine=choice(height),
        width_engine=choice(width),
        weights=None,
        example=True,
        **options,
    )


def random_maps(design, frames=2):
    shape = (frames, design.channels, design.height, design.width)
    low, high = design.data.low, design.data.high
    return np.random.default_rng(1).integers(low, high, shape, endpoint=True)


def correlated(plane, arrays, axis, row):
    """A plane under one axis's kernel as the reference layer has it: concatenate and correlate."""
    weight, pe = (arrays[f"{axis}.{name}"][row].tolist() for name in ("weight", "pe"))
    bias = int(arrays[f"{axis}.bias"][row])
    lines = plane if axis == "width" else [list(line) for line in zip(*plane, strict=True)]
    results = []
    for line in lines:
        embedded = [x + e for x, e in zip(line, pe, strict=True)]
        extended = embedded + embedded[:-1]
        results.append(
            [
                bias + sum(w * x for w, x in zip(weight, extended[i:], strict=False))
                for i in range(len(line))
            ]
        )
    return results if axis == "width" else [list(line) for line in zip(*results, strict=True)]


def rounded(plane, multiplier, shift, zero_point):
    scale = Fraction(int(multiplier), 1 << int(shift))
    return [[round(y * scale) + zero_point for y in line] for line in plane]


def clipped(plane, clip):
    return [[min(max(y, clip.low), clip.high) for y in line] for line in plane]


def steps_of(design, channel):
    """Axis and row of the arrays of each pass that a channel takes."""
    half = design.channels // 2
    if design.form == "serial":
        return [(axis, channel) for axis in design.order]
    axes = ["height", "width"] if channel < half else ["width", "height"]
    if design.form == "parallel":
        return [(axes[0], channel % half)]
    return [(axis, channel) for axis in axes]


def plain(design, maps):
    """The layer in Python's own integers."""
    arrays = design.weights
    results = []
    for frame in maps.tolist():
        planes = []
        for channel, plane in enumerate(frame):
            y = plane
            steps = steps_of(design, channel)
            for number, (axis, row) in enumerate(steps):
                last = number == len(steps) - 1
                y = correlated(y, arrays, axis, row)
                form = design.output if last else design.between
                if form is None:
                    continue
                key = "output.zero_point" if last else "between.zero_point"
                zero_point = own(arrays[key], channel)
                y = rounded(
                    y,
                    arrays[f"{axis}.multiplier"][row],
                    arrays[f"{axis}.shift"][row],
                    zero_point,
                )
                if last and getattr(design, "residual", False):
                    y = added(y, plane, arrays, channel, form.bits)
                y = clipped(y, form.clip)
            planes.append(y)
        results.append(planes)
    return results


def own(array, channel):
    """What a channel has of an array that is one value for all, or one for each."""
    return int(array[channel] if array.ndim else array)


def added(results, samples, arrays, channel, bits):
    multiplier, shift, zero_point = (
        own(arrays[f"residual.{name}"], channel) for name in ("multiplier", "shift", "zero_point")
    )
    centred = [[x - zero_point for x in line] for line in samples]
    skipped = rounded(centred, multiplier, shift, 0)
    limit = 1 << bits
    pairs = zip(results, skipped, strict=True)
    return [
        [y + min(max(x, -limit), limit - 1) for y, x in zip(*lines, strict=True)] for lines in pairs
    ]


CASES = [
    ("serial", (2, 4, 6), {}),
    ("serial", (2, 4, 6), {"order": ("width", "height"), "between": NARROW}),
    ("serial", (3, 5, 5), {"between": OUTPUT, "output": OUTPUT, "shared_engine": True}),
    ("serial", (1, 4, 4), {"between": OUTPUT, "output": OUTPUT, "shared_engine": True}),
    ("serial", (3, 4, 6), {"order": ("height",), "output": OUTPUT}),
    ("serial", (3, 4, 6), {"order": ("width",)}),
    ("serial", (2, 7, 8), {"height": "fermat", "width": "fermat", "between": NARROW}),
    ("parallel", (4, 3, 6), {}),
    ("parallel", (4, 5, 5), {"output": OUTPUT}),
    ("metaformer", (4, 5, 5), {"between": NARROW}),
    ("metaformer", (2, 4, 6), {"between": OUTPUT, "output": OUTPUT, "residual": True}),
    ("metaformer", (4, 5, 5), {"output": OUTPUT, "residual": True, "data_bits": 5}),
    ("metaformer", (4, 5, 5), {"between": OUTPUT, "output": OUTPUT, "shared_engine": True}),
]


@pytest.mark.parametrize(("form", "shape", "options"), CASES)
def test_model_is_the_reference_layer(form, shape, options):
    design = make(form, shape, weight_bits=5, **options)
    maps = random_maps(design)
    assert design.model(maps).tolist() == plain(design, maps)
    assert design.certificate()["exact"]


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("serial", {"between": NARROW}),
        ("serial", {"between": OUTPUT, "shared_engine": True}),
        ("parallel", {}),
        ("metaformer", {"between": NARROW, "residual": True}),
    ],
)
def test_each_channel_may_have_its_own_zero_point(form, options):
    """And its own scale of the residual map; on one engine both passes may differ too."""
    options = {"output": OUTPUT, **options}
    shape = (4, 5, 5)
    design = make(form, shape, weight_bits=5, **options)
    generator = np.random.default_rng(3)
    arrays = {
        key: array + generator.integers(-2, 3, shape[0]) if array.ndim == 0 else array
        for key, array in design.weights.items()
    }
    differing = replace(design, weights=arrays, example=False)
    maps = random_maps(design)
    assert differing.model(maps).tolist() == plain(differing, maps)
    assert not np.array_equal(differing.model(maps), design.model(maps))
    assert differing.zero_point == arrays["output.zero_point"].tolist()


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("serial", {}),
        ("serial", {"between": NARROW}),
        ("parallel", {"output": OUTPUT}),
        ("metaformer", {"between": OUTPUT, "output": OUTPUT, "residual": True}),
    ],
)
def test_fft_layers_keep_their_bound(form, options):
    design = make(form, (4, 8, 8), height="fft", width="fft", weight_bits=5, **options, lanes=2)
    maps = random_maps(design, 4)
    maps[2], maps[3] = design.data.low, design.data.high
    error = np.abs(design.model(maps) - np.array(plain(design, maps))).max()
    certificate = design.certificate()
    assert error <= certificate["max_output_error"]
    assert not certificate["exact"]
    low, high = design.output_range.low, design.output_range.high
    if "between" not in options:
        assert certificate["max_output_error"] < (high - low) / 20


@pytest.mark.parametrize("form", FORMS)
def test_model_is_the_float_definition(form):
    design = make(form, (4, 6, 5), weight_bits=4)
    arrays = design.weights
    x = random_maps(design, 1)[0]

    def kernel(axis, rows=slice(None)):
        return parc.Kernel(
            *(arrays[f"{axis}.{name}"][rows].astype(float) for name in ("weight", "pe", "bias"))
        )

    first, second = slice(0, 2), slice(2, 4)
    if form == "serial":
        order = ("height", "width")
        y = parc.serial(x.astype(float), kernel("height"), kernel("width"), order=order)
    elif form == "parallel":
        y = parc.parallel(x.astype(float), kernel("height"), kernel("width"))
    else:
        y = parc.metaformer(
            x.astype(float),
            (kernel("height", first), kernel("width", first)),
            (kernel("width", second), kernel("height", second)),
        )
    np.testing.assert_array_equal(design.model(x[None])[0], y)


def test_accumulator_ends_are_reached_and_not_left():
    design = make("serial", (1, 3, 3), data_bits=3, weight_bits=3, between=NARROW)
    second = design.engines["width"]
    lowest, highest = (
        np.where((design.weights["width.weight"][0] > 0) == up, NARROW.clip.high, NARROW.clip.low)
        for up in (False, True)
    )
    for extreme, line in ((second.accumulator.low, lowest), (second.accumulator.high, highest)):
        position = np.arange(3)
        rolled = np.array([np.roll(line, p) for p in position])
        y = second.model(rolled)
        assert extreme in y


def test_a_range_narrower_than_the_format_narrows_what_follows():
    relu = Requantization(low=0)
    wide = make("serial", (2, 8, 8), between=Requantization(), width="fermat")
    narrow = make("serial", (2, 8, 8), between=relu, width="fermat")
    bits = [d.engines["width"].sum_range.bits for d in (wide, narrow)]
    assert bits[1] < bits[0]


def test_a_range_away_from_zero_passes_on_as_it_is():
    between = Requantization(bits=5, low=-13, high=-12)
    layer = make("serial", (1, 4, 10), width="fermat", between=between)
    assert layer.passes[1][0].design.data_range == between.clip
    maps = random_maps(layer)
    assert np.array_equal(layer.model(maps), plain(layer, maps))


@pytest.mark.parametrize("form", ["serial", "metaformer"])
def test_an_example_is_whole_before_its_graph_is_made(form):
    output = Requantization(bits=6)
    layer = make(form, (2, 4, 4), output=output, after=("lookup",))
    made = dict(layer.weights)
    assert len(made["lookup"]) == 64
    assert "graph" not in vars(layer)
    assert layer.graph.nodes[-1].stage.output.bits == 6
    assert layer.weights == made
