"""Files rewritten node by node: what all that do so have in common."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from golden.inputs.errors import ParameterError
from hw.convert.whole.qdq import Writer

MOVING = frozenset(
    [
        *("DepthToSpace", "Flatten", "Gather", "Identity", "MaxPool", "Reshape", "Resize"),
        *("Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze"),
    ]
)
"""Operators that give integers as they take them, in their format."""
_STANDARD = ("", "ai.onnx")
_OPSET = 13
"""With it, constants may have one scale a channel."""


class Rewriting:
    """A network as it is rewritten.

    Parameters
    ----------
    proto
        The network; of an opset that knows scales a channel, or it is made so.

    Attributes
    ----------
    nodes
        Written so far.
    constants
        By name, those that nodes give too.

    Raises
    ------
    ParameterError
        Where its opset is too old, and onnx has no newer form of it.
    """

    def __init__(self, proto: onnx.ModelProto) -> None:
        self.proto = _of_opset(proto)
        graph = self.proto.graph
        self._writer = Writer()
        self.nodes = self._writer.nodes
        self.constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        for node in graph.node:
            for tensor in (a.t for a in node.attribute if a.name == "value"):
                if node.op_type == "Constant":
                    self.constants[node.output[0]] = numpy_helper.to_array(tensor)
        self._made: dict[str, str] = {}
        self._names = {name for node in graph.node for name in (*node.input, *node.output)}
        self._names.update(self.constants)

    def fresh(self, name: str) -> str:
        """Return a name that the network has not, and has from now on."""
        made, count = name, 0
        while made in self._names:
            made, count = f"{name}_{count}", count + 1
        self._names.add(made)
        return made

    def finished(self, output: str) -> onnx.ModelProto:
        """Return the network as it was written, that gives ``output``."""
        proto = onnx.ModelProto()
        proto.CopyFrom(self.proto)
        for places in (proto.graph.node, proto.graph.output, proto.graph.value_info):
            del places[:]
        proto.graph.node.extend(self.nodes)
        proto.graph.initializer.extend(self._writer.constants)
        proto.graph.output.append(helper.make_empty_tensor_value_info(output))
        return proto

    def keep(self, node: onnx.NodeProto) -> onnx.NodeProto:
        """Write a node as it is, and return what may still be changed."""
        kept = onnx.NodeProto()
        kept.CopyFrom(node)
        self.nodes.append(kept)
        return kept

    def write(
        self,
        kind: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        name: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> str:
        """Write a node, and return its first result."""
        name = name or f"{outputs[0]}_node"
        self.nodes.append(helper.make_node(kind, inputs, outputs, name, **(attributes or {})))
        return outputs[0]

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        """Write a constant, and return its name; the same numbers are written once."""
        key = f"{values.dtype} {values.shape} {values.tobytes().hex()}"
        if key not in self._made:
            self._made[key] = self._writer.constant(self.fresh(name), values)
            self.constants[self._made[key]] = values
        return self._made[key]

    def dequantised(
        self, integers: str, scale: str, zero: str, *, axis: int | None = None, output: str = ""
    ) -> str:
        """Write what integers stand for, under a name of its own or ``output``, and return that."""
        key = f"{integers} {scale} {zero} {output}"
        if key not in self._made:
            attributes = {} if axis is None else {"axis": axis}
            given = [part for part in (integers, scale, zero) if part]
            name = output or self.fresh(f"{integers}_real")
            self._made[key] = self.write("DequantizeLinear", given, [name], "", attributes)
        return self._made[key]

    def value(self, node: onnx.NodeProto, place: int, what: str) -> npt.NDArray[Any]:
        """Return a constant that a node takes.

        Raises
        ------
        ParameterError
            Where it is none.
        """
        name = node.input[place] if len(node.input) > place else ""
        value: npt.NDArray[Any] | None = self.constants.get(name)
        if value is None:
            refuse(node, f"with {what} that are constant", name or "none")
        return value


def attributes_of(node: onnx.NodeProto) -> dict[str, Any]:
    """Return a node's attributes by name."""
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def refuse(node: onnx.NodeProto, rule: str, found: object) -> NoReturn:
    """Refuse what an operation has."""
    place = f"{node.op_type} {node.name or node.output[0]}"
    raise ParameterError("model", f"of operations {rule}", f"{found} in {place}")


def checked_scale(node: onnx.NodeProto, scale: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return scales, if they are some.

    Raises
    ------
    ParameterError
        Where one is not positive and finite.
    """
    if not np.all((scale > 0) & np.isfinite(scale)):
        refuse(node, "of scales that are positive and finite", scale.ravel()[0])
    return scale


def to_words(
    values: npt.NDArray[Any], scale: npt.NDArray[Any], zero: npt.NDArray[Any], axis: int
) -> npt.NDArray[Any]:
    """Return a constant as QuantizeLinear rounds it, words of the zero point's type."""
    sides = [1] * values.ndim
    if scale.size > 1:
        sides[axis] = -1
    steps = np.rint(values.astype(np.float32) / spread(scale.astype(np.float32), sides))
    words, ends = steps + spread(zero, sides).astype(np.int64), np.iinfo(zero.dtype)
    made: npt.NDArray[Any] = np.clip(words, ends.min, ends.max).astype(zero.dtype)
    return made


def spread(values: npt.NDArray[Any], sides: Sequence[int]) -> npt.NDArray[Any]:
    """Return one number as it is, several in a shape that broadcasts."""
    return values.reshape(sides if values.size > 1 else ())


def _of_opset(proto: onnx.ModelProto) -> onnx.ModelProto:
    (found,) = [o.version for o in proto.opset_import if o.domain in _STANDARD] or [1]
    if found >= _OPSET:
        return proto
    try:
        newer: onnx.ModelProto = onnx.version_converter.convert_version(proto, _OPSET)
    except Exception:  # whatever onnx raises
        raise ParameterError("model", f"of opset {_OPSET} or later", found) from None
    return newer
