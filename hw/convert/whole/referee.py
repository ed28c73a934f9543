"""onnxruntime as the referee: every map of a network, element by element."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from golden.graph.graph import Node
from golden.network.map import Map
from golden.network.network import Network
from golden.network.pointwise import Pointwise
from golden.network.pool import Average
from golden.numbers.interval import Integers
from golden.operator.parc import Floats
from hw.convert.whole.qdq import output_name, type_of, write_qdq
from hw.convert.whole.steps import in_order


def session_of(
    model: onnx.ModelProto | bytes, *, signed: bool = False
) -> onnxruntime.InferenceSession:
    """Return a session as this project compares with: one core, everything fused.

    Kernels that add pairs of products in 16 bits, on processors without VNNI, saturate: they are
    left out.

    Parameters
    ----------
    model
        What to run.
    signed
        Whether all maps are signed: onnxruntime is to compute those in integers too, for which it
        has no kernels where only some are.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # It makes weights unsigned, which no kernel takes with signed maps.
    options.add_session_config_entry("session.x64quantprecision", str(int(not signed)))
    options.add_session_config_entry("session.qdqisint8allowed", str(int(signed)))
    content = model if isinstance(model, bytes) else model.SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


@dataclass(frozen=True)
class Difference:
    """How a map of the referee's differs.

    Parameters
    ----------
    name
        Of the map.
    elements
        That were compared.
    different
        Of them.
    largest
        Difference, in steps.
    wrong
        Of those that differ: where a difference is not right.
    """

    name: str
    elements: int
    different: int
    largest: int
    wrong: int

    @classmethod
    def of(cls, name: str, off: Integers, allowed: Integers | int) -> Self:
        """Return how far a map is off, and as far as it may be: 0 but for layer norms."""
        different, wrong = (int(np.count_nonzero(off > most)) for most in (0, allowed))
        return cls(name, off.size, different, int(off.max()), wrong)

    @property
    def right(self) -> bool:
        """Whether all is as it must be."""
        return not self.wrong


class Referee:
    """Runs a network in onnxruntime, and compares all maps.

    Parameters
    ----------
    network
        In integers.
    model
        What to run in its place: `write_qdq` of it, exposed, by default.
    """

    def __init__(self, network: Network, model: onnx.ModelProto | None = None) -> None:
        self.network = network
        signed = not network.own and all(data.signed for data in network.maps.values())
        self._exposed = session_of(model or write_qdq(network, exposed=True), signed=signed)
        self._plain = session_of(write_qdq(network), signed=signed)

    def maps(self, images: Floats, given: dict[str, Integers]) -> dict[str, Integers]:
        """Return the referee's maps of one image; what layer norms give is ``given``."""
        feed: dict[str, npt.NDArray[np.generic]] = {
            entry.name: images.astype(np.float32)
            if entry.name == self.network.input
            else self._words(entry.name, given[entry.name])
            for entry in self._exposed.get_inputs()
        }
        names = [entry.name for entry in self._exposed.get_outputs()]
        made = dict(zip(names, self._exposed.run(names, feed), strict=True))
        plain = {name.removesuffix("_made"): name for name in names}
        return {
            name: made[plain.get(name, name)].astype(np.int64) - self._offset(name)
            for name in plain
        }

    def _offset(self, name: str) -> int:
        """Return how much more the file's words of a map are."""
        return self.network.maps[name].offset if self.network.own else 0

    def _words(self, name: str, values: Integers) -> npt.NDArray[np.generic]:
        data = self.network.maps[name]
        return (values + self._offset(name)).astype(
            type_of(data.unsigned if self.network.own else data)
        )

    def outputs(self, images: Floats) -> dict[str, Floats]:
        """Return what the plain file gives for one image, by the outputs' names."""
        names = [output_name(name) for name in self.network.outputs]
        made = self._plain.run(names, {self.network.input: images.astype(np.float32)})
        return dict(zip(self.network.outputs, made, strict=True))

    def compare(self, images: Floats) -> Iterator[Difference]:
        """Yield how each map of one image ``[1, C, H, W]`` differs."""
        network = self.network
        golden = network.trace({network.input: network.quantize(images)})
        theirs = self.maps(images, golden)
        for node in network.nodes:
            allowed = network.operators[node.name].max_error
            off = np.abs(golden[node.name] - theirs[node.name])
            yield Difference.of(node.name, off, allowed)


class SourceFile:
    """Runs a network that came quantised, as its file has it, and compares all its maps.

    Each operator is given what the file's own took. What layer norms give may be off by their
    `max_error`. A ReduceMean adds real numbers in an order of its own: it may be off by a step
    where the exact mean is so close to the middle of two that their additions in float32 decide.

    Parameters
    ----------
    network
        In integers.
    proto
        The file's network, for one image.
    words
        By the names of maps: what the file calls them in integers.
    axes
        By those: which axes of the map they have, "N", "C", "H" and "W" in this order by default.
    """

    def __init__(
        self,
        network: Network,
        proto: onnx.ModelProto,
        words: Mapping[str, str],
        axes: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.network = network
        # Where it was simplified there may be roundings that the file has not.
        there = {name for node in proto.graph.node for name in node.output}
        self._words = {name: tensor for name, tensor in words.items() if tensor in there}
        self._axes = axes or {}
        exposed = onnx.ModelProto()
        exposed.CopyFrom(proto)
        del exposed.graph.output[:]
        self._names = list(dict.fromkeys(self._words.values()))
        exposed.graph.output.extend(map(onnx.helper.make_empty_tensor_value_info, self._names))
        _keep_apart(exposed.graph)
        signed = all(data.signed for data in network.maps.values())
        self._session = session_of(exposed, signed=signed)
        self._input = proto.graph.input[0].name
        self._loose = _rounded_means(proto)

    def compare(self, images: Floats) -> Iterator[Difference]:
        """Yield how each map of one image ``[1, C, H, W]`` differs."""
        network = self.network
        made = self._session.run(self._names, {self._input: images.astype(np.float32)})
        theirs = dict(zip(self._names, made, strict=True))
        known = {network.input: network.quantize(images)}
        yield from self._compared(network.input, known, theirs)
        for node in network.nodes:
            taken = [known[name] for name in node.sources]
            known[node.name] = network.operators[node.name].value(*taken)
            yield from self._compared(node.name, known, theirs, taken)

    def _compared(
        self,
        name: str,
        known: dict[str, Integers],
        theirs: Mapping[str, npt.NDArray[Any]],
        taken: Sequence[Integers] = (),
    ) -> Iterator[Difference]:
        """Yield how a map differs, if the file has it, which is put in its place."""
        if name not in self._words:
            return
        ours, other = known[name], theirs[self._words[name]].astype(np.int64)
        axes = self._axes.get(self._words[name], "NCHW"[: other.ndim])
        known[name] = in_order(other, axes).reshape(ours.shape)
        allowed = self._allowed(name, taken[0]) if taken else 0
        yield Difference.of(f"{name} of the file", np.abs(ours - known[name]), allowed)

    def _allowed(self, name: str, x: Integers) -> Integers | int:
        """Return how far an operator's result may be off, of what it took first."""
        operator = self.network.operators[name]
        if isinstance(operator, Average) and self._words[name] in self._loose:
            return undecided(operator, x).astype(np.int64)
        return operator.max_error


def _keep_apart(graph: onnx.GraphProto) -> None:
    """Give every constant that is dequantised a zero point of its own.

    onnxruntime 1.32 makes signed weights unsigned, and fails where two share one zero point.
    """
    zeros = {tensor.name: tensor for tensor in graph.initializer}
    for index, node in enumerate(graph.node):
        if node.op_type == "DequantizeLinear" and len(node.input) > 2 and node.input[2] in zeros:
            own = onnx.TensorProto()
            own.CopyFrom(zeros[node.input[2]])
            own.name = node.input[2] = f"{own.name}_of_node_{index}"
            graph.initializer.append(own)


def _rounded_means(proto: onnx.ModelProto) -> set[str]:
    """Return the names of integers that are means which ReduceMean computes in real numbers."""
    means = {node.output[0] for node in proto.graph.node if node.op_type == "ReduceMean"}
    return {name for node in proto.graph.node if means & {*node.input[:1]} for name in node.output}


def undecided(operator: Average, x: Integers) -> npt.NDArray[np.bool_]:
    """Return where a mean is so close to the middle of two steps that float32 decides on its own.

    Of n samples, n roundings add up, each of a part in 2^24 of what is added so far.
    """
    (data,) = operator.takes
    factor, samples = float(operator.rescale.factors[0]), int(np.prod(operator.size))
    mean = operator.totals(x) * factor
    most = max(abs(data.centred.low), abs(data.centred.high)) * samples * factor
    middle = np.abs(mean - np.floor(mean) - 0.5)
    roundings = (samples + 3) * 2.0**-24
    close: npt.NDArray[np.bool_] = middle <= roundings * (most + abs(operator.gives.zero_point))
    return close


def table_of(function: str, data: Map, gives: Map) -> Integers:
    """Return the table of a function by its name, as onnxruntime computes it of every word."""
    words = np.arange(data.range.low, data.range.high + 1)
    line = [Map.of_range((1, 1, len(words)), m.range, m.scale, m.zero_point) for m in (data, gives)]
    stage = Pointwise(
        takes=(line[0],),
        gives=line[1],
        table=np.full(len(words), gives.zero_point),
        function=function,
    )
    network = Network({"x": line[0]}, (Node("y", stage, ("x",)),), ("y",))
    real = line[0].dequantize(words)[None, None, None]
    made = Referee(network).maps(real, {})["y"]
    return made.ravel()
