"""The float64 definition against the reference layer, written out anew."""

import re
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from golden.operator.parc import (
    Axis,
    Floats,
    Kernel,
    circulant,
    circular_length,
    embed_kernel,
    fast_parc,
    linear_convolution,
    metaformer,
    parallel,
    parc,
    resize,
    serial,
)

Operator: TypeAlias = Callable[..., Floats]

LENGTHS = [1, 2, 3, 5, 7, 8, 14, 16, 27, 56]


def reference_layer(x: Floats, kernel: Kernel, axis: Axis) -> Floats:
    """Do as the reference code does: extend each line by itself, then correlate unpadded."""
    y = np.empty_like(x)
    n_channels, height, width = x.shape
    for c in range(n_channels):
        for row_or_column in range(height if axis == "width" else width):
            place = (c, row_or_column) if axis == "width" else (c, slice(None), row_or_column)
            line = x[place]
            if kernel.embedding is not None:
                line = line + kernel.embedding[c]
            y[place] = np.correlate(np.concatenate((line, line[:-1])), kernel.weight[c], "valid")
            if kernel.bias is not None:
                y[place] += kernel.bias[c]
    return y


def random_kernel(rng: np.random.Generator, n_channels: int, length: int) -> Kernel:
    return Kernel(
        rng.normal(size=(n_channels, length)),
        rng.normal(size=(n_channels, length)),
        rng.normal(size=n_channels),
    )


def refusal(message: str) -> str:
    return f"^{re.escape(message)}$"


def test_definition_by_loops() -> None:
    rng = np.random.default_rng(1)
    x, kernel = rng.normal(size=(2, 3, 5)), random_kernel(rng, 2, 5)
    weight, embedding, bias = kernel.weight, kernel.embedding, kernel.bias
    assert embedding is not None
    assert bias is not None
    y = parc(x, weight, axis="width", embedding=embedding, bias=bias)
    for c, row, i in np.ndindex(x.shape):
        taps = (
            weight[c, k] * (x[c, row, (i + k) % 5] + embedding[c, (i + k) % 5]) for k in range(5)
        )
        assert y[c, row, i] == pytest.approx(bias[c] + sum(taps), abs=1e-13)


@pytest.mark.parametrize("operator", [parc, fast_parc])
@pytest.mark.parametrize("axis", ["width", "height"])
@pytest.mark.parametrize("length", LENGTHS)
def test_equals_the_reference_layer(operator: Operator, axis: Axis, length: int) -> None:
    rng = np.random.default_rng(length)
    x = rng.normal(size=(3, 4, length) if axis == "width" else (3, length, 4))
    kernel = random_kernel(rng, 3, length)
    y = operator(x, kernel.weight, axis=axis, embedding=kernel.embedding, bias=kernel.bias)
    np.testing.assert_allclose(y, reference_layer(x, kernel, axis), rtol=0, atol=1e-10)
    bare = operator(x, kernel.weight, axis=axis)
    expected = reference_layer(x, Kernel(kernel.weight), axis)
    np.testing.assert_allclose(bare, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("operator", [parc, fast_parc])
def test_impulse_tells_correlation_from_convolution(operator: Operator) -> None:
    x = np.zeros((1, 1, 4))
    x[0, 0, 1] = 1
    y = operator(x, np.array([[1.0, 2.0, 3.0, 4.0]]), axis="width")
    # y[i] = weight[(1 - i) mod 4]; a convolution would give 4, 1, 2, 3.
    np.testing.assert_allclose(y[0, 0], [2, 1, 4, 3], rtol=0, atol=1e-14)


def test_circulant_by_hand() -> None:
    expected = [[1, 2, 3], [3, 1, 2], [2, 3, 1]]
    np.testing.assert_array_equal(circulant(np.array([1.0, 2.0, 3.0])), expected)


@pytest.mark.parametrize("order", [("height", "width"), ("width", "height")])
def test_serial(order: tuple[Axis, Axis]) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(3, 5, 8))
    kernels = {"height": random_kernel(rng, 3, 5), "width": random_kernel(rng, 3, 8)}
    y = serial(x, kernels[order[0]], kernels[order[1]], order=order)
    expected = reference_layer(x, kernels[order[0]], order[0])
    expected = reference_layer(expected, kernels[order[1]], order[1])
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-10)


def test_parallel() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(6, 5, 8))
    height, width = random_kernel(rng, 3, 5), random_kernel(rng, 3, 8)
    y = parallel(x, height, width)
    np.testing.assert_allclose(y[:3], reference_layer(x[:3], height, "height"), atol=1e-10)
    np.testing.assert_allclose(y[3:], reference_layer(x[3:], width, "width"), atol=1e-10)


@pytest.mark.parametrize("residual", [False, True])
def test_metaformer(residual: bool) -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(4, 5, 8))
    height_1, width_1 = random_kernel(rng, 2, 5), random_kernel(rng, 2, 8)
    height_2, width_2 = random_kernel(rng, 2, 5), random_kernel(rng, 2, 8)
    y = metaformer(x, (height_1, width_1), (width_2, height_2), residual=residual)
    first = reference_layer(reference_layer(x[:2], height_1, "height"), width_1, "width")
    second = reference_layer(reference_layer(x[2:], width_2, "width"), height_2, "height")
    expected = np.concatenate((first, second)) + (x if residual else 0)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("table", "length", "expected"),
    [
        ([0.0, 1.0], 3, [0, 0.5, 1]),
        ([0.0, 3.0, 6.0, 3.0], 7, [0, 1.5, 3, 4.5, 6, 4.5, 3]),
        ([1.0, 2.0, 4.0, 8.0, 16.0], 3, [1, 4, 16]),
        ([1.0, 2.0, 4.0, 8.0, 16.0], 2, [1, 16]),
        ([5.0, 7.0], 1, [5]),
        ([5.0], 3, [5, 5, 5]),
    ],
)
def test_resize_by_hand(table: list[float], length: int, expected: list[float]) -> None:
    np.testing.assert_array_equal(resize(np.array([table]), length), [expected])


@pytest.mark.parametrize("n_entries", [1, 2, 7, 14, 56])
@pytest.mark.parametrize("length", [2, 7, 8, 14, 56, 112])
def test_resize_equals_interpolation(n_entries: int, length: int) -> None:
    table = np.random.default_rng(5).normal(size=(3, n_entries))
    positions = np.linspace(0, n_entries - 1, length)
    expected = [np.interp(positions, np.arange(n_entries), row) for row in table]
    np.testing.assert_allclose(resize(table, length), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("length", [1, 2, 7, 56])
def test_resize_to_the_same_length_changes_nothing(length: int) -> None:
    table = np.random.default_rng(6).normal(size=(3, length))
    np.testing.assert_array_equal(resize(table, length), table)


@pytest.mark.parametrize("n_samples", [1, 2, 5, 8])
@pytest.mark.parametrize("n_taps", [1, 2, 3, 4, 7, 8, 11, 18])
def test_linear_convolution_at_every_origin(n_samples: int, n_taps: int) -> None:
    rng = np.random.default_rng(n_samples * n_taps)
    lines, kernel = rng.normal(size=(2, 3, n_samples)), rng.normal(size=n_taps)
    for origin in range(n_taps):
        y = linear_convolution(lines, kernel, origin=origin)
        assert y.shape == lines.shape
        for place in np.ndindex(2, 3):
            padded = np.pad(lines[place], (origin, n_taps - 1 - origin))
            expected = np.correlate(padded, kernel, "valid")
            np.testing.assert_allclose(y[place], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_taps", [3, 4])
def test_linear_convolution_is_centred_by_default(n_taps: int) -> None:
    rng = np.random.default_rng(7)
    lines, kernel = rng.normal(size=(2, 9)), rng.normal(size=n_taps)
    y = linear_convolution(lines, kernel)
    for line, result in zip(lines, y, strict=True):
        full = np.convolve(line, kernel[::-1])
        begin = n_taps - 1 - n_taps // 2
        np.testing.assert_allclose(result, full[begin : begin + 9], rtol=0, atol=1e-12)


def test_circular_length_is_the_least() -> None:
    rng = np.random.default_rng(8)
    line, kernel = rng.normal(size=6), rng.normal(size=4)
    for origin in range(4):
        expected = np.correlate(np.pad(line, (origin, 3 - origin)), kernel, "valid")
        enough = circular_length(6, 4, origin)
        for length, is_enough in ((enough + 5, True), (enough, True), (enough - 1, False)):
            x = np.pad(line, (0, length - 6))[np.newaxis, np.newaxis]
            weight = embed_kernel(kernel, origin, length)[np.newaxis]
            y = parc(x, weight, axis="width")[0, 0, :6]
            assert np.allclose(y, expected, rtol=0, atol=1e-12) == is_enough


@pytest.mark.parametrize(
    ("n_samples", "n_taps", "origin", "expected"),
    [(56, 7, 3, 59), (56, 8, 4, 60), (56, 7, 0, 62), (56, 7, 6, 62), (1, 11, 5, 11), (8, 1, 0, 8)],
)
def test_circular_length_by_hand(n_samples: int, n_taps: int, origin: int, expected: int) -> None:
    assert circular_length(n_samples, n_taps, origin) == expected


def test_embed_kernel_by_hand() -> None:
    embedded = embed_kernel(np.array([1.0, 2.0, 3.0]), 1, 6)
    np.testing.assert_array_equal(embedded, [2, 3, 0, 0, 0, 1])


def test_kernel_refusals() -> None:
    weight = np.zeros((2, 3))
    for bad in (np.zeros(3), np.zeros((2, 0)), np.zeros((0, 3))):
        message = f"Weight must be a non-empty [C, N] array, not of shape {bad.shape}"
        with pytest.raises(ValueError, match=refusal(message)):
            Kernel(bad)
    with pytest.raises(ValueError, match=refusal("Embedding must be of shape (2, 3), not (2, 4)")):
        Kernel(weight, np.zeros((2, 4)))
    with pytest.raises(ValueError, match=refusal("Bias must be of shape (2,), not (3,)")):
        Kernel(weight, bias=np.zeros(3))


@pytest.mark.parametrize("operator", [parc, fast_parc])
def test_operator_refusals(operator: Operator) -> None:
    weight = np.zeros((2, 3))
    message = (
        "Weight must be of shape (2, 4) for a map of shape (2, 4, 3) along the height, not (2, 3)"
    )
    with pytest.raises(ValueError, match=refusal(message)):
        operator(np.zeros((2, 4, 3)), weight, axis="height")
    with pytest.raises(
        ValueError, match=refusal("Map must be a [C, H, W] array, not of shape (2, 3)")
    ):
        operator(np.zeros((2, 3)), weight, axis="width")
    with pytest.raises(ValueError, match=refusal("Axis must be 'width' or 'height', not 'H'")):
        operator(np.zeros((2, 4, 3)), weight, axis="H")


def test_whole_form_refusals() -> None:
    x, kernel = np.zeros((3, 4, 4)), Kernel(np.zeros((3, 4)))
    message = "Order must be ('height', 'width') or ('width', 'height'), not ('width', 'width')"
    with pytest.raises(ValueError, match=refusal(message)):
        serial(x, kernel, kernel, order=("width", "width"))
    message = "Number of channels must be even, not 3"
    with pytest.raises(ValueError, match=refusal(message)):
        parallel(x, kernel, kernel)
    with pytest.raises(ValueError, match=refusal(message)):
        metaformer(x, (kernel, kernel), (kernel, kernel))


def test_resize_refusals() -> None:
    with pytest.raises(ValueError, match=refusal("Length must be at least 1, not 0")):
        resize(np.zeros((2, 3)), 0)
    message = "Table must have at least 1 entry a row, not 0"
    with pytest.raises(ValueError, match=refusal(message)):
        resize(np.zeros((2, 0)), 3)


def test_linear_convolution_refusals() -> None:
    lines, kernel = np.zeros((2, 5)), np.zeros(3)
    for origin in (-1, 3):
        message = f"Origin must be from 0 to 2, not {origin}"
        with pytest.raises(ValueError, match=refusal(message)):
            linear_convolution(lines, kernel, origin=origin)
        with pytest.raises(ValueError, match=refusal(message)):
            embed_kernel(kernel, origin, 8)
    for bad in (np.zeros(0), np.zeros((1, 3))):
        message = f"Kernel must be a non-empty [K] array, not of shape {bad.shape}"
        with pytest.raises(ValueError, match=refusal(message)):
            linear_convolution(lines, bad)
        with pytest.raises(ValueError, match=refusal(message)):
            embed_kernel(bad, 0, 8)
    with pytest.raises(ValueError, match=refusal("Line must have at least 1 sample, not 0")):
        linear_convolution(np.zeros((2, 0)), kernel)
    with pytest.raises(ValueError, match=refusal("Kernel must have at least 1 tap, not 0")):
        circular_length(5, 0, 0)
    message = "Length must be at least 3, the kernel's taps, not 2"
    with pytest.raises(ValueError, match=refusal(message)):
        embed_kernel(kernel, 1, 2)
