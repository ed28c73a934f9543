"""Operators drawn at random: what models, the referee and hardware are compared on.

Shapes are odd on purpose: maps of 1 x 1, single channels, windows larger than the map, strides
beyond the window, all padding; words at their ends; factors that round many ties.
"""

from collections.abc import Callable

import numpy as np

from golden.graph.graph import Node
from golden.network.arithmetic import Add, Multiply
from golden.network.circular import Circular
from golden.network.constant import Constant
from golden.network.convolution import Convolution
from golden.network.layer_norm import LayerNorm
from golden.network.map import Map
from golden.network.move import Arrange, Concatenate, Select
from golden.network.network import Network
from golden.network.operator import Operator
from golden.network.pointwise import Pointwise
from golden.network.pool import Average, Maximum
from golden.network.registry import ByKind
from golden.network.rescale import Rescale
from golden.network.resize import WEIGHT_F_BITS, Resize, shares
from golden.numbers.interval import Integers, Interval
from golden.operator.parc import Floats

Shape = tuple[int, int, int]


CASES: ByKind[Callable[["Draw"], Operator]] = ByKind()
"""What draws an operator of each kind: all."""


class Draw:
    """Draws maps, factors and operators.

    Parameters
    ----------
    seed
        The same seed draws the same.
    own
        Whether formats are our own: scales that are powers of two, even zero points, factors that
        are multiples of 2^-16. Else scales and factors are any float32.
    """

    def __init__(self, seed: int, *, own: bool) -> None:
        self.rng = np.random.default_rng(seed)
        self.own = own
        # The referee has kernels in integers for maps of one kind only.
        self._signed = None if own else bool(seed & 1)

    def integer(self, low: int, high: int) -> int:
        """Return an integer from ``low`` to ``high``."""
        return int(self.rng.integers(low, high + 1))

    def one_of(self, *values: int) -> int:
        """Return one of ``values``."""
        return values[self.integer(0, len(values) - 1)]

    def shape(self) -> Shape:
        """Return the shape of a map."""
        channels = self.one_of(1, 2, 3, 4, 6, 8, 13, 16)
        return channels, self.one_of(1, 2, 3, 5, 7, 8), self.one_of(1, 2, 4, 5, 7, 9)

    def map(self, shape: Shape, like: Map | None = None) -> Map:
        """Return a map, of the format of another where it is given."""
        if like is not None:
            return Map.of_range(shape, like.range, like.scale, like.zero_point)
        signed = bool(self.integer(0, 1)) if self._signed is None else self._signed
        low = -128 if signed else 0
        zero = self.one_of(low, 0, low + 255, self.integer(low, low + 255))
        if self.own:
            return Map.of(shape, 2.0 ** self.integer(-7, 1), zero & ~1, signed=signed)
        scale = float(np.float32(self.rng.uniform(0.003, 0.2)))
        return Map.of(shape, scale, zero, signed=signed)

    def clip(self, data: Map) -> Interval:
        """Return the ends of results: the words' own, a ReLU's, or any two."""
        low, high = data.range.low, data.range.high
        ends = sorted([self.integer(low, high), self.integer(low, high)])
        return [data.range, Interval(data.zero_point, high), Interval(*ends)][self.integer(0, 2)]

    def factors(self, count: int, typical: float, data: Map, gives: Map) -> Rescale:
        """Return factors by which sums of about ``1 / typical`` become results."""
        spread = self.rng.uniform(0.3, 3.0, count) * typical * 64
        if self.own:
            return Rescale.nearest(spread)
        x, y = np.float32(data.scale), np.float32(gives.scale)
        weights = (spread * float(y) / float(x)).astype(np.float32)
        return Rescale.of_float32((x * weights / y).astype(np.float64))

    def words(self, data: Map, frames: int = 1) -> Integers:
        """Return maps ``[F, C, H, W]`` of words, all extreme ones in one case of four."""
        shape = (frames, *data.shape)
        ends = np.array([data.range.low, data.range.high])
        if not self.integer(0, 3):
            return self.rng.choice(ends, shape)
        return self.rng.integers(ends[0], ends[1] + 1, shape)

    def case(self, kind: str) -> tuple[Network, Integers]:
        """Return a network of one operator, and a map for it."""
        operator = CASES[kind](self)
        if not operator.takes:
            return self._added(operator)
        names = [f"x{i}" for i, _ in enumerate(operator.takes)]
        # A network takes one map: of two, both are cut out of it.
        if len(names) == 1:
            network = Network({"x0": operator.takes[0]}, (Node("y", operator, ("x0",)),), ("y",))
        else:
            network = self._cut(operator)
        return network, self.words(network.maps[network.input])

    def _added(self, operator: Operator) -> tuple[Network, Integers]:
        """Return a network that adds what an operator gives of nothing to its map."""
        data, other = self.map(operator.gives.shape), operator.gives
        assert isinstance(other, Map)
        gives = self.map(data.shape)
        if self.own:
            gives = Map.of_range(data.shape, gives.range, data.scale * 2, gives.zero_point)
        rescale = rescale_of(ratio(over=gives, of=(data, other)), own=self.own)
        total = Add(takes=(data, other), gives=gives, rescale=rescale, clip=self.clip(gives))
        nodes = (Node("y", operator, ()), Node("z", total, ("x0", "y")))
        return Network({"x0": data}, nodes, ("z",)), self.words(data)

    def _cut(self, operator: Operator) -> Network:
        """Return a network that gives an operator its maps: cut out of one, and relabelled."""
        first = operator.takes[0]
        height, width = (max(m.shape[axis] for m in operator.takes) for axis in (1, 2))
        whole = self.map((sum(m.channels for m in operator.takes), height, width), first)
        nodes, begin = [], 0
        for index, data in enumerate(operator.takes):
            part = Select(
                takes=(whole,),
                gives=self.map(data.shape, first),
                channels=begin + np.arange(data.channels),
                rows=np.arange(data.height),
                columns=np.arange(data.width),
            )
            begin += data.channels
            nodes.append(Node(f"part{index}", part, ("whole",)))
            same = np.arange(data.range.low, data.range.high + 1)
            named = Pointwise(takes=(part.gives,), gives=data, table=same)
            nodes.append(Node(f"x{index}", named, (f"part{index}",)))
        sources = tuple(f"x{index}" for index, _ in enumerate(operator.takes))
        return Network({"whole": whole}, (*nodes, Node("y", operator, sources)), ("y",))


def _window(draw: Draw, data: Map) -> tuple[tuple[int, int], tuple[int, int], Shape]:
    """Return size and stride of a window, and padding for both sides that it fits."""
    size = (draw.one_of(1, 2, 3, 5, 7), draw.one_of(1, 1, 2, 3, 5, 7))
    return size, (draw.integer(1, 3), draw.integer(1, 3)), data.shape


def _padding(draw: Draw, data: Map, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return padding less than the window, such that this fits the map."""
    least = [max(s - side, 0) for s, side in zip(size, data.shape[1:], strict=True)]
    above, left = (draw.integer(0, s - 1) for s in size)
    below, right = (
        min(max(need - given, draw.integer(0, s - 1)), s - 1)
        for need, given, s in zip(least, (above, left), size, strict=True)
    )
    return above, left, below, right


def _kernels(draw: Draw, shape: tuple[int, ...]) -> tuple[Integers, float]:
    weight = draw.rng.integers(-127, 128, shape)
    if not draw.integer(0, 3):
        weight = draw.rng.choice([-127, 127], shape)
    terms = int(np.prod(shape[1:]))
    return weight, 1 / (127.0 * 128.0 * np.sqrt(terms))


@CASES.of(Convolution)
def _convolution(draw: Draw) -> Operator:
    data = draw.map(draw.shape())
    groups = draw.one_of(*(g for g in (1, 2, data.channels) if data.channels % g == 0))
    outputs = groups * draw.integer(1, 5)
    size, stride, _ = _window(draw, data)
    padding = _padding(draw, data, size)
    sides = [
        (side + a + b - s) // step + 1
        for side, a, b, s, step in zip(
            data.shape[1:], padding[:2], padding[2:], size, stride, strict=True
        )
    ]
    gives = draw.map((outputs, sides[0], sides[1]))
    weight, typical = _kernels(draw, (outputs, data.channels // groups, *size))
    return Convolution(
        takes=(data,),
        gives=gives,
        weight=weight,
        bias=draw.rng.integers(-9000, 9001, outputs),
        rescale=draw.factors(draw.one_of(1, outputs), typical, data, gives),
        clip=draw.clip(gives),
        stride=stride,
        padding=padding,
        groups=groups,
    )


@CASES.of(Circular)
def _circular(draw: Draw) -> Operator:
    data = draw.map(draw.shape())
    groups = draw.one_of(1, data.channels)
    axis = draw.integer(0, 2)
    size = [(data.height, 1), (1, data.width), (data.height, data.width)][axis]
    outputs = data.channels if groups > 1 else draw.integer(1, 6)
    gives = draw.map((outputs, data.height, data.width))
    weight, typical = _kernels(draw, (outputs, data.channels // groups, *size))
    line = tuple(side if s > 1 else 1 for side, s in zip(data.shape[1:], size, strict=True))
    return Circular(
        takes=(data,),
        gives=gives,
        weight=weight,
        bias=draw.rng.integers(-9000, 9001, outputs),
        embedding=draw.rng.integers(-100, 101, (data.channels, *line)) * draw.integer(0, 1),
        rescale=draw.factors(draw.one_of(1, outputs), typical, data, gives),
        clip=draw.clip(gives),
        groups=groups,
    )


@CASES.of(Pointwise)
def _pointwise(draw: Draw) -> Operator:
    data = draw.map(draw.shape())
    gives = draw.map(data.shape)
    table = draw.rng.integers(gives.range.low, gives.range.high + 1, 256)
    if draw.integer(0, 1):
        gives = data
        clip = draw.clip(data)
        words = np.arange(data.range.low, data.range.high + 1)
        table = np.clip(words, clip.low, clip.high)
    return Pointwise(takes=(data,), gives=gives, table=table)


def ratio(*, over: Map, of: tuple[Map, ...]) -> Floats:
    """Return the factors of an addition of maps or, of two, of a product, as float32 has them."""
    y = np.float32(over.scale)
    return np.array([np.float32(m.scale) / y for m in of], np.float64)


def product_factor(first: Map, second: Map, gives: Map) -> Floats:
    """Return the factor of a product of two maps, as float32 has it."""
    scales = np.float32(first.scale) * np.float32(second.scale)
    return np.array([scales / np.float32(gives.scale)], np.float64)


def rescale_of(factors: Floats, *, own: bool) -> Rescale:
    """Return factors; where they are our own, as they are, powers of two."""
    if not own:
        return Rescale.of_float32(factors)
    exponent = np.rint(np.log2(factors)).astype(np.int64)
    shift = int(np.maximum(-exponent, 0).max())
    return Rescale(np.left_shift(np.int64(1), shift + exponent), np.full(len(factors), shift))


def _pair(draw: Draw) -> tuple[Map, Map, Map]:
    shape = draw.shape()
    other = (shape[0], 1, 1) if not draw.integer(0, 2) else shape
    first, second, gives = (draw.map(s) for s in (shape, other, shape))
    if draw.own:  # a result about as large as what it is made of
        scale = max(first.scale, second.scale) * 2.0 ** draw.integer(-1, 3)
        gives = Map.of_range(shape, gives.range, scale, gives.zero_point)
    return first, second, gives


@CASES.of(Add)
def _add(draw: Draw) -> Operator:
    first, second, gives = _pair(draw)
    rescale = rescale_of(ratio(over=gives, of=(first, second)), own=draw.own)
    return Add(takes=(first, second), gives=gives, rescale=rescale, clip=draw.clip(gives))


@CASES.of(Multiply)
def _multiply(draw: Draw) -> Operator:
    first, second, gives = _pair(draw)
    rescale = rescale_of(product_factor(first, second, gives), own=draw.own)
    return Multiply(takes=(first, second), gives=gives, rescale=rescale, clip=draw.clip(gives))


@CASES.of(Average)
def _average(draw: Draw) -> Operator:
    data = draw.map(draw.shape())
    size = data.shape[1:]
    if draw.integer(0, 1):
        size = (draw.integer(1, data.height), draw.integer(1, data.width))
    stride = (draw.integer(1, 2), draw.integer(1, 2))
    sides = [(a - s) // t + 1 for a, s, t in zip(data.shape[1:], size, stride, strict=True)]
    gives = draw.map((data.channels, sides[0], sides[1]))
    if draw.own:
        factor = data.scale / gives.scale / (size[0] * size[1])
        rescale = Rescale.nearest(np.array([min(factor, 1.9)]))
    else:
        count = np.float32(size[0] * size[1])
        factors = np.float32(data.scale) / (np.float32(gives.scale) * count)
        rescale = Rescale.of_float32(np.array([factors], np.float64))
    return Average(
        takes=(data,), gives=gives, size=size, stride=stride, rescale=rescale, clip=draw.clip(gives)
    )


@CASES.of(Maximum)
def _maximum(draw: Draw) -> Operator:
    data = draw.map(draw.shape())
    size, stride, _ = _window(draw, data)
    padding = _padding(draw, data, size)
    sides = [
        (side + a + b - s) // step + 1
        for side, a, b, s, step in zip(
            data.shape[1:], padding[:2], padding[2:], size, stride, strict=True
        )
    ]
    gives = draw.map((data.channels, sides[0], sides[1]), data)
    return Maximum(takes=(data,), gives=gives, size=size, stride=stride, padding=padding)


@CASES.of(LayerNorm)
def _layer_norm(draw: Draw) -> Operator:
    channels, height, width = draw.shape()
    data = draw.map((8 * channels, height, width))
    gives = Map.of(data.shape, 2.0**-4, 2 * draw.integer(-20, 20))
    scaled = 2.0**4 * 2.0**22
    return LayerNorm(
        takes=(data,),
        gives=gives,
        gain=np.rint(draw.rng.normal(1, 0.4, data.channels) * scaled / 2**12).astype(np.int64),
        offset=np.rint(draw.rng.normal(0, 1, data.channels) * scaled).astype(np.int64),
        shift=22,
        epsilon=max(round(1e-6 * (data.channels / data.scale) ** 2), 1),
        clip=draw.clip(gives),
    )


@CASES.of(Concatenate)
def _concatenate(draw: Draw) -> Operator:
    first, axis = draw.map(draw.shape()), draw.integer(0, 2)
    shape = list(first.shape)
    shape[axis] = draw.integer(1, 5)
    other = draw.map((shape[0], shape[1], shape[2]), first)
    shape[axis] += first.shape[axis]
    gives = draw.map((shape[0], shape[1], shape[2]), first)
    return Concatenate(takes=(first, other), gives=gives, axis=axis)


@CASES.of(Select)
def _select(draw: Draw) -> Operator:
    data = draw.map(draw.shape())
    channels, rows, columns = (
        draw.rng.integers(0, side, draw.integer(1, 6)) for side in data.shape
    )
    gives = draw.map((len(channels), len(rows), len(columns)), data)
    return Select(takes=(data,), gives=gives, channels=channels, rows=rows, columns=columns)


@CASES.of(Constant)
def _constant(draw: Draw) -> Operator:
    gives = draw.map(draw.shape())
    return Constant(takes=(), gives=gives, table=draw.words(gives)[0])


@CASES.of(Arrange)
def _arrange(draw: Draw) -> Operator:
    channels, height, width = draw.shape()
    data = draw.map((4 * channels, height, width))
    form = draw.integer(0, 2)
    parts: tuple[int, ...]
    order: tuple[int, ...]
    if form == 0:  # channels as pixels
        parts, order, shape = (
            (channels, 2, 2, height, width),
            (0, 3, 1, 4, 2),
            (channels, 2 * height, 2 * width),
        )
    elif form == 1:  # transposed
        parts, order, shape = data.shape, (2, 0, 1), (width, 4 * channels, height)
    else:  # flat
        parts, order, shape = data.shape, (0, 1, 2), (4 * channels * height * width, 1, 1)
    return Arrange(takes=(data,), gives=draw.map(shape, data), parts=parts, order=order)


@CASES.of(Resize)
def _resize(draw: Draw) -> Operator:
    data = draw.map(draw.shape())
    sides = [(draw.integer(1, 9), side) for side in data.shape[1:]]
    rows, columns = (_shares(draw, *side) for side in sides)
    gives = draw.map((data.channels, len(rows), len(columns)), data)
    return Resize(takes=(data,), gives=gives, rows=rows, columns=columns)


def _shares(draw: Draw, after: int, before: int) -> Integers:
    """Return weights of two samples beside each other, some of halves: ties."""
    weights = np.zeros((after, before))
    for row in weights:
        first, second = (min(draw.integer(0, before - 1) + step, before - 1) for step in (0, 1))
        part = draw.rng.uniform() if draw.integer(0, 1) else 0.5
        row[first] += 1 - part
        row[second] += part
    return shares(weights, WEIGHT_F_BITS)
