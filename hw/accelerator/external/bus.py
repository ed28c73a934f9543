"""Channels of a bus to external memory, as streams; `hw.emit.axi` gives them AXI4's names.

Addresses are in beats, and blocks of beats are split so that no burst crosses a multiple of
``burst`` beats, which divides AXI4's 4 KiB.
"""

from enum import IntEnum

from amaranth.hdl import unsigned
from amaranth.lib import data, stream

from golden.accelerator.external.capacity import Capacity

LENGTH_BITS = 8
"""Of a burst's beats, less one."""
ID_BITS = 2
PAGE = 4096
"""Bytes that no burst crosses a multiple of."""


class ReadId(IntEnum):
    """Who reads; answers of different ids may come in any order."""

    PROGRAM = 0
    WEIGHTS = 1
    LOADS = 2


def block_layout(capacity: Capacity) -> data.StructLayout:
    """Return the layout of a request: a block of beats, at least one."""
    bits = capacity.beats_bits
    return data.StructLayout({"address": bits, "beats": bits})


def burst_layout(capacity: Capacity) -> data.StructLayout:
    """Return the layout of an address channel; ``length`` is one less than the beats."""
    return data.StructLayout({"address": capacity.beats_bits, "length": LENGTH_BITS, "id": ID_BITS})


def answer_layout(capacity: Capacity) -> data.StructLayout:
    """Return the layout of the channel of what was read."""
    return data.StructLayout(
        {"data": unsigned(capacity.data_bits), "id": ID_BITS, "response": 2, "last": 1}
    )


def written_layout(capacity: Capacity) -> data.StructLayout:
    """Return the layout of the channel of what is written."""
    return data.StructLayout(
        {"data": unsigned(capacity.data_bits), "strobe": capacity.beat_bytes, "last": 1}
    )


def beat_signature(capacity: Capacity) -> stream.Signature:
    """Return the stream of a block's beats."""
    return stream.Signature(unsigned(capacity.data_bits))
