"""Steps in real numbers to operators in integers, in formats of our own."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from golden.graph.graph import Node
from golden.inputs.errors import ParameterError
from golden.network.arithmetic import Add, Multiply
from golden.network.circular import Circular
from golden.network.constant import Constant
from golden.network.convolution import Convolution
from golden.network.layer_norm import NORMAL_F_BITS, LayerNorm
from golden.network.map import Map
from golden.network.move import Arrange, Concatenate, Select
from golden.network.network import Network
from golden.network.operator import Operator
from golden.network.pointwise import Pointwise
from golden.network.pool import Average, Maximum
from golden.network.registry import CLIPPED, ByKind
from golden.network.rescale import OWN_SHIFT, Rescale
from golden.network.resize import WEIGHT_F_BITS, Resize, reach_of, shares
from golden.network.window import EXACT_IN_FLOAT32
from golden.numbers.interval import Integers, Interval
from golden.numbers.quantize import MAX_MULTIPLIER
from golden.operator.parc import Floats
from hw.convert.whole.chains import clip_of, evaluate, name_of
from hw.convert.whole.model import Constants
from hw.convert.whole.referee import table_of
from hw.convert.whole.steps import Step

_MOST_BIAS = 2.0**30
_GAIN, _OFFSET = Interval.signed(18).high, Interval.signed(31).high
_MOST_SHIFT = 40


def fuse_clips(steps: Sequence[Step], output: str, constants: Constants) -> list[Step]:
    """Return steps without the activations that only clip what one step makes.

    That step takes the ends, and the tensor, of the activation.
    """
    uses: dict[str, int] = {output: 1}
    for step in steps:
        for name in step.sources:
            uses[name] = uses.get(name, 0) + 1
    by_name = {step.name: step for step in steps}
    renamed: dict[str, str] = {}
    kept = []
    for step in steps:
        step.sources = tuple(renamed.get(name, name) for name in step.sources)
        ends = None
        if step.kind == "pointwise":
            ends = clip_of(step.chain, step.entry, step.tensor, constants)
        source = by_name[step.sources[0] if step.sources else step.name]
        apart = source.format is not None and source.format != step.format
        if ends is None or source.kind not in CLIPPED or uses[source.name] > 1 or apart:
            kept.append(step)
            continue
        source.format, source.words = step.format, step.words
        source.word_axes = step.word_axes
        source.clip = (max(source.clip[0], ends[0]), min(source.clip[1], ends[1]))
        source.raw = source.unclipped
        source.tensor, source.axes = step.tensor, step.axes
        renamed[step.name] = source.name
        uses[source.name] = uses[step.name]
    return kept


def quantise(
    steps: Sequence[Step],
    maps: Mapping[str, Map],
    output: str,
    *,
    weight_bits: int,
    constants: Constants,
    making_of: "type[Making] | None" = None,
) -> Network:
    """Return the network in integers, in formats of our own unless it is made otherwise.

    Raises
    ------
    ParameterError
        Where a step does not fit the formats: it is named.
    """
    image, *others = steps
    nodes = []
    for step in others:
        takes = tuple(maps[source] for source in step.sources)
        making = (making_of or Making)(step, takes, maps[step.name], weight_bits, constants)
        try:
            operator = MAKERS[step.kind](making)
        except ParameterError as error:
            found = f"{step.place}, whose {error.parameter} {error.complaint}"
            raise ParameterError("model", "of layers that fit the integers", found) from None
        nodes.append(Node(step.name, operator, step.sources))
    return Network({image.name: maps[image.name]}, tuple(nodes), (output,))


MAKERS: ByKind[Callable[["Making"], Operator]] = ByKind()
"""What makes an operator of each kind: all."""


class Making:
    """What is known where an operator is made of a step.

    Parameters
    ----------
    step
        In real numbers.
    takes, gives
        Maps.
    weight_bits
        Of a weight.
    constants
        Of the file.
    """

    def __init__(
        self,
        step: Step,
        takes: tuple[Map, ...],
        gives: Map,
        weight_bits: int,
        constants: Constants,
    ) -> None:
        self.step, self.takes, self.gives = step, takes, gives
        self.weight_bits, self.constants = weight_bits, constants

    @property
    def ends(self) -> dict[str, Any]:
        """Maps and clip, as most operators have them."""
        return {"takes": self.takes, "gives": self.gives, "clip": self.clip}

    @property
    def clip(self) -> Interval:
        """The step's ends in integers."""
        data, words = self.gives, self.gives.range
        low, high = (
            int(
                np.clip(
                    np.rint(np.float32(end) / np.float32(data.scale)) + data.zero_point,
                    words.low,
                    words.high,
                )
            )
            for end in self.step.clip
        )
        return Interval(low, high)

    def added(self) -> Rescale:
        """Return the factors of a sum of two maps."""
        return powers([data.scale / self.gives.scale for data in self.takes])

    def multiplied(self) -> Rescale:
        """Return the factor of a product of two maps."""
        first, second = self.takes
        return powers([first.scale * second.scale / self.gives.scale])

    def averaged(self, samples: int) -> Rescale:
        """Return the factor of an average of ``samples``."""
        return Rescale.nearest(np.array([self.takes[0].scale / self.gives.scale / samples]))

    def kernels(self) -> dict[str, Any]:
        """Return weights, biases and factors, and the rest that operators with kernels have."""
        real, (data,) = self.step.real, self.takes
        weight, bias = real["weight"], real["bias"]
        limit = Interval.signed(self.weight_bits).high
        ratio = data.scale / self.gives.scale
        least = np.abs(weight).reshape(len(weight), -1).max(axis=1) / limit
        least = np.maximum(least, np.abs(bias) / (data.scale * _MOST_BIAS))
        multiplier = np.ceil(least * ratio * 2.0**OWN_SHIFT).astype(np.int64)
        multiplier = np.clip(multiplier, 1, MAX_MULTIPLIER)
        rescale = Rescale(multiplier, np.full(len(weight), OWN_SHIFT))
        scale = rescale.factors / ratio
        integers = np.rint(weight / scale[:, None, None, None])
        return {
            "weight": np.clip(integers, -limit, limit).astype(np.int64),
            "bias": np.rint(bias / (data.scale * scale)).astype(np.int64),
            "rescale": rescale,
            "groups": self.step.options["groups"],
            **self.ends,
        }


@MAKERS.of(Convolution)
def _convolution(making: Making) -> Operator:
    options = making.step.options
    return Convolution(**making.kernels(), stride=options["stride"], padding=options["padding"])


@MAKERS.of(Circular)
def _circular(making: Making) -> Operator:
    (data,) = making.takes
    most = (1 << data.bits) - 1
    integers = np.rint(making.step.real["embedding"] / data.scale)
    embedding = np.clip(integers, -most, most).astype(np.int64)
    return Circular(**making.kernels(), embedding=embedding)


@MAKERS.of(Pointwise)
def _pointwise(making: Making) -> Operator:
    step, (data,), gives = making.step, making.takes, making.gives
    if not step.chain:  # another format
        words = np.arange(data.range.low, data.range.high + 1)
        return Pointwise(
            takes=making.takes, gives=gives, table=rounded(data.dequantize(words), gives)
        )
    function = name_of(step.chain, step.entry, step.tensor, making.constants)
    if function:
        table = table_of(function, data, gives)
    else:
        words = np.arange(data.range.low, data.range.high + 1)
        y = evaluate(step.chain, step.entry, step.tensor, data.dequantize(words), making.constants)
        table = rounded(y, gives)
    return Pointwise(takes=making.takes, gives=gives, table=table, function=function)


def rounded(values: Floats, data: Map) -> Integers:
    """Return real numbers as words of a map."""
    steps = np.rint(values.astype(np.float32) / np.float32(data.scale)) + data.zero_point
    words: Integers = np.clip(steps, data.range.low, data.range.high).astype(np.int64)
    return words


def powers(factors: Sequence[float]) -> Rescale:
    """Return factors that are powers of two."""
    exponents = [round(math.log2(factor)) for factor in factors]
    shift = max(0, *(-exponent for exponent in exponents))
    multiplier = np.array([1 << shift + exponent for exponent in exponents], np.int64)
    return Rescale(multiplier, np.full(len(exponents), shift))


@MAKERS.of(Add)
def _add(making: Making) -> Operator:
    return Add(rescale=making.added(), **making.ends)


@MAKERS.of(Multiply)
def _multiply(making: Making) -> Operator:
    return Multiply(rescale=making.multiplied(), **making.ends)


@MAKERS.of(Average)
def _average(making: Making) -> Operator:
    options = making.step.options
    rescale = making.averaged(options["size"][0] * options["size"][1])
    return Average(rescale=rescale, **options, **making.ends)


@MAKERS.of(Maximum)
def _maximum(making: Making) -> Operator:
    return Maximum(takes=making.takes, gives=making.gives, **making.step.options)


@MAKERS.of(LayerNorm)
def _layer_norm(making: Making) -> Operator:
    real, (data,), step = making.step.real, making.takes, making.gives.scale
    gamma, beta = real["gamma"] / step / 2.0**NORMAL_F_BITS, real["beta"] / step
    shift = min(
        _MOST_SHIFT,
        math.floor(math.log2(_GAIN / max(np.abs(gamma).max(), 2.0**-60))),
        math.floor(math.log2(_OFFSET / max(np.abs(beta).max(), 2.0**-60))),
    )
    return LayerNorm(
        gain=np.rint(gamma * 2.0**shift).astype(np.int64),
        offset=np.rint(beta * 2.0**shift).astype(np.int64),
        shift=shift,
        epsilon=max(round(real["epsilon"] * (data.channels / data.scale) ** 2), 1),
        **making.ends,
    )


@MAKERS.of(Concatenate)
def _concatenate(making: Making) -> Operator:
    return Concatenate(takes=making.takes, gives=making.gives, **making.step.options)


@MAKERS.of(Select)
def _select(making: Making) -> Operator:
    return Select(takes=making.takes, gives=making.gives, **making.step.real)


@MAKERS.of(Arrange)
def _arrange(making: Making) -> Operator:
    return Arrange(takes=making.takes, gives=making.gives, **making.step.options)


@MAKERS.of(Resize)
def _resize(making: Making) -> Operator:
    (data,) = making.takes
    f_bits = WEIGHT_F_BITS
    while True:  # weights below 0 add up to more: one bit less of each
        rows, columns = (shares(making.step.real[name], f_bits) for name in ("rows", "columns"))
        if reach_of(rows, columns, data.centred).max_abs <= EXACT_IN_FLOAT32:
            break
        f_bits -= 1
    return Resize(takes=making.takes, gives=making.gives, rows=rows, columns=columns, f_bits=f_bits)


@MAKERS.of(Constant)
def _constant(making: Making) -> Operator:
    table = rounded(making.step.real["table"], making.gives)
    return Constant(takes=(), gives=making.gives, table=table)
