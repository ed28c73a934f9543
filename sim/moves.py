"""Programs that bring words in and take them out, in blocks at any distance, and nothing else.

A compiler lays maps out densely: it takes no words out in blocks, and leaves no room between those
it brings in. Other programs may.
"""

import numpy as np

from golden.accelerator.descriptor import Region, Space, Transfer
from golden.accelerator.external.capacity import KERNEL_WORDS, TABLE, Capacity
from golden.accelerator.external.hazards import ordered, word_beats_of
from golden.accelerator.external.packing import Packing
from golden.accelerator.external.program import ExternalProgram
from golden.accelerator.external.steps import loading, storing


def moving(capacity: Capacity, generator: np.random.Generator, number: int) -> ExternalProgram:
    """Return a program that fills the buffer, and then takes words out and brings others in.

    Parameters
    ----------
    capacity
        Of the accelerator.
    generator
        Draws words, blocks, and what is between.
    number
        Of transfers behind the first; they take turns.
    """
    rooms = _rooms(capacity)
    room = max(words * beats for words, beats in rooms.values())
    steps = [loading(Transfer(region=Region.INPUT, words=capacity.map_words))]
    for turn in range(number):
        if turn % 2:
            space = list(rooms)[generator.integers(len(rooms))]
            steps.append(loading(_transfer(capacity, space, Region.INPUT, generator)))
        else:
            steps.append(storing(_transfer(capacity, Space.MAPS, Region.OUTPUT, generator)))
    return ExternalProgram(
        capacity,
        tuple(ordered(steps, capacity)),
        np.zeros((0, capacity.sizes.tile), np.int64),
        b"",
        ("moves",) * len(steps),
        room,
        room,
        0,
        Packing(1, 1, 1, 1, 0, 0, (capacity.sizes.tile, 1, capacity.map_words), 0),
    )


def bytes_for(program: ExternalProgram, generator: np.random.Generator) -> bytes:
    """Return a frame of any bytes."""
    return generator.bytes(program.input * program.capacity.beat_bytes)


def _rooms(capacity: Capacity) -> dict[Space, tuple[int, int]]:
    """Return how many words a memory has, and beats of a word."""
    words = {
        Space.MAPS: capacity.map_words,
        Space.BIASES: capacity.constants,
        Space.SCALES: capacity.constants,
        Space.TABLES: capacity.tables * TABLE // capacity.beat_bytes,
        **({Space.KERNELS: KERNEL_WORDS} if capacity.depthwise else {}),
    }
    return {space: (count, word_beats_of(space, capacity)) for space, count in words.items()}


def _transfer(
    capacity: Capacity, space: Space, region: Region, generator: np.random.Generator
) -> Transfer:
    """Draw one that stays in its memory, and in as many beats of its region."""
    room, beats = _rooms(capacity)[space]
    words = _drawn(generator, room - 1)
    most_blocks = 1 << capacity.transfer["last_block"][0]
    blocks = _drawn(generator, min(most_blocks, room // words))
    gap = room // blocks - words
    # One block's stride may be anything.
    near_stride, far_stride = (
        min(words + int(more), room - 1) for more in generator.integers(gap + 1, size=2)
    )
    spans = [(blocks - 1) * stride + words for stride in (near_stride, far_stride)]
    near, far = (int(generator.integers(room - span + 1)) for span in spans)
    return Transfer(
        space,
        near,
        region,
        far * beats,
        words,
        blocks,
        near_stride,
        far_stride * beats,
    )


def _drawn(generator: np.random.Generator, most: int) -> int:
    """Return a count from 1 to ``most``, of any number of bits as likely as of another."""
    return min(most, int(2 ** generator.uniform(0, most.bit_length())))
