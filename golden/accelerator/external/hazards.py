"""Which descriptors must wait for which: found from what each reads and writes.

Descriptors begin in their order, each when the one before has read all. What may still be under
way then are the words of the last that finished sums, loads in their order, stores in
theirs, and what the depthwise unit does in its.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from golden.accelerator.descriptor import ANY, Descriptor, Kind, Region, Space, Transfer
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.depthwise import record_of
from golden.accelerator.program import finishes

Place = tuple[Space | Region, int, int]
"""A memory, and from where to before where."""

UNWRITTEN = 1
"""Descriptors whose words may not all be written when the next one begins."""
UNDER_WAY = 8
"""More of a kind than can be: those that wait have a queue of fewer."""


MOVES = (Kind.LOAD, Kind.STORE)
BESIDE = (*MOVES, Kind.DEPTHWISE)
"""What goes on by itself, each kind in its order."""


@dataclass(frozen=True)
class Footprint:
    """What a descriptor reads and writes, and whether it is the depthwise unit that does."""

    reads: tuple[Place, ...] = ()
    writes: tuple[Place, ...] = ()
    own: bool = False


def meet(some: Sequence[Place], others: Sequence[Place]) -> bool:
    """Return whether any of ``some`` places have words in common with any of the others."""
    for space, low, high in some:
        for other, first, after in others:
            if low < after and first < high and space is other:
                return True
    return False


def _box(first: int, reaches: Sequence[int]) -> tuple[int, int]:
    """Return the words from ``first`` on as far as steps lead away."""
    low = first + sum(min(reach, 0) for reach in reaches)
    return low, first + sum(max(reach, 0) for reach in reaches) + 1


def word_beats_of(space: Space, capacity: Capacity) -> int:
    """Return the beats of what is written at once; of a table, of some entries."""
    of_word = {
        Space.MAPS: capacity.word_beats,
        Space.TABLES: 1,
        Space.KERNELS: capacity.kernel_beats,
    }
    return of_word.get(space, capacity.step_beats)


def beats_of(transfer: Transfer, capacity: Capacity) -> int:
    """Return the beats of a block."""
    return transfer.words * word_beats_of(transfer.space, capacity)


def _transfer(one: Descriptor, capacity: Capacity) -> Footprint:
    moves = one.transfer
    last = moves.blocks - 1
    inside: Place = (moves.space, *_box(moves.near, (last * moves.near_stride, moves.words - 1)))
    beats = beats_of(moves, capacity)
    outside: Place = (moves.region, *_box(moves.far, (last * moves.far_stride, beats - 1)))
    if one.kind == Kind.LOAD:
        return Footprint((outside,), (inside,))
    return Footprint((inside,), (outside,))


def _compute(one: Descriptor, capacity: Capacity) -> Footprint:
    source, windows, finish = one.source, one.windows, one.finish
    reaches = (
        (source.height - 1) * source.row_words,
        (windows.tiles - 1) * source.tile_words,
        source.width - 1,
    )
    reads: list[Place] = [(Space.MAPS, *_box(source.base, reaches))]
    if not finishes(one):
        # Statistics are the post unit's own, which takes descriptors in their order.
        return Footprint(tuple(reads))
    rows, columns = windows.rows - 1, windows.columns - 1
    target = (rows * finish.target_row, columns * finish.target_column)
    written = ((Space.MAPS, *_box(finish.target, target)),)
    if one.turns:
        return Footprint(tuple(reads), written, own=True)
    parts = capacity.sizes.parts + finish.adds
    table = capacity.table_beats
    reads.append((Space.TABLES, finish.table * table, (finish.table + 1) * table))
    if one.kind == Kind.DEPTHWISE:
        record = record_of(one, capacity)
        reads.append((Space.KERNELS, record.start, record.stop))
    else:
        biases = (rows * finish.bias_row, columns * finish.bias_column, parts - 1)
        reads += [
            (Space.BIASES, *_box(finish.bias, biases)),
            (Space.SCALES, finish.scale, finish.scale + parts),
        ]
    return Footprint(tuple(reads), written, one.kind == Kind.DEPTHWISE)


def footprint_of(one: Descriptor, capacity: Capacity) -> Footprint:
    """Return what a descriptor reads and what it writes; of a transfer, one place each."""
    return (_transfer if one.kind in MOVES else _compute)(one, capacity)


@dataclass
class _Order:
    """What may be under way."""

    capacity: Capacity
    unwritten: deque[Footprint] = field(default_factory=lambda: deque(maxlen=UNWRITTEN))
    others: dict[Kind, deque[Footprint]] = field(
        default_factory=lambda: {kind: deque(maxlen=UNDER_WAY) for kind in BESIDE}
    )

    def add(self, one: Descriptor) -> Descriptor:
        """Return a descriptor that waits for what it must."""
        beside = one.kind in self.others
        footprint = footprint_of(one, self.capacity)
        waits = any(self._unwritten(one, footprint, other) for other in self.unwritten)
        left = {
            kind: ANY if kind == one.kind and kind in MOVES else self._left(one, footprint, others)
            for kind, others in self.others.items()
        }
        if waits:
            self.unwritten.clear()
        if beside:
            self.others[one.kind].append(footprint)
        elif one.kind == Kind.COMPUTE and one.final:
            self.unwritten.append(footprint)
        return replace(
            one,
            waits=waits,
            loads=left[Kind.LOAD],
            stores=left[Kind.STORE],
            depthwise=left[Kind.DEPTHWISE],
        )

    @staticmethod
    def _unwritten(one: Descriptor, footprint: Footprint, other: Footprint) -> bool:
        """Whether a descriptor meets words that may not be written, or constants in use."""
        if one.kind == Kind.LOAD:
            return meet(footprint.writes, (*other.reads[1:], *other.writes))
        writes = footprint.writes if one.kind == Kind.DEPTHWISE else ()
        return meet((*footprint.reads, *writes), other.writes)

    @staticmethod
    def _left(one: Descriptor, footprint: Footprint, others: Sequence[Footprint]) -> int:
        """Return how many of the last of a kind may be under way."""
        for later, other in enumerate(reversed(others)):
            # What is written by the same unit is written in order, after all before is read.
            writes = () if one.kind == Kind.DEPTHWISE and other.own else footprint.writes
            if meet(footprint.reads, other.writes) or meet(writes, (*other.reads, *other.writes)):
                return later
        return ANY


def ordered(descriptors: Sequence[Descriptor], capacity: Capacity) -> Iterator[Descriptor]:
    """Yield descriptors, each with what it must wait for."""
    order = _Order(capacity)
    for one in descriptors:
        yield order.add(one)
