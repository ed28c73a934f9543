"""Networks from torch: files of `torch.export`, and factories with a state dict."""

import importlib
import operator
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import fx

from golden.errors import ParameterError
from hw.convert.archive import first_line, load_program
from hw.convert.graph import Graph, Kind, Node, Value, build
from hw.convert.operators import conv2d

_KINDS: dict[str, Kind] = {
    "aten.conv2d": "conv",
    "aten.convolution": "conv",
    "aten._convolution": "conv",
    "aten.fft_irfft": "inverse_fft",
    "aten.fft_irfft2": "inverse_fft",
    "aten.fft_irfftn": "inverse_fft",
    "aten.fft_ifft": "inverse_fft",
    "aten.fft_ifft2": "inverse_fft",
    "aten._fft_c2r": "inverse_fft",
}
_TRAINING = {torch.ops.aten.dropout.default: "train", torch.ops.aten.batch_norm.default: "training"}
"""Operators that compute something else in training, and the argument that says so."""
_SINGLE = {torch.float32: torch.float64, torch.complex64: torch.complex128}


def read_export(path: Path, size: tuple[int, int], *, trust_pickle: bool = False) -> Graph:
    """Read a file of ``torch.export.save``, made for images of ``size``, height and width.

    Raises
    ------
    ParameterError
        Where `load_program` refuses the file, or the network is not of that size.
    """
    return from_program(load_program(path, trust_pickle=trust_pickle), size)


def read_factory(place: str, state: Path | None, size: tuple[int, int], channels: int) -> Graph:
    """Call a factory ``module:function``, load its parameters, and read the network it made.

    Kernels and embeddings in ``state`` that were learned at another size are resized to those of
    the network.

    Raises
    ------
    ParameterError
        Where any of it fails.
    """
    network = _make(place)
    if state is not None:
        _load_state(network, state)
    image = torch.zeros(1, channels, *size)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(network.eval(), (image,))
    except Exception as reason:  # the network's own code runs here
        shape = " x ".join(map(str, image.shape))
        _refuse(f"a network that takes {shape}", f"one that fails ({first_line(reason)})")
    return from_program(program, size)


def from_program(program: torch.export.ExportedProgram, size: tuple[int, int]) -> Graph:
    """Read an exported network for images of ``size``, height and width."""
    signature = program.graph_signature
    if len(signature.user_inputs) != 1 or len(signature.user_outputs) != 1:
        counts = f"{len(signature.user_inputs)} and {len(signature.user_outputs)}"
        _refuse("a network of one input and one output", f"of {counts}")
    (input_name,), (output_name,) = signature.user_inputs, signature.user_outputs
    stored = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    tensors: Mapping[str, Any] = {**program.state_dict, **program.constants}
    nodes: list[Node] = []
    constants: dict[str, Value] = {}
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in stored:
            constants[node.name] = tensors[stored[node.name]]
        elif node.op == "call_function":
            nodes.append(_read_node(node))
    shape = _input_shape(program, input_name, size)
    return build(nodes, constants, input=input_name, output=output_name, input_shape=shape)


def _make(place: str) -> torch.nn.Module:
    module_name, _, function = place.partition(":")
    try:
        network = getattr(importlib.import_module(module_name), function)()
    except Exception as reason:  # the user's own module runs here
        _refuse("a module and a factory in it", f"{place} ({first_line(reason)})")
    if not isinstance(network, torch.nn.Module):
        _refuse("a factory of a torch.nn.Module", f"of a {type(network).__name__}")
    return network


def _load_state(network: torch.nn.Module, path: Path) -> None:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict):
            raise ValueError(f"a {type(state).__name__}")
    except Exception as reason:  # whatever the parsers of a damaged file raise
        found = f"{path} ({first_line(reason)})"
        raise ParameterError("state", "a readable state dict", found) from None
    own = network.state_dict()
    for key, value in state.items():
        if key in own and own[key].shape != value.shape:
            state[key] = _resized(key, value, own[key].shape)
    try:
        network.load_state_dict(state)
    except RuntimeError as reason:
        text = " ".join(str(reason).split())
        raise ParameterError("state", "that of the network", text) from None


def _resized(key: str, table: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Return a kernel or an embedding [., ., N, 1] or [., ., 1, N] at another length."""
    same = [a == b for a, b in zip(table.shape, shape, strict=False)]
    lines = table.ndim == len(shape) == 4 and 1 in table.shape[2:] and 1 in shape[2:]
    if not lines or sum(same) != 3 or not (same[0] and same[1]):
        rule = f"of shape {tuple(shape)} in {key}, or a kernel of another length"
        raise ParameterError("state", rule, tuple(table.shape))
    return torch.nn.functional.interpolate(
        table, tuple(shape[2:]), mode="bilinear", align_corners=True
    )


def _input_shape(
    program: torch.export.ExportedProgram, name: str, size: tuple[int, int]
) -> tuple[int, ...]:
    (node,) = (node for node in program.graph.nodes if node.name == name)
    shape: Sequence[Any] = node.meta["val"].shape
    if len(shape) != 4:
        _refuse("a network of images [batch, channels, height, width]", f"of {list(shape)}")
    return check_shape(["1" if i == 0 else str(s) for i, s in enumerate(shape)], size)


def check_shape(dimensions: Sequence[str], size: tuple[int, int]) -> tuple[int, ...]:
    """Hold a network's input [batch, channels, height, width] to ``size``.

    ``dimensions`` hold numbers, or the names of those that are free.

    Raises
    ------
    ParameterError
        Where a dimension is free, or height and width are not ``size``.
    """
    free = [name for name in dimensions if not name.isdecimal()]
    if free:
        _refuse("a network of fixed shapes", f"with the free dimension {free[0]}")
    shape = tuple(int(name) for name in dimensions)
    if shape[2:] != size:
        given = "x".join(map(str, size))
        made_for = "x".join(map(str, shape[2:]))
        raise ParameterError("input_size", f"{made_for}, which the model is made for", given)
    return shape


def _read_node(node: fx.Node) -> Node:
    target = node.target
    if not isinstance(target, torch._ops.OpOverload) and target is not operator.getitem:
        _refuse("a network of torch's own operators", f"with {target}")
    if _TRAINING.get(target) in _named_true(node):
        _refuse("a network in evaluation mode", f"with {node.name} in training")
    name = str(getattr(target, "_schema", target))
    operation = name.split("(")[0].replace("::", ".").split(".")
    kind = _KINDS.get(".".join(operation[:2]), "other")
    compute = conv2d if target is torch.ops.aten.conv2d.default else target
    inputs = tuple(dict.fromkeys(argument.name for argument in node.all_input_nodes))

    def run(values: Mapping[str, Value]) -> Sequence[Value]:
        arguments = fx.map_arg(node.args, lambda n: values[n.name])
        keywords = fx.map_arg(node.kwargs, lambda n: values[n.name])
        single = {k: _SINGLE.get(v, v) if k == "dtype" else v for k, v in keywords.items()}
        return [compute(*arguments, **single)]

    stack = list(node.meta.get("nn_module_stack", {}).values())
    scope = str(stack[-1][0]).removeprefix("L['self'].") if stack else ""
    weight = node.args[1].name if kind == "conv" and isinstance(node.args[1], fx.Node) else None
    return Node(node.name, inputs, (node.name,), run, kind, weight, scope)


def _named_true(node: fx.Node) -> set[str]:
    """Return names of the arguments that are True."""
    schema = getattr(node.target, "_schema", None)
    names = [argument.name for argument in schema.arguments] if schema else []
    given = dict(zip(names, node.args, strict=False)) | node.kwargs
    return {name for name, value in given.items() if value is True}


def _refuse(rule: str, value: object) -> NoReturn:
    raise ParameterError("model", rule, value) from None
