"""Operators of onnxruntime that compute in integers, as roundings around those in real numbers.

onnxruntime makes of the latter the former, with the same kernels: a network is the same either way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from golden.inputs.errors import ParameterError
from hw.convert.whole.qdq import Writer

MICROSOFT = "com.microsoft"
_STANDARD = ("", "ai.onnx")
_OPSET = 13
"""With it, constants may have one scale a channel."""


@dataclass(frozen=True)
class InIntegers:
    """Where an operator in integers has what: each scale comes before its zero point.

    Parameters
    ----------
    kind
        Of the operator in real numbers.
    takes
        Where the integers that it takes are; behind each are a scale and a zero point.
    gives
        Where the scale of the result is.
    bias
        Where integers are that have the products' scale.
    """

    kind: str
    takes: tuple[int, ...]
    gives: int
    bias: int | None = None


def _unary(kind: str) -> InIntegers:
    return InIntegers(kind, (0,), 3)


KERNELS: Mapping[str, InIntegers] = {
    "QLinearConv": InIntegers("Conv", (0, 3), 6, 8),
    "QLinearMatMul": InIntegers("MatMul", (0, 3), 6),
    "QGemm": InIntegers("Gemm", (0, 3), 7, 6),
    "QLinearAdd": InIntegers("Add", (0, 3), 6),
    "QLinearMul": InIntegers("Mul", (0, 3), 6),
    "QLinearConcat": InIntegers("Concat", (), 0),
    "QLinearSigmoid": _unary("Sigmoid"),
    "QLinearLeakyRelu": _unary("LeakyRelu"),
    "QLinearSoftmax": _unary("Softmax"),
    "QLinearGlobalAveragePool": _unary("GlobalAveragePool"),
    "QLinearAveragePool": _unary("AveragePool"),
    "QLinearReduceMean": _unary("ReduceMean"),
}
"""By the names of the operators in integers."""
MOVING = frozenset(
    [
        *("DepthToSpace", "Flatten", "Gather", "Identity", "MaxPool", "Reshape", "Resize"),
        *("Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze"),
    ]
)
"""Operators that give integers as they take them, in their format."""
_OWN_ATTRIBUTES = ("channels_last", "opset")
"""That operators in real numbers have not."""


def without_qoperators(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a network with roundings in the place of operators in integers.

    What was a map of integers still is one, by its name.

    Raises
    ------
    ParameterError
        Where a scale or a zero point is no constant, or an operator has what no other has.
    """
    kinds = [(node.domain, node.op_type) for node in proto.graph.node]
    if not any(_in_integers(domain, kind) for domain, kind in kinds):
        return proto
    rewriting = _Rewriting(_of_opset(proto))
    for node in rewriting.proto.graph.node:
        rewriting.take(node)
    return rewriting.finished()


def _in_integers(domain: str, kind: str) -> bool:
    rounds = domain == MICROSOFT and kind in ("QuantizeLinear", "DequantizeLinear")
    return rounds or kind in KERNELS


def _of_opset(proto: onnx.ModelProto) -> onnx.ModelProto:
    (found,) = [o.version for o in proto.opset_import if o.domain in _STANDARD] or [1]
    if found >= _OPSET:
        return proto
    try:
        newer: onnx.ModelProto = onnx.version_converter.convert_version(proto, _OPSET)
    except Exception:  # whatever onnx raises
        raise ParameterError("model", f"of opset {_OPSET} or later", found) from None
    return newer


class _Rewriting:
    """Nodes rewritten one by one."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        self.proto = proto
        self._writer = Writer()
        self._constants = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
        # By the names of integers: their scale's name and their zero point's.
        self._formats: dict[str, tuple[str, str]] = {}
        self._made: dict[str, str] = {}

    def finished(self) -> onnx.ModelProto:
        """Return the network; where it gave integers it gives what they stand for."""
        graph = self.proto.graph
        output = graph.output[0].name
        if output in self._formats:
            output = self._real(output, *self._formats[output])
        proto = onnx.ModelProto()
        proto.CopyFrom(self.proto)
        del proto.graph.node[:], proto.graph.output[:], proto.graph.value_info[:]
        proto.graph.node.extend(self._writer.nodes)
        proto.graph.initializer.extend(self._writer.constants)
        proto.graph.output.append(helper.make_empty_tensor_value_info(output))
        return proto

    def take(self, node: onnx.NodeProto) -> None:
        """Rewrite a node."""
        if node.op_type == "Constant":
            for tensor in (a.t for a in node.attribute if a.name == "value"):
                self._constants[node.output[0]] = numpy_helper.to_array(tensor)
        if node.op_type in KERNELS:
            self._kernel(node, KERNELS[node.op_type])
        elif node.op_type == "QuantizeLinear" and node.input[0] not in self._constants:
            self._formats[node.output[0]] = self._ends(node, 1)
            self._keep(node)
        elif node.op_type in MOVING and node.input[0] in self._formats:
            self._move(node)
        else:
            self._keep(node)

    def _keep(self, node: onnx.NodeProto) -> None:
        kept = onnx.NodeProto()
        kept.CopyFrom(node)
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            kept.domain = ""
        self._writer.nodes.append(kept)

    def _kernel(self, node: onnx.NodeProto, kernel: InIntegers) -> None:
        attributes = _attributes(node)
        self._check(node, attributes)
        places = kernel.takes or tuple(range(2, len(node.input), 3))
        axis = _axis_of(kernel.kind, attributes)
        reals = [self._taken(node, place, axis) for place in places]
        if kernel.bias is not None and len(node.input) > kernel.bias and node.input[kernel.bias]:
            reals.append(self._bias(node, kernel.bias))
        kept = {k: v for k, v in attributes.items() if k not in _OWN_ATTRIBUTES}
        (output,) = node.output
        named = len(node.input) > kernel.gives and bool(node.input[kernel.gives])
        made = f"{output}_real" if named else output
        self._write(kernel.kind, reals, [made], node.name, kept)
        if named:
            self._rounded(made, output, self._ends(node, kernel.gives))

    def _move(self, node: onnx.NodeProto) -> None:
        """Write an operator that moves samples on what the integers stand for."""
        ends = self._formats[node.input[0]]
        real = self._real(node.input[0], *ends)
        made = [f"{output}_real" for output in node.output]
        self._write(node.op_type, [real, *node.input[1:]], made, node.name, _attributes(node))
        for before, output in zip(made, node.output, strict=True):
            self._rounded(before, output, ends)

    def _write(
        self,
        kind: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        name: str,
        attributes: Mapping[str, Any],
    ) -> None:
        self._writer.nodes.append(helper.make_node(kind, inputs, outputs, name, **attributes))

    def _rounded(self, real: str, output: str, ends: tuple[str, str]) -> None:
        given = [name for name in ends if name]
        self._writer.node("QuantizeLinear", [real, *given], output)
        self._formats[output] = ends

    def _real(self, integers: str, scale: str, zero: str, axis: int | None = None) -> str:
        """Return what integers stand for."""
        key = f"{integers} {scale} {zero}"
        if key not in self._made:
            name = f"{integers}_real_{len(self._made)}"
            attributes = {} if axis is None else {"axis": axis}
            given = [part for part in (integers, scale, zero) if part]
            self._made[key] = self._writer.node("DequantizeLinear", given, name, **attributes)
        return self._made[key]

    def _taken(self, node: onnx.NodeProto, place: int, axis: int) -> str:
        name = node.input[place]
        scale = self._value(node, place + 1)
        if scale.size == 1:
            return self._real(name, *self._ends(node, place + 1))
        zero = self._value(node, place + 2) if _given(node, place + 2) else np.zeros(1, np.uint8)
        if name not in self._constants:
            _refuse(node, "with one scale a map", f"{scale.size} for {name}")
        zeros = np.broadcast_to(zero.ravel(), scale.shape) if zero.size == 1 else zero
        ends = self._constant("scales", scale.ravel()), self._constant("zeros", zeros.ravel())
        return self._real(name, *ends, axis)

    def _bias(self, node: onnx.NodeProto, place: int) -> str:
        """Return biases: their scale is that of the products."""
        x, w = (self._value(node, index).ravel().astype(np.float32) for index in (1, 4))
        scales = x * w if len(w) > 1 else (x * w).reshape(())
        zero = self._constant("zeros", np.zeros(scales.shape, np.int32))
        axis = 0 if len(w) > 1 else None
        return self._real(node.input[place], self._constant("scales", scales), zero, axis)

    def _ends(self, node: onnx.NodeProto, place: int) -> tuple[str, str]:
        """Return the scale and the zero point at a place of a node, each one number."""
        made = []
        for index in (place, place + 1):
            if not _given(node, index):
                made.append("")
                continue
            value = self._value(node, index)
            if value.size != 1:
                _refuse(node, "with one scale and zero point a map", f"{value.size} numbers")
            made.append(self._constant(node.input[index], value.reshape(())))
        return made[0], made[1]

    def _value(self, node: onnx.NodeProto, place: int) -> npt.NDArray[Any]:
        value: npt.NDArray[Any] | None = self._constants.get(node.input[place])
        if value is None:
            _refuse(node, "with constant scales and zero points", node.input[place] or "none")
        return value

    def _constant(self, name: str, values: npt.NDArray[Any]) -> str:
        key = f"{values.dtype} {values.shape} {values.tobytes().hex()}"
        if key not in self._made:
            self._made[key] = self._writer.constant(f"{name}_format_{len(self._made)}", values)
        return self._made[key]

    def _check(self, node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
        if attributes.get("channels_last"):
            _refuse(node, "with channels before height and width", "channels_last")
        if node.op_type == "QGemm" and attributes.get("alpha", 1.0) != 1.0:
            _refuse(node, "with alpha 1", attributes["alpha"])


def _axis_of(kind: str, attributes: Mapping[str, Any]) -> int:
    """Return the axis of outputs in a constant of weights."""
    return 0 if kind == "Conv" or attributes.get("transB") else 1


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def _given(node: onnx.NodeProto, place: int) -> bool:
    return len(node.input) > place and bool(node.input[place])


def _refuse(node: onnx.NodeProto, rule: str, found: object) -> NoReturn:
    place = f"{node.op_type} {node.name or node.output[0]}"
    raise ParameterError("model", f"of operations {rule}", f"{found} in {place}")
