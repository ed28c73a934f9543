"""Where maps lie in memory outside, and how long."""

from collections.abc import Sequence
from typing import Any

from golden.accelerator.descriptor import Descriptor, Kind, Region
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.hazards import MOVES, footprint_of
from golden.accelerator.external.program import ExternalProgram
from hw.accelerator.places import Stays


def stays(program: ExternalProgram, begins: Sequence[int]) -> list[dict[str, Any]]:
    """Return the maps that are in the scratch region, in the order of their stores.

    Parameters
    ----------
    program
        Of which.
    begins
        When each descriptor begins, and when a frame ends.
    """
    found = Stays()
    for number, (name, one) in enumerate(zip(program.names, program.descriptors, strict=True)):
        if one.transfer.region != Region.SCRATCH or one.kind not in MOVES:
            continue
        first, behind = _span(one, program.capacity)
        begin, end = begins[number : number + 2]
        if one.kind == Kind.LOAD:
            found.read(first, behind, end)
        else:
            found.write(name, first, behind, begin, end)
    return found.described()


def _span(one: Descriptor, capacity: Capacity) -> tuple[int, int]:
    """Return the bytes outside that a transfer reaches: the first, and the one behind the last."""
    footprint = footprint_of(one, capacity)
    ((_, first, last),) = footprint.reads if one.kind == Kind.LOAD else footprint.writes
    return first * capacity.beat_bytes, last * capacity.beat_bytes
