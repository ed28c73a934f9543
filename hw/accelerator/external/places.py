"""Where maps lie in memory outside, and how long."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from golden.accelerator.descriptor import Descriptor, Kind, Region
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.hazards import MOVES, footprint_of
from golden.accelerator.external.program import ExternalProgram


@dataclass
class Stay:
    """A map in the scratch region.

    Attributes
    ----------
    name
        Of the map.
    address, bytes
        Where it lies, from the region's beginning, and how much it takes.
    begin, end
        Cycles of the frame: from its first store, to the end of the last load of it.
    """

    name: str
    address: int
    bytes: int
    begin: int
    end: int


def stays(program: ExternalProgram, begins: Sequence[int]) -> list[dict[str, Any]]:
    """Return the maps that are in the scratch region, in the order of their stores.

    Parameters
    ----------
    program
        Of which.
    begins
        When each descriptor begins, and when a frame ends.
    """
    found: list[Stay] = []
    there: list[Stay] = []
    for number, (name, one) in enumerate(zip(program.names, program.descriptors, strict=True)):
        if one.transfer.region != Region.SCRATCH or one.kind not in MOVES:
            continue
        first, last = _span(one, program.capacity)
        over = [s for s in there if s.address < last and first < s.address + s.bytes]
        if one.kind == Kind.LOAD:
            for stay in over:
                stay.end = begins[number + 1]
            continue
        mine = next((stay for stay in there if stay.name == name), None)
        # Another map in its place: what was there is no longer wanted.
        there = [stay for stay in there if stay not in over or stay is mine]
        if mine is None:
            mine = Stay(name, first, last - first, begins[number], begins[number + 1])
            found.append(mine)
            there.append(mine)
        else:
            whole = (min(mine.address, first), max(mine.address + mine.bytes, last))
            mine.address, mine.bytes = whole[0], whole[1] - whole[0]
            mine.end = begins[number + 1]
    return [asdict(stay) for stay in found]


def _span(one: Descriptor, capacity: Capacity) -> tuple[int, int]:
    """Return the bytes outside that a transfer reaches: the first, and the one behind the last."""
    footprint = footprint_of(one, capacity)
    ((_, first, last),) = footprint.reads if one.kind == Kind.LOAD else footprint.writes
    return first * capacity.beat_bytes, last * capacity.beat_bytes
