"""Where maps are between chains: in the accelerator's buffer, or in memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from golden.accelerator.descriptor import Region
from golden.accelerator.external.fusion import Cut, Fusion, Slots
from golden.accelerator.memory import MapMemory


class Far(NamedTuple):
    """A map's place in memory.

    Parameters
    ----------
    region
        Of memory.
    at
        Its first word's place there, in words.
    """

    region: Region
    at: int


@dataclass(frozen=True, eq=False)
class Placement:
    """How a chain is done.

    Parameters
    ----------
    cut
        The chain in bands.
    spills
        Maps that go to memory beforehand.
    targets
        Where maps that leave are in the buffer; the others go to memory.
    slots
        Where parts of maps are meanwhile, in turn.
    apart
        Whether the depthwise unit reads another half of the buffer than the matrix unit.
    """

    cut: Cut
    spills: tuple[str, ...]
    targets: Mapping[str, int]
    slots: Mapping[str, tuple[int, ...]]
    apart: bool

    @property
    def chain(self) -> Fusion:
        """The chain."""
        return self.cut.chain

    @cached_property
    def _shapes(self) -> dict[str, Slots]:
        return {**self.cut.outer, **self.cut.inner}

    def tiled(self, name: str) -> bool:
        """Whether the slots of a map are for a tile each."""
        return self._shapes[name].tiled


@dataclass(frozen=True, eq=False)
class Homes:
    """Where maps are.

    Parameters
    ----------
    near
        Places in the buffer.
    far
        Maps that are in memory.
    """

    near: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    far: frozenset[str] = frozenset()

    def place(self, cut: Cut, spills: Sequence[str], limit: int) -> Placement | None:
        """Return how a chain is done in ``limit`` words; None where it has no place."""
        held = {name: place for name, place in self.near.items() if name not in spills}
        limit -= max(work.turned for work in cut.chain.works)
        if any(base + size > limit for base, size in held.values()):
            return None
        wanted = list(self._wanted(cut, held))
        taken = sum(size for _, size in held.values())
        taken += sum(cut.chain.made[name].words for name in cut.near)
        if taken + sum(shape.count * shape.words for _, shape in wanted) > limit:
            return None
        memory = MapMemory(held=held)
        targets, slots = {}, {}
        for name in sorted(cut.near):
            targets[name] = memory.put(name, cut.chain.made[name].words)
        for name, shape in wanted:
            beside = any(work.beside for work in cut.chain.users.get(name, ()))
            slots[name] = tuple(
                memory.put_last(f"{name} {n}", shape.words, limit)
                if beside
                else memory.put(f"{name} {n}", shape.words)
                for n in range(shape.count)
            )
        if memory.words > limit:
            return None
        apart = self._apart(cut.chain, {**self.near, **memory.held})
        return Placement(cut, tuple(spills), targets, slots, apart)

    @staticmethod
    def _apart(chain: Fusion, held: Mapping[str, tuple[int, int]]) -> bool:
        """Whether the depthwise unit reads another half of the buffer than the matrix unit."""
        half = chain.works[0].capacity.map_words // 2
        if not any(work.beside for work in chain.works):
            return True
        halves: dict[bool, set[int]] = {True: set(), False: set()}
        for name, users in chain.users.items():
            places = [held[key] for key in held if key.split(" ")[0] == name]
            for base, size in places:
                for work in users:
                    halves[work.beside] |= {base // half, (base + size - 1) // half}
        return not halves[True] & halves[False]

    @staticmethod
    def _wanted(cut: Cut, held: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, Slots]]:
        yield from cut.inner.items()
        for name, shape in cut.outer.items():
            if name not in held:
                yield name, shape

    def after(self, done: Placement, over: frozenset[str]) -> "Homes":
        """Return where maps are when a chain is done, and those that are ``over`` gone."""
        chain = done.chain
        near = {n: place for n, place in self.near.items() if n not in done.spills}
        near |= {n: (base, chain.made[n].words) for n, base in done.targets.items()}
        far = self.far | set(done.spills) | (chain.leaves - set(done.targets))
        return Homes({n: place for n, place in near.items() if n not in over}, far - over)
