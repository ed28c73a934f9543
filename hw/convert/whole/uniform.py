"""Quantised files in the form that onnxruntime has kernels in integers for.

Some tools leave biases and batch norms in real numbers, or give some maps words with sign and
others words without. onnxruntime computes such operators in float32, which its own optimisations
change in the last bit. Here biases are rounded to the scale of the products, which is far below a
step of any map; batch norms go into the scales of weights; and where maps are of both kinds, all
are without sign, 128 more than with, which changes no number.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from hw.convert.whole.rewriting import (
    MOVING,
    Rewriting,
    attributes_of,
    refuse,
    spread,
    to_words,
)

_OFFSET = 128
_KERNELS = ("Conv", "Gemm")
_BIAS = np.iinfo(np.int32)
_ALIKE = 1e-5
"""Of a scale, that tools may be off where they multiply two."""


def with_integer_kernels(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a network whose quantised convolutions and matrices have biases in integers.

    Raises
    ------
    ParameterError
        Where a weight has no negative in 8 bits, which its batch norm wants.
    """
    rewriting = _Kernels(proto)
    for node in rewriting.proto.graph.node:
        rewriting.take(node)
    return rewriting.finished(proto.graph.output[0].name) if rewriting.changed else proto


@dataclass(frozen=True)
class _Weights:
    """Weights as integers, and the scale of each output or of all."""

    integers: npt.NDArray[Any]
    zero: npt.NDArray[Any]
    scale: npt.NDArray[Any]
    axis: int


class _Kernels(Rewriting):
    """Nodes rewritten one by one."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        super().__init__(proto)
        graph = self.proto.graph
        self.changed = False
        self._made_by = {name: node for node in graph.node for name in node.output}
        users = Counter(name for node in graph.node for name in node.input)
        users.update(value.name for value in graph.output)
        # By the names of what convolutions give: batch norms that alone read it.
        self._norms = {
            node.input[0]: node
            for node in graph.node
            if node.op_type == "BatchNormalization" and users[node.input[0]] == 1
        }
        self._gone: set[str] = set()

    def take(self, node: onnx.NodeProto) -> None:
        """Rewrite a node."""
        if node.output and node.output[0] in self._gone:
            return
        x = self._scale(node.input[0]) if node.op_type in _KERNELS else None
        weights = None if x is None else self._weights(node)
        norm = self._norms.get(node.output[0]) if node.op_type == "Conv" else None
        if (
            x is None
            or weights is None
            or (norm is None and self._bias_is_rounded(node, x * weights.scale))
        ):
            self.keep(node)
            return
        self.changed = True
        self._kernel(node, x, weights, norm)

    def _kernel(
        self,
        node: onnx.NodeProto,
        x: np.float32,
        weights: _Weights,
        norm: onnx.NodeProto | None,
    ) -> None:
        outputs = weights.integers.shape[weights.axis]
        bias = np.zeros(outputs)
        if len(node.input) > 2 and node.input[2]:
            bias = np.broadcast_to(self._real(node, node.input[2]).ravel(), (outputs,))
        kept, output = list(node.input[:2]), node.output[0]
        if norm is not None:
            weights, bias = self._folded(norm, weights, bias)
            kept[1], output = self._written(weights), norm.output[0]
            self._gone.add(output)
        sums = x * weights.scale
        integers = np.clip(np.rint(bias / sums.astype(np.float64)), _BIAS.min, _BIAS.max)
        many = sums.size > 1
        ends = [
            self.constant("scales", sums if many else sums.reshape(())),
            self.constant("zeros", np.zeros(sums.size if many else (), np.int32)),
        ]
        name = self.constant("bias", integers.astype(np.int32))
        kept.append(self.dequantised(name, *ends, axis=0 if many else None))
        attributes = attributes_of(node) | ({"beta": 1.0} if node.op_type == "Gemm" else {})
        self.write(node.op_type, kept, [output], node.name, attributes)

    def _folded(
        self, norm: onnx.NodeProto, weights: _Weights, bias: npt.NDArray[Any]
    ) -> tuple[_Weights, npt.NDArray[Any]]:
        """Return weights and biases with what a batch norm makes of their results."""
        scale, offset, mean, variance = (
            self.value(norm, place, "parameters").astype(np.float64) for place in range(1, 5)
        )
        gain = scale / np.sqrt(variance + attributes_of(norm).get("epsilon", 1e-5))
        sides = (-1,) + (1,) * (weights.integers.ndim - 1)
        sign = np.sign(gain).astype(np.int64).reshape(sides)
        turned = (weights.integers.astype(np.int64) - spread(weights.zero, sides)) * sign
        ends = np.iinfo(np.int8)
        if turned.min() < ends.min or turned.max() > ends.max:
            found = f"{turned.max()} behind {norm.name or norm.output[0]}"
            refuse(norm, "of weights whose negatives have 8 bits", found)
        steps = (weights.scale * np.where(gain == 0, 1, np.abs(gain))).astype(np.float32)
        none = np.zeros(len(gain), np.int8)
        return _Weights(turned.astype(np.int8), none, steps, 0), (bias - mean) * gain + offset

    def _written(self, weights: _Weights) -> str:
        ends = self.constant("scales", weights.scale), self.constant("zeros", weights.zero)
        name = self.constant("weights", weights.integers)
        return self.dequantised(name, *ends, axis=weights.axis)

    def _scale(self, name: str) -> np.float32 | None:
        """Return the scale of the map that a tensor is, moved or not; None of real numbers."""
        node = self._made_by.get(name)
        while node is not None and node.op_type in MOVING:
            node = self._made_by.get(node.input[0])
        if node is None or node.op_type != "DequantizeLinear":
            return None
        scale = self.constants.get(node.input[1])
        if scale is None or scale.size != 1 or not _are_scales(scale):
            return None
        return np.float32(scale.ravel()[0])

    def _weights(self, node: onnx.NodeProto) -> _Weights | None:
        made = self._made_by.get(node.input[1])
        if made is None or made.op_type != "DequantizeLinear":
            return None
        integers, scale = self._integers(made.input[0]), self.constants.get(made.input[1])
        if integers is None or scale is None or not _are_scales(scale):
            return None
        zero = self.constants.get(made.input[2]) if len(made.input) > 2 else None
        zero = np.zeros(1, integers.dtype) if zero is None else zero
        transposed = node.op_type == "Conv" or attributes_of(node).get("transB")
        row = scale.ravel().astype(np.float32)
        return _Weights(integers, zero, row, 0 if transposed else 1)

    def _integers(self, name: str) -> npt.NDArray[Any] | None:
        """Return a constant that a file rounds and clips."""
        node = self._made_by.get(name)
        if name in self.constants or node is None:
            return self.constants.get(name)
        if node.op_type == "QuantizeLinear":
            return self._rounded(node)
        values = self._integers(node.input[0])
        if values is None or node.op_type != "Clip":
            return None
        low, high = (self.value(node, place, "ends") for place in (1, 2))
        clipped: npt.NDArray[Any] = np.clip(values, low, high)
        return clipped

    def _rounded(self, node: onnx.NodeProto) -> npt.NDArray[Any] | None:
        given = [self.constants.get(name) for name in node.input]
        values, scale, *zero = (value for value in given if value is not None)
        if len(given) != len(zero) + 2:
            return None
        point = zero[0] if zero else np.zeros((), np.uint8)
        return to_words(values, scale, point, attributes_of(node).get("axis", 1))

    def _bias_is_rounded(self, node: onnx.NodeProto, sums: npt.NDArray[Any]) -> bool:
        """Whether biases, if any, are integers of 32 bits that have the scale of the sums."""
        if len(node.input) < 3 or not node.input[2]:
            return True
        made = self._made_by.get(node.input[2])
        if made is None or made.op_type != "DequantizeLinear":
            return False
        integers, scale = (self.constants.get(name) for name in made.input[:2])
        if integers is None or scale is None or integers.dtype != np.int32:
            return False
        return np.allclose(np.broadcast_to(scale.ravel(), sums.shape), sums, rtol=_ALIKE, atol=0)

    def _real(self, node: onnx.NodeProto, name: str) -> npt.NDArray[Any]:
        """Return biases in real numbers."""
        made = self._made_by.get(name)
        if made is None or made.op_type != "DequantizeLinear":
            return self.value(node, 2, "biases").astype(np.float64)
        integers, scale = self._integers(made.input[0]), self.constants.get(made.input[1])
        if integers is None or scale is None:
            refuse(node, "with biases that are constant", name)
        zero = self.constants.get(made.input[2]) if len(made.input) > 2 else None
        none = np.zeros(1) if zero is None else zero
        real: npt.NDArray[Any] = (integers.astype(np.float64) - none) * scale
        return real


def _are_scales(values: npt.NDArray[Any]) -> bool:
    """Whether all are; who reads the network refuses others."""
    return bool(np.all((values > 0) & np.isfinite(values)))


def with_words_of_one_kind(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a network whose maps all have words without sign, where some have and some have not.

    Signed words alone stay: onnxruntime has kernels for those too.
    """
    rewriting = _Unsigned(proto)
    if rewriting.kinds != {np.dtype(np.int8), np.dtype(np.uint8)}:
        return proto
    for node in rewriting.proto.graph.node:
        rewriting.take(node)
    return rewriting.finished(proto.graph.output[0].name)


class _Unsigned(Rewriting):
    """Nodes rewritten one by one."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        super().__init__(proto)
        self._constant = set(self.constants)
        for node in self.proto.graph.node:
            if all(name in self._constant for name in node.input if name):
                self._constant.update(node.output)
        rounded = [n for n in self.proto.graph.node if self._rounds(n)]
        self.kinds = {self.constants[n.input[2]].dtype for n in rounded if len(n.input) > 2}
        self._words: set[str] = set()

    def _rounds(self, node: onnx.NodeProto) -> bool:
        rounds = node.op_type in ("QuantizeLinear", "DequantizeLinear")
        return rounds and node.input[0] not in self._constant

    def take(self, node: onnx.NodeProto) -> None:
        """Rewrite a node."""
        kept = self.keep(node)
        if self._rounds(node) and len(node.input) > 2:
            kept.input[2] = self._moved(node.input[2])
        quantises = node.op_type == "QuantizeLinear" and self._rounds(node)
        if quantises or (self._words & {*node.input[:1]} and node.op_type != "DequantizeLinear"):
            self._words.update(node.output)
        if node.op_type == "Clip" and self._words & {*node.input[:1]}:
            for place, name in enumerate(node.input[1:], 1):
                kept.input[place] = self._moved(name)

    def _moved(self, name: str) -> str:
        """Return a constant among signed words as that among words without sign."""
        values = self.constants.get(name)
        if values is None or values.dtype != np.int8:
            return name
        return self.constant("word", (values.astype(np.int64) + _OFFSET).astype(np.uint8))
