"""Maps as the accelerator has them: words of a tile of channels, tile by tile, row by row."""

import numpy as np

from golden.accelerator.sizes import Sizes
from golden.matrix.design import tiles
from golden.network.map import Map
from golden.numbers.interval import Integers


def frames_of(maps: Integers, sizes: Sizes) -> Integers:
    """Return maps ``[F, C, H, W]`` as words ``[F, words, tile]``; channels that miss are 0."""
    n_frames, channels, height, width = maps.shape
    full = np.zeros((n_frames, tiles(channels, sizes.tile) * sizes.tile, height, width), np.int64)
    full[:, :channels] = maps
    tiled = full.reshape(n_frames, -1, sizes.tile, height * width)
    words: Integers = np.moveaxis(tiled, 2, 3).reshape(n_frames, -1, sizes.tile)
    return words


def maps_of(words: Integers, data: Map, sizes: Sizes) -> Integers:
    """Return words ``[F, words, tile]`` as maps ``[F, C, H, W]``: `frames_of` undone."""
    plane = data.height * data.width
    tiled = np.moveaxis(words.reshape(len(words), -1, plane, sizes.tile), 3, 2)
    maps = tiled.reshape(len(words), -1, data.height, data.width)[:, : data.channels]
    samples: Integers = maps if data.signed else maps & 255
    return samples


def bytes_of(words: Integers) -> bytes:
    """Return words of 8 bits, signed or not, as they lie in memory."""
    return (words & 255).astype(np.uint8).tobytes()
