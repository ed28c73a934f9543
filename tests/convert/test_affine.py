"""Operators listed as affine exist, have the arguments that they are affine in, and are affine."""

import onnx
import pytest
import torch

from hw.convert.affine import _ONNX, _TORCH, of_torch

X, Y, TABLE = (
    torch.randn(1, 2, 4, 6, generator=torch.Generator().manual_seed(i)) for i in range(3)
)


def schemas(name):
    packet = getattr(torch.ops.aten, name)
    return [getattr(packet, overload)._schema for overload in packet.overloads()]


@pytest.mark.parametrize("name", sorted(_TORCH))
def test_arguments_are_those_of_the_operator(name):
    given = {argument.name for schema in schemas(name) for argument in schema.arguments}
    named = {*_TORCH[name].terms, *_TORCH[name].factors}
    # What only moves data is listed with all names that its one argument has somewhere.
    moved = {"self", "input", "x"}
    assert named & given
    assert named - moved <= given


@pytest.mark.parametrize("name", sorted(_ONNX))
def test_operators_of_onnx_exist(name):
    # In some version: Upsample has gone.
    assert name in {schema.name for schema in onnx.defs.get_all_schemas_with_history()}


# Of one map, the operators that give another of it for no other argument.
ALONE = [
    name
    for name in sorted(_TORCH)
    for schema in schemas(name)
    if [a.name for a in schema.arguments if not a.has_default_value()] in (["self"], ["input"])
    and schema.overload_name in ("", "default", "int", "dim")
]


MATRICES = {"t", "trace", "numpy_T", "mH", "adjoint"}
COMPLEX = {"view_as_real", "imag", "_conj", "fft_hfft", "fft_ifft", "fft_ifft2", "fft_ifftn"}
COMPLEX |= {"fft_irfft", "fft_irfft2", "fft_irfftn"}


@pytest.mark.parametrize("name", ALONE)
def test_they_are_affine(name):
    def run(x):
        made = getattr(torch.ops.aten, name)(x)
        made = torch.stack(list(made)) if isinstance(made, (list, tuple)) else made
        return torch.view_as_real(made.resolve_conj()) if made.is_complex() else made

    x, y = (m[0, 0] if name in MATRICES else m for m in (X, Y))
    if name == "view_as_complex":
        x, y = (m.reshape(-1, 2) for m in (x, y))
    if name in COMPLEX:
        x, y = torch.complex(x, y), torch.complex(y, x + 1)
    zero = run(torch.zeros_like(x))
    sum_of = run(2 * x - 3 * y) - zero
    torch.testing.assert_close(sum_of, 2 * (run(x) - zero) - 3 * (run(y) - zero))


def test_what_rounds_is_not():
    assert of_torch("div", "Tensor").terms == ("self",)
    assert of_torch("div", "Tensor_mode").terms == ()
    assert of_torch("scatter", "value_reduce").terms == ()
    assert of_torch("clamp", "").terms == ()
    assert of_torch("permute_copy", "").terms == of_torch("permute", "").terms
