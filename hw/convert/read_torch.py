"""Networks from torch: files of `torch.export`, and factories with a state dict."""

import importlib
import io
import logging
import math
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import fx
from torch.export.graph_signature import OutputKind

from golden.inputs.errors import ParameterError, first_line
from hw.convert.affine import AffineArguments, of_torch
from hw.convert.archive import load_program
from hw.convert.blame import explained, line_of
from hw.convert.graph import Graph, Kind, Node, Value, build, placed, to_double
from hw.convert.operators import conv2d, convolution
from hw.convert.quantized import ROUNDINGS, Levels, LevelsOf, rounds
from hw.convert.quantized import levels as levels_of

_LARGEST = 1 << 26
"""Numbers of an image: half a gigabyte in double precision."""

_INVERSE_FFT = ["fft_irfft", "fft_irfft2", "fft_irfftn", "fft_ifft", "fft_ifft2", "_fft_c2r"]
_SAME = ["alias", "clone", "contiguous", "detach", "dropout", "lift_fresh_copy", "to", "_to_copy"]
_FAKE_QUANTIZE = [
    f"{kind}_affine{more}"
    for kind in ("fake_quantize_per_tensor", "fake_quantize_per_channel")
    for more in ("", "_cachemask")
] + [
    "_fake_quantize_learnable_per_channel_affine",
    "_fake_quantize_learnable_per_tensor_affine",
    "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams",
]
_KINDS: Mapping[str, Kind] = {
    **{f"aten.{name}": "conv" for name in ("conv2d", "convolution", "_convolution")},
    **{f"aten.{name}": "inverse_fft" for name in _INVERSE_FFT},
    **{f"aten.{name}": "same" for name in _SAME},
    **{f"aten.{name}": "fake_quantize" for name in _FAKE_QUANTIZE},
    "quantized_decomposed.quantize_per_tensor": "quantize",
    "quantized_decomposed.quantize_per_channel": "quantize",
    "quantized_decomposed.dequantize_per_tensor": "dequantize",
    "quantized_decomposed.dequantize_per_channel": "dequantize",
}
_TRAINING = {torch.ops.aten.dropout.default: "train", torch.ops.aten.batch_norm.default: "training"}
"""Operators that compute something else in training, and the argument that says so."""
_OF_SHAPE = frozenset(
    f"aten.{name}_like" for name in ("empty", "full", "ones", "zeros")
) | frozenset(f"aten.new_{name}" for name in ("empty", "full", "ones", "zeros"))
"""Operators that read of a tensor its shape alone."""
_RANDOM = frozenset(
    [
        "bernoulli",
        "exponential",
        "multinomial",
        "native_dropout",
        "normal",
        "normal_functional",
        "rand",
        "rand_like",
        "randint",
        "randint_like",
        "randn",
        "randn_like",
        "randperm",
        "uniform",
    ]
)
_COMPUTE: Mapping[Any, Callable[..., Value]] = {
    torch.ops.aten.conv2d.default: conv2d,
    torch.ops.aten.convolution.default: convolution,
    # Whatever is in memory would be no constant.
    torch.ops.aten.empty_like.default: torch.zeros_like,
    torch.ops.aten.new_empty.default: torch.ops.aten.new_zeros.default,
    # Copies are left out, and with them the order in memory that they made.
    torch.ops.aten.view.default: torch.reshape,
    torch.ops.aten._unsafe_view.default: torch.reshape,
}
"""What runs in the place of an operator."""


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

    See `export_factory`.
    """
    return from_program(export_factory(place, state, size, channels), size)


def export_factory(
    place: str, state: Path | None, size: tuple[int, int], channels: int
) -> torch.export.ExportedProgram:
    """Call a factory ``module:function``, load its parameters, and export the network it made.

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
    shape = (1, channels, *size)
    with _refusing(f"a network that takes {' x '.join(map(str, shape))}"), quiet():
        image = _image_for(network.eval(), shape)
    with _refusing("a network that torch.export takes"), quiet():
        return torch.export.export(network, (image,))


def _image_for(network: torch.nn.Module, shape: Sequence[int]) -> torch.Tensor:
    """Return an image that ``network`` takes: in single precision, or that of its parameters.

    Raises
    ------
    Exception
        What the network does for an image in single precision, where it takes none.
    """
    dtypes = [p.dtype for p in network.parameters() if p.is_floating_point()][:1]
    failure: Exception | None = None
    for dtype in dict.fromkeys([torch.float32, *dtypes]):
        try:
            with torch.no_grad():
                network(torch.zeros(*shape, dtype=dtype))
        except Exception as reason:  # the network's own code runs here
            failure = failure or reason
        else:
            return torch.zeros(*shape, dtype=dtype)
    assert failure is not None
    raise failure


@contextmanager
def quiet() -> Iterator[None]:
    """Keep torch's warnings and dumps of graphs away: what fails is said in one line."""
    before = logging.root.manager.disable
    logging.disable()
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def _refusing(rule: str) -> Iterator[None]:
    """Refuse a network whose own code fails within, with the line of it."""
    try:
        yield
    except (Exception, SystemExit) as reason:
        _refuse(rule, f"one that fails ({explained(reason)})")


def from_program(program: torch.export.ExportedProgram, size: tuple[int, int]) -> Graph:
    """Read an exported network for images of ``size``, height and width.

    Raises
    ------
    ParameterError
        Where it is not of one image of that size and one output, in training, or of operators that
        torch does not run alone.
    """
    signature = program.graph_signature
    if len(signature.user_inputs) != 1 or len(signature.user_outputs) != 1:
        counts = f"{len(signature.user_inputs)} and {len(signature.user_outputs)}"
        _refuse("a network of one input and one output", f"of {counts}")
    shape = _input_shape(program, signature.user_inputs[0], size)
    _check_evaluating(program)
    program = _functional(program)
    signature = program.graph_signature
    (input_name,) = signature.user_inputs
    stored = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    tensors: Mapping[str, Any] = {**program.state_dict, **program.constants}
    reading = _Reading()
    constants: dict[str, Value] = {}
    for node in _live(program):
        if node.op == "placeholder" and node.name in stored:
            constants[node.name] = tensors[stored[node.name]]
        elif node.op == "call_function":
            reading.take(node)
    return build(
        reading.nodes,
        constants,
        input=input_name,
        output=reading.named(_output(program)),
        input_shape=shape,
    )


def _functional(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """Return the network without operators that write into what they read.

    With no operator to decompose, torch leaves the others as they are; it takes what stands in
    gradient guards out of them too.
    """
    with _refusing("a network that torch.export decomposes"), quiet():
        return program.run_decompositions({})


def _check_evaluating(program: torch.export.ExportedProgram) -> None:
    modules = program.graph_module.modules()
    graphs = [module.graph for module in modules if isinstance(module, fx.GraphModule)]
    for node in (node for graph in graphs for node in graph.nodes):
        if _TRAINING.get(node.target) in _named_true(node):
            _refuse("a network in evaluation mode", f"with {node.name} in training")


def _output(program: torch.export.ExportedProgram) -> fx.Node:
    """Return the node that gives the one result: changed buffers and inputs come before it."""
    (output,) = (node for node in program.graph.nodes if node.op == "output")
    kinds = [spec.kind for spec in program.graph_signature.output_specs]
    result: fx.Node = output.args[0][kinds.index(OutputKind.USER_OUTPUT)]
    return result


def _live(program: torch.export.ExportedProgram) -> list[fx.Node]:
    """Return what the result needs, in order: no assertions, no changes of buffers."""
    needed = {_output(program)}
    live = []
    for node in reversed(program.graph.nodes):
        if node in needed:
            live.append(node)
            needed.update(node.all_input_nodes)
    return live[::-1]


def _make(place: str) -> torch.nn.Module:
    module_name, _, function = place.partition(":")
    try:
        factory = getattr(importlib.import_module(module_name), function)
    except (Exception, SystemExit) as reason:  # the user's own module runs here
        _refuse("a module and a factory in it", f"{place} ({explained(reason)})")
    with _refusing("a factory that takes no arguments and makes a network"):
        network = factory()
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
        Where a dimension is free, height and width are not ``size``, or it is beyond `_LARGEST`.
    """
    free = [name for name in dimensions if not name.isdecimal()]
    if free:
        _refuse("a network of fixed shapes", f"with the free dimension {free[0]}")
    shape = tuple(int(name) for name in dimensions)
    if shape[2:] != size:
        given = "x".join(map(str, size))
        made_for = "x".join(map(str, shape[2:]))
        raise ParameterError("input_size", f"{made_for}, which the model is made for", given)
    if math.prod(shape) > _LARGEST:
        _refuse(f"a network of images of at most {_LARGEST:,} numbers", f"of {list(shape)}")
    return shape


class _Reading:
    """Nodes of torch read one by one.

    Attributes
    ----------
    nodes
        Those read.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._members: dict[str, str] = {}

    def named(self, node: fx.Node) -> str:
        """Return the name of what ``node`` gives."""
        return str(self._members.get(node.name, node.name))

    def take(self, node: fx.Node) -> None:
        """Read a node, or the name of a member of another's result."""
        if node.target is operator.getitem:
            source, index = node.args
            self._members[node.name] = f"{source.name}:{index}"
        else:
            self.nodes.append(self._read(node))

    def _read(self, node: fx.Node) -> Node:
        place = placed(node.name, _scope(node), _line(node))
        if not isinstance(node.target, torch._ops.OpOverload):
            _refuse("a network of torch's own operators", f"with {place}")
        namespace, operation, overload = _operation(node)
        if operation in _RANDOM:
            _refuse("a network without random numbers", f"with {place}")
        inputs = tuple(dict.fromkeys(map(self.named, node.all_input_nodes)))
        affine = of_torch(operation, overload) if _is_real(node) else AffineArguments()
        kind, run, levels = _kind(node, f"{namespace}.{operation}"), self._running(node), None
        if kind in ROUNDINGS:
            levels = self._levels_of(node)
            run = rounds(kind, inputs[0], levels)
        weight = None
        if kind == "conv" and isinstance(node.args[1], fx.Node):
            weight = self.named(node.args[1])
        return Node(
            node.name,
            inputs,
            _outputs(node),
            run,
            kind,
            weight,
            _scope(node),
            _line(node),
            key=self._key(node, inputs),
            terms=frozenset(self._among(node, affine.terms)),
            factors=tuple(self._among(node, affine.factors)),
            levels=levels,
        )

    def _running(self, node: fx.Node) -> Callable[[Mapping[str, Value]], Sequence[Value]]:
        compute = _COMPUTE.get(node.target, node.target)
        several = isinstance(node.meta["val"], (list, tuple))

        def run(values: Mapping[str, Value]) -> Sequence[Value]:
            arguments, keywords = fx.node.map_aggregate(
                (node.args, dict(node.kwargs)),
                lambda a: values[self.named(a)] if isinstance(a, fx.Node) else _doubled(a),
            )
            made = compute(*arguments, **keywords)
            return [to_double(value) for value in (made if several else [made])]

        return run

    def _levels_of(self, node: fx.Node) -> LevelsOf:
        """Return what gives the levels of a node that quantises or dequantises."""
        arguments = _arguments(node)

        def of(values: Mapping[str, Value]) -> Levels:
            given = {
                name: values[self.named(a)] if isinstance(a, fx.Node) else a
                for name, a in arguments.items()
                if name not in ("input", "self")
            }
            scale, zero_point = (
                given.get(name, given.get(f"{name}s")) for name in ("scale", "zero_point")
            )
            ends = (given["quant_min"], given["quant_max"])
            return levels_of(scale, zero_point, ends, given.get("axis"))

        return of

    def _key(self, node: fx.Node, inputs: Sequence[str]) -> str:
        """Return what ``node`` does, its inputs by number."""
        arguments = fx.node.map_aggregate(
            (node.args, dict(node.kwargs)),
            lambda a: f"<{inputs.index(self.named(a))}>" if isinstance(a, fx.Node) else repr(a),
        )
        return f"{node.target}{arguments}"

    def _among(self, node: fx.Node, names: Sequence[str]) -> list[str]:
        """Return the inputs in the arguments called ``names``, one as often as it stands there."""
        found: list[str] = []
        for name, argument in _arguments(node).items():
            if name in names:
                fx.node.map_arg(argument, lambda n: found.append(self.named(n)))
        return found


def _outputs(node: fx.Node) -> tuple[str, ...]:
    """Return a node's name, or one for each member of what it gives."""
    value = node.meta["val"]
    if not isinstance(value, (list, tuple)):
        return (node.name,)
    return tuple(f"{node.name}:{index}" for index in range(len(value)))


def _operation(node: fx.Node) -> tuple[str, str, str]:
    """Return an operator's namespace, name and overload."""
    namespace, name = node.target._schema.name.split("::")
    return namespace, name, node.target._overloadname


def _kind(node: fx.Node, operation: str) -> Kind:
    if operation in _OF_SHAPE and node.all_input_nodes == [node.args[0]]:
        return "shape"
    return _KINDS.get(operation, "other")


def _is_real(node: fx.Node) -> bool:
    """Whether all that ``node`` gives are real or complex numbers."""
    value = node.meta["val"]
    members = value if isinstance(value, (list, tuple)) else [value]
    return all(m is None or m.is_floating_point() or m.is_complex() for m in members)


def _doubled(argument: Any) -> Any:
    """Return an argument that names a type of real or complex numbers as the double one."""
    if not isinstance(argument, torch.dtype):
        return argument
    if argument.is_complex:
        return torch.complex128
    return torch.float64 if argument.is_floating_point else argument


def _scope(node: fx.Node) -> str:
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return str(stack[-1][0]).removeprefix("L['self'].") if stack else ""


def _line(node: fx.Node) -> str:
    return line_of(node.meta.get("stack_trace"))


def _arguments(node: fx.Node) -> dict[str, Any]:
    """Return a node's arguments by their names in the operator's schema."""
    schema = getattr(node.target, "_schema", None)
    names = [argument.name for argument in schema.arguments] if schema else []
    return {**dict(zip(names, node.args, strict=False)), **node.kwargs}


def _named_true(node: fx.Node) -> set[str]:
    """Return names of the arguments that are True."""
    return {name for name, value in _arguments(node).items() if value is True}


def _refuse(rule: str, value: object) -> NoReturn:
    raise ParameterError("model", rule, value) from None
