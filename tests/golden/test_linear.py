"""Linear convolutions on circles, against SciPy and a plain statement in integers."""

import numpy as np
import pytest
from scipy.signal import correlate

from golden.inputs.config import Table
from golden.inputs.errors import ParameterError
from golden.layer.linear import LinearLayerDesign
from golden.operator.parc import linear_convolution

ENGINES = ("direct", "fft", "fermat")


def design_of(example: bool = True, **entries) -> LinearLayerDesign:
    return LinearLayerDesign.of_table(Table(entries), None, example=example)


def one_axis(engine: str, samples: int, **kernel) -> LinearLayerDesign:
    return design_of(
        order=["width"],
        channels=3,
        height=2,
        width=samples,
        kernels={"width": kernel},
        engines={"width": {"engine": engine}},
    )


def plainly(lines: np.ndarray, kernel: np.ndarray, origin: int, stride: int) -> np.ndarray:
    n_samples = lines.shape[-1]
    y = []
    for i in range(0, n_samples, stride):
        taps = [(k, i + k - origin) for k in range(len(kernel))]
        y.append(sum(int(kernel[k]) * lines[..., j] for k, j in taps if 0 <= j < n_samples))
    return np.stack([np.broadcast_to(v, lines.shape[:-1]) for v in y], axis=-1)


SHAPES = [
    (10, {"taps": 5}),
    (10, {"taps": 4}),
    (11, {"taps": 4, "origin": 0, "stride": 2}),
    (6, {"taps": 13, "origin": 12}),
    (7, {"taps": 31, "stride": 2}),
    (1, {"taps": 3}),
    (56, {"taps": 31}),
    (28, {"taps": 29, "stride": 2}),
    (14, {"taps": 27, "origin": 3}),
    (14, {"taps": 13}),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("samples", "kernel"), SHAPES)
def test_results_are_those_of_a_padded_convolution(engine, samples, kernel):
    design = one_axis(engine, samples, **kernel)
    shape = design.kernels[0]
    maps = np.random.default_rng(0).integers(-128, 128, (2, 3, 2, samples))
    y = design.model(maps)
    assert y.shape == (2, 3, 2, shape.n_results(samples))
    for c in range(3):
        taps, bias = design.weights["width.weight"][c], design.weights["width.bias"][c]
        expected = plainly(maps[:, c], taps, shape.before, shape.stride)
        error = np.abs(y[:, c] - bias - expected).max()
        assert error <= design.certificate()["max_abs_error"]
        if engine != "fft":
            assert error == 0
        full = [[correlate(line, taps, "full") for line in plane] for plane in maps[:, c]]
        # The full result of SciPy begins with the kernel's last tap on the line's first sample.
        first = shape.taps - 1 - shape.before
        scipy = np.array(full)[..., first : first + samples : shape.stride]
        assert np.array_equal(scipy, expected)
        floats = linear_convolution(maps[:, c].astype(float), taps * 1.0, origin=shape.before)
        assert np.array_equal(floats[..., :: shape.stride], expected)


def test_the_circle_is_the_least_that_the_engine_does():
    circles = {e: one_axis(e, 56, taps=31).passes[0].design.length for e in ENGINES}
    assert circles == {"direct": 71, "fft": 128, "fermat": 72}
    chosen = one_axis("fermat", 56, taps=31, length=112).passes[0].design
    assert chosen.length == 112
    assert chosen.product.n_multiplications == 3


def test_a_direct_engine_has_a_multiplier_for_each_tap():
    design = one_axis("direct", 56, taps=13).passes[0].design
    assert (design.taps, design.passes, design.length) == (13, 1, 62)


def test_both_axes_follow_each_other():
    design = design_of(
        order=["height", "width"],
        channels=2,
        height=9,
        width=6,
        between={"bits": 8},
        kernels={"height": {"taps": 5, "stride": 2}, "width": {"taps": 3}},
        engines={"height": {"engine": "direct"}, "width": {"engine": "fermat"}},
    )
    maps = np.random.default_rng(0).integers(-128, 128, (1, 2, 9, 6))
    assert design.out_shape == (2, 5, 6)
    first, second = design.passes
    between = first.value(maps)
    assert between.shape == (1, 2, 5, 6)
    assert np.array_equal(design.model(maps), second.value(between))


REFUSED = [
    ({"taps": 0}, "kernels.width.taps must be from 1 to 4096, not 0"),
    ({"taps": 5, "origin": 5}, "kernels.width.origin must be from 0 to 4, not 5"),
    ({"taps": 5, "stride": 3}, "kernels.width.stride must be 1 or 2, not 3"),
    ({"taps": 31, "length": 70}, "kernels.width.length must be from 71 to 4096, not 70"),
]


@pytest.mark.parametrize(("kernel", "message"), REFUSED)
def test_refused(kernel, message):
    with pytest.raises(ParameterError) as refusal:
        one_axis("fermat", 56, **kernel)
    assert str(refusal.value) == message


def test_an_embedding_is_refused():
    design = one_axis("direct", 6, taps=3)
    arrays = dict(design.weights) | {"width.pe": np.zeros((3, 3), dtype=np.int64)}
    with pytest.raises(ParameterError, match=r"no 'width\.pe'"):
        design.model(np.zeros((1, 3, 2, 6), dtype=np.int64), arrays)
