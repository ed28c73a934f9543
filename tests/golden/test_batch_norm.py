"""Folded batch norms, held against norm and convolution one after the other."""

import numpy as np
import pytest

from golden.operator.batch_norm import BatchNorm
from golden.operator.parc import Kernel, parc


def norm_of(channels, seed=0):
    generator = np.random.default_rng(seed)
    weight, bias, mean = generator.normal(size=(3, channels))
    return BatchNorm(weight, bias, mean, generator.uniform(0, 4, channels))


def random_kernel(channels, length, *, bare=False):
    generator = np.random.default_rng(1)
    weight, embedding = generator.normal(size=(2, channels, length))
    return Kernel(weight) if bare else Kernel(weight, embedding, generator.normal(size=channels))


def applied(x, kernel, axis, *, embedded=True):
    embedding = kernel.embedding if embedded else None
    return parc(x, kernel.weight, axis=axis, embedding=embedding, bias=kernel.bias)


@pytest.mark.parametrize("axis", ["height", "width"])
@pytest.mark.parametrize("bare", [False, True])
def test_norm_between_embedding_and_convolution(axis, bare):
    x = np.random.default_rng(2).normal(size=(3, 5, 5))
    norm, kernel = norm_of(3), random_kernel(3, 5, bare=bare)
    v = x
    if kernel.embedding is not None:
        along = kernel.embedding[:, :, None] if axis == "height" else kernel.embedding[:, None, :]
        v = x + along
    expected = applied(norm(v), kernel, axis, embedded=False)
    np.testing.assert_allclose(applied(x, norm.before(kernel), axis), expected, atol=1e-12)


@pytest.mark.parametrize("bare", [False, True])
def test_norm_after_convolution(bare):
    x = np.random.default_rng(2).normal(size=(3, 4, 6))
    norm, kernel = norm_of(3), random_kernel(3, 6, bare=bare)
    expected = norm(applied(x, kernel, "width"))
    np.testing.assert_allclose(applied(x, norm.after(kernel), "width"), expected, atol=1e-12)


def test_norm_is_the_published_formula():
    norm = BatchNorm(np.array([2.0]), np.array([1.0]), np.array([3.0]), np.array([4.0 - 1e-5]))
    np.testing.assert_allclose(norm(np.full((1, 1, 1), 5.0)), [[[3.0]]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias": np.zeros(2)}, r"Bias must be of shape \(3,\), not \(2,\)"),
        ({"variance": np.array([1.0, -1.0, 0.0])}, r"Variance must be at least 0, not -1\.0"),
        ({"epsilon": 0.0}, r"Epsilon must be positive, not 0\.0"),
    ],
)
def test_norms_are_checked(change, message):
    arrays = {name: np.ones(3) for name in ("weight", "bias", "mean", "variance")}
    with pytest.raises(ValueError, match=f"^{message}$"):
        BatchNorm(**(arrays | change))


def test_kernel_must_have_as_many_channels():
    with pytest.raises(ValueError, match=r"^Kernel must have 3 channels, not 2$"):
        norm_of(3).after(random_kernel(2, 4))
