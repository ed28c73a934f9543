"""A whole network in integers: operators in order, and what is proved of them."""

from dataclasses import dataclass, replace

import numpy as np

from golden.graph.graph import Graph
from golden.inputs.errors import ParameterError
from golden.network.map import Map
from golden.network.operator import Operator
from golden.numbers.interval import Integers
from golden.operator.parc import Floats


@dataclass(frozen=True, eq=False)
class Network(Graph):
    """A graph of operators, from one image to one or more maps.

    Made by `hw.convert`, or read from its files: `golden.network.files`.

    Raises
    ------
    ValueError
        See `Graph`; where what an operator takes has another format than what is made; where there
        is more than one input.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.inputs) != 1:
            raise ParameterError("inputs", "one map", len(self.inputs))
        for node in self.nodes:
            for name, wanted in zip(node.sources, self.operators[node.name].takes, strict=True):
                got = self.maps[name]
                if (got.scale, got.zero_point) != (wanted.scale, wanted.zero_point):
                    raise ValueError(f"{node.name} must take {wanted}, not {name}: {got}")

    @property
    def own(self) -> bool:
        """Whether no factor rounds as float32 does: see `Rescale`."""
        scaled = (getattr(operator, "rescale", None) for operator in self.operators.values())
        return not any(rescale.single for rescale in scaled if rescale is not None)

    @property
    def unsigned(self) -> "Network":
        """The same network with words that are not signed: see `Operator.unsigned`."""
        inputs = {name: self.maps[name].unsigned for name in self.inputs}
        nodes = [replace(node, stage=self.operators[node.name].unsigned) for node in self.nodes]
        return Network(inputs, tuple(nodes), self.outputs)

    @property
    def input(self) -> str:
        """Name of the image's map."""
        (name,) = self.inputs
        return name

    @property
    def maps(self) -> dict[str, Map]:
        """All maps by name."""
        maps = self.tensors
        assert all(isinstance(data, Map) for data in maps.values())
        return maps  # type: ignore[return-value]  # as has just been seen

    @property
    def operators(self) -> dict[str, Operator]:
        """Operators by the names of the maps that they give."""
        made = {node.name: node.stage for node in self.nodes}
        assert all(isinstance(stage, Operator) for stage in made.values())
        return made  # type: ignore[return-value]  # as has just been seen

    @property
    def products(self) -> int:
        """Multiplications that a frame takes."""
        return sum(operator.products for operator in self.operators.values())

    def certificate(self) -> dict[str, object]:
        """Return what is proved over all images: the range of every sum and map, and no wrap."""
        layers = {name: operator.certificate() for name, operator in self.operators.items()}
        bits = max((o.sums.bits for o in self.operators.values()), default=1)
        return {
            "overflow_free": True,
            "sum_bits": bits,
            "exact": all(o.max_error == 0 for o in self.operators.values()),
            "layers": layers,
        }

    def quantize(self, images: Floats) -> Integers:
        """Return images ``[n, C, H, W]``, real numbers, as integers of the input's format.

        As onnxruntime does: divided in float32, rounded half to even, then the zero point.
        """
        data = self.maps[self.input]
        steps = np.rint(images.astype(np.float32) / np.float32(data.scale))
        low, high = data.centred.low, data.centred.high
        integers: Integers = np.clip(steps, low, high).astype(np.int64) + data.zero_point
        return integers

    def predict(self, images: Floats) -> dict[str, Floats]:
        """Return what the maps that leave stand for, of images ``[n, C, H, W]``."""
        made = self.run({self.input: self.quantize(images)})
        return {name: self.maps[name].dequantize(values) for name, values in made.items()}
