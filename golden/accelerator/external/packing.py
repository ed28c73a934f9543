"""How an image lies in memory: as it is, or with the pixels under a window as channels.

Three channels leave most lanes of a word empty. Where all that takes the image is a convolution,
pixels become channels of one position along each axis: those that a step leads over, so that its
kernel has as many taps fewer, or all under the kernel, those of steps that overlap more than once.
Of 3 x 3 with stride 2 and 3 channels, that is one tap of 27. What lies around the image is its zero
point, which adds nothing.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
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
    down, right
        Pixels from a block to the next: blocks may overlap.
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
    down: int
    right: int
    above: int
    left: int
    shape: tuple[int, int, int]
    zero_point: int

    @classmethod
    def none(cls, network: Network) -> Self:
        """Return images as they are."""
        data = network.maps[network.input]
        return cls(1, 1, 1, 1, 0, 0, data.shape, data.zero_point)

    def maps(self, images: Integers) -> Integers:
        """Return images ``[F, C, H, W]`` as they lie in memory, ``[F, *shape]``."""
        n_frames, channels = images.shape[:2]
        _, n_rows, n_columns = self.shape
        size = ((n_rows - 1) * self.down + self.rows, (n_columns - 1) * self.right + self.columns)
        whole = np.full((n_frames, channels, *size), self.zero_point, np.int64)
        part = images[:, :, : size[0] - self.above, : size[1] - self.left]
        last = (self.above + part.shape[2], self.left + part.shape[3])
        whole[:, :, self.above : last[0], self.left : last[1]] = part
        block = (self.rows, self.columns)
        all_ = np.lib.stride_tricks.sliding_window_view(whole, block, axis=(2, 3))
        blocks = all_[:, :, :: self.down, :: self.right]
        packed: Integers = blocks.transpose(0, 4, 5, 1, 2, 3).reshape(n_frames, *self.shape)
        return packed


def packed(network: Network, tile: int) -> tuple[Packing, Network]:
    """Return how images for ``network`` lie in memory, and what is computed of that."""
    data = network.maps[network.input]
    as_it_is = Packing.none(network)
    users = network.users[network.input]
    first = network.operators.get(users[0].name) if len(users) == 1 else None
    if not isinstance(first, Convolution) or first.groups != 1:
        return as_it_is, network
    ways = [_Folded(first, data, whole) for whole in product((False, True), repeat=2)]
    folded = min(ways, key=lambda way: (way.passes(tile), way.words(tile)))
    if folded.passes(tile) >= tiles(data.channels, tile) * first.weight[0, 0].size:
        return as_it_is, network
    changed = replace(users[0], stage=folded.convolution)
    nodes = tuple(changed if node is users[0] else node for node in network.nodes)
    return folded.packing, Network({network.input: folded.map}, nodes, network.outputs)


@dataclass(frozen=True, eq=False)
class _Folded:
    """A convolution that takes blocks of pixels: along each axis a step's, or its kernel's."""

    op: Convolution
    data: Map
    whole: tuple[bool, ...]

    def _side(self, axis: int) -> tuple[int, int, int, int]:
        """Return pixels before the image, positions, padding before and behind those."""
        op, stride = self.op, self.op.stride[axis]
        out = op.gives.shape[1 + axis]
        if self.whole[axis]:
            return op.padding[axis], out, 0, 0
        blocks, before = divmod(op.padding[axis], stride)
        needed = out - 1 + self._taps[axis] - blocks
        places = min(-(-(self.data.shape[1 + axis] + before) // stride), needed)
        return before, places, blocks, needed - places

    @property
    def _block(self) -> tuple[int, int]:
        """Rows and columns of a block."""
        kernel, stride = self.op.weight.shape[2:], self.op.stride
        rows, columns = (
            kernel[axis] if whole else stride[axis] for axis, whole in enumerate(self.whole)
        )
        return rows, columns

    @property
    def _taps(self) -> tuple[int, int]:
        rows, columns = self.op.weight.shape[2:]
        down, right = self._block
        return -(-rows // down), -(-columns // right)

    def passes(self, tile: int) -> int:
        """Return the passes of a tile of outputs."""
        return tiles(self.map.channels, tile) * self._taps[0] * self._taps[1]

    def words(self, tile: int) -> int:
        """Return the words of an image."""
        return tiles(self.map.channels, tile) * self.map.height * self.map.width

    @cached_property
    def map(self) -> Map:
        """What lies in memory."""
        down, right = self._block
        (_, height, _, _), (_, width, _, _) = self._side(0), self._side(1)
        shape = (self.data.channels * down * right, height, width)
        return Map.of_range(shape, self.data.range, self.data.scale, self.data.zero_point)

    @property
    def packing(self) -> Packing:
        """How images lie in memory."""
        (above, *_), (left, *_) = self._side(0), self._side(1)
        shape, zero_point = self.map.shape, self.data.zero_point
        return Packing(*self._block, *self.op.stride, above, left, shape, zero_point)

    @property
    def convolution(self) -> Convolution:
        """The same results of it."""
        op, (down, right), (rows, columns) = self.op, self._block, self._taps
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
