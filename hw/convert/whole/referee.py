"""onnxruntime as the referee: every map of a network, element by element."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from golden.graph.graph import Node
from golden.network.map import Map
from golden.network.network import Network
from golden.network.pointwise import Pointwise
from golden.numbers.interval import Integers
from golden.operator.parc import Floats
from hw.convert.whole.qdq import output_name, type_of, write_qdq


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
    allowed
        Largest difference that is right: 0 but for layer norms.
    """

    name: str
    elements: int
    different: int
    largest: int
    allowed: int

    @property
    def right(self) -> bool:
        """Whether all is as it must be."""
        return self.largest <= self.allowed


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
            different = int(np.count_nonzero(off))
            yield Difference(node.name, off.size, different, int(off.max()), allowed)


class SourceFile:
    """Runs a network that came quantised, as its file has it, and compares all its maps.

    What follows a layer norm, which is not the same to the bit, is not compared.

    Parameters
    ----------
    network
        In integers.
    proto
        The file's network, for one image.
    words
        By the names of maps: what the file calls them in integers.
    """

    def __init__(self, network: Network, proto: onnx.ModelProto, words: Mapping[str, str]) -> None:
        self.network = network
        loose = set[str]()
        for node in network.nodes:
            off = network.operators[node.name].max_error > 0
            if off or not loose.isdisjoint(node.sources):
                loose.add(node.name)
        # Where it was simplified there may be roundings that the file has not.
        there = {name for node in proto.graph.node for name in node.output}
        self._words = {
            name: tensor for name, tensor in words.items() if name not in loose and tensor in there
        }
        exposed = onnx.ModelProto()
        exposed.CopyFrom(proto)
        del exposed.graph.output[:]
        self._names = list(dict.fromkeys(self._words.values()))
        exposed.graph.output.extend(map(onnx.helper.make_empty_tensor_value_info, self._names))
        signed = all(data.signed for data in network.maps.values())
        self._session = session_of(exposed, signed=signed)
        self._input = proto.graph.input[0].name

    def compare(self, images: Floats) -> Iterator[Difference]:
        """Yield how each map of one image ``[1, C, H, W]`` differs."""
        network = self.network
        golden = network.trace({network.input: network.quantize(images)})
        made = self._session.run(self._names, {self._input: images.astype(np.float32)})
        theirs = dict(zip(self._names, made, strict=True))
        for name, tensor in self._words.items():
            ours, other = golden[name], theirs[tensor].astype(np.int64)
            if other.ndim == 4 and other.shape != ours.shape:
                other = other.transpose(0, 3, 1, 2)  # channels last
            off = np.abs(ours - other.reshape(ours.shape))
            different = int(np.count_nonzero(off))
            yield Difference(f"{name} of the file", off.size, different, int(off.max()), 0)


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
