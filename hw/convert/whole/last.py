"""What a network ends with that only says what its results already do."""

import onnx

from hw.convert.whole.model import cut, simplified

_ORDERED = ("Softmax", "LogSoftmax")
"""Operators that grow with each of their numbers, and keep their order."""
_PASSED = ("Identity", "DequantizeLinear", "QuantizeLinear")


def without_softmax(proto: onnx.ModelProto) -> tuple[onnx.ModelProto, list[str]]:
    """Return a network without a softmax over classes at its end, and what was left out.

    The logits before it are in the same order.
    """
    made_by = {name: node for node in proto.graph.node for name in node.output}
    node = made_by.get(proto.graph.output[0].name)
    while node is not None and node.op_type in _PASSED:
        node = made_by.get(node.input[0])
    if node is None or node.op_type not in _ORDERED or node.input[0] not in made_by:
        return proto, []
    part, _ = cut(proto, None, node.input[0])
    model = simplified(part)
    rank = len(model.shapes[model.output])
    axis = next((a.i for a in node.attribute if a.name == "axis"), -1)
    # Of a map [N, C, H, W], or of a row of classes.
    if axis % rank != 1 or rank not in (2, 4):
        return proto, []
    return part, [f"{node.op_type} {node.name or node.output[0]}"]
