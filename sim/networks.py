"""Small networks of every operator that the accelerator does, of random integers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from golden.graph.graph import Node
from golden.network.arithmetic import Add, Multiply
from golden.network.circular import Circular
from golden.network.convolution import Convolution
from golden.network.files import CONFIG, WEIGHTS, written
from golden.network.layer_norm import LayerNorm
from golden.network.map import Map
from golden.network.move import Concatenate, Select
from golden.network.network import Network
from golden.network.operator import Operator
from golden.network.pointwise import Pointwise
from golden.network.pool import Average, Maximum
from golden.network.rescale import Rescale
from golden.numbers.interval import Integers, Interval
from hw.build import run
from hw.emit.toml import to_toml

_PAIRS = (8, 32)
"""Rows and columns of a frame of pairs."""
_TURN = 37
"""Pairs from one lane to the next."""


def folder_of(network: Network, folder: Path) -> Path:
    """Write a network's files into ``folder``; return the path of its configuration."""
    folder.mkdir(exist_ok=True)
    table, archive = written(network)
    (folder / CONFIG).write_bytes(to_toml(table))
    (folder / WEIGHTS).write_bytes(archive)
    return folder / CONFIG


def build_network(network: Network, folder: Path, *arguments: str) -> None:
    """Run ``hw.build network`` for a network into ``folder``, where its own files are too."""
    config = folder_of(network, folder)
    assert run(["network", "--config", str(config), *arguments, "-o", str(folder)]) == 0


class Builder:
    """A network that grows operator by operator; maps go by their names."""

    def __init__(self, shape: tuple[int, int, int], seed: int = 1, *, signed: bool = True) -> None:
        self.generator = np.random.default_rng(seed)
        self.maps = {"image": self.map_of(shape, signed=signed)}
        self.nodes: list[Node] = []

    def map_of(self, shape: tuple[int, int, int], *, signed: bool = True) -> Map:
        """Return a format with a zero point drawn at random."""
        low, high = (-128, 127) if signed else (0, 255)
        return Map.of(shape, 1.0, int(self.generator.integers(low, high)), signed=signed)

    def draw(self, *shape: int, low: int = -128, high: int = 127) -> Integers:
        """Return int64 ``[*shape]`` from ``low`` to ``high``."""
        return self.generator.integers(low, high, shape, endpoint=True)

    def scale(self, count: int, size: int) -> Rescale:
        """Return factors under which sums of so many products keep most of their range."""
        middle = 2**16 / (40 * np.sqrt(size))
        factors = self.generator.integers(max(int(middle / 2), 1), int(middle) + 2, count)
        return Rescale(factors, np.full(count, 16))

    def add(self, operator: type[Operator], gives: Map, sources: list[str], **own: Any) -> str:
        """Add an operator; return the name of its map."""
        name = f"map_{len(self.nodes)}"
        takes = tuple(self.maps[source] for source in sources)
        stage = operator(takes=takes, gives=gives, **own)
        self.nodes.append(Node(name, stage, tuple(sources)))
        self.maps[name] = gives
        return name

    def convolution(
        self,
        source: str,
        outputs: int,
        kernel: int = 1,
        *,
        groups: int = 1,
        stride: int = 1,
        padding: tuple[int, int, int, int] | None = None,
        signed: bool = True,
    ) -> str:
        """Add a convolution, grouped or not; return the name of its map."""
        data = self.maps[source]
        pads = (kernel // 2,) * 4 if padding is None else padding
        height, width = [
            (side + pads[axis] + pads[axis + 2] - kernel) // stride + 1
            for axis, side in enumerate((data.height, data.width))
        ]
        gives = self.map_of((outputs, height, width), signed=signed)
        weight = self.draw(outputs, data.channels // groups, kernel, kernel)
        return self.add(
            Convolution,
            gives,
            [source],
            weight=weight,
            bias=self.draw(outputs, low=-9999),
            rescale=self.scale(outputs, weight[0].size),
            clip=gives.range,
            groups=groups,
            stride=(stride, stride),
            padding=pads,
        )

    def circular(
        self, source: str, axis: int, *, embedding: tuple[int, int], like: str | None = None
    ) -> str:
        """Add a circular convolution along an axis, its map as ``like`` has it; return the name."""
        data = self.maps[source]
        gives = self.map_of(data.shape) if like is None else self.maps[like]
        kernel = [1, 1]
        kernel[axis] = data.shape[1 + axis]
        return self.add(
            Circular,
            gives,
            [source],
            weight=self.draw(data.channels, 1, *kernel),
            bias=self.draw(data.channels),
            embedding=self.draw(data.channels, *embedding),
            rescale=self.scale(1, max(kernel)),
            clip=Interval(-100, 90),
            groups=data.channels,
        )

    def pointwise(self, source: str) -> str:
        """Add a table drawn at random; return the name of its map."""
        data = self.maps[source]
        gives = self.map_of(data.shape, signed=False)
        return self.add(Pointwise, gives, [source], table=self.draw(256, low=0, high=255))

    def plus(self, first: str, second: str) -> str:
        """Add a sum of two maps; return the name of its map."""
        gives = self.map_of(self.maps[first].shape)
        factors = Rescale(np.array([3 << 12, 5 << 14]), np.array([15, 16]))
        return self.add(Add, gives, [first, second], rescale=factors, clip=gives.range)

    def times(self, first: str, second: str) -> str:
        """Add a product of two maps, or of a map and gains; return the name of its map."""
        gives = self.map_of(max(self.maps[first].shape, self.maps[second].shape))
        return self.add(
            Multiply, gives, [first, second], rescale=self.scale(1, 100), clip=gives.range
        )

    def average(self, source: str, size: tuple[int, int], stride: int = 1) -> str:
        """Add averages over windows; return the name of their map."""
        data = self.maps[source]
        height, width = [(s - k) // stride + 1 for s, k in zip(data.shape[1:], size, strict=True)]
        gives = self.map_of((data.channels, height, width))
        return self.add(
            Average,
            gives,
            [source],
            size=size,
            stride=(stride, stride),
            rescale=Rescale(np.array([65536 // (size[0] * size[1])]), np.array([15])),
            clip=gives.range,
        )

    def maximum(self, source: str, size: tuple[int, int]) -> str:
        """Add the greatest of windows beside each other; return the name of their map."""
        data = self.maps[source]
        height, width = (side // own for side, own in zip(data.shape[1:], size, strict=True))
        gives = replace(data, height=height, width=width)
        return self.add(Maximum, gives, [source], size=size, stride=size)

    def layer_norm(self, source: str, *, epsilon: int = 0, like: str | None = None) -> str:
        """Add a layer norm, its epsilon drawn if 0, its map as ``like`` has it; return the name."""
        data = self.maps[source]
        gives = self.map_of(data.shape) if like is None else self.maps[like]
        return self.add(
            LayerNorm,
            gives,
            [source],
            gain=self.draw(data.channels, low=-(1 << 15), high=1 << 15),
            offset=self.draw(data.channels, low=-(1 << 26), high=1 << 26),
            shift=22,
            epsilon=epsilon or int(self.generator.integers(1, 1 << 20)),
            clip=gives.range,
        )

    def select(self, source: str, channels: list[int], rows: list[int], columns: list[int]) -> str:
        """Add a choice of channels, rows and columns; return the name of its map."""
        data = self.maps[source]
        gives = Map(
            len(channels),
            len(rows),
            len(columns),
            data.range,
            scale=data.scale,
            zero_point=data.zero_point,
        )
        picks = {"channels": channels, "rows": rows, "columns": columns}
        return self.add(
            Select, gives, [source], **{key: np.array(value) for key, value in picks.items()}
        )

    def concatenate(self, *sources: str) -> str:
        """Add maps one behind the other, channels all; return the name of their map."""
        first = self.maps[sources[0]]
        channels = sum(self.maps[source].channels for source in sources)
        gives = Map(
            channels,
            *first.shape[1:],
            first.range,
            scale=first.scale,
            zero_point=first.zero_point,
        )
        return self.add(Concatenate, gives, list(sources), axis=0)

    def network(self, *outputs: str) -> Network:
        """Return what has been added, with these maps as outputs."""
        return Network({"image": self.maps["image"]}, tuple(self.nodes), outputs)

    def images(self, count: int, network: Network) -> Integers:
        """Return int64 ``[count, C, H, W]``, frames for a network."""
        data = network.maps["image"]
        return self.draw(count, *data.shape, low=data.range.low, high=data.range.high)


def pairs(channels: int, *, signed: bool) -> tuple[Network, Integers]:
    """Return what takes the greater of two neighbours, and frames of all that are one apart."""
    b = Builder((channels, *_PAIRS), signed=signed)
    low = b.maps["image"].range.low
    lower = low + np.resize(np.arange(255), 256)
    both = np.concatenate([np.stack([lower, lower + 1], 1), np.stack([lower + 1, lower], 1)])
    lanes = np.stack([np.roll(both, _TURN * lane, axis=0) for lane in range(channels)])
    frames = lanes.reshape(channels, -1, *_PAIRS).swapaxes(0, 1)
    return b.network(b.maximum("image", (1, 2))), frames


def metaformer() -> tuple[Builder, Network]:
    """Return what the metaformer on digits is made of, smaller, with odd numbers of channels."""
    b = Builder((1, 6, 5))
    x = b.pointwise(b.convolution("image", 6, 3))
    left, right = (b.select(x, c, list(range(6)), list(range(5))) for c in ([0, 2, 4], [1, 3, 5]))
    first = b.circular(left, 0, embedding=(6, 1))
    second = b.circular(right, 1, embedding=(1, 5), like=first)
    y = b.plus(x, b.concatenate(first, second))
    z = b.convolution(b.pointwise(b.convolution(y, 11)), 6)
    mean = b.average(z, (6, 5))
    gain = b.convolution(b.pointwise(b.convolution(mean, 2)), 6)
    w = b.plus(y, b.times(z, gain))
    v = b.convolution(w, 9, 3, stride=2, signed=False)
    d = b.convolution(v, 9, 3, groups=9)
    head = b.convolution(b.average(d, (3, 3)), 10)
    return b, b.network(head)


def grouped() -> tuple[Builder, Network]:
    """Return two maps out, groups of channels, windows of every kind, maps taken twice."""
    b = Builder((5, 7, 6), seed=2, signed=False)
    x = b.convolution("image", 8, 3, padding=(2, 0, 0, 1))
    y = b.convolution(x, 6, 2, groups=2, padding=(0, 0, 1, 0))
    pooled = b.average(y, (2, 1), stride=2)
    picked = b.select(y, [5, 0, 5], [1, 3, 5], [0, 2])
    return b, b.network(pooled, b.plus(picked, picked))


def squares(side: int, *, channels: int = 10) -> tuple[Builder, Network]:
    """Return circular kernels along both axes of a square, with a function behind the first."""
    b = Builder((channels, side, side), seed=9)
    x = b.pointwise(b.circular("image", 0, embedding=(side, 1)))
    return b, b.network(b.circular(x, 1, embedding=(1, side)))


def normed() -> tuple[Builder, Network]:
    """Return layer norms: in bands, of all sorts of channels, of a map that is near."""
    b = Builder((3, 21, 20), seed=4)
    x = b.pointwise(b.layer_norm(b.convolution("image", 20, 3)))
    y = b.layer_norm(b.convolution(x, 9, 2, stride=2, padding=(0, 0, 0, 0)))
    return b, b.network(b.plus(y, b.layer_norm(y)), b.layer_norm("image"))


def wide() -> tuple[Builder, Network]:
    """Return maps that a small buffer does not hold, of every form that is cut in its own way."""
    b = Builder((3, 33, 31), seed=3)
    x = b.convolution("image", 12, 3, stride=2)
    d = b.convolution(x, 12, 3, groups=12)
    z = b.convolution(b.pointwise(b.convolution(d, 30)), 12)
    w = b.plus(x, z)
    v = b.circular(b.circular(w, 0, embedding=(17, 1)), 1, embedding=(1, 16))
    c = b.concatenate(w, w)
    q = b.times(c, b.convolution(b.average(c, (17, 16)), 24))
    return b, b.network(b.average(q, (3, 2), stride=2), v, w)
