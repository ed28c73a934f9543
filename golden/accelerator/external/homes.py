"""Where maps are: in the accelerator's buffer, or in memory, and how operators are cut to fit."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace

from golden.accelerator.descriptor import Region
from golden.accelerator.memory import MapMemory
from golden.accelerator.operators.sums import Sums
from golden.matrix.design import tiles
from golden.network.map import Map


@dataclass(frozen=True)
class Far:
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


@dataclass(frozen=True)
class MapPart:
    """What of an operator's map is made at a time.

    Parameters
    ----------
    row, rows
        First row, and how many.
    tile, tiles
        First tile of channels, and how many.
    """

    row: int
    rows: int
    tile: int
    tiles: int


@dataclass(frozen=True, eq=False)
class Work:
    """An operator to be done.

    Parameters
    ----------
    name
        Of the map that it makes.
    sums
        What it does; None where it moves samples, which takes whole maps.
    gives
        The map.
    sources
        Maps that it takes.
    tile
        Channels of a word.
    """

    name: str
    sums: Sums | None
    gives: Map
    sources: Mapping[str, Map]
    tile: int

    def words(self, data: Map) -> int:
        """Return the words of a whole map."""
        return tiles(data.channels, self.tile) * data.height * data.width

    @property
    def apart(self) -> bool:
        """Whether each channel keeps to itself."""
        return self.sums is not None and all(term.apart for term in self.sums.terms)

    @property
    def around(self) -> bool:
        """Whether windows go around the map's end, or are not known."""
        return self.sums is None or any(term.windows.around for term in self.sums.terms)

    def cuts(self) -> Iterator[list[MapPart]]:
        """Yield ways to cut it, the finest last."""
        height, n_tiles = self.gives.height, tiles(self.gives.channels, self.tile)
        yield [MapPart(0, height, 0, n_tiles)]
        if n_tiles > 1 and (self.apart or self.sums is None):
            yield [MapPart(0, height, tile, 1) for tile in range(n_tiles)]
        if self.around:
            return
        rows = height
        while rows > 1:
            rows = -(-rows // 2)
            for count in [n_tiles, 1] if self.apart and n_tiles > 1 else [n_tiles]:
                yield [
                    MapPart(row, min(rows, height - row), tile, count)
                    for tile in range(0, n_tiles, count)
                    for row in range(0, height, rows)
                ]

    def takes(self, name: str, band: MapPart) -> MapPart:
        """Return which part of a source a band needs."""
        data = self.sources[name]
        all_tiles = tiles(data.channels, self.tile)
        spans, of_tiles = [], []
        for term in self.sums.terms if self.sums is not None else ():
            if term.gain == name:
                spans.append((0, data.height))
                of_tiles.append(True)
            elif term.source == name:
                w = term.windows
                kernel = w.kernel_rows if w.largest else term.weight.shape[2]
                first = w.row + band.row * w.row_stride
                after = first + (band.rows - 1) * w.row_stride + (kernel - 1) * w.row_tap + 1
                spans.append((0, data.height) if w.around else (first, after))
                of_tiles.append(term.apart)
        if not spans:
            return MapPart(0, data.height, 0, all_tiles)
        # At least a row, where all of them are outside.
        low = min(max(min(first for first, _ in spans), 0), data.height - 1)
        high = max(min(max(after for _, after in spans), data.height), low + 1)
        cut = all(of_tiles) and len(self.sources) > 0
        tile, count = (band.tile, band.tiles) if cut else (0, all_tiles)
        return MapPart(low, high - low, tile, count)


@dataclass(frozen=True)
class Placement:
    """How an operator is done.

    Parameters
    ----------
    spills
        Maps that go to memory beforehand.
    bands
        What is done at a time.
    target
        Where the map is in the buffer; None where it goes to memory.
    slots
        Where parts of maps are meanwhile, by name: ``turns`` places in turn, or one for all.
    turns
        With 2, the next band's are loaded while one is at work.
    """

    spills: tuple[str, ...]
    bands: list[MapPart]
    target: int | None
    slots: Mapping[str, tuple[int, ...]]
    turns: int


@dataclass
class Homes:
    """Where all maps are.

    Parameters
    ----------
    limit
        Words of the buffer.
    """

    limit: int
    near: MapMemory = field(default_factory=MapMemory)
    far: dict[str, Far] = field(default_factory=dict)
    scratch: MapMemory = field(default_factory=MapMemory)

    def plan(self, work: Work, others: Sequence[str]) -> Placement | None:
        """Return how to do an operator; None where it has no place.

        ``others`` are maps in the buffer, what is best done without first.
        """
        for count in range(len(others) + 1):
            spills = tuple(others[:count])
            for turns, near in ((2, True), (2, False), (1, True), (1, False)):
                for bands in work.cuts():
                    plan = self._try(work, spills, bands, near=near, turns=turns)
                    if plan is not None:
                        return plan
        return None

    def _try(
        self, work: Work, spills: tuple[str, ...], bands: list[MapPart], *, near: bool, turns: int
    ) -> Placement | None:
        memory = deepcopy(self.near)
        for name in spills:
            memory.drop(name)
        turns = min(turns, len(bands))
        wanted: dict[str, tuple[int, int]] = {}
        for name, data in work.sources.items():
            if name not in memory.held:
                parts = [work.takes(name, band) for band in bands]
                size = max(part.rows * part.tiles for part in parts) * data.width
                wanted[name] = (size, turns if len(set(parts)) > 1 else 1)
        target = None
        if near:
            target = memory.put(work.name, work.words(work.gives))
        else:
            wanted[work.name] = (max(b.rows * b.tiles for b in bands) * work.gives.width, turns)
        slots = {
            name: tuple(memory.put(f"{name} {turn}", size) for turn in range(count))
            for name, (size, count) in wanted.items()
        }
        if any(base + size > self.limit for base, size in memory.held.values()):
            return None
        return Placement(spills, bands, target, slots, turns)


def cut_sums(work: Work, band: MapPart, first_rows: Mapping[str, int]) -> tuple[Sums, Map]:
    """Return what a band of an operator is: sums and the part of the map.

    ``first_rows`` are those of the parts of sources that are there.
    """
    sums, gives, tile = work.sums, work.gives, work.tile
    assert sums is not None
    outputs = slice(band.tile * tile, min((band.tile + band.tiles) * tile, gives.channels))
    terms = []
    for term in sums.terms:
        w = term.windows
        row = w.row + band.row * w.row_stride - first_rows.get(term.source or "", 0)
        terms.append(replace(term, weight=term.weight[outputs], windows=replace(w, row=row)))
    start = sums.start[outputs]
    if start.shape[1] > 1:
        start = start[:, band.row : band.row + band.rows]
    rescale = sums.rescale
    if len(rescale.multiplier) > 1:
        rescale = replace(
            rescale, multiplier=rescale.multiplier[outputs], shift=rescale.shift[outputs]
        )
    shape = (outputs.stop - outputs.start, band.rows, gives.width)
    part = Map.of_range(shape, gives.range, gives.scale, gives.zero_point)
    return replace(sums, terms=tuple(terms), start=start, rescale=rescale), part
