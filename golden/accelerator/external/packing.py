"""How an image lies in memory: as it is, or with pixels as channels where windows step over them.

Three channels leave most lanes of a word empty. Where all that takes the image is a convolution
with a stride, each of its steps' pixels become channels of one position, and its kernel as many
taps fewer: of 3 x 3 with stride 2 and 3 channels, 2 x 2 taps of 12. What lies around the image is
its zero point, which adds nothing.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from golden.matrix.design import tiles
from golden.network.convolution import Convolution
from golden.network.map import Map
from golden.network.network import Network
from golden.numbers.interval import Integers


@dataclass(frozen=True)
class Packing:
    """Blocks of pixels that become positions.

    Parameters
    ----------
    rows, columns
        Of a block; 1 and 1 leave the image as it is.
    above, left
        Rows and columns of the first blocks that are before the image.
    shape
        Channels, height and width of what lies in memory. Channel
        ``(row * columns + column) * channels + channel`` is that of a block's pixel.
    zero_point
        What is not of the image.
    """

    rows: int
    columns: int
    above: int
    left: int
    shape: tuple[int, int, int]
    zero_point: int

    @classmethod
    def none(cls, network: Network) -> Self:
        """Return images as they are."""
        data = network.maps[network.input]
        return cls(1, 1, 0, 0, data.shape, data.zero_point)

    def maps(self, images: Integers) -> Integers:
        """Return images ``[F, C, H, W]`` as they lie in memory, ``[F, *shape]``."""
        n_frames, channels = images.shape[:2]
        _, n_rows, n_columns = self.shape
        size = (n_rows * self.rows, n_columns * self.columns)
        whole = np.full((n_frames, channels, *size), self.zero_point, np.int64)
        part = images[:, :, : size[0] - self.above, : size[1] - self.left]
        last = (self.above + part.shape[2], self.left + part.shape[3])
        whole[:, :, self.above : last[0], self.left : last[1]] = part
        blocks = whole.reshape(n_frames, channels, n_rows, self.rows, n_columns, self.columns)
        packed: Integers = blocks.transpose(0, 3, 5, 1, 2, 4).reshape(n_frames, *self.shape)
        return packed


def packed(network: Network, tile: int) -> tuple[Packing, Network]:
    """Return how images for ``network`` lie in memory, and what is computed of that."""
    data = network.maps[network.input]
    as_it_is = Packing.none(network)
    users = network.users[network.input]
    first = network.operators.get(users[0].name) if len(users) == 1 else None
    if not isinstance(first, Convolution) or first.groups != 1:
        return as_it_is, network
    folded = _Folded(first, data)
    if folded.passes(tile) >= tiles(data.channels, tile) * first.weight[0, 0].size:
        return as_it_is, network
    changed = replace(users[0], stage=folded.convolution)
    nodes = tuple(changed if node is users[0] else node for node in network.nodes)
    return folded.packing, Network({network.input: folded.map}, nodes, network.outputs)


@dataclass(frozen=True, eq=False)
class _Folded:
    """A convolution that takes blocks of pixels."""

    op: Convolution
    data: Map

    def _side(self, axis: int) -> tuple[int, int, int, int]:
        """Return pixels before the image, positions, padding before and behind those."""
        op, stride = self.op, self.op.stride[axis]
        blocks, before = divmod(op.padding[axis], stride)
        taps, out = self._taps[axis], op.gives.shape[1 + axis]
        needed = out - 1 + taps - blocks
        places = min(-(-(self.data.shape[1 + axis] + before) // stride), needed)
        return before, places, blocks, needed - places

    @property
    def _taps(self) -> tuple[int, int]:
        rows, columns = self.op.weight.shape[2:]
        return -(-rows // self.op.stride[0]), -(-columns // self.op.stride[1])

    def passes(self, tile: int) -> int:
        """Return the passes of a tile of outputs."""
        return tiles(self.map.channels, tile) * self._taps[0] * self._taps[1]

    @cached_property
    def map(self) -> Map:
        """What lies in memory."""
        down, right = self.op.stride
        (_, height, _, _), (_, width, _, _) = self._side(0), self._side(1)
        shape = (self.data.channels * down * right, height, width)
        return Map.of_range(shape, self.data.range, self.data.scale, self.data.zero_point)

    @property
    def packing(self) -> Packing:
        """How images lie in memory."""
        (above, *_), (left, *_) = self._side(0), self._side(1)
        return Packing(*self.op.stride, above, left, self.map.shape, self.data.zero_point)

    @property
    def convolution(self) -> Convolution:
        """The same results of it."""
        op, (down, right), (rows, columns) = self.op, self.op.stride, self._taps
        outputs, channels, *kernel = op.weight.shape
        weight = np.zeros((outputs, channels, rows * down, columns * right), np.int64)
        weight[:, :, : kernel[0], : kernel[1]] = op.weight
        blocks = weight.reshape(outputs, channels, rows, down, columns, right)
        (_, _, above, below), (_, _, left, behind) = self._side(0), self._side(1)
        return replace(
            op,
            takes=(self.map,),
            weight=blocks.transpose(0, 3, 5, 1, 2, 4).reshape(outputs, -1, rows, columns),
            stride=(1, 1),
            padding=(above, left, below, behind),
        )
