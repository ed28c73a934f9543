"""Resizes, whatever their mode: the weights that onnxruntime gives samples along one axis."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from golden.operator.parc import Floats
from hw.convert.whole.model import Model, Operation
from hw.convert.whole.referee import session_of


def axis_weights(model: Model, o: Operation, axis: int, sides: tuple[int, int]) -> Floats:
    """Return what each sample after a Resize has of those before it, ``[after, before]``.

    Parameters
    ----------
    model
        That it is part of.
    o
        The operation, whose every axis is resized for itself.
    axis
        Of its tensor.
    sides
        Before and after.
    """
    before, after = sides
    given = [index for index, name in enumerate(o.inputs) if index and name][-1]
    values = model.constants[o.inputs[given]]
    axes = [a % 4 for a in o.attributes.get("axes", range(4))]
    if axis not in axes or before == after == 1:
        return np.eye(before)
    own = values[axes.index(axis)]
    wanted = [1, 1, own, 1] if values.dtype.kind == "f" else [1, before, own, 1]
    names = ["lines", *([""] * (given - 1)), "wanted"]
    attributes = {name: value for name, value in o.attributes.items() if name != "axes"}
    node = helper.make_node("Resize", names, ["resized"], **attributes)
    lines = np.eye(before, dtype=np.float32).reshape(1, before, before, 1)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, before, side, 1])
        for name, side in (("lines", before), ("resized", after))
    ]
    constants = [numpy_helper.from_array(np.array(wanted, values.dtype), "wanted")]
    graph = helper.make_graph([node], "resize", ends[:1], ends[1:], constants)
    opsets = [entry for entry in model.proto.opset_import if entry.domain == ""]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=model.proto.ir_version)
    (made,) = session_of(proto).run(["resized"], {"lines": lines})
    weights: Floats = made[0, :, :, 0].T.astype(np.float64)
    return weights
