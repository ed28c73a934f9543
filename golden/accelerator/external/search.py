"""Which operators are chains, how high their bands are and where maps are between them.

Chains are put one behind the other from the first operator on; of the ways to an operator the
cheapest few are followed. What is dear is cycles of the matrix unit and bytes of memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile

from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.fusion import Cut, Fusion
from golden.accelerator.external.homes import Homes, Placement
from golden.accelerator.external.work import Work

_FOLLOWED = 3
"""Ways to an operator."""
_LONGEST = 12
"""Operators of a chain."""
_HEIGHTS = 4
"""Heights of bands that are compared."""
SHARES = (0, 2, 4)
"""Of the buffer, that rows may roll in: none, a half, a quarter."""
_BEAT = 1.5
"""Cycles that a beat is worth: a memory gives some 70 % of the bus's."""


@dataclass(frozen=True, eq=False)
class _Way:
    """How all operators up to one are done."""

    cost: float
    homes: Homes
    done: tuple[Placement, ...]


class Search:
    """Finds how operators are done.

    Parameters
    ----------
    works
        All of them, in their order.
    uses
        By map, the numbers of the operators that take it; one beyond all where it is an output.
    words
        Of each map.
    capacity
        Of the accelerator.
    """

    def __init__(
        self,
        works: Sequence[Work],
        uses: Mapping[str, Sequence[int]],
        words: Mapping[str, int],
        capacity: Capacity,
    ) -> None:
        self._works = works
        self._uses = uses
        self._words = words
        self._capacity = capacity
        self._byte = _BEAT / capacity.beat_bytes
        self._chain = cache(self._chain_of)
        self._cut = cache(Cut)

    def placements(self, first: str) -> tuple[Placement, ...] | int:
        """Return how to do all, map ``first`` being in memory; or which operator has no place."""
        count = len(self._works)
        ways: list[list[_Way]] = [[] for _ in range(count + 1)]
        ways[0] = [_Way(0.0, Homes(far=frozenset({first})), ())]
        for number in range(count):
            for way in self._best(ways[number]):
                for end in self._ends(number):
                    found = list(self._further(way, number, end))
                    ways[end] += found
                    if not found and end > number + 1:
                        break
        if not ways[-1]:
            return max(number for number, found in enumerate(ways) if found)
        return self._best(ways[-1])[0].done

    def _best(self, ways: Sequence[_Way]) -> list[_Way]:
        """Return the cheapest ways, each with other maps in the buffer."""
        best: dict[frozenset[str], _Way] = {}
        for way in sorted(ways, key=self._expected):
            best.setdefault(frozenset(way.homes.near), way)
        return list(best.values())[:_FOLLOWED]

    def _expected(self, way: _Way) -> float:
        """Return a way's cost, and that of loading what it left in memory."""
        tile = self._capacity.sizes.tile
        return way.cost + self._byte * tile * sum(self._words[name] for name in way.homes.far)

    def _ends(self, number: int) -> Iterator[int]:
        """Yield where chains end that begin with an operator: where all is easy, with that."""
        yield number + 1
        last = min(number + _LONGEST, len(self._works))
        for _ in takewhile(self._tight, range(number, last - 1)):
            number += 1
            yield number + 1

    def _tight(self, number: int) -> bool:
        """Whether an operator's maps take more than half of the buffer."""
        work = self._works[number]
        if any(one.beside for one in self._works[max(number - 1, 0) : number + 2]):
            return True
        words = work.words + sum(self._words[name] for name in work.sources)
        return 2 * words > self._capacity.map_words

    def _chain_of(self, number: int, end: int) -> Fusion:
        works = tuple(self._works[number:end])
        leaves = {work.name for work in works if self._next(work.name, end - 1) is not None}
        return Fusion(works, frozenset(leaves | {works[-1].name}))

    def _next(self, name: str, number: int) -> int | None:
        """Return which operator after one is the first to take a map."""
        return min((use for use in self._uses[name] if use > number), default=None)

    def _further(self, way: _Way, number: int, end: int) -> Iterator[_Way]:
        """Yield ways that go on with a chain."""
        chain = self._chain(number, end)
        for near in _homes(chain):
            for done in self._fitting(way.homes, chain, near, number):
                over = {
                    name
                    for name in (*chain.sources, *chain.leaves)
                    if self._next(name, end - 1) is None
                }
                homes = way.homes.after(done, frozenset(over))
                yield _Way(way.cost + self._cost(way.homes, done), homes, (*way.done, done))

    def _fitting(
        self, homes: Homes, chain: Fusion, near: frozenset[str], number: int
    ) -> Iterator[Placement]:
        """Yield the best placement with as few maps going to memory as there must."""
        others = self._spillable(homes, chain, number)
        for count in range(len(others) + 1):
            found = [
                done
                for turns in ((3, 2, 1) if max(chain.lags) else (2, 1))
                for share in (SHARES if chain.rolling else (0,))
                for done in self._heights(homes, chain, near, (turns, share), others[:count])
            ]
            if found:
                yield min(found, key=lambda done: self._cost(homes, done))
                return

    def _spillable(self, homes: Homes, chain: Fusion, number: int) -> list[str]:
        """Return maps in the buffer, that which is used last first; those of the chain last."""
        last = len(self._works) + 1
        names = sorted(homes.near, key=lambda name: -(self._next(name, number) or last))
        others = [name for name in names if name not in chain.sources]
        return others + [name for name in names if name in chain.sources]

    def _heights(
        self,
        homes: Homes,
        chain: Fusion,
        near: frozenset[str],
        how: tuple[int, int],
        spills: Sequence[str],
    ) -> Iterator[Placement]:
        """Yield placements with the highest bands that fit, and with which maps lie apart."""
        heights = self._candidates(chain)
        turns, share = how
        words = self._capacity.map_words

        def placed(height: int) -> Placement | None:
            group = chain.group(height, words // share) if share else 1
            if share and group == 1:
                return None
            return homes.place(self._cut(chain, height, near, turns, group), spills, words)

        low, high = 0, len(heights)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if placed(heights[middle]) is None else (low, middle)
        left = {True: _HEIGHTS, False: _HEIGHTS}
        for height in heights[low:]:
            found = placed(height)
            if found is not None and left[found.apart]:
                left[found.apart] -= 1
                yield found
            if not left[True]:
                return

    def _candidates(self, chain: Fusion) -> list[int]:
        """Return heights of bands, the highest first: equal ones, and those that fill sums."""
        height, width = chain.height, chain.works[-1].gives.width
        equal = {-(-height // count) for count in range(1, height + 1)}
        full = max(1, self._capacity.sizes.positions // width)
        return sorted(equal | set(range(full, height, full)), reverse=True)

    def _cost(self, homes: Homes, done: Placement) -> float:
        """Return what a chain takes, in cycles."""
        cut, capacity = done.cut, self._capacity
        chain, tile = cut.chain, capacity.sizes.tile
        spilled = [name for name in done.spills if name not in homes.far]
        loaded = [name for name in chain.sources if name in done.slots]
        stored = [*spilled, *(chain.leaves - set(done.targets))]
        words = sum(cut.sampled.loaded[name] for name in loaded) + sum(
            self._words[n] for n in stored
        )
        own = cut.sampled.cost
        beats = own.descriptors * capacity.descriptor_beats
        others = own.weights * tile + beats * capacity.beat_bytes
        alone = 2 if cut.turns == 1 else 1
        cycles = cut.cycles(apart=done.apart)
        return cycles + self._byte * (words * tile * alone + others)


def _homes(chain: Fusion) -> list[frozenset[str]]:
    """Return which of the maps that leave stay in the buffer: ways to choose."""
    leaves, last = chain.leaves, frozenset({chain.works[-1].name})
    ways = [leaves, last, leaves - last, frozenset()]
    return sorted(set(ways), key=lambda way: (-len(way), sorted(way)))
