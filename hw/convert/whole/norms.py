"""Layer norms that a file has in pieces, found and written as one operator."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from hw.convert.whole.rewriting import Rewriting, attributes_of

_TO_LAST, _TO_FIRST = [0, 2, 3, 1], [0, 3, 1, 2]


@dataclass(frozen=True)
class Pieces:
    """A layer norm in pieces.

    Parameters
    ----------
    source
        Of what.
    axis
        Over which.
    epsilon
        Added to the variance.
    """

    source: str
    axis: int
    epsilon: float


def with_layer_norms(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a network with `LayerNormalization` where means, squares and roots make one.

    Of maps ``[N, C, H, W]`` those over channels count, of others those over the last axis.
    """
    if not has_pieces(proto):
        return proto
    rewriting = _Norms(proto)
    for node in rewriting.proto.graph.node:
        rewriting.take(node)
    return rewriting.finished(proto.graph.output[0].name) if rewriting.changed else proto


def has_pieces(proto: onnx.ModelProto) -> bool:
    """Whether there is what a layer norm in pieces needs."""
    kinds = Counter(node.op_type for node in proto.graph.node)
    return kinds["ReduceMean"] > 1 and kinds["Sub"] > 0 and kinds["Sqrt"] > 0


class _Norms(Rewriting):
    """Nodes rewritten one by one: what is no longer needed goes where the network is cut."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        super().__init__(proto)
        self.changed = False
        graph = onnx.shape_inference.infer_shapes(self.proto).graph
        self._shapes = {
            value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
            for value in (*graph.value_info, *graph.input, *graph.output)
        }
        self._made_by = {name: node for node in graph.node for name in node.output}
        self._users: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self._users.setdefault(name, []).append(node)
        self._written: set[str] = set()

    def take(self, node: onnx.NodeProto) -> None:
        """Rewrite a node."""
        if node.output[0] in self._written:
            return
        norm = self._norm(node) if node.op_type in ("Div", "Mul") else None
        shape = [] if norm is None else self._shapes.get(norm.source, [])
        first = norm is not None and len(shape) == 4 and norm.axis in (1, -3)
        last = norm is not None and bool(shape) and norm.axis in (-1, len(shape) - 1)
        if norm is None or not (first or last):
            self.keep(node)
            return
        self.changed = True
        self._write(node, norm, shape[1 if first else -1], first=first)

    def _write(self, node: onnx.NodeProto, norm: Pieces, channels: int, *, first: bool) -> None:
        output, gamma = self._parameter(node.output[0], "Mul", channels, first=first)
        output, beta = self._parameter(output, "Add", channels, first=first)
        given = [
            self.constant("gain", np.ones(channels, np.float32) if gamma is None else gamma),
            self.constant("offset", np.zeros(channels, np.float32) if beta is None else beta),
        ]
        options = {"axis": -1, "epsilon": norm.epsilon}
        if not first:
            self.write("LayerNormalization", [norm.source, *given], [output], node.name, options)
            return
        names = [self.fresh(f"{output}_{end}") for end in ("taken", "normal")]
        self.write("Transpose", [norm.source], [names[0]], "", {"perm": _TO_LAST})
        self.write("LayerNormalization", [names[0], *given], [names[1]], node.name, options)
        self.write("Transpose", [names[1]], [output], "", {"perm": _TO_FIRST})

    def _parameter(
        self, name: str, kind: str, channels: int, *, first: bool
    ) -> tuple[str, npt.NDArray[Any] | None]:
        """Return the result behind a gain or an offset a channel, and that."""
        users = self._users.get(name, [])
        if len(users) != 1 or users[0].op_type != kind:
            return name, None
        values = [self.constants[other] for other in users[0].input if other in self.constants]
        sides = (channels, 1, 1) if first else (channels,)
        if not values or values[0].shape[-len(sides) :] != sides or values[0].size != channels:
            return name, None
        self._written.add(users[0].output[0])
        return users[0].output[0], values[0].ravel().astype(np.float32)

    def _norm(self, node: onnx.NodeProto) -> Pieces | None:
        """Return the norm that ends with the division, or the product with a reciprocal root."""
        difference, variance = self._maker(node.input[0], "Sub"), self._variance(node)
        if node.op_type == "Mul" and variance is None:
            turned = onnx.NodeProto()
            turned.CopyFrom(node)
            turned.input[:] = node.input[::-1]
            difference, variance = self._maker(turned.input[0], "Sub"), self._variance(turned)
        if difference is None or variance is None:
            return None
        axis = self._mean_axis(self._made_by.get(difference.input[1]), difference.input[0])
        squares, epsilon = variance
        of = self._square(self._made_by.get(squares.input[0]))
        same = of is not None and list(of.input) == list(difference.input)
        if axis is None or not same or self._axis(squares) != axis:
            return None
        return Pieces(difference.input[0], axis, epsilon)

    def _maker(self, name: str, kind: str) -> onnx.NodeProto | None:
        node = self._made_by.get(name)
        return node if node is not None and node.op_type == kind else None

    def _variance(self, node: onnx.NodeProto) -> tuple[onnx.NodeProto, float] | None:
        """Return the mean of squares under a root that a node divides by, and its epsilon."""
        name = node.input[1]
        if node.op_type == "Mul":
            reciprocal = self._maker(name, "Reciprocal")
            if reciprocal is None:
                return None
            name = reciprocal.input[0]
        root = self._maker(name, "Sqrt")
        added = None if root is None else self._maker(root.input[0], "Add")
        if added is None:
            return None
        for mean, epsilon in (added.input, added.input[::-1]):
            squares, value = self._maker(mean, "ReduceMean"), self.constants.get(epsilon)
            if squares is not None and value is not None and value.size == 1:
                return squares, float(value.ravel()[0])
        return None

    def _square(self, node: onnx.NodeProto | None) -> onnx.NodeProto | None:
        """Return the difference that a node squares."""
        if node is None:
            return None
        power = self.constants.get(node.input[1]) if len(node.input) > 1 else None
        squares = node.op_type == "Pow" and power is not None and np.all(power == 2)
        times = node.op_type == "Mul" and node.input[0] == node.input[1]
        return self._maker(node.input[0], "Sub") if squares or times else None

    def _mean_axis(self, node: onnx.NodeProto | None, source: str) -> int | None:
        """Return the axis of a mean of ``source``."""
        is_mean = node is not None and node.op_type == "ReduceMean" and node.input[0] == source
        return self._axis(node) if is_mean and node is not None else None

    def _axis(self, node: onnx.NodeProto) -> int | None:
        """Return the one axis of a mean that keeps it, of an attribute or an input."""
        attributes = attributes_of(node)
        axes = attributes.get("axes", self.constants.get((*node.input, "")[1]))
        if axes is None or len(axes) != 1 or not attributes.get("keepdims", 1):
            return None
        return int(axes[0])
