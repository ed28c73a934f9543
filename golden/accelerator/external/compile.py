"""From a network to a program in external memory: maps stay in the buffer where they fit.

Where one does not, it goes to memory, and operators are done band by band: while one is at work,
the next one's rows are loaded.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from golden.accelerator.constants import Constants
from golden.accelerator.descriptor import Descriptor, Kind, Region, Source, Transfer
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.constants import ConstantsLoader
from golden.accelerator.external.depthwise import DepthwiseLowering
from golden.accelerator.external.hazards import ordered
from golden.accelerator.external.homes import Far, Homes, MapPart, Placement, Work, cut_sums
from golden.accelerator.external.program import ExternalProgram, rows_of
from golden.accelerator.external.steps import Step, loading, storing
from golden.accelerator.lower import Lowering
from golden.accelerator.operators.layer_norm import Normal
from golden.accelerator.operators.move import Moves
from golden.accelerator.operators.registry import lower
from golden.accelerator.operators.sums import Sums
from golden.graph.graph import Node
from golden.inputs.errors import ParameterError
from golden.matrix.design import tiles
from golden.network.map import Map
from golden.network.network import Network
from golden.network.pointwise import Pointwise
from golden.numbers.interval import Integers


class _Target(NamedTuple):
    """Where a word is, from the first of a whole map on, and of a band."""

    whole: int
    part: int


class _ExternalCompiler:
    """A network on its way to a program."""

    def __init__(self, network: Network, capacity: Capacity) -> None:
        self._network = network
        self._capacity = capacity
        self._tile = capacity.sizes.tile
        self._homes = Homes(capacity.map_words)
        self._constants = Constants()
        self._views: dict[str, Source] = {}
        self._lowering = Lowering(capacity.sizes, self._constants, self._views.__getitem__)
        self._depthwise = DepthwiseLowering(capacity, self._constants, self._views.__getitem__)
        self._steps: list[Step] = []
        self._uses = _uses(network)
        self._output_at: dict[str, int] = {}
        at = 0
        for name in network.outputs:
            self._output_at[name] = at
            at += self._words(name)
        self._given = at

    def compile(self) -> ExternalProgram:
        """Return the program."""
        network, capacity = self._network, self._capacity
        self._homes.far[network.input] = Far(Region.INPUT, 0)
        fused: set[str] = set()
        for number, node in enumerate(network.nodes):
            if node.name not in fused:
                follower = self._follower(node)
                if follower is not None:
                    fused.add(follower.name)
                self._operator(number, node, follower)
        for name in network.outputs:
            self._give(name)
        loader = ConstantsLoader(capacity, self._constants.rom)
        steps = loader.load(self._steps)
        descriptors = ordered([step.descriptor for step in steps], capacity)
        moved, rows = _with_rows(list(descriptors), self._constants.rom.weights, capacity)
        return ExternalProgram(
            capacity,
            tuple(moved),
            rows,
            loader.image,
            tuple(step.name for step in steps),
            self._words(network.input) * capacity.word_beats,
            self._given * capacity.word_beats,
            self._homes.scratch.words * capacity.word_beats,
        )

    def _words(self, name: str) -> int:
        data = self._network.maps[name]
        return tiles(data.channels, self._tile) * data.height * data.width

    def _follower(self, node: Node) -> Node | None:
        """Return the pointwise function that is all that takes a node's map."""
        users = self._network.users[node.name]
        if node.name in self._network.outputs or len(users) != 1:
            return None
        return users[0] if isinstance(users[0].stage, Pointwise) else None

    def _operator(self, number: int, node: Node, follower: Node | None) -> None:
        table = self._table(node, follower)
        lowered = self._lowered(node)
        work = Work(
            (follower or node).name,
            _sums_of(lowered),
            self._network.maps[node.name],
            {name: self._network.maps[name] for name in node.sources},
            self._tile,
        )
        plan = self._homes.plan(work, self._spillable(number, work))
        if plan is None:
            rule = f"of operators that a buffer of {self._capacity.map_bytes} bytes does"
            raise ParameterError("network", rule, f"{work.name}, which needs more")
        for name in plan.spills:
            self._spill(name)
        far = self._settle(work, plan)
        for index, band in enumerate(plan.bands):
            ahead = index + plan.turns - 1
            for loaded in range(ahead if index else 0, ahead + 1):
                self._load_band(work, plan, loaded)
            self._view_band(work, plan, index)
            part, gives = self._cut(work, plan, band, lowered)
            slot = 0 if far is None else plan.slots[work.name][index % plan.turns]
            for one in self._descriptors(part, gives, table):
                target = self._target(one.finish.target, work, gives, band)
                base = slot if plan.target is None else plan.target + target.whole
                place = target.part if plan.target is None else 0
                finish = replace(one.finish, target=base + place)
                self._steps.append(Step(replace(one, finish=finish), work.name))
            if far is not None:
                self._store(work.name, work.gives, band, slot, far)
        for name in work.sources:
            self._drop(name, number)

    def _descriptors(
        self, part: Sums | Moves | Normal, gives: Map, table: int
    ) -> Iterator[Descriptor]:
        """Return the descriptors of a part of an operator: the depthwise unit's, where it can."""
        if self._depthwise.does(part):
            return self._depthwise.descriptors(part, gives, table)
        return self._lowering.descriptors(part, gives, table, 0)

    def _lowered(self, node: Node) -> Sums | Moves | Normal:
        """Return an operator as what it becomes, where the accelerator is able to do that."""
        lowered, abilities = lower(node, self._capacity.sizes), self._capacity.abilities
        if isinstance(lowered, Normal) and lowered.op.gives.channels > abilities.norm:
            rule = f"a layer norm of at most {abilities.norm} channels on this accelerator"
            raise ParameterError("operator", rule, f"{lowered.op.gives.channels} ({node.name})")
        if isinstance(lowered, Sums) and lowered.rescale.single and not abilities.single:
            rule = "scaled by our own calibration on this accelerator"
            raise ParameterError("operator", rule, f"with scales of others ({node.name})")
        return lowered

    def _table(self, node: Node, follower: Node | None) -> int:
        """Return the number of the table behind an operator."""
        table = 0
        for one in (node, follower):
            if one is not None and isinstance(one.stage, Pointwise):
                table = self._constants.table(one.stage, after=table)
        return table

    @staticmethod
    def _cut(
        work: Work, plan: Placement, band: MapPart, lowered: Sums | Moves | Normal
    ) -> tuple[Sums | Moves | Normal, Map]:
        """Return what a band of an operator is, and what it gives."""
        if not isinstance(lowered, Moves):
            first_rows = {
                name: work.takes(name, band).row for name in work.sources if name in plan.slots
            }
            sums, part = cut_sums(work, band, first_rows)
            if isinstance(lowered, Normal):
                return replace(lowered, row=sums.terms[0].windows.row), part
            return sums, part
        own = range(band.tile, band.tile + band.tiles)
        kept = tuple(move for move in lowered.moves if move.tile in own)
        return Moves(kept, lowered.sums), work.gives

    @staticmethod
    def _target(at: int, work: Work, gives: Map, band: MapPart) -> "_Target":
        """Return where a word of a band is in the whole map, and in the band alone."""
        plane, part = (data.height * data.width for data in (work.gives, gives))
        if work.sums is None:
            return _Target(at, at - band.tile * plane)
        tile, place = divmod(at, part)
        first = band.row * work.gives.width
        return _Target((band.tile + tile) * plane + first + place, at)

    def _spillable(self, number: int, work: Work) -> list[str]:
        """Return maps in the buffer, that which is used last first; those of the operator last."""
        names = sorted(self._homes.near.held, key=lambda name: -self._next(name, number))
        others = [name for name in names if name not in work.sources]
        return others + [name for name in names if name in work.sources]

    def _next(self, name: str, number: int) -> int:
        return min((use for use in self._uses[name] if use > number), default=1 << 30)

    def _settle(self, work: Work, plan: Placement) -> Far | None:
        """Give an operator's map its home; return that where it is memory."""
        if plan.target is not None:
            self._homes.near.held[work.name] = (plan.target, work.words(work.gives))
            return None
        return self._home_far(work.name)

    def _home_far(self, name: str) -> Far:
        if name in self._output_at:
            far = Far(Region.OUTPUT, self._output_at[name])
        else:
            far = Far(Region.SCRATCH, self._homes.scratch.put(name, self._words(name)))
        self._homes.far[name] = far
        return far

    def _spill(self, name: str) -> None:
        """Take a map from the buffer to memory."""
        base, _ = self._homes.near.held[name]
        data = self._network.maps[name]
        whole = MapPart(0, data.height, 0, tiles(data.channels, self._tile))
        if name not in self._homes.far:
            self._store(name, data, whole, base, self._home_far(name))
        self._homes.near.drop(name)

    def _moved(self, data: Map, band: MapPart, near: int, far: Far) -> Transfer:
        """Return the transfer of a part of a map."""
        beats = self._capacity.word_beats
        plane, words = data.height * data.width, band.rows * data.width
        at = far.at + band.tile * plane + band.row * data.width
        whole = band.rows == data.height
        return Transfer(
            near=near,
            region=far.region,
            far=at * beats,
            words=words * band.tiles if whole else words,
            blocks=1 if whole else band.tiles,
            near_stride=0 if whole else words,
            far_stride=0 if whole else plane * beats,
        )

    def _load_band(self, work: Work, plan: Placement, index: int) -> None:
        """Load what a band needs of maps in memory; what is there already stays."""
        if index >= len(plan.bands):
            return
        for name in (name for name in work.sources if name in plan.slots):
            data, part = work.sources[name], work.takes(name, plan.bands[index])
            slots = plan.slots[name]
            last = index - len(slots)
            if last >= 0 and part == work.takes(name, plan.bands[last]):
                continue
            near = slots[index % len(slots)]
            transfer = self._moved(data, part, near, self._homes.far[name])
            self._steps.append(Step(loading(transfer), work.name))

    def _store(self, name: str, data: Map, band: MapPart, near: int, far: Far) -> None:
        self._steps.append(Step(storing(self._moved(data, band, near, far)), name))

    def _view_band(self, work: Work, plan: Placement, index: int) -> None:
        """Say where a band's sources are."""
        for name, data in work.sources.items():
            part = work.takes(name, plan.bands[index])
            height = data.height
            if name in plan.slots:
                slots = plan.slots[name]
                base, height = slots[index % len(slots)], part.rows
            else:
                base, _ = self._homes.near.held[name]
                base += part.tile * data.height * data.width
            self._views[name] = Source(base, height, data.width, data.signed, data.zero_point)

    def _give(self, name: str) -> None:
        """Take an output to its place, unless it is there."""
        far = Far(Region.OUTPUT, self._output_at[name])
        if self._homes.far.get(name) == far:
            return
        data = self._network.maps[name]
        whole = MapPart(0, data.height, 0, tiles(data.channels, self._tile))
        base, _ = self._homes.near.held[name]
        self._store(name, data, whole, base, far)

    def _drop(self, name: str, number: int) -> None:
        """Free the place of a map that nothing takes any more."""
        if self._next(name, number) < 1 << 30:
            return
        if name in self._homes.near.held:
            self._homes.near.drop(name)
        if name in self._homes.scratch.held:
            self._homes.scratch.drop(name)


def _sums_of(lowered: Sums | Moves | Normal) -> Sums | None:
    """Return the sums that say which windows an operator reads, where there are any."""
    if isinstance(lowered, Normal):
        return lowered.reads
    return lowered if isinstance(lowered, Sums) else None


def _uses(network: Network) -> dict[str, list[int]]:
    """Return by map which operators take it; outputs are taken in the end."""
    uses: dict[str, list[int]] = {name: [] for name in network.maps}
    for number, node in enumerate(network.nodes):
        for name in node.sources:
            uses[name].append(number)
    for name in network.outputs:
        uses[name].append(len(network.nodes))
    return uses


def compile_external(network: Network, capacity: Capacity) -> ExternalProgram:
    """Return the program that computes ``network`` on an accelerator of ``capacity``.

    Raises
    ------
    ParameterError
        Where an operator is not done, or something does not fit.
    """
    return _ExternalCompiler(network, capacity).compile()


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
