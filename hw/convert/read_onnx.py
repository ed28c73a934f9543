"""Networks from ONNX files.

The common operators run in torch; every other one in the reference implementation that the onnx
package brings, a node at a time.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from torch.nn import functional

from golden.inputs.errors import ParameterError, first_line
from hw.convert.affine import AffineArguments, of_onnx
from hw.convert.graph import Graph, Kind, Node, Value, build
from hw.convert.operators import conv2d
from hw.convert.quantized import ROUNDINGS, rounds
from hw.convert.read_qdq import in_integers, kind_of, levels_of
from hw.convert.read_torch import check_shape

OPSETS = (11, onnx.defs.onnx_opset_version())
"""Versions of ONNX's operators that are read."""

_STANDARD = ("", "ai.onnx")
_KINDS: Mapping[str, Kind] = {
    "Cast": "same",
    "Conv": "conv",
    "Dropout": "same",
    "Identity": "same",
    "ConstantOfShape": "shape",
    "Shape": "shape",
    "Size": "shape",
}
_RANDOM = frozenset(
    [
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    ]
)
Attributes = Mapping[str, Any]
Compute = Callable[[Sequence[Value], Attributes], Sequence[Value]]


def read_onnx(path: Path, size: tuple[int, int]) -> Graph:
    """Read an ONNX file for images of ``size``, height and width.

    Only the batch may be a free dimension; it becomes 1.

    Raises
    ------
    ParameterError
        Where the file cannot be read, uses operators that ONNX does not define or of another
        opset, or takes no single image of that size.
    """
    model = check_model(path)
    opset = _opset(model)
    graph = model.graph
    constants = {t.name: _tensor(numpy_helper.to_array(t)) for t in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        counts = f"{len(inputs)} and {len(graph.output)}"
        _refuse("a network of one input and one output", f"of {counts}")
    shape = check_shape(dimensions(inputs[0]), size)
    types = _types(graph)
    nodes = [_read_node(node, i, opset, types) for i, node in enumerate(graph.node)]
    return build(
        nodes, constants, input=inputs[0].name, output=graph.output[0].name, input_shape=shape
    )


def check_model(path: Path) -> onnx.ModelProto:
    """Return what an ONNX file holds, as it stands.

    Raises
    ------
    ParameterError
        Where it cannot be read.
    """
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
        _check_text(model.graph)
        _check_constants(model.graph)
    except Exception as reason:  # whatever protobuf and the checker raise
        _refuse("a readable ONNX file", f"{path} ({first_line(reason)})")
    return model


def _check_text(graph: onnx.GraphProto) -> None:
    """Raise where a name is no text: protobuf gives bytes that are not UTF-8 as they are."""
    names = [value.name for value in (*graph.input, *graph.output, *graph.initializer)]
    for node in graph.node:
        names += [node.name, node.op_type, node.domain, *node.input, *node.output]
        names += [attribute.name for attribute in node.attribute]
    if not all(isinstance(name, str) for name in names):
        raise ValueError("a name in it is not UTF-8")


def _check_constants(graph: onnx.GraphProto) -> None:
    """Raise where a constant is not what its shape and type say, which ONNX's checker lets pass."""
    given = (a.t for node in graph.node for a in node.attribute if a.HasField("t"))
    for tensor in (*graph.initializer, *given):
        try:
            numpy_helper.to_array(tensor)
        except Exception as reason:  # whatever NumPy raises
            raise ValueError(f"constant {tensor.name!r}: {first_line(reason)}") from None


def _opset(model: onnx.ModelProto) -> int:
    versions = {entry.domain: entry.version for entry in model.opset_import}
    opset = max((versions[name] for name in _STANDARD if name in versions), default=0)
    if not OPSETS[0] <= opset <= OPSETS[1]:
        _refuse(f"of opset {OPSETS[0]} to {OPSETS[1]}", opset)
    for node in model.graph.node:
        if in_integers(node):
            rule = "quantised by QuantizeLinear and DequantizeLinear around operators of reals"
            _refuse(rule, f"by {node.op_type}, which computes in integers itself")
        if node.domain not in _STANDARD and kind_of(node) is None:
            _refuse("of ONNX's own operators", f"with {node.domain}.{node.op_type}")
    return int(opset)


def _types(graph: onnx.GraphProto) -> dict[str, int]:
    """Return ONNX's types of the numbers that are constants, by name."""
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for node in graph.node:
        values = [a.t for a in node.attribute if a.name == "value"]
        if node.op_type == "Constant" and values:
            types[node.output[0]] = values[0].data_type
    return types


def dimensions(value: onnx.ValueInfoProto) -> list[str]:
    """Return the sizes of an image, or the names of free ones; a free batch is 1."""
    dims = value.type.tensor_type.shape.dim
    names = [str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?" for d in dims]
    if len(names) != 4:
        _refuse("a network of images [batch, channels, height, width]", f"of [{', '.join(names)}]")
    if not names[0].isdecimal():
        names[0] = "1"
    return names


def _read_node(node: onnx.NodeProto, index: int, opset: int, types: Mapping[str, int]) -> Node:
    name = node.name or f"{node.op_type}_{index}"
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    # A branch or a loop's body reads values of the graph around it unseen.
    bodies = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
    if any(a.type in bodies for a in node.attribute):
        _refuse("free of control flow", f"with {node.op_type}")
    if node.op_type in _RANDOM:
        _refuse("a network without random numbers", f"with {name}")
    rounding = kind_of(node)
    levels = levels_of(node, types) if rounding else None
    kind = rounding or _kind(node, attributes)
    if levels and kind in ROUNDINGS:
        run = rounds(kind, node.input[0], levels)
    else:
        run = _running(node, _TORCH.get(node.op_type) or _reference(node, opset), attributes)
    given = tuple(dict.fromkeys(i for i in node.input if i))
    outputs = tuple(o or f"{name}:{i}" for i, o in enumerate(node.output))
    weight = node.input[1] if kind == "conv" else None
    affine = _affine(node, attributes)
    return Node(
        name,
        given,
        outputs,
        run,
        kind,
        weight,
        _scope(node),
        key=_key(node, given),
        terms=frozenset(_among(node, affine.terms)),
        factors=tuple(_among(node, affine.factors)),
        levels=levels,
    )


def _running(
    node: onnx.NodeProto, compute: Compute, attributes: Attributes
) -> Callable[[Mapping[str, Value]], Sequence[Value]]:
    return lambda values: compute([values[i] if i else None for i in node.input], attributes)


def _kind(node: onnx.NodeProto, attributes: Attributes) -> Kind:
    if node.op_type == "DFT" and attributes.get("inverse"):
        return "inverse_fft"
    return _KINDS.get(node.op_type, "other")


def _key(node: onnx.NodeProto, given: Sequence[str]) -> str:
    """Return what ``node`` does, its inputs by number."""
    attributes = sorted(a.SerializeToString(deterministic=True).hex() for a in node.attribute)
    inputs = [given.index(name) if name else None for name in node.input]
    return f"{node.op_type}{inputs}{len(node.output)}{attributes}"


def _affine(node: onnx.NodeProto, attributes: Attributes) -> AffineArguments:
    if node.op_type == "Cast" and not _is_real(attributes["to"]):
        return AffineArguments()
    return of_onnx(node.op_type)


def _among(node: onnx.NodeProto, places: Sequence[str]) -> list[str]:
    """Return the inputs at ``places``, one as often as it is there."""
    return [
        name
        for index, name in enumerate(node.input)
        if name and ("*" in places or str(index) in places)
    ]


def _scope(node: onnx.NodeProto) -> str:
    """Return the module's path out of what torch's exporters note.

    The newer one writes "['', 'stages.2', 'node']", the older one calls the node
    "/stages/stages.2/Conv".
    """
    text = {p.key: p.value for p in node.metadata_props}.get("pkg.torch.onnx.name_scopes")
    if text is None:
        path: list[str] = []
        for part in node.name.split("/")[1:-1]:
            if path and part.startswith(f"{path[-1]}."):
                path.pop()
            path.append(part)
        return ".".join(path)
    parts = [part.strip(" '\"") for part in text.strip("[]").split(",")]
    return parts[-2] if len(parts) > 1 else ""


def _reference(node: onnx.NodeProto, opset: int) -> Compute:
    """Return what runs ``node`` alone in onnx's own implementation."""
    inputs, outputs = (
        [onnx.helper.make_value_info(n, onnx.TypeProto()) for n in dict.fromkeys(names) if n]
        for names in (node.input, node.output)
    )
    graph = onnx.helper.make_graph([node], "node", inputs, outputs)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    try:
        evaluator = ReferenceEvaluator(model)
    except Exception as reason:  # an operator it has no implementation of
        _refuse("of operators that onnx can run", f"with {node.op_type} ({first_line(reason)})")

    def run(given: Sequence[Value], _attributes: Attributes) -> Sequence[Value]:
        feed = {
            name: value.numpy()
            for name, value in zip(node.input, given, strict=True)
            if value is not None
        }
        made = iter(evaluator.run(None, feed))
        return [_tensor(next(made)) if name else None for name in node.output]

    return run


def _tensor(array: Any) -> torch.Tensor:
    """Return a NumPy array as a tensor, real numbers in double precision."""
    array = np.asarray(array)
    # NumPy has no bfloat16 and no integers of 4 bits: it knows them by name alone.
    if array.dtype.kind == "f" or array.dtype.name.startswith(("bfloat", "float")):
        array = array.astype(np.float64)
    elif array.dtype.name.endswith(("int2", "int4")):
        array = array.astype(np.int8)
    return torch.from_numpy(np.array(array))


def _conv(x: Sequence[Value], a: Attributes) -> Sequence[Value]:
    data, weight, bias = x[0], x[1], x[2] if len(x) > 2 else None
    n_axes = weight.ndim - 2
    strides, dilations = (list(a.get(key, [1] * n_axes)) for key in ("strides", "dilations"))
    pads = list(a.get("pads", [0] * 2 * n_axes))
    if (how := a.get("auto_pad", b"NOTSET")) in (b"SAME_UPPER", b"SAME_LOWER"):
        for axis in range(n_axes):
            size, step = data.shape[2 + axis], strides[axis]
            reach = (weight.shape[2 + axis] - 1) * dilations[axis] + 1
            total = max((-(-size // step) - 1) * step + reach - size, 0)
            less = total // 2
            ends = (less, total - less) if how == b"SAME_UPPER" else (total - less, less)
            pads[axis], pads[axis + n_axes] = ends
    # Torch begins with the last axis.
    around = [pads[axis + end] for axis in range(n_axes)[::-1] for end in (0, n_axes)]
    padded = functional.pad(data, around)
    compute = {1: functional.conv1d, 2: conv2d, 3: functional.conv3d}.get(n_axes)
    if compute is None:
        raise ValueError(f"convolution of {n_axes} dimensions")
    none = [0] * n_axes
    return [compute(padded, weight, bias, strides, none, dilations, a.get("group", 1))]


def _batch_norm(x: Sequence[Value], a: Attributes) -> Sequence[Value]:
    data, scale, bias, mean, variance = x
    return [functional.batch_norm(data, mean, variance, scale, bias, eps=a.get("epsilon", 1e-5))]


def _gemm(x: Sequence[Value], a: Attributes) -> Sequence[Value]:
    left = x[0].T if a.get("transA") else x[0]
    right = x[1].T if a.get("transB") else x[1]
    product = a.get("alpha", 1.0) * (left @ right)
    return [product if len(x) < 3 or x[2] is None else product + a.get("beta", 1.0) * x[2]]


def _cast(x: Sequence[Value], a: Attributes) -> Sequence[Value]:
    """Convert, but real numbers to double precision whatever is asked for."""
    if _is_real(a["to"]):
        return [x[0].to(torch.float64)]
    dtype = onnx.helper.tensor_dtype_to_np_dtype(a["to"])
    return [x[0].to(_tensor(np.zeros(0, dtype)).dtype)]


def _is_real(data_type: int) -> bool:
    """Whether ONNX's type of number is a real one."""
    names = ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16")
    return data_type in [getattr(onnx.TensorProto, name) for name in names]


def _slice(x: Sequence[Value], _a: Attributes) -> Sequence[Value]:
    data, starts, ends = x[0], x[1].tolist(), x[2].tolist()
    axes = x[3].tolist() if len(x) > 3 and x[3] is not None else range(len(starts))
    steps = x[4].tolist() if len(x) > 4 and x[4] is not None else [1] * len(starts)
    index = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        index[axis] = slice(start, end, step)
    array = data.numpy()[tuple(index)]
    return [torch.from_numpy(np.ascontiguousarray(array))]


_TORCH: dict[str, Compute] = {
    "Add": lambda x, _: [x[0] + x[1]],
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Concat": lambda x, a: [torch.cat(list(x), a["axis"])],
    "Conv": _conv,
    "Erf": lambda x, _: [torch.erf(x[0])],
    "Gemm": _gemm,
    "Identity": lambda x, _: [x[0]],
    "MatMul": lambda x, _: [x[0] @ x[1]],
    "Mul": lambda x, _: [x[0] * x[1]],
    "Relu": lambda x, _: [torch.relu(x[0])],
    "Sigmoid": lambda x, _: [torch.sigmoid(x[0])],
    "Slice": _slice,
    "Sub": lambda x, _: [x[0] - x[1]],
}


def _refuse(rule: str, value: object) -> NoReturn:
    raise ParameterError("model", rule, value) from None
