"""Integers as beats of streams: tdata, and whether tlast stands on it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from golden.numbers.interval import Integers

TupleBeat = tuple[int, bool]


def line_beats(lines: Integers, lanes: int, slot_bits: int) -> Iterator[TupleBeat]:
    """Yield lines ``[L, N]``: ``lanes`` side by side, the last beat of each group marked."""
    mask = (1 << slot_bits) - 1
    length = lines.shape[1]
    for group in lines.reshape(-1, lanes, length).tolist():
        for position, column in enumerate(zip(*group, strict=True)):
            word = 0
            for value in reversed(column):
                word = word << slot_bits | value & mask
            yield word, position == length - 1


def map_beats(maps: Integers, lanes: int, slot_bits: int) -> Iterator[TupleBeat]:
    """Yield maps ``[F, C, H, W]`` in bands of ``lanes`` rows, the last beat of each map marked."""
    mask = (1 << slot_bits) - 1
    shifts = (np.arange(lanes) * slot_bits).astype(object)
    for frame in maps:
        bands = frame.reshape(frame.shape[0], -1, lanes, frame.shape[-1])
        columns = bands.swapaxes(-1, -2).reshape(-1, lanes)
        words = ((columns & mask).astype(object) << shifts).sum(axis=1)
        for index, word in enumerate(words):
            yield int(word), index == len(words) - 1


def field_beats(
    fields: Sequence[Mapping[str, Any]], values: Mapping[str, Any]
) -> Iterator[TupleBeat]:
    """Yield tables ``values`` of one shape, by field, laid out by ``fields``, the last one marked.

    ``fields`` are a manifest's: name, offset, slot_bits.
    """
    words: Any = 0
    for field in fields:
        mask = (1 << field["slot_bits"]) - 1
        words = words | (values[field["name"]].astype(object) & mask) << field["offset"]
    for index, word in enumerate(words.flat):
        yield int(word), index == words.size - 1
