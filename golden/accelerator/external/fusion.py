"""Operators that are done together, band by band: what is between them never leaves the buffer.

A band is some rows of the last operator's map, and of each map before it the rows which those
need: rows that two bands need are made twice, unless all of a map is kept, or its rows *roll*: a
band's go behind those of the band before, until there is no more room, and then to the beginning
again, where what is needed is made anew. Operators whose channels keep to themselves go on tile by
tile behind the one that they take: a *run*, of which maps are there a few tiles at a time, or roll.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from golden.accelerator.external.work import Effort, Work
from golden.matrix.design import tiles
from golden.network.map import Map


class RunPlace(NamedTuple):
    """Where in its chain an operator is: its run, and how many tiles behind that's first."""

    run: int
    behind: int


@dataclass(frozen=True)
class Slots:
    """Places in turn for parts of a map.

    Parameters
    ----------
    count
        How many.
    words
        Of each.
    tiled
        Whether a part is one tile, not all.
    """

    count: int
    words: int
    tiled: bool


@dataclass(frozen=True)
class Rows:
    """Which rows are made, by band.

    Parameters
    ----------
    made
        Of each operator's map.
    there
        Of each map, from outside too: made or loaded, now or before.
    """

    made: Mapping[str, range]
    there: Mapping[str, range]


@dataclass(frozen=True, eq=False)
class Fusion:
    """Operators that are done together.

    Parameters
    ----------
    works
        The operators, in their order.
    leaves
        Maps that something else takes as well; the last one's is among them.
    """

    works: tuple[Work, ...]
    leaves: frozenset[str]

    @cached_property
    def made(self) -> dict[str, Work]:
        """Operators by their maps."""
        return {work.name: work for work in self.works}

    @cached_property
    def sources(self) -> dict[str, Map]:
        """Maps from outside."""
        return {
            name: data
            for work in self.works
            for name, data in work.sources.items()
            if name not in self.made
        }

    @cached_property
    def users(self) -> dict[str, list[Work]]:
        """Operators of the chain that take a map."""
        users: dict[str, list[Work]] = {}
        for work in self.works:
            for name in work.sources:
                users.setdefault(name, []).append(work)
        return users

    @property
    def height(self) -> int:
        """Rows of the last map."""
        return self.works[-1].gives.height

    @cached_property
    def stages(self) -> dict[str, RunPlace]:
        """Where each operator is."""
        stages: dict[str, RunPlace] = {}
        run = -1
        for number, work in enumerate(self.works):
            before = self.works[number - 1]
            behind = [
                stages[name].behind + 1
                for name in work.sources
                if name in stages and stages[name].run == run
            ]
            goes_on = (
                behind
                and not work.whole
                and work.n_tiles == before.n_tiles
                and before.by_tiles
                and all(work.apart(name) for name in work.sources if name in stages)
            )
            if not goes_on:
                run += 1
            stages[work.name] = RunPlace(run, max(behind) if goes_on else 0)
        return stages

    @cached_property
    def runs(self) -> list[list[Work]]:
        """Operators run by run."""
        runs: list[list[Work]] = [[] for _ in range(self.stages[self.works[-1].name].run + 1)]
        for work in self.works:
            runs[self.stages[work.name].run].append(work)
        return runs

    @cached_property
    def lags(self) -> list[int]:
        """By run, how many bands it may be behind the first: one more behind each other unit's."""
        beside = [any(work.beside for work in run) for run in self.runs]
        return [sum(beside[:number]) for number in range(len(beside))]

    def reach(self, name: str) -> int:
        """Return how many bands lie between the first and the last run that use a map."""
        runs = [self.stages[user.name].run for user in self.users.get(name, [])]
        first = self.stages[name].run if name in self.made else 0
        return self.lags[max(runs, default=first)] - self.lags[first]

    def waited(self, name: str) -> bool:
        """Whether a unit beside takes or makes a map's tiles: one more is at work then."""
        work = self.made.get(name)
        users = self.users.get(name, [])
        return any(user.beside for user in users) or (work is not None and work.beside)

    def sampled(self, height: int, near: frozenset[str], group: int) -> "Sampled":
        """Return what is known of bands of a height, with maps ``near``, so many a group."""
        key = (height, near, group)
        known = self._sampled.get(key)
        if known is None:
            known = self._sampled[key] = Sampled(self, *key)
        return known

    @cached_property
    def _sampled(self) -> dict[tuple[int, frozenset[str], int], "Sampled"]:
        return {}

    @cached_property
    def rolling(self) -> frozenset[str]:
        """Maps of which rows can roll: those that the unit beside alone takes, tile by tile."""
        return frozenset(
            name
            for name, work in self.made.items()
            if name not in self.leaves
            and work.by_rows
            and self.tiled(name)
            and all(user.beside for user in self.users[name])
        )

    def group(self, height: int, words: int) -> int:
        """Return how many bands go behind each other where rows roll in ``words``; 1: none."""
        bands = self.bands(height)
        if not self.rolling or len(bands) <= _PAIRED:
            return 1
        before, middle = (self._needed(bands[len(bands) // 2 - n]) for n in (1, 0))
        first = each = 0
        for name in self.rolling:
            data = self.made[name].gives
            row = data.width * tiles(data.channels, self.works[0].sizes.tile)
            first += row * len(middle[name])
            each += row * (middle[name].stop - before[name].stop)
        return max(1, min(1 + (words - first) // each, len(bands))) if first > each > 0 else 1

    def bands(self, height: int) -> list[range]:
        """Return the rows of the last map, so many at a time."""
        return [range(row, min(row + height, self.height)) for row in range(0, self.height, height)]

    def rows(self, band: range, before: int, kept: frozenset[str], *, rolls: bool = False) -> Rows:
        """Return what is made in a band.

        Parameters
        ----------
        band
            Rows of the last map.
        before
            Rows of the band before; 0 if there is none.
        kept
            Maps of which all rows are there, from when they were made.
        rolls
            Whether rows that roll are there that the band before had.
        """
        needed, made = self._known_of(band, before if rolls else 0)
        made = dict(made)
        if before and kept:
            had = self._needed(range(band.start - before, band.start))
            made |= {
                name: range(had[name].stop, max(needed[name].stop, had[name].stop))
                for name in self.made
                if name in kept
            }
        return Rows(made, needed)

    def _needed(self, band: range) -> dict[str, range]:
        """Return which rows of each map must be there for a band."""
        return self._known_of(band, 0)[0]

    def _known_of(self, band: range, before: int) -> tuple[dict[str, range], dict[str, range]]:
        """Return which rows must be there, and made if those that roll were ``before``."""
        known = self._known.get((band, before))
        if known is None:
            known = self._known[band, before] = self._found(band, before)
        return known

    @cached_property
    def _known(self) -> dict[tuple[range, int], tuple[dict[str, range], dict[str, range]]]:
        return {}

    def _found(self, band: range, before: int) -> tuple[dict[str, range], dict[str, range]]:
        had = self._needed(range(band.start - before, band.start)) if before else {}
        needed: dict[str, range] = {self.works[-1].name: band}
        made = {}
        for work in reversed(self.works):
            spans = [needed[work.name]] if work.name in needed else []
            if work.name in self.leaves:
                height = work.gives.height
                ends = [place * height // self.height for place in (band.start, band.stop)]
                spans.append(range(*ends))
            own = _union(spans)
            if own and not work.by_rows:
                own = range(work.gives.height)
            needed[work.name] = own
            if had and own and work.name in self.rolling:
                own = range(min(max(own.start, had[work.name].stop), own.stop), own.stop)
            made[work.name] = own
            for name in work.sources:
                more = work.rows(name, own)
                needed[name] = _union([needed[name], more]) if name in needed else more
        return needed, made

    def tiled(self, name: str) -> bool:
        """Whether a map can be there a tile at a time."""
        known = self._tiled.get(name)
        if known is None:
            known = self._tiled[name] = self._can_be_tiled(name)
        return known

    @cached_property
    def _tiled(self) -> dict[str, bool]:
        return {}

    def _can_be_tiled(self, name: str) -> bool:
        users = self.users.get(name, [])
        work = self.made.get(name)
        if work is not None and not work.by_tiles:
            return False
        runs = {self.stages[user.name].run for user in users}
        if work is not None:
            runs.add(self.stages[name].run)
        data = work.gives if work is not None else self.sources[name]
        n_tiles = tiles(data.channels, self.works[0].sizes.tile)
        alike = all(user.apart(name) and user.n_tiles == n_tiles for user in users)
        return len(runs) == 1 and alike and n_tiles > 1

    def span(self, name: str) -> int:
        """Return how many tiles lie between the first and the last that use a map's."""
        places = [self.stages[user.name].behind for user in self.users.get(name, [])]
        if name in self.made:
            places.append(self.stages[name].behind)
        return max(places) - min(places)


_PAIRED = 2


def _union(spans: Sequence[range]) -> range:
    """Return the rows from the first to the last of all."""
    if len(spans) == 1:
        return spans[0]
    some = [span for span in spans if span]
    if not some:
        return range(0)
    return range(min(span.start for span in some), max(span.stop for span in some))


@dataclass(frozen=True, eq=False)
class Sampled:
    """What bands of a chain take, whatever is loaded ahead.

    Parameters
    ----------
    chain, height, near, group
        As of `Cut`.
    """

    chain: "Fusion"
    height: int
    near: frozenset[str]
    group: int

    @cached_property
    def samples(self) -> list[tuple[Rows, int]]:
        """Bands of which each stands for so many: the ends, and some between."""
        chain = self.chain
        bands = chain.bands(self.height)
        return [
            (
                chain.rows(
                    bands[at], self.height if at else 0, self.near, rolls=at % self.group > 0
                ),
                count,
            )
            for at, count in self._places(len(bands))
        ]

    def _places(self, count: int) -> list[tuple[int, int]]:
        """Return some of ``count`` bands, and how many each stands for."""
        if self.group == 1:
            places = sorted({0, 1, count // 2, count - 2, count - 1} & set(range(count)))
            return [(at, count - len(places) + 1 if at == count // 2 else 1) for at in places]
        between = range(1, count - 1)
        kinds = [
            [at for at in between if (at % self.group > 0) == rolls] for rolls in (True, False)
        ]
        middle = [(some[len(some) // 2], len(some)) for some in kinds if some]
        return [(0, 1), *middle, (count - 1, 1)]

    def parts(self, name: str) -> tuple[int, bool]:
        """Return the most rows of a map in a band, and whether bands have others of it."""
        known = self._parts.get(name)
        if known is None:
            of_name = [
                (rows.made if name in rows.made else rows.there)[name] for rows, _ in self.samples
            ]
            most = max(len(rows) for rows in of_name)
            known = self._parts[name] = most, len(set(of_name)) > 1
        return known

    @cached_property
    def _parts(self) -> dict[str, tuple[int, bool]]:
        return {}

    @cached_property
    def efforts(self) -> list[Effort]:
        """What all bands of each run take."""
        efforts = []
        for run in self.chain.runs:
            parts = [
                (work.cost(len(made)), count)
                for rows, count in self.samples
                for work in run
                if (made := rows.made[work.name])
            ]
            efforts.append(Effort.sum(parts))
        return efforts

    @cached_property
    def cost(self) -> Effort:
        """What all of it takes."""
        return sum(self.efforts, Effort())

    @cached_property
    def loaded(self) -> dict[str, int]:
        """Words that are loaded of each source, were it in memory."""
        moved = {}
        for name, data in self.chain.sources.items():
            n_tiles = tiles(data.channels, self.chain.works[0].sizes.tile)
            parts = [(rows.there[name], count) for rows, count in self.samples]
            whole = len({rows for rows, _ in parts}) == 1
            if whole and not self.chain.tiled(name):
                parts = [(parts[0][0], 1)]
            moved[name] = sum(len(rows) * count for rows, count in parts) * data.width * n_tiles
        return moved


@dataclass(frozen=True, eq=False)
class Cut:
    """A chain in bands, and what it takes.

    Parameters
    ----------
    chain
        The chain.
    height
        Rows of the last map at a time.
    near
        Maps that leave and stay whole in the buffer.
    turns
        With 2, what the next band takes is loaded while one is at work; with 3, runs behind one
        of the depthwise unit are a band behind it.
    group
        Bands of which rows that roll go behind each other; with 1 none do.
    """

    chain: Fusion
    height: int
    near: frozenset[str]
    turns: int
    group: int = 1

    @cached_property
    def bands(self) -> list[Rows]:
        """What is made in each band."""
        before, made = 0, []
        for number, band in enumerate(self.chain.bands(self.height)):
            rolls = number % self.group > 0
            made.append(self.chain.rows(band, before, self.near, rolls=rolls))
            before = len(band)
        return made

    @cached_property
    def ring(self) -> dict[str, int]:
        """Rows that there is room for of each map whose rows roll."""
        if self.group == 1:
            return {}
        return {
            name: max(
                rows.there[name].stop - self.first(number).there[name].start
                for number, rows in enumerate(self.bands)
            )
            for name in self.chain.rolling
        }

    def first(self, number: int) -> Rows:
        """Return what the first band of a band's group has."""
        return self.bands[number - number % self.group]

    @cached_property
    def sampled(self) -> Sampled:
        """What bands take, with any number of turns."""
        return self.chain.sampled(self.height, self.near, self.group)

    @cached_property
    def inner(self) -> dict[str, Slots]:
        """Places for maps between operators, and for those that go to memory."""
        return {
            name: self._slots(name, work.gives)
            for name, work in self.chain.made.items()
            if name not in self.near
        }

    @cached_property
    def outer(self) -> dict[str, Slots]:
        """Places for sources, where those are in memory."""
        return {name: self._slots(name, data) for name, data in self.chain.sources.items()}

    @property
    def ahead(self) -> int:
        """Bands, or tiles, that are loaded ahead."""
        return min(self.turns, _PAIRED) - 1

    def lag(self, run: int) -> int:
        """Return how many bands a run is behind the first."""
        return self.chain.lags[run] if self.turns > _PAIRED else 0

    def _slots(self, name: str, data: Map) -> Slots:
        chain = self.chain
        rows, others = self.sampled.parts(name)
        size = rows * data.width
        ahead = self.ahead
        moved = name in chain.leaves or name in chain.sources
        n_tiles = tiles(data.channels, chain.works[0].sizes.tile)
        if name in self.ring:
            return Slots(1, self.ring[name] * data.width * n_tiles, False)
        if chain.tiled(name):
            # One is loaded or stored meanwhile; what is stored waits for the next to be made.
            more = chain.span(name) + moved + (name in chain.leaves) + chain.waited(name)
            return Slots(1 + ahead * more, size, True)
        several = moved and others
        behind = chain.reach(name) if self.turns > _PAIRED else 0
        return Slots(1 + ahead * several + behind, size * n_tiles, False)

    def cycles(self, *, apart: bool) -> float:
        """Return how long it takes, maps of both units lying ``apart`` in the buffer or not."""
        whole = self.sampled.cost
        if not apart or self.turns == 1:
            return whole.cycles + whole.beside
        if self.turns > _PAIRED:
            shorter = min(whole.cycles, whole.beside)
            first = max(self.chain.lags) * shorter / len(self.chain.bands(self.height))
            return max(whole.cycles, whole.beside) + first
        return sum(
            max(one.cycles, one.beside) + min(one.cycles, one.beside) / run[0].n_tiles
            for run, one in zip(self.chain.runs, self.sampled.efforts, strict=True)
        )
