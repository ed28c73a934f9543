"""Which operators mix positions of a map, which only move them, and which do neither.

By their names, which is quick; what a part of a graph computes is then found by running it. An
operator that no list has is taken to mix.
"""

import re

from hw.convert.graph import Graph, Node

_LAYOUT = """
    alias clone contiguous detach expand_as flatten movedim permute reshape squeeze swapaxes t
    transpose unflatten unsqueeze view view_as _unsafe_view
    Flatten Identity Reshape Squeeze Transpose Unsqueeze
"""
"""Operators that only write the same numbers another way."""
_MOVING = """
    as_strided constant_pad_nd flip gather index index_select narrow pad reflection_pad1d
    reflection_pad2d repeat replication_pad1d replication_pad2d roll slice take_along_dim tile
    Gather GatherElements GatherND Pad ReverseSequence Slice Tile
"""
"""Operators that only move samples, and leave some out or take some twice."""
_POINTWISE = """
    _adaptive_avg_pool2d _conj _log_softmax _native_batch_norm_legit_no_training _softmax
    _to_copy abs adaptive_avg_pool2d add addcmul amax amin batch_norm bitwise_and bitwise_not
    bitwise_or cat channel_shuffle chunk clamp clamp_max clamp_min complex concat conj cos
    div dropout elu eq erf exp expand floor ge gelu group_norm gt hardsigmoid hardswish hardtanh
    imag instance_norm layer_norm le leaky_relu lift_fresh_copy log log_softmax logical_and
    logical_not logical_or lt masked_fill max_pool2d max_pool2d_with_indices maximum mean minimum
    mish mul native_batch_norm native_channel_shuffle native_group_norm native_layer_norm ne neg
    pow prelu real reciprocal relu relu6 round rsqrt rsub select sigmoid sign silu sin softmax
    softplus split split_with_sizes sqrt stack sub sum tanh to unbind view_as_complex view_as_real
    where
    Abs Add BatchNormalization Cast Ceil Clip Concat Constant Cos Div Dropout Elu Equal Erf Exp
    Expand Floor Gelu GlobalAveragePool GlobalMaxPool Greater GroupNormalization HardSigmoid
    HardSwish InstanceNormalization LayerNormalization LeakyRelu Less Log LogSoftmax Max MaxPool
    Mean Min Mish Mul Neg Not Or PRelu Pow Reciprocal ReduceMax ReduceMean ReduceMin ReduceSum Relu
    Round Selu Sigmoid Sign Sin Softmax Softplus Split Sqrt Sub Sum Tanh Where
"""
"""Operators that mix no positions, or mix them in no way that is linear or leaves a map."""
_LAYOUT_NAMES, _MOVING_NAMES, _POINTWISE_NAMES = (
    frozenset(names.split()) for names in (_LAYOUT, _MOVING, _POINTWISE)
)


def operator(node: Node) -> str:
    """Return the name of a node's operator."""
    found = re.match(r"(?:\w+\.)?(\w+)", node.key)
    return found[1] if found else ""


def mixes(graph: Graph, index: int) -> bool:
    """Whether a node may be the heart of a convolution."""
    name = operator(graph.nodes[index])
    if name in _LAYOUT_NAMES | _MOVING_NAMES | _POINTWISE_NAMES:
        return False
    shape = kernel_shape(graph, index)
    return not shape or max(shape[2:], default=1) > 1


def moves(graph: Graph, index: int) -> bool:
    """Whether a node moves samples along lines."""
    node = graph.nodes[index]
    name = operator(node)
    if name not in _MOVING_NAMES:
        return False
    (before, *_), behind = graph.varying(node), node.outputs[0]
    shapes = graph.shapes.get(before, ()), graph.shapes.get(behind, ())
    return name not in ("slice", "narrow", "Slice") or shapes[0][2:] != shapes[1][2:]


def kernel_shape(graph: Graph, index: int) -> tuple[int, ...]:
    """Return the shape of a convolution's kernels, or nothing where it is none."""
    weight = graph.nodes[index].weight
    if weight is None:
        return ()
    constant = graph.constants.get(weight)
    return graph.shapes.get(weight, ()) if constant is None else tuple(constant.shape)


def only_laid_out(graph: Graph, nodes: frozenset[int]) -> bool:
    """Whether nodes only write the same numbers another way."""
    return all(operator(graph.nodes[index]) in _LAYOUT_NAMES for index in nodes)


def is_laid_out(graph: Graph, nodes: frozenset[int]) -> bool:
    """Whether some of the nodes only write the same numbers another way."""
    return any(operator(graph.nodes[index]) in _LAYOUT_NAMES for index in nodes)
