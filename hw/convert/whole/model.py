"""Networks as onnxruntime simplifies them: constants and batch norms folded, shapes known.

Networks of torch go through ONNX, so that there is one way to read an operator.
"""

import io
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from golden.inputs.errors import ParameterError, first_line
from golden.operator.parc import Floats
from hw.convert.read_onnx import dimensions
from hw.convert.read_torch import check_shape, quiet
from hw.convert.whole.decomposed import with_clips
from hw.convert.whole.norms import has_pieces, with_layer_norms

Constants = dict[str, npt.NDArray[Any]]
_STANDARD = ("", "ai.onnx")
_BATCH = 8
"""Images that are run at once, where the network takes them."""


@dataclass(frozen=True, eq=False)
class Operation:
    """A node.

    Parameters
    ----------
    name, kind
        As the file has them.
    inputs, outputs
        Names of tensors.
    attributes
        By name.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    @property
    def place(self) -> str:
        """Where in the network it is, for messages."""
        return f"{self.kind} {self.name}" if self.name else f"{self.kind} of {self.outputs[0]}"


@dataclass(eq=False)
class Model:
    """A network for one image.

    Parameters
    ----------
    proto
        As onnxruntime simplified it.
    operations
        In an order in which they can be done.
    constants
        By name.
    input, output
        Names of the image and of the result.
    input_shape
        Channels, height and width.
    shapes
        Of every tensor, the batch first.
    nodes
        Names of those that the file has, before it was simplified.
    """

    proto: onnx.ModelProto
    operations: list[Operation]
    constants: Constants
    input: str
    output: str
    input_shape: tuple[int, ...]
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    nodes: frozenset[str] = frozenset()

    def run(self, names: Sequence[str], image: Floats) -> dict[str, npt.NDArray[Any]]:
        """Return tensors by their names, of one image ``[1, C, H, W]``."""
        session = self._session(tuple(names))
        made = session.run(list(names), {self.input: image.astype(np.float32)})
        return dict(zip(names, made, strict=True))

    def _session(self, names: tuple[str, ...]) -> onnxruntime.InferenceSession:
        sessions = self.__dict__.setdefault("_sessions", {})
        if names not in sessions:
            proto = onnx.ModelProto()
            proto.CopyFrom(self.proto)
            del proto.graph.output[:]
            proto.graph.output.extend(helper.make_empty_tensor_value_info(n) for n in names)
            sessions[names] = _session(proto.SerializeToString())
        session: onnxruntime.InferenceSession = sessions[names]
        return session


def proto_of_program(program: Any) -> onnx.ModelProto:
    """Return what `torch.export` gave as an ONNX model.

    Raises
    ------
    ParameterError
        Where torch's exporter fails.
    """
    import torch

    clipped = with_clips(program)
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exported = torch.onnx.export(clipped, dynamo=True, optimize=True, verbose=False)
            return exported.model_proto
    except Exception as reason:  # whatever the exporter raises
        _refuse("a network that torch.onnx exports", f"one that fails ({first_line(reason)})")


def fixed(proto: onnx.ModelProto, size: tuple[int, int]) -> onnx.ModelProto:
    """Return a network for one image of ``size``; the batch, height and width may be free.

    Raises
    ------
    ParameterError
        Where it has not one input and one output, or takes images of another size.
    """
    graph = proto.graph
    known = {t.name for t in graph.initializer}
    inputs = [value for value in graph.input if value.name not in known]
    if len(inputs) != 1 or len(graph.output) != 1:
        counts = f"{len(inputs)} and {len(graph.output)}"
        _refuse("a network of one input and one output", f"of {counts}")
    named = dimensions(inputs[0])
    sides = [s if s.isdecimal() else str(given) for s, given in zip(named[2:], size, strict=True)]
    shape = check_shape([*named[:2], *sides], size)
    return between(proto, inputs[0].name, shape, graph.output[0].name)


def between(proto: onnx.ModelProto, first: str, shape: Sequence[int], last: str) -> onnx.ModelProto:
    """Return the part of a network from one tensor, of a shape, to another."""
    part = onnx.ModelProto()
    part.CopyFrom(proto)
    graph = part.graph
    needed, nodes = {last}, []
    for node in reversed(proto.graph.node):
        if not needed.isdisjoint(node.output) and first not in node.output:
            nodes.append(node)
            needed.update(node.input)
    for places in (graph.node, graph.input, graph.output, graph.value_info):
        del places[:]
    graph.node.extend(nodes[::-1])
    image = helper.make_tensor_value_info(first, onnx.TensorProto.FLOAT, list(shape))
    graph.input.append(image)
    graph.output.append(helper.make_empty_tensor_value_info(last))
    return part


def cut(
    proto: onnx.ModelProto, begin: str | None, end: str | None
) -> tuple[onnx.ModelProto, onnx.ModelProto | None]:
    """Cut a part out of a network of one image.

    Parameters
    ----------
    proto
        As `fixed` gives it.
    begin, end
        Nodes, by their names or those of what they give: the first and the last of the part.

    Returns
    -------
    The part, and what makes of an image what it takes, where it does not begin with the image.

    Raises
    ------
    ParameterError
        Where a node is unknown, or the part does not take one map.
    """
    first, last = proto.graph.input[0], proto.graph.output[0].name
    shape = [d.dim_value for d in first.type.tensor_type.shape.dim]
    if end is not None:
        last = _node(proto, end, "until").output[0]
    whole = between(proto, first.name, shape, last)
    if begin is None:
        return whole, None
    known = {t.name for t in proto.graph.initializer}
    node = _node(whole, begin, "from")
    (entry, *_) = [name for name in node.input if name and name not in known]
    if entry == first.name:
        return whole, None
    before = between(proto, first.name, shape, entry)
    made = simplified(before)
    entry_shape = made.shapes[made.output]
    part = between(whole, entry, entry_shape, last)
    there = {entry, *known}
    for member in part.graph.node:
        if any(name and name not in there for name in member.input):
            found = f"{begin}, beside whose map {member.name or member.output[0]} needs another"
            raise ParameterError("from", "a node that all that follows depends on", found)
        there.update(member.output)
    if len(entry_shape) != 4:
        raise ParameterError("from", "a node that takes a map [N, C, H, W]", list(entry_shape))
    return part, before


def _node(proto: onnx.ModelProto, name: str, option: str) -> onnx.NodeProto:
    for node in proto.graph.node:
        if name == node.name or name in node.output:
            return node
    names = [node.name or node.output[0] for node in proto.graph.node]
    raise ParameterError(option, f"a node: {', '.join(names[:3])}, ... {names[-1]}", name)


def simplified(proto: onnx.ModelProto) -> Model:
    """Return a network of one image as onnxruntime simplifies it.

    Raises
    ------
    ParameterError
        Where it does not run, or has parameters that are not finite.
    """
    entry, output = proto.graph.input[0], proto.graph.output[0].name
    shape = [d.dim_value for d in entry.type.tensor_type.shape.dim]
    # Before constants are folded, after which they have other names.
    _check_finite({t.name: numpy_helper.to_array(t) for t in proto.graph.initializer})
    simple = _simplified(_with_layer_norms(proto))
    constants = {t.name: numpy_helper.to_array(t) for t in simple.graph.initializer}
    operations = [_operation(node, index) for index, node in enumerate(simple.graph.node)]
    for operation in operations:
        if any(isinstance(value, onnx.GraphProto) for value in operation.attributes.values()):
            _refuse("free of control flow", f"with {operation.place}")
    model = Model(simple, operations, constants, entry.name, output, tuple(shape[1:]))
    model.nodes = frozenset(node.name for node in proto.graph.node)
    names = list(dict.fromkeys(n for o in operations for n in o.outputs if n))
    model.shapes = {name: value.shape for name, value in constants.items()}
    model.shapes[model.input] = (1, *model.input_shape)
    try:
        made = model.run(names, np.zeros((1, *model.input_shape)))
    except Exception as reason:  # whatever onnxruntime raises
        _refuse("a network that onnxruntime runs", first_line(reason))
    model.shapes |= {name: tuple(value.shape) for name, value in made.items()}
    return model


def _with_layer_norms(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a network whose layer norms are one operator each.

    Their pieces are looked for where constants are folded, but no transposition has been moved
    between them.
    """
    if not has_pieces(proto):
        return proto
    folded = _simplified(proto, "TransposeOptimizer")
    whole = with_layer_norms(folded)
    return proto if whole is folded else cut(whole, None, None)[0]


def _session(
    content: bytes, target: str = "", without: Sequence[str] = ()
) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if target:
        options.optimized_model_filepath = target
    return onnxruntime.InferenceSession(
        content,
        options,
        providers=["CPUExecutionProvider"],
        # It rounds weights that a file has in real numbers.
        disabled_optimizers=["WeightBiasQuantization", *without],
    )


def _simplified(proto: onnx.ModelProto, *without: str) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory(prefix="parc-") as folder:
        target = Path(folder) / "simple.onnx"
        try:
            _session(proto.SerializeToString(), str(target), without)
        except Exception as reason:  # whatever onnxruntime raises
            _refuse("a network that onnxruntime runs", first_line(reason))
        return onnx.load(io.BytesIO(target.read_bytes()))


def _operation(node: onnx.NodeProto, index: int) -> Operation:
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    kind = node.op_type if node.domain in _STANDARD else f"{node.domain}.{node.op_type}"
    return Operation(
        node.name or f"{node.op_type}_{index}",
        kind,
        tuple(node.input),
        tuple(node.output),
        attributes,
    )


def _check_finite(constants: Constants) -> None:
    for name, values in constants.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            found = values[~np.isfinite(values)].ravel()[0]
            _refuse("of finite parameters", f"with {found} in {name}")


def _refuse(rule: str, value: object) -> NoReturn:
    raise ParameterError("model", rule, value) from None
