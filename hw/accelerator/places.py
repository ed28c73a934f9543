"""Where maps lie in a memory, and how long."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from golden.accelerator.descriptor import Kind
from golden.accelerator.program import Program, finishes


@dataclass
class Stay:
    """A map in a memory.

    Attributes
    ----------
    name
        Of the map.
    address, bytes
        Where it lies, from the memory's beginning, and how much it takes.
    begin, end
        Cycles of the frame: from the beginning of its first write, to the end of its last reading.
    """

    name: str
    address: int
    bytes: int
    begin: int
    end: int


@dataclass
class Stays:
    """The maps of a frame, as writes and reads of them are told in their order.

    Attributes
    ----------
    found
        All of them, in the order of their first writes.
    """

    found: list[Stay] = field(default_factory=list)
    _there: list[Stay] = field(default_factory=list)

    def read(self, first: int, behind: int, end: int) -> None:
        """Take note that bytes from ``first`` to ``behind`` are read until ``end``."""
        for stay in self._over(first, behind):
            stay.end = end

    def write(self, name: str, first: int, behind: int, begin: int, end: int) -> None:
        """Take note that bytes of a map are written between two cycles."""
        over = self._over(first, behind)
        mine = next((stay for stay in self._there if stay.name == name), None)
        # Another map in its place: what was there is no longer wanted.
        self._there = [stay for stay in self._there if stay not in over or stay is mine]
        if mine is None:
            mine = Stay(name, first, behind - first, begin, end)
            self.found.append(mine)
            self._there.append(mine)
        else:
            whole = (min(mine.address, first), max(mine.address + mine.bytes, behind))
            mine.address, mine.bytes = whole[0], whole[1] - whole[0]
            mine.end = end

    def _over(self, first: int, behind: int) -> list[Stay]:
        return [s for s in self._there if s.address < behind and first < s.address + s.bytes]

    def described(self) -> list[dict[str, Any]]:
        """Return them as the manifest has them."""
        return [asdict(stay) for stay in self.found]


def inside(program: Program, begins: Sequence[int]) -> list[dict[str, Any]]:
    """Return the maps that are in the accelerator's own memory, in the order of their writes.

    Parameters
    ----------
    program
        Of which; of one with its memory inside.
    begins
        When each descriptor begins, and when a frame ends.
    """
    stays, tile = Stays(), program.sizes.tile
    writes = iter(program.writes)
    for number, one in enumerate(program.descriptors):
        begin, end = begins[number : number + 2]
        if one.kind != Kind.TAKE:
            base = one.source.base * tile
            stays.read(base, base + tile, end)
        if one.kind == Kind.TAKE or finishes(one):
            name, places = next(writes)
            ends = (int(places.min()) * tile, (int(places.max()) + 1) * tile)
            stays.write(name, *ends, begin, end)
    return stays.described()
