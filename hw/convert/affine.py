"""What operators of torch and ONNX are affine in, by their names.

Data alone cannot tell: a clamp is linear on every map that stays between its ends. So only the
operators that are listed here may lie within a convolution or be folded into one.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class AffineArguments:
    """Arguments that an operator is affine in.

    Parameters
    ----------
    terms
        In all of them at once. Names of torch's schemas, numbers of ONNX's inputs.
    factors
        In any one of them: they are multiplied.
    """

    terms: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()


_MOVES = """
    _adaptive_avg_pool2d adaptive_avg_pool2d adjoint alias as_strided avg_pool1d avg_pool2d
    broadcast_to channel_shuffle chunk clone col2im conj _conj conj_physical _conj_physical
    constant_pad_nd contiguous cumsum detach diag_embed diagonal diff dropout dsplit expand
    expand_as flatten flip gather hsplit im2col imag index index_select lift_fresh_copy mH mT
    masked_fill mean moveaxis movedim narrow narrow_copy native_channel_shuffle neg _neg_view
    negative numpy_T pad permute pixel_shuffle pixel_unshuffle positive ravel real
    reflection_pad1d reflection_pad2d repeat repeat_interleave replication_pad1d
    replication_pad2d reshape resolve_conj resolve_neg roll rot90 select slice split
    split_with_sizes squeeze sum swapaxes swapdims t take_along_dim tensor_split tile to
    _to_copy trace transpose tril triu unbind unflatten unfold unsafe_chunk _unsafe_index
    unsafe_split unsafe_split_with_sizes _unsafe_view unsqueeze view view_as view_as_complex
    view_as_real vsplit _fft_c2c _fft_c2r fft_fft fft_fft2 fft_fftn fft_fftshift fft_hfft
    fft_ifft fft_ifft2 fft_ifftn fft_ifftshift fft_ihfft fft_irfft fft_irfft2 fft_irfftn
    _fft_r2c fft_rfft fft_rfft2 fft_rfftn
"""
"""Those whose first argument alone is data: they move it, pick from it, or add it up."""
_STACKS = "cat column_stack concat concatenate dstack hstack row_stack stack vstack"
_MOVED = ("self", "input", "x")
_CONVOLUTIONS = """
    conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution _convolution
"""
_CONVOLUTION = AffineArguments(("bias",), ("input", "weight"))
_TORCH: Mapping[str, AffineArguments] = {
    **dict.fromkeys(_MOVES.split(), AffineArguments(_MOVED)),
    **dict.fromkeys(("add", "rsub", "sub", "subtract"), AffineArguments(("self", "other"))),
    **dict.fromkeys(_STACKS.split(), AffineArguments(("tensors",))),
    **dict.fromkeys(("inner", "kron", "mul", "multiply"), AffineArguments((), ("self", "other"))),
    **dict.fromkeys(("div", "divide", "true_divide"), AffineArguments(("self",))),
    **dict.fromkeys(("index_add", "index_copy"), AffineArguments(("self", "source"))),
    **dict.fromkeys(("scatter", "scatter_add"), AffineArguments(("self", "src"))),
    **dict.fromkeys(("bmm", "mm"), AffineArguments((), ("self", "mat2"))),
    **dict.fromkeys(_CONVOLUTIONS.split(), _CONVOLUTION),
    **dict.fromkeys(
        ("batch_norm", "_native_batch_norm_legit_no_training"), AffineArguments(("input",))
    ),
    "addmm": AffineArguments(("self",), ("mat1", "mat2")),
    "baddbmm": AffineArguments(("self",), ("batch1", "batch2")),
    "addcmul": AffineArguments(("self",), ("tensor1", "tensor2")),
    "complex": AffineArguments(("real", "imag")),
    "copy": AffineArguments(("src",)),
    "dot": AffineArguments((), ("self", "tensor")),
    "einsum": AffineArguments((), ("tensors",)),
    "fill": AffineArguments(("self", "value")),
    "index_put": AffineArguments(("self", "values")),
    "linear": AffineArguments(("bias",), ("input", "weight")),
    "linalg_multi_dot": AffineArguments((), ("tensors",)),
    "matmul": AffineArguments((), ("self", "other")),
    "mv": AffineArguments((), ("self", "vec")),
    "outer": AffineArguments((), ("self", "vec2")),
    "select_scatter": AffineArguments(("self", "src")),
    "slice_scatter": AffineArguments(("self", "src")),
    "tensordot": AffineArguments((), ("self", "other")),
    "where": AffineArguments(("self", "other")),
}
_NONE = AffineArguments()


def of_torch(operation: str, overload: str) -> AffineArguments:
    """Return what an operator ``aten.OPERATION`` is affine in, if it gives real or complex numbers.

    A division that rounds is an overload with a mode, a scatter that may multiply one that reduces.
    """
    if overload.endswith(("_mode", "reduce")):
        return _NONE
    if operation.startswith("upsample_"):
        return AffineArguments(("self", "input"))
    # What copies in the place of a view is called after it.
    return _TORCH.get(operation) or _TORCH.get(operation.removesuffix("_copy"), _NONE)


_FIRST = """
    AveragePool BatchNormalization Cast Col2Im CumSum DFT DepthToSpace Div Dropout Expand Flatten
    Gather GatherElements GatherND GlobalAveragePool Identity Neg Pad ReduceMean ReduceSum Reshape
    Resize ReverseSequence Slice SpaceToDepth Split Squeeze Tile Transpose Trilu Unsqueeze Upsample
"""
_ONNX: Mapping[str, AffineArguments] = {
    **dict.fromkeys(_FIRST.split(), AffineArguments(("0",))),
    **dict.fromkeys(("Add", "Concat", "Mean", "Sub", "Sum"), AffineArguments(("*",))),
    **dict.fromkeys(("Einsum", "MatMul", "Mul"), AffineArguments((), ("*",))),
    **dict.fromkeys(("Conv", "ConvTranspose", "Gemm"), AffineArguments(("2",), ("0", "1"))),
    "Where": AffineArguments(("1", "2")),
}


def of_onnx(operation: str) -> AffineArguments:
    """Return what an operator of ONNX is affine in, where its result is real; "*" is all inputs."""
    return _ONNX.get(operation, _NONE)
