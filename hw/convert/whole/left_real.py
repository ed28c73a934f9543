"""Maps that a quantised file leaves in real numbers: they get formats from the images."""

from collections.abc import Sequence

import numpy as np
import onnx

from golden.numbers.observe import Samples
from golden.operator.parc import Floats
from hw.convert.whole.formats import OBSERVERS
from hw.convert.whole.imported import is_quantised
from hw.convert.whole.model import Model, simplified
from hw.convert.whole.quantise import fuse_clips
from hw.convert.whole.recognise import recognise
from hw.convert.whole.rewriting import Rewriting
from hw.convert.whole.steps import MOVES, Step

_BITS, _OFFSET = 8, 128


def rounded_everywhere(
    proto: onnx.ModelProto, images: Floats, observer: str
) -> tuple[onnx.ModelProto, list[str]]:
    """Return a quantised network all of whose maps are rounded, and those that were not, by name.

    A network that is not quantised is given back as it is.

    Parameters
    ----------
    proto
        As `hw.convert.whole.foreign.as_roundings` gives it.
    images
        What formats are chosen by.
    observer
        Of `OBSERVERS`.
    """
    if not any(node.op_type == "QuantizeLinear" for node in proto.graph.node):
        return proto, []
    model = simplified(proto)
    steps, output = recognise(model)
    steps = fuse_clips(steps, output, model.constants)
    left = [step for step in steps if step.format is None and step.kind not in MOVES]
    there = {name for node in proto.graph.node for name in node.output} | {model.input}
    names = [step.tensor for step in left if step.tensor in there]
    if not names or not is_quantised(steps):
        return proto, []
    rewriting = _Rounding(proto, signed=_are_signed(steps))
    for name, samples in zip(names, _seen(model, names, images), strict=True):
        rewriting.choose(name, *OBSERVERS[observer](samples, _BITS))
    return rewriting.made(), names


def _are_signed(steps: Sequence[Step]) -> bool:
    return any(step.format is not None and step.format.low < 0 for step in steps)


def _seen(model: Model, names: Sequence[str], images: Floats) -> list[Samples]:
    seen = [Samples() for _ in names]
    made = [name for name in names if name != model.input]
    for image in images:
        values = {model.input: image, **model.run(made, image[None])}
        for name, samples in zip(names, seen, strict=True):
            samples.add(values[name].astype(np.float64))
    return seen


class _Rounding(Rewriting):
    """Roundings put behind tensors."""

    def __init__(self, proto: onnx.ModelProto, *, signed: bool) -> None:
        super().__init__(proto)
        self._signed = signed
        self._ends: dict[str, tuple[str, str]] = {}
        self._rounded: dict[str, str] = {}

    def choose(self, name: str, scale: float, zero: int) -> None:
        """Choose the format of a tensor: of signed words, as formats of our own are."""
        words = np.int8 if self._signed else np.uint8
        point = np.array(zero + (0 if self._signed else _OFFSET), words)
        self._ends[name] = (
            self.constant("scale", np.array(scale, np.float32)),
            self.constant("zero", point),
        )

    def made(self) -> onnx.ModelProto:
        """Return the network."""
        self._round(self.proto.graph.input[0].name)
        for node in self.proto.graph.node:
            kept = self.keep(node)
            for place, name in enumerate(node.input):
                kept.input[place] = self._rounded.get(name, name)
            for name in node.output:
                self._round(name)
        output = self.proto.graph.output[0].name
        return self.finished(self._rounded.get(output, output))

    def _round(self, name: str) -> None:
        if name in self._ends:
            words = self.fresh(f"{name}_words")
            self.write("QuantizeLinear", [name, *self._ends[name]], [words])
            self._rounded[name] = self.dequantised(words, *self._ends[name])
