"""From a network to a program in external memory: chains of operators, band by band.

Maps stay in the buffer where they fit; else they go to memory, and while one band is at work the
next one's rows are loaded. `golden.accelerator.external.search` says which operators go together.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import TypeAlias

import numpy as np

from golden.accelerator.constants import Constants
from golden.accelerator.descriptor import Descriptor, Kind, Region, Source, Transfer
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.circulant import CirculantLowering
from golden.accelerator.external.constants import ConstantsLoader
from golden.accelerator.external.depthwise import DepthwiseLowering
from golden.accelerator.external.fusion import Rows
from golden.accelerator.external.hazards import ordered
from golden.accelerator.external.homes import Far, Placement
from golden.accelerator.external.lines import LineLowering
from golden.accelerator.external.packing import Packing, packed
from golden.accelerator.external.program import ExternalProgram, rows_of
from golden.accelerator.external.schedule import scheduled
from golden.accelerator.external.search import Search
from golden.accelerator.external.stacks import Stacked, stacks_of
from golden.accelerator.external.steps import Step, loading, storing
from golden.accelerator.external.work import Work
from golden.accelerator.lower import Lowered, Lowering, MadePlace, MapPlace
from golden.accelerator.memory import MapMemory
from golden.accelerator.operators.layer_norm import Normal
from golden.accelerator.operators.move import Moves
from golden.accelerator.operators.registry import lower
from golden.accelerator.operators.sums import Stack, Sums
from golden.graph.graph import Node
from golden.inputs.errors import ParameterError
from golden.matrix.design import tiles
from golden.network.map import Map
from golden.network.network import Network
from golden.network.pointwise import Pointwise
from golden.numbers.interval import Integers

_Part: TypeAlias = Callable[[], None]
"""Does a part of a band."""


class _Band:
    """A band of a chain that is being done: where its maps are.

    Parameters
    ----------
    plan
        How the chain is done.
    index
        Which band.
    rows
        What of each map there is.
    near
        Where maps are that are whole in the buffer.
    """

    def __init__(
        self, plan: Placement, index: int, rows: Rows, near: dict[str, tuple[int, int]]
    ) -> None:
        self.plan = plan
        self.index = index
        self.rows = rows
        self._near = near

    def of(self, name: str) -> range:
        """Return which rows of a map are there."""
        return self.rows.there[name]

    def _rolled(self, name: str, rows: range) -> int:
        """Return how many rows lie before those of a map, where they roll."""
        if name not in self.plan.cut.ring:
            return 0
        return rows.start - self.plan.cut.first(self.index).there[name].start

    def slot(self, name: str, tile: int, n_tiles: int) -> int:
        """Return where a part of a map is, of those that are there in turn."""
        slots = self.plan.slots[name]
        turn = self.index * n_tiles + tile if self.plan.tiled(name) else self.index
        return slots[turn % len(slots)]

    def place(self, name: str, data: Map, tile: int, n_tiles: int) -> MapPlace:
        """Return where a tile of a map is read, and others where they are there."""
        if name not in self.plan.slots:
            base, _ = self._near[name]
            return MapPlace(Source(base, data.height, data.width, data.signed, data.zero_point))
        rows, first = self.of(name), tile if self.plan.tiled(name) else 0
        base = self.slot(name, tile, n_tiles) + self._rolled(name, rows) * data.width
        ring = self.plan.cut.ring.get(name)
        plane = None if ring is None else ring * data.width
        source = Source(base, len(rows), data.width, data.signed, data.zero_point, plane=plane)
        return MapPlace(source, rows.start, first)

    def target(self, work: Work, tile: int) -> MadePlace:
        """Return where a tile of what is made goes."""
        data, rows = work.gives, self.rows.made[work.name]
        if work.name not in self.plan.slots:
            base, _ = self._near[work.name]
            plane = data.height * data.width
            return MadePlace(base + tile * plane + rows.start * data.width, plane)
        plane = self.plan.cut.ring.get(work.name, len(rows)) * data.width
        base = self.slot(work.name, tile, work.n_tiles)
        base += self._rolled(work.name, rows) * data.width
        return MadePlace(base + (0 if self.plan.tiled(work.name) else tile * plane), plane)


class _ExternalCompiler:
    """A network on its way to a program."""

    def __init__(self, network: Network, capacity: Capacity) -> None:
        self._network = network
        self._capacity = capacity
        self._tile = capacity.sizes.tile
        self._near: dict[str, tuple[int, int]] = {}
        self._far: dict[str, Far] = {}
        self._scratch = MapMemory()
        self._constants = Constants()
        self._views: dict[str, MapPlace] = {}
        self._lowering = Lowering(capacity.sizes, self._constants, self._views.__getitem__)
        self._depthwise = DepthwiseLowering(capacity, self._constants, self._views.__getitem__)
        self._lines = LineLowering(capacity, self._constants, self._views.__getitem__)
        self._circulant = CirculantLowering(capacity, self._constants, self._views.__getitem__)
        self._steps: list[Step] = []
        self._stored: dict[str, int] = {}
        self._behind: list[Step] = []
        self._output_at: dict[str, int] = {}
        at = 0
        for name in network.outputs:
            self._output_at[name] = at
            at += self._words(name)
        self._given = at

    def compile(self) -> ExternalProgram:
        """Return the program."""
        network, capacity = self._network, self._capacity
        self._far[network.input] = Far(Region.INPUT, 0)
        works = self._works()
        uses = self._uses(works)
        words = {name: self._words(name) for name in uses}
        found = Search(works, uses, words, capacity).placements(network.input)
        if isinstance(found, int):
            # What is turned needs room.
            works = [replace(work, turned=0) for work in works]
            found = Search(works, uses, words, capacity).placements(network.input)
        if isinstance(found, int):
            rule = f"of operators that a buffer of {capacity.map_bytes} bytes does"
            raise ParameterError("network", rule, f"{works[found].name}, which needs more")
        done = 0
        for plan in found:
            done += len(plan.chain.works)
            self._do(plan)
            self._drop({name for name, numbers in uses.items() if max(numbers, default=-1) < done})
        for name in network.outputs:
            self._give(name)
        return self._program()

    def _program(self) -> ExternalProgram:
        """Return the program of all steps."""
        capacity = self._capacity
        loader = ConstantsLoader(capacity, self._constants.rom)
        steps = loader.load(scheduled(self._steps, capacity) if capacity.depthwise else self._steps)
        descriptors = ordered([step.descriptor for step in steps], capacity)
        moved, rows = _with_rows(list(descriptors), self._constants.rom.weights, capacity)
        return ExternalProgram(
            capacity,
            tuple(moved),
            rows,
            loader.image,
            tuple(step.name for step in steps),
            self._words(self._network.input) * capacity.word_beats,
            self._given * capacity.word_beats,
            self._scratch.words * capacity.word_beats,
            Packing.none(self._network),
        )

    def _words(self, name: str) -> int:
        data = self._network.maps[name]
        return tiles(data.channels, self._tile) * data.height * data.width

    def _works(self) -> list[Work]:
        """Return operators, each with the pointwise function behind it."""
        works: list[Work] = []
        stacks = dict(stacks_of(self._network, self._tile))
        fused = {name for stack in stacks.values() for name in stack.within}
        for node in self._network.nodes:
            if node.name in fused:
                continue
            follower = self._follower(node)
            if follower is not None:
                fused.add(follower.name)
            gives = self._network.maps[node.name]
            stack = stacks.get(node.name)
            operator = self._lowered(node) if stack is None else self._stacked(stack)
            lowered = Lowered(operator, gives, self._table(node, follower))
            names = node.sources if stack is None else (stack.source,)
            sources = {name: self._network.maps[name] for name in names}
            name = (follower or node).name
            for source, data in sources.items():
                whole = Source(0, data.height, data.width, data.signed, data.zero_point)
                self._views[source] = MapPlace(whole)
            beside = self._depthwise.does(lowered.operator, lowered.gives)
            lined = not beside and self._lines.does(lowered.operator, lowered.gives)
            beside = beside or lined
            does = not beside and self._circulant.does(lowered.operator, lowered.gives)
            turned = self._circulant.room(lowered) if does else 0
            works.append(Work(name, lowered, sources, self._capacity, beside, turned, lined))
        return works

    def _uses(self, works: Sequence[Work]) -> dict[str, list[int]]:
        """Return by map which operators take it; outputs are taken in the end."""
        uses: dict[str, list[int]] = {self._network.input: []}
        uses |= {work.name: [] for work in works}
        for number, work in enumerate(works):
            for name in work.sources:
                uses[name].append(number)
        for name in self._network.outputs:
            uses[name].append(len(works))
        return uses

    def _follower(self, node: Node) -> Node | None:
        """Return the pointwise function that is all that takes a node's map."""
        users = self._network.users[node.name]
        if node.name in self._network.outputs or len(users) != 1:
            return None
        return users[0] if isinstance(users[0].stage, Pointwise) else None

    def _lowered(self, node: Node) -> Sums | Moves | Normal:
        """Return an operator as what it becomes, where the accelerator is able to do that."""
        lowered, abilities = lower(node, self._capacity.sizes), self._capacity.abilities
        if isinstance(lowered, Normal) and lowered.op.gives.channels > abilities.norm:
            rule = f"a layer norm of at most {abilities.norm} channels on this accelerator"
            raise ParameterError("operator", rule, f"{lowered.op.gives.channels} ({node.name})")
        if isinstance(lowered, Sums) and lowered.rescale.single and not abilities.single:
            rule = "scaled by our own calibration on this accelerator"
            raise ParameterError("operator", rule, f"with scales of others ({node.name})")
        product = isinstance(lowered, Sums) and lowered.product and lowered.addition is None
        if product and not abilities.product:
            rule = "no product of two maps on this accelerator"
            raise ParameterError("operator", rule, node.name)
        if isinstance(lowered, Sums) and lowered.addition and not abilities.addition:
            rule = "no addition with scales of others on this accelerator"
            raise ParameterError("operator", rule, node.name)
        return lowered

    def _stacked(self, stack: Stacked) -> Stack:
        """Return operators of some channels each as one of all of them."""
        parts = []
        for node in stack.nodes:
            sums = self._lowered(node)
            assert isinstance(sums, Sums)
            own = [replace(term, source=stack.source) for term in sums.terms]
            parts.append(replace(sums, terms=tuple(own)))
        return Stack(tuple(parts), stack.firsts)

    def _table(self, node: Node, follower: Node | None) -> int:
        """Return the number of the table behind an operator."""
        table = 0
        for one in (node, follower):
            if one is not None and isinstance(one.stage, Pointwise):
                table = self._constants.table(one.stage, after=table)
        return table

    def _do(self, plan: Placement) -> None:
        """Do a chain."""
        for name in plan.spills:
            self._spill(name)
        chain = plan.chain
        for name, base in plan.targets.items():
            self._near[name] = (base, chain.made[name].words)
        self._stored = dict.fromkeys(chain.leaves - set(plan.targets), 0)
        for name in self._stored:
            self._home_far(name)
        bands = [_Band(plan, index, rows, self._near) for index, rows in enumerate(plan.cut.bands)]
        ahead = plan.cut.ahead
        lags = [plan.cut.lag(number) for number in range(len(chain.runs))]
        for index in range(len(bands) + max(lags)):
            for later in bands[index + ahead if index else 0 : index + ahead + 1]:
                self._load_band(later, bands)
            self._alternate(
                [
                    [
                        part
                        for run, of_run in zip(chain.runs, lags, strict=True)
                        for part in (self._run(run, bands[index - lag]) if of_run == lag else ())
                    ]
                    for lag in sorted(set(lags))
                    if 0 <= index - lag < len(bands)
                ]
            )
        self._store_now()

    @staticmethod
    def _alternate(bands: Sequence[Sequence[_Part]]) -> None:
        """Do parts of bands in turn, of each as far as of the others."""
        places = [
            ((place + 1) / len(parts), number, part)
            for number, parts in enumerate(bands)
            for place, part in enumerate(parts)
        ]
        for _, _, part in sorted(places, key=itemgetter(0, 1)):
            part()

    def _run(self, run: Sequence[Work], band: _Band) -> list[_Part]:
        """Return the steps of a band of operators that go on tile by tile behind each other."""
        chain, n_tiles = band.plan.chain, run[0].n_tiles
        names = (run[0].name, *run[0].sources)
        moved = any(n in band.plan.slots and band.plan.tiled(n) for n in names)
        if not run[0].by_tiles or (run[0].whole and len(run) == 1 and not moved):
            return [partial(self._part, run[0], range(n_tiles), band)]
        ahead = band.plan.cut.ahead
        behind = {work.name: chain.stages[work.name].behind * ahead for work in run}
        return [
            partial(self._step, run, band, step, behind)
            for step in range(n_tiles + max(behind.values()))
        ]

    def _step(self, run: Sequence[Work], band: _Band, step: int, behind: dict[str, int]) -> None:
        """Do a tile of each operator of a run, as far behind the first as they are."""
        self._load_tiles(run, band, step, behind)
        for work in run:
            tile = step - behind[work.name]
            if 0 <= tile < run[0].n_tiles:
                self._part(work, range(tile, tile + 1), band)

    def _part(self, work: Work, of_tiles: range, band: _Band) -> None:
        """Do some tiles of a band of an operator."""
        rows = band.rows.made[work.name]
        if not rows:
            return
        for name, data in work.sources.items():
            n_tiles = tiles(data.channels, self._tile)
            self._views[name] = band.place(name, data, of_tiles.start, n_tiles)
        target = band.target(work, of_tiles.start)
        for one in self._unit(work).part(work.lowered, rows, of_tiles, target):
            self._steps.append(Step(one, work.name))
        # What was made last is still being written: stores come behind the next part.
        self._store_now()
        if work.name in self._stored:
            self._store_part(work, of_tiles, band)

    def _unit(self, work: Work) -> DepthwiseLowering | LineLowering | CirculantLowering | Lowering:
        """Return what makes descriptors of an operator."""
        if work.lined:
            return self._lines
        if work.beside:
            return self._depthwise
        return self._circulant if work.turned else self._lowering

    def _store_part(self, work: Work, of_tiles: range, band: _Band) -> None:
        """Store what was made and is not in memory yet."""
        rows, last = band.rows.made[work.name], of_tiles.stop == work.n_tiles
        if not band.plan.tiled(work.name):
            if not last:
                return
            of_tiles = range(work.n_tiles)
        new = range(max(rows.start, self._stored[work.name]), rows.stop)
        if new:
            near = band.target(work, of_tiles.start)
            base = near.base + (new.start - rows.start) * work.gives.width
            moved = self._moved(work.name, new, of_tiles, MadePlace(base, near.plane))
            self._behind.append(Step(storing(moved), work.name))
        if len(band.plan.slots[work.name]) == 1:
            self._store_now()
        if last:
            self._stored[work.name] = max(rows.stop, self._stored[work.name])

    def _store_now(self) -> None:
        self._steps += self._behind
        self._behind = []

    def _load_band(self, band: _Band, bands: Sequence[_Band]) -> None:
        """Load what a band needs of maps in memory; what is there already stays."""
        plan = band.plan
        for name, data in plan.chain.sources.items():
            if name not in plan.slots or plan.tiled(name):
                continue
            rows, n_tiles = band.of(name), tiles(data.channels, self._tile)
            last = band.index - len(plan.slots[name])
            if rows and not (last >= 0 and bands[last].of(name) == rows):
                self._load(name, rows, range(n_tiles), band)

    def _load_tiles(
        self, run: Sequence[Work], band: _Band, step: int, behind: dict[str, int]
    ) -> None:
        """Load the tiles that the next step takes first, before all the first ones."""
        plan, n_tiles = band.plan, run[0].n_tiles
        ahead = plan.cut.ahead
        for name in plan.chain.sources:
            users = [work.name for work in run if name in work.sources]
            if not users or name not in plan.slots or not plan.tiled(name) or not band.of(name):
                continue
            tile = step - min(behind[user] for user in users) + ahead
            for later in range(0 if tile == ahead else tile, tile + 1):
                if 0 <= later < n_tiles and tile >= ahead:
                    self._load(name, band.of(name), range(later, later + 1), band)

    def _load(self, name: str, rows: range, of_tiles: range, band: _Band) -> None:
        data = self._network.maps[name]
        near = band.slot(name, of_tiles.start, tiles(data.channels, self._tile))
        target = MadePlace(near, len(rows) * data.width)
        moved = self._moved(name, rows, of_tiles, target)
        self._steps.append(Step(loading(moved), band.plan.chain.works[0].name))

    def _moved(self, name: str, rows: range, of_tiles: range, near: MadePlace) -> Transfer:
        """Return the transfer of rows of tiles of a map."""
        data, far, beats = self._network.maps[name], self._far[name], self._capacity.word_beats
        plane, words = data.height * data.width, len(rows) * data.width
        at = far.at + of_tiles.start * plane + rows.start * data.width
        # Tiles that lie end to end at both ends are one block.
        whole = words == plane == near.plane
        return Transfer(
            near=near.base,
            region=far.region,
            far=at * beats,
            words=words * len(of_tiles) if whole else words,
            blocks=1 if whole else len(of_tiles),
            near_stride=0 if whole else near.plane,
            far_stride=0 if whole else plane * beats,
        )

    def _home_far(self, name: str) -> None:
        """Give a map its place in memory."""
        if name in self._output_at:
            self._far[name] = Far(Region.OUTPUT, self._output_at[name])
        else:
            self._far[name] = Far(Region.SCRATCH, self._scratch.put(name, self._words(name)))

    def _spill(self, name: str) -> None:
        """Take a map from the buffer to memory."""
        if name not in self._far:
            self._home_far(name)
            self._store_whole(name)
        del self._near[name]

    def _store_whole(self, name: str) -> None:
        data = self._network.maps[name]
        base, _ = self._near[name]
        of_tiles = range(tiles(data.channels, self._tile))
        near = MadePlace(base, data.height * data.width)
        moved = self._moved(name, range(data.height), of_tiles, near)
        self._steps.append(Step(storing(moved), name))

    def _give(self, name: str) -> None:
        """Take an output to its place, unless it is there."""
        if name not in self._far:
            self._home_far(name)
            self._store_whole(name)

    def _drop(self, names: set[str]) -> None:
        """Free the places of maps that nothing takes any more."""
        for name in names:
            self._near.pop(name, None)
            if name in self._scratch.held:
                self._scratch.drop(name)


def compile_external(
    network: Network, capacity: Capacity, *, packs: bool = False
) -> ExternalProgram:
    """Return the program that computes ``network`` on an accelerator of ``capacity``.

    With ``packs`` it may take images with pixels as channels: see `Packing`.

    Raises
    ------
    ParameterError
        Where an operator is not done, or something does not fit.
    """
    packing, computed = Packing.none(network), network
    if packs:
        packing, computed = packed(network, capacity.sizes.tile)
    return replace(_ExternalCompiler(computed, capacity).compile(), packing=packing)


def _with_rows(
    descriptors: list[Descriptor], weights: Integers, capacity: Capacity
) -> tuple[list[Descriptor], Integers]:
    """Return descriptors with their rows one behind the other, as they are taken."""
    rows: list[Integers] = [np.zeros((0, capacity.sizes.tile), np.int64)]
    moved, address = [], 0
    for one in descriptors:
        count = rows_of(one, capacity)
        if count:
            rows.append(weights[one.weight_address :][:count])
        at = one.weight_address if one.kind == Kind.DEPTHWISE else address
        moved.append(replace(one, weight_address=at, last=False))
        address += count
    return moved, np.concatenate(rows)
