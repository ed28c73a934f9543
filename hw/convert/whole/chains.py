"""Functions of a sample, however they are written: evaluated, and found among those with names."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from golden.operator.parc import Floats
from hw.convert.whole.functions import FUNCTIONS
from hw.convert.whole.model import Constants, Operation
from hw.convert.whole.referee import session_of

_LIKE = 2e-6
"""Of its size, that a function may differ from one with a name, in float32."""
_OPSET = 20


def evaluate(
    chain: Sequence[Operation], entry: str, tensor: str, x: Floats, constants: Constants
) -> Floats:
    """Return what a chain of operations makes of the numbers ``x`` ``[n]``, as onnxruntime does."""
    nodes = [
        helper.make_node(o.kind, list(o.inputs), list(o.outputs), o.name, **o.attributes)
        for o in chain
    ]
    used = {name for o in chain for name in o.inputs if name in constants}
    ends = [helper.make_tensor_value_info(entry, TensorProto.FLOAT, [len(x)])]
    made = [helper.make_tensor_value_info(tensor, TensorProto.FLOAT, None)]
    tensors = [numpy_helper.from_array(_scalar(constants[name]), name) for name in used]
    graph = helper.make_graph(nodes, "chain", ends, made, tensors)
    opset = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    (y,) = session_of(model).run([tensor], {entry: x.astype(np.float32)})
    result: Floats = np.ravel(y).astype(np.float64)
    return result


def _scalar(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values.reshape(()) if values.size == 1 else values


def named(function: str, x: Floats) -> Floats:
    """Return what a function with a name makes of the numbers ``x``."""
    writer = _Plain()
    made = FUNCTIONS[function].write(writer, "x", "y")
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [len(x)])]
    results = [helper.make_tensor_value_info(made, TensorProto.FLOAT, None)]
    graph = helper.make_graph(writer.nodes, "named", ends, results, writer.constants)
    opset = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    (y,) = session_of(model).run([made], {"x": x.astype(np.float32)})
    result: Floats = y.astype(np.float64)
    return result


class _Plain:
    """Writes nodes of real numbers."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        """Write a constant, and return its name."""
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Write a node of one result, and return that."""
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output


def name_of(chain: Sequence[Operation], entry: str, tensor: str, constants: Constants) -> str:
    """Return the name of the function that a chain is, "" where it has none."""
    x = np.linspace(-12, 12, 4001)
    y = evaluate(chain, entry, tensor, x, constants)
    for function in FUNCTIONS:
        if np.allclose(named(function, x), y, _LIKE, _LIKE):
            return function
    return ""


def clip_of(
    chain: Sequence[Operation], entry: str, tensor: str, constants: Constants
) -> tuple[float, float] | None:
    """Return the ends of a chain that clips, None where it does something else."""
    if len(chain) != 1 or chain[0].kind not in ("Clip", "Relu"):
        return None
    far = np.float64(np.finfo(np.float32).max)
    low, high = evaluate(chain, entry, tensor, np.array([-far, far]), constants)
    return (-np.inf if low == -far else low), (np.inf if high == far else high)
