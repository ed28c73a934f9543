"""A network in integers as an ONNX file of QuantizeLinear and DequantizeLinear nodes.

onnxruntime makes of it the same integers: its kernels compute sums of 32 bits, times a float32,
rounded half to even, and scales here are chosen so that this float32 is the network's factor. What
moves samples stands on integers, without a scale.

Our own networks are written with words that are not signed, 128 more than theirs: onnxruntime
computes those in integers without being told to, on any processor.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from golden.inputs.errors import ParameterError
from golden.network.arithmetic import Add, Multiply
from golden.network.circular import Circular
from golden.network.constant import Constant
from golden.network.convolution import Convolution
from golden.network.kernels import Kernels
from golden.network.layer_norm import NORMAL_F_BITS, LayerNorm
from golden.network.map import Map
from golden.network.move import Arrange, Concatenate, Select
from golden.network.network import Network
from golden.network.operator import Operator
from golden.network.pointwise import Pointwise
from golden.network.pool import Average, Maximum
from golden.network.resize import Resize
from golden.numbers.interval import Integers, Interval
from golden.operator.parc import Floats
from hw.convert.whole.functions import FUNCTIONS

OPSET, IR_VERSION = 20, 10
_NEIGHBOURS = 8
"""Of a float32, that are tried for a scale that gives a factor."""


@dataclass
class Writer:
    """Nodes and constants as they are written.

    Parameters
    ----------
    nodes, constants
        Written so far.
    """

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        """Write a constant, and return its name."""
        self.constants.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Write a node of one result, and return that."""
        self.nodes.append(
            helper.make_node(kind, list(inputs), [output], f"{output}_node", **attributes)
        )
        return output

    def dequantize(self, source: str, data: Map, user: str) -> str:
        """Write the real numbers that the map ``source`` stands for, for one ``user``."""
        name = f"{user}_{source}_real"
        format = self._format(name, data)
        return self.node("DequantizeLinear", [source, *format], name)

    def quantize(self, real: str, data: Map, clip: Interval, output: str) -> None:
        """Write the map ``output`` of real numbers, within ``clip``."""
        words = _words(data)
        made = output if clip == words else f"{output}_whole"
        self.node("QuantizeLinear", [real, *self._format(made, data)], made)
        if made != output:
            ends = [
                self.constant(f"{output}_{end}", np.array(getattr(clip, end), type_of(data)))
                for end in ("low", "high")
            ]
            self.node("Clip", [made, *ends], output)

    def _format(self, name: str, data: Map) -> tuple[str, str]:
        return (
            self.constant(f"{name}_scale", np.array(data.scale, np.float32)),
            self.constant(f"{name}_zero", np.array(data.zero_point, type_of(data))),
        )


def type_of(data: Map) -> type[np.integer[Any]]:
    """Return NumPy's type of a map's words."""
    return np.int8 if data.signed else np.uint8


def _words(data: Map) -> Interval:
    return Interval.signed(8) if data.signed else Interval(0, 255)


def write_qdq(network: Network, *, exposed: bool = False) -> onnx.ModelProto:
    """Return ``network`` for one image as an ONNX model.

    It takes real numbers under the input's name, and gives those of the outputs, under their names
    and ``_real``.

    Parameters
    ----------
    network
        Its formats and factors are float32.
    exposed
        Whether it gives every map, as integers, by its name. What a `LayerNorm` gives is then taken
        from outside, and its own result, which may be off, is ``NAME_made``.

    Raises
    ------
    ParameterError
        Where no scales in float32 give a factor.
    """
    writer = Writer()
    network = network.unsigned if network.own else network
    maps = network.maps
    image = f"{network.input}_words"
    writer.quantize(network.input, maps[network.input], maps[network.input].range, image)
    taken, given = [_real(network.input, maps[network.input])], list[onnx.ValueInfoProto]()
    names = {network.input: image}
    for node in network.nodes:
        operator = network.operators[node.name]
        apart = exposed and operator.max_error > 0
        output = f"{node.name}_made" if apart else node.name
        _WRITERS[type(operator)](writer, operator, [names.get(s, s) for s in node.sources], output)
        given.append(_integer(output, operator.gives))
        if apart:
            taken.append(_integer(node.name, operator.gives))
    if not exposed:
        given = [
            _real(writer.dequantize(names.get(name, name), maps[name], "output"), maps[name])
            for name in network.outputs
        ]
    graph = helper.make_graph(writer.nodes, "network", taken, given, writer.constants)
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


def output_name(name: str) -> str:
    """Return what a file calls the real numbers of the network's output ``name``."""
    return f"output_{name}_real"


def _real(name: str, data: Map) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, *data.shape])


def _integer(name: str, data: Map) -> onnx.ValueInfoProto:
    kind = TensorProto.INT8 if data.signed else TensorProto.UINT8
    return helper.make_tensor_value_info(name, kind, [1, *data.shape])


def weight_scales(factors: Floats, data: Map, gives: Map, output: str) -> Floats:
    """Return float32 scales of weights of which onnxruntime makes ``factors``.

    It computes ``f(f(x * w) / y)`` of the scales, f rounding to float32.

    Raises
    ------
    ParameterError
        Where there are none.
    """
    x, y = np.float32(data.scale), np.float32(gives.scale)
    wanted = factors.astype(np.float32)
    scales = (factors * float(y) / float(x)).astype(np.float32)
    found = (x * scales) / y == wanted
    low = high = scales
    for _ in range(_NEIGHBOURS):
        low, high = np.nextafter(low, np.float32(0)), np.nextafter(high, np.float32(np.inf))
        for tried in (low, high):
            scales = np.where(~found & ((x * tried) / y == wanted), tried, scales)
        found = (x * scales) / y == wanted
    if not found.all() or not np.array_equal(wanted, factors):
        factor = factors[~found | (wanted != factors)][0]
        rule = "a factor that scales in float32 give"
        raise ParameterError("multiplier", rule, f"{factor} in {output}")
    exact: Floats = scales.astype(np.float64)
    return exact


def _write_kernels(
    writer: Writer,
    operator: Kernels,
    real: str,
    output: str,
    weight: Integers,
    **attributes: Any,
) -> None:
    """Write a convolution with ``weight`` of the real map, and what scales it."""
    (data,), outputs = operator.takes, len(weight)
    factors = np.broadcast_to(operator.rescale.factors, (outputs,))
    if len(operator.rescale.factors) == 1:
        factors = factors[:1]
    scales = weight_scales(factors, data, operator.gives, output)
    kernels, zero = _words_of_weights(weight)
    many = len(scales) > 1
    shape = scales.shape if many else ()
    sums = (np.float32(data.scale) * scales.astype(np.float32)).reshape(shape)
    name = f"{output}_weight"
    inputs = [
        writer.constant(name, kernels),
        writer.constant(f"{name}_scale", scales.astype(np.float32).reshape(shape)),
        writer.constant(f"{name}_zero", np.full(shape, zero, kernels.dtype)),
    ]
    axis = {"axis": 0} if many else {}
    taps = writer.node("DequantizeLinear", inputs, f"{name}_real", **axis)
    name = f"{output}_bias"
    inputs = [
        writer.constant(name, operator.bias.astype(np.int32)),
        writer.constant(f"{name}_scale", sums),
        writer.constant(f"{name}_zero", np.zeros(shape, np.int32)),
    ]
    bias = writer.node("DequantizeLinear", inputs, f"{name}_real", **axis)
    writer.node(
        "Conv",
        [real, taps, bias],
        f"{output}_real",
        kernel_shape=list(weight.shape[2:]),
        group=operator.groups,
        **attributes,
    )
    writer.quantize(f"{output}_real", operator.gives, operator.clip, output)


def _words_of_weights(weight: Integers) -> tuple[npt.NDArray[Any], int]:
    """Return weights as 8 bits, and their zero point."""
    if Interval.signed(8).holds(Interval.of(weight)):
        return weight.astype(np.int8), 0
    zero = -int(weight.min())
    if not Interval(0, 255).holds(Interval.of(weight + zero)) or not 0 <= zero <= 255:
        raise ParameterError("weight", "of 8 bits", Interval.of(weight))
    return (weight + zero).astype(np.uint8), zero


def _convolution(
    writer: Writer, operator: Convolution, sources: Sequence[str], output: str
) -> None:
    real = writer.dequantize(sources[0], operator.takes[0], output)
    padding, stride = list(operator.padding), list(operator.stride)
    _write_kernels(writer, operator, real, output, operator.weight, strides=stride, pads=padding)


def _circular(writer: Writer, operator: Circular, sources: Sequence[str], output: str) -> None:
    """Write the map, and itself behind it; the embedding as channels of their own."""
    (data,), (name,) = operator.takes, sources
    parts = list(_embedding_parts(operator))
    weight = np.concatenate([operator.weight, *(sign * operator.weight for sign, _ in parts)], 1)
    groups, inputs = operator.groups, operator.weight.shape[1]
    if parts:
        split = writer.constant(f"{output}_split", np.array([1, groups, inputs, *data.shape[1:]]))
        grouped = writer.node("Reshape", [name, split], f"{output}_grouped")
        added = [
            writer.constant(
                f"{output}_embedding_{i}",
                (part + data.zero_point)
                .astype(type_of(data))
                .reshape(1, groups, inputs, *data.shape[1:]),
            )
            for i, (_, part) in enumerate(parts)
        ]
        stacked = writer.node("Concat", [grouped, *added], f"{output}_stacked", axis=2)
        joined = writer.constant(f"{output}_joined", np.array([1, -1, *data.shape[1:]]))
        name = writer.node("Reshape", [stacked, joined], f"{output}_embedded")
    for axis, size in zip((2, 3), weight.shape[2:], strict=True):
        if size > 1:
            ends = [
                writer.constant(f"{output}_{end}_{axis}", np.array([value]))
                for end, value in (("begin", 0), ("end", size - 1), ("axis", axis))
            ]
            first = writer.node("Slice", [name, *ends], f"{output}_first_{axis}")
            name = writer.node("Concat", [name, first], f"{output}_around_{axis}", axis=axis)
    real = writer.dequantize(name, data, output)
    _write_kernels(writer, operator, real, output, weight)


def _embedding_parts(operator: Circular) -> list[tuple[int, Integers]]:
    """Return signs and words less their zero point, whose sum is the embedding."""
    (data,) = operator.takes
    words = Interval(_words(data).low - data.zero_point, _words(data).high - data.zero_point)
    left = np.broadcast_to(operator.embedding, data.shape).astype(np.int64)
    parts = []
    while left.any():
        for sign in (1, -1):
            part = np.clip(sign * left, words.low, words.high)
            if part.any():
                parts.append((sign, part))
                left = left - sign * part
    return parts


def _pointwise(writer: Writer, operator: Pointwise, sources: Sequence[str], output: str) -> None:
    """Write the function by its name, or what has none as a table."""
    (data,), clip = operator.takes, operator.reach
    if operator.function:
        real = writer.dequantize(sources[0], data, output)
        made = FUNCTIONS[operator.function].write(writer, real, output)
        writer.quantize(made, operator.gives, operator.gives.range, output)
    elif operator.clip is not None:
        ends = [
            writer.constant(f"{output}_{end}", np.array(getattr(clip, end), type_of(data)))
            for end in ("low", "high")
        ]
        writer.node("Clip", [sources[0], *ends], output)
    else:
        table = writer.constant(f"{output}_table", operator.table.astype(type_of(operator.gives)))
        index = writer.node("Cast", sources, f"{output}_wide", to=TensorProto.INT32)
        low = writer.constant(f"{output}_low", np.array(data.range.low, np.int32))
        index = writer.node("Sub", [index, low], f"{output}_index")
        writer.node("Gather", [table, index], output, axis=0)


def _arithmetic(kind: str) -> Callable[..., None]:
    def write(
        writer: Writer, operator: Add | Multiply, sources: Sequence[str], output: str
    ) -> None:
        _check_factors(operator, output)
        reals = [
            writer.dequantize(source, data, f"{output}_{i}")
            for i, (source, data) in enumerate(zip(sources, operator.takes, strict=True))
        ]
        writer.node(kind, reals, f"{output}_real")
        writer.quantize(f"{output}_real", operator.gives, operator.clip, output)

    return write


def _check_factors(operator: Add | Multiply, output: str) -> None:
    """Raise where a factor is not what onnxruntime makes of the scales."""
    first, second, gives = (np.float32(m.scale) for m in (*operator.takes, operator.gives))
    added = isinstance(operator, Add)
    wanted = [first / gives, second / gives] if added else [first * second / gives]
    if not np.array_equal(operator.rescale.factors, np.array(wanted, np.float64)):
        rule = f"what the scales give, {wanted}"
        raise ParameterError("multiplier", rule, f"{operator.rescale.factors} in {output}")


def _average(writer: Writer, operator: Average, sources: Sequence[str], output: str) -> None:
    """Write our own average as a convolution of ones, whose factor is free; another as itself."""
    (data,) = operator.takes
    if not operator.rescale.single:
        ones = np.ones((data.channels, 1, *operator.size), np.int64)
        stage = Convolution(
            takes=operator.takes,
            gives=operator.gives,
            weight=ones,
            bias=np.zeros(data.channels, np.int64),
            rescale=operator.rescale,
            clip=operator.clip,
            stride=operator.stride,
            padding=operator.padding,
            groups=data.channels,
        )
        _convolution(writer, stage, sources, output)
        return
    real = writer.dequantize(sources[0], data, output)
    if operator.whole:
        made = writer.node("GlobalAveragePool", [real], f"{output}_real")
    else:
        made = writer.node(
            "AveragePool",
            [real],
            f"{output}_real",
            kernel_shape=list(operator.size),
            strides=list(operator.stride),
            pads=list(operator.padding),
            count_include_pad=1,
        )
    writer.quantize(made, operator.gives, operator.clip, output)


def _maximum(writer: Writer, operator: Maximum, sources: Sequence[str], output: str) -> None:
    writer.node(
        "MaxPool",
        sources,
        output,
        kernel_shape=list(operator.size),
        strides=list(operator.stride),
        pads=list(operator.padding),
    )


def _layer_norm(writer: Writer, operator: LayerNorm, sources: Sequence[str], output: str) -> None:
    (data,), step = operator.takes, 2.0**-operator.shift * operator.gives.scale
    real = writer.dequantize(sources[0], data, output)
    last = writer.node("Transpose", [real], f"{output}_last", perm=[0, 2, 3, 1])
    gain = operator.gain * step * 2.0**NORMAL_F_BITS
    parameters = [
        writer.constant(f"{output}_gain", gain.astype(np.float32)),
        writer.constant(f"{output}_offset", (operator.offset * step).astype(np.float32)),
    ]
    epsilon = operator.epsilon * data.scale**2 / data.channels**2
    normal = writer.node(
        "LayerNormalization", [last, *parameters], f"{output}_normal", axis=-1, epsilon=epsilon
    )
    first = writer.node("Transpose", [normal], f"{output}_first", perm=[0, 3, 1, 2])
    writer.quantize(first, operator.gives, operator.clip, output)


def _concatenate(
    writer: Writer, operator: Concatenate, sources: Sequence[str], output: str
) -> None:
    writer.node("Concat", sources, output, axis=operator.axis + 1)


def _select(writer: Writer, operator: Select, sources: Sequence[str], output: str) -> None:
    indices = (operator.channels, operator.rows, operator.columns)
    (name,) = sources
    moved = [
        (axis, index)
        for axis, (index, side) in enumerate(zip(indices, operator.takes[0].shape, strict=True))
        if not np.array_equal(index, np.arange(side))
    ]
    for axis, index in moved or [(0, operator.channels)]:
        places = writer.constant(f"{output}_indices_{axis}", index)
        final = axis == (moved or [(0, index)])[-1][0]
        made = output if final else f"{output}_part_{axis}"
        name = writer.node("Gather", [name, places], made, axis=axis + 1)


def _arrange(writer: Writer, operator: Arrange, sources: Sequence[str], output: str) -> None:
    parts = writer.constant(f"{output}_parts", np.array([1, *operator.parts]))
    split = writer.node("Reshape", [*sources, parts], f"{output}_split")
    order = [0, *(axis + 1 for axis in operator.order)]
    moved = writer.node("Transpose", [split], f"{output}_moved", perm=order)
    shape = writer.constant(f"{output}_shape", np.array([1, *operator.gives.shape]))
    writer.node("Reshape", [moved, shape], output)


def _resize(writer: Writer, operator: Resize, sources: Sequence[str], output: str) -> None:
    """Write products with its weights, in steps: integers that a float32 holds all along."""
    (data,) = operator.takes
    real = writer.dequantize(sources[0], replace(data, scale=1.0), output)
    rows = writer.constant(f"{output}_rows", operator.rows.astype(np.float32))
    columns = writer.constant(f"{output}_columns", operator.columns.T.astype(np.float32))
    tall = writer.node("MatMul", [rows, real], f"{output}_tall")
    made = writer.node("MatMul", [tall, columns], f"{output}_real")
    gives = replace(operator.gives, scale=float(1 << 2 * operator.f_bits))
    writer.quantize(made, gives, gives.range, output)


def _constant(writer: Writer, operator: Constant, _sources: Sequence[str], output: str) -> None:
    table = writer.constant(f"{output}_table", operator.table[None].astype(type_of(operator.gives)))
    writer.node("Identity", [table], output)


_WRITERS: Mapping[type[Operator], Callable[[Writer, Any, Sequence[str], str], None]] = {
    Convolution: _convolution,
    Circular: _circular,
    Pointwise: _pointwise,
    Add: _arithmetic("Add"),
    Multiply: _arithmetic("Mul"),
    Average: _average,
    Maximum: _maximum,
    LayerNorm: _layer_norm,
    Concatenate: _concatenate,
    Select: _select,
    Arrange: _arrange,
    Resize: _resize,
    Constant: _constant,
}
"""How each operator is written."""
