"""Files of trained networks: small ones to damage, and their readers against others' evaluation."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.reference
import torch
from onnx import TensorProto, helper, numpy_helper

from golden.operator.parc import Floats
from hw.convert.archive import load_program
from hw.convert.graph import Graph
from hw.convert.read_onnx import read_onnx
from hw.convert.read_torch import from_program
from sim.campaign.fuzz.mutate import damaged_bytes

SIZE = (6, 6)
_CHANNELS = 2
# Forks of one process read files, each on one core.
torch.set_num_threads(1)
_NUMBERS = [0, 1, -1, 2, 3, 7, 1 << 16, 1 << 31, -(1 << 63), (1 << 63) - 1]


class _Small(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(_CHANNELS, 4, 3, padding=1, stride=2)
        self.norm = torch.nn.BatchNorm2d(4)
        self.line = torch.nn.Conv2d(4, 4, (3, 1), groups=4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.first(x)))
        y = self.line(torch.cat((x, x[:, :, :-1]), dim=2))
        return (y + x).mean((2, 3))


def _network() -> torch.nn.Module:
    torch.manual_seed(0)
    return _Small().eval()


def _image() -> torch.Tensor:
    values = np.random.default_rng(1).normal(size=(1, _CHANNELS, *SIZE))
    return torch.tensor(values, dtype=torch.float32)


def pt2_files() -> list[dict[str, bytes]]:
    """Return a small network as `torch.export` writes it."""
    file = io.BytesIO()
    torch.export.save(torch.export.export(_network(), (_image(),)), file)
    return [{"network.pt2": file.getvalue()}]


def onnx_files() -> list[dict[str, bytes]]:
    """Return a network of some operators in ONNX, and the same quantised."""
    return [{"network.onnx": _onnx(quantised=quantised)} for quantised in (False, True)]


def _onnx(*, quantised: bool) -> bytes:
    random = np.random.default_rng(2)
    constants = {
        "weight": random.normal(size=(4, _CHANNELS, 3, 3)).astype(np.float32),
        "bias": random.normal(size=4).astype(np.float32),
        "line": random.normal(size=(4, 1, 3, 1)).astype(np.float32),
        "begin": np.array([0], np.int64),
        "end": np.array([2], np.int64),
        "axis": np.array([2], np.int64),
        "scale": np.array(0.05, np.float32),
        "zero": np.array(3, np.int8),
        "head": random.normal(size=(4, 5)).astype(np.float32),
    }
    node = helper.make_node
    rounded = [
        node("QuantizeLinear", ["x", "scale", "zero"], ["words"]),
        node("DequantizeLinear", ["words", "scale", "zero"], ["image"]),
    ]
    nodes = [
        *(rounded if quantised else []),
        node("Conv", ["image" if quantised else "x", "weight", "bias"], ["a"], strides=[2, 2],
             pads=[1, 1, 1, 1]),
        node("Relu", ["a"], ["b"]),
        node("Slice", ["b", "begin", "end", "axis"], ["part"]),
        node("Concat", ["b", "part"], ["long"], axis=2),
        node("Conv", ["long", "line"], ["c"], group=4),
        node("Add", ["b", "c"], ["d"]),
        node("GlobalAveragePool", ["d"], ["e"]),
        node("Flatten", ["e"], ["f"]),
        node("MatMul", ["f", "head"], ["y"]),
    ]  # fmt: skip
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, _CHANNELS, *SIZE])
    given = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])
    initial = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "network", [taken], [given], initial)
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return bytes(model.SerializeToString())


def damaged_onnx(content: bytes, random: np.random.Generator) -> bytes:
    """Return a model with a node, a constant or a shape changed; or as bytes."""
    if random.random() < 0.4:
        return damaged_bytes(content, random)
    model = onnx.load_from_string(content)
    graph = model.graph
    shape = graph.input[0].type.tensor_type.shape
    match int(random.integers(5)):
        case 0:
            shape.dim[int(random.integers(4))].dim_value = int(random.choice(_NUMBERS))
        case 1 | 2:
            _damage_node(graph, random)
        case _:
            _damage_constant(graph, random)
    return bytes(model.SerializeToString())


def _one(random: np.random.Generator, choices: Any) -> Any:
    return choices[int(random.integers(len(choices)))]


def _damage_node(graph: onnx.GraphProto, random: np.random.Generator) -> None:
    node, number = _one(random, graph.node), int(random.choice(_NUMBERS))
    match int(random.integers(4)):
        case 0:
            graph.node.remove(node)
        case 1:
            node.op_type = _one(random, graph.node).op_type
        case 2 if node.attribute:
            attribute = _one(random, node.attribute)
            if attribute.ints:
                attribute.ints[int(random.integers(len(attribute.ints)))] = number
            else:
                attribute.i = number
        case _:
            other = _one(random, [*graph.initializer, *graph.input])
            node.input[int(random.integers(len(node.input)))] = other.name


def _damage_constant(graph: onnx.GraphProto, random: np.random.Generator) -> None:
    tensor, number = _one(random, graph.initializer), int(random.choice(_NUMBERS))
    match int(random.integers(4)):
        case 0:
            graph.initializer.remove(tensor)
        case 1 if tensor.dims:
            tensor.dims[int(random.integers(len(tensor.dims)))] = number
        case 2:
            tensor.data_type = int(random.integers(25))
        case _:
            tensor.raw_data = damaged_bytes(tensor.raw_data, random)


def compare_onnx(path: Path) -> None:
    """Hold a model that is read, on an image, to ONNX's own evaluation, where that succeeds."""
    graph = read_onnx(path, SIZE)
    image = _image()
    if graph.input_shape != tuple(image.shape):
        return
    made = _made(graph, image)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            evaluator = onnx.reference.ReferenceEvaluator(onnx.load(path))
            (known,) = evaluator.run(None, {graph.input: image.numpy()})
        except Exception:  # its own refusals; whatever it lacks
            return
    _alike(made, np.asarray(known, dtype=np.float64))


def compare_pt2(path: Path) -> None:
    """Hold a program that is read, on an image, to torch's own run of it."""
    program = load_program(path, trust_pickle=False)
    graph = from_program(program, SIZE)
    image = _image()
    if graph.input_shape != tuple(image.shape):
        return
    made = _made(graph, image)
    with torch.no_grad():
        known = program.module()(image)
    _alike(made, known.double().numpy())


def _made(graph: Graph, image: torch.Tensor) -> Floats:
    return np.asarray(graph.run(image.double())[0].double().numpy())


def _alike(made: Floats, known: Floats) -> None:
    """Raise unless results are alike but for single precision, where they are numbers at all."""
    assert made.shape == known.shape, f"{made.shape} for {known.shape}"
    size = float(np.abs(known).max(initial=0))
    if np.isfinite(size) and size < 1e6:
        np.testing.assert_allclose(made, known, rtol=0, atol=1e-4 * max(size, 1))
