"""Operators of onnxruntime that compute in integers, as roundings around those in real numbers.

onnxruntime makes of the latter the former, with the same kernels: a network is the same either way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from hw.convert.whole.rewriting import MOVING, Rewriting, attributes_of, checked_scale, refuse

MICROSOFT = "com.microsoft"
_FORMATS = "scales and zero points"


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
    rewriting = _Rewriting(proto)
    for node in rewriting.proto.graph.node:
        rewriting.take(node)
    return rewriting.finished(rewriting.output)


def _in_integers(domain: str, kind: str) -> bool:
    rounds = domain == MICROSOFT and kind in ("QuantizeLinear", "DequantizeLinear")
    return rounds or kind in KERNELS


class _Rewriting(Rewriting):
    """Nodes rewritten one by one."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        super().__init__(proto)
        # By the names of integers: their scale's name and their zero point's.
        self._formats: dict[str, tuple[str, str]] = {}
        # By the names of integers that are padded: what is, and how far on each side.
        self._padded: dict[str, tuple[str, list[int]]] = {}
        # By their results: paddings of real numbers that are only rounded.
        self._real_pads: dict[str, onnx.NodeProto] = {}

    @property
    def output(self) -> str:
        """What the network gives; where those are integers, what they stand for."""
        name = self.proto.graph.output[0].name
        ends = self._formats.get(name)
        return name if ends is None else self.dequantised(name, *ends)

    def take(self, node: onnx.NodeProto) -> None:
        """Rewrite a node."""
        if node.op_type in KERNELS:
            self._kernel(node, KERNELS[node.op_type])
        elif node.op_type == "QuantizeLinear" and node.input[0] not in self.constants:
            self._quantise(node)
        elif node.op_type in MOVING and node.input[0] in self._formats:
            self._move(node)
        elif node.op_type == "Pad" and node.input[0] in self._formats:
            self._pad(node, node.output[0], node.input[0], self._formats[node.input[0]][1])
        elif node.op_type == "Pad" and self._is_rounded(node.output[0]):
            self._real_pads[node.output[0]] = node
        elif node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            self.keep(node).domain = ""
        else:
            self.keep(node)

    def _is_rounded(self, name: str) -> bool:
        users = [n.op_type for n in self.proto.graph.node if name in n.input]
        return bool(users) and set(users) == {"QuantizeLinear"}

    def _pad(self, node: onnx.NodeProto, output: str, source: str, zero: str) -> None:
        """Take a padding by the zero point, which goes into the convolutions that read it."""
        pads = self.value(node, 1, "paddings").ravel().tolist()
        value = self.value(node, 2, "paddings") if _given(node, 2) else np.zeros(1)
        point = self.constants[zero] if zero else np.zeros(1)
        plain = attributes_of(node).get("mode", b"constant") == b"constant"
        sides = len(pads) == 8 and not any(pads[:2] + pads[4:6])
        users = [n for n in self.proto.graph.node if output in n.input]
        convolved = all(n.op_type == "QLinearConv" and _is_free(n) for n in users)
        if not (plain and sides and convolved and value.item() == point.item()):
            refuse(node, "that pad what convolutions take, by its zero point", pads)
        self._padded[output] = (source, [*pads[2:4], *pads[6:8]])

    def _quantise(self, node: onnx.NodeProto) -> None:
        """Take a rounding; one of what zeros were padded to is padded by its zero point."""
        kept, ends = self.keep(node), self._ends(node, 1)
        kept.domain, output = "", node.output[0]
        if (pad := self._real_pads.get(node.input[0])) is not None:
            kept.input[0], kept.output[0] = pad.input[0], self.fresh(f"{output}_unpadded")
            self._pad(pad, output, kept.output[0], "")
        self._formats[kept.output[0]] = ends

    def _kernel(self, node: onnx.NodeProto, kernel: InIntegers) -> None:
        attributes = attributes_of(node)
        if node.input[0] in self._padded:
            source, more = self._padded[node.input[0]]
            own = attributes.get("pads", [0] * len(more))
            attributes["pads"] = [a + b for a, b in zip(own, more, strict=True)]
            taken = onnx.NodeProto()
            taken.CopyFrom(node)
            node, taken.input[0] = taken, source
        _check(node, attributes)
        places = kernel.takes or tuple(range(2, len(node.input), 3))
        axis = _axis_of(kernel.kind, attributes)
        reals = [self._taken(node, place, axis) for place in places]
        if kernel.bias is not None and _given(node, kernel.bias):
            reals.append(self._bias(node, kernel.bias))
        kept = {k: v for k, v in attributes.items() if k not in _OWN_ATTRIBUTES}
        (output,) = node.output
        named = _given(node, kernel.gives)
        made = self.fresh(f"{output}_real") if named else output
        self.write(kernel.kind, reals, [made], node.name, kept)
        if named:
            self._rounded(made, output, self._ends(node, kernel.gives))

    def _move(self, node: onnx.NodeProto) -> None:
        """Write an operator that moves samples on what the integers stand for."""
        ends = self._formats[node.input[0]]
        real = self.dequantised(node.input[0], *ends)
        made = [self.fresh(f"{output}_real") for output in node.output]
        self.write(node.op_type, [real, *node.input[1:]], made, node.name, attributes_of(node))
        for before, output in zip(made, node.output, strict=True):
            self._rounded(before, output, ends)

    def _rounded(self, real: str, output: str, ends: tuple[str, str]) -> None:
        self.write("QuantizeLinear", [real, *(name for name in ends if name)], [output])
        self._formats[output] = ends

    def _taken(self, node: onnx.NodeProto, place: int, axis: int) -> str:
        name = node.input[place]
        scale = checked_scale(node, self.value(node, place + 1, _FORMATS))
        if scale.size == 1:
            return self.dequantised(name, *self._ends(node, place + 1))
        if name not in self.constants:
            refuse(node, "with one scale a map", f"{scale.size} for {name}")
        if self.constants[name].shape[axis] != scale.size:
            refuse(node, "with a scale an output", f"{scale.size} for {name}")
        zero = np.zeros(1, self.constants[name].dtype)
        zero = self.value(node, place + 2, _FORMATS) if _given(node, place + 2) else zero
        zeros = np.broadcast_to(zero.ravel(), scale.ravel().shape)
        ends = self.constant("scales", scale.ravel()), self.constant("zeros", zeros)
        return self.dequantised(name, *ends, axis=axis)

    def _bias(self, node: onnx.NodeProto, place: int) -> str:
        """Return biases: their scale is that of the products."""
        x, w = (self.value(node, i, _FORMATS).ravel().astype(np.float32) for i in (1, 4))
        scales = x * w if len(w) > 1 else (x * w).reshape(())
        ends = self.constant("scales", scales), self.constant("zeros", np.zeros_like(scales, "i4"))
        axis = 0 if len(w) > 1 else None
        return self.dequantised(node.input[place], *ends, axis=axis)

    def _ends(self, node: onnx.NodeProto, place: int) -> tuple[str, str]:
        """Return the scale and the zero point at a place of a node, each one number."""
        scale = checked_scale(node, self.value(node, place, _FORMATS))
        values = [scale]
        if _given(node, place + 1):
            values.append(self.value(node, place + 1, _FORMATS))
        for value in values:
            if value.size != 1:
                refuse(node, "with one scale and zero point a map", f"{value.size} numbers")
        names = [self.constant("format", value.reshape(())) for value in values]
        return names[0], names[1] if len(names) > 1 else ""


def _check(node: onnx.NodeProto, attributes: Mapping[str, Any]) -> None:
    if attributes.get("channels_last"):
        refuse(node, "with channels before height and width", "channels_last")
    if node.op_type == "QGemm" and attributes.get("alpha", 1.0) != 1.0:
        refuse(node, "with alpha 1", attributes["alpha"])


def _axis_of(kind: str, attributes: Mapping[str, Any]) -> int:
    """Return the axis of outputs in a constant of weights."""
    return 0 if kind == "Conv" or attributes.get("transB") else 1


def _is_free(node: onnx.NodeProto) -> bool:
    """Whether a convolution says itself how far it pads."""
    return bool(attributes_of(node).get("auto_pad", b"NOTSET") == b"NOTSET")


def _given(node: onnx.NodeProto, place: int) -> bool:
    return len(node.input) > place and bool(node.input[place])
