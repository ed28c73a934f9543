"""Circular kernels along lines, on the matrix unit: lines are turned, so that positions are lanes.

The depthwise unit turns a tile of channels of some lines, which then lie channel by channel, tiles
of positions as tiles of channels. Each channel's kernel is a circulant then, and the channel an
operator of its own, a convolution of 1 x 1 over as many windows as there are lines. What it gives
is turned back. Two tiles of channels have a place in turn, so that one is turned while the matrix
unit does another.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeGuard

import numpy as np

from golden.accelerator.constants import Constants
from golden.accelerator.descriptor import Descriptor, Finish, Kind, Source, Turning, Windows
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.lower import Lowered, Lowering, MadePlace, MapPlace
from golden.accelerator.operators.layer_norm import Normal
from golden.accelerator.operators.move import Moves
from golden.accelerator.operators.sums import SMALL, Stack, Sums, Term
from golden.matrix.design import tiles
from golden.network.circular import circulant
from golden.network.map import Map
from golden.network.rescale import Rescale
from golden.numbers.interval import Interval

SETS = 2
"""Tiles of channels that have a place."""
_PART = 4
"""Of the buffer, at most a quarter is kept for what is turned."""
_MOST_LINES = 32
"""That are turned at a time: a pass need not be longer, its weights come meanwhile."""
_CHECKED = 20
"""Cycles of a channel's descriptor at least, about."""
_BEAT = 1.5
"""Cycles of a beat of memory's: it gives some 70 % of the bus's."""
_TURNED = 40
"""Cycles from a turn's beginning to its first word, and to the next turn, about."""


def along(sums: Sums) -> Turning:
    """Return along what a circular operator of one line's kernel a channel has its lines.

    `Turning.NONE` is an operator that is no such.
    """
    if len(sums.terms) != 1 or sums.product or sums.rescale.single or sums.addition is not None:
        return Turning.NONE
    (term,) = sums.terms
    w = term.windows
    plain = term.source is not None and term.apart and term.gain is None and not term.raised
    plain = plain and not term.raw and w.around and not w.largest and (w.row, w.column) == (0, 0)
    steps = (w.row_stride, w.column_stride, w.row_tap, w.column_tap)
    if not plain or steps != (1, 1, 1, 1) or not SMALL.holds(Interval.of(term.weight)):
        return Turning.NONE
    rows, columns = term.weight.shape[2:]
    start_rows, start_columns = sums.start.shape[1:]
    if columns == 1 and start_columns == 1 and rows > 1:
        return Turning.ROWS
    if rows == 1 and start_rows == 1 and columns > 1:
        return Turning.COLUMNS
    return Turning.NONE


@dataclass(frozen=True)
class Turned:
    """Lines that are turned: how many at a time, and what that takes.

    Parameters
    ----------
    capacity
        Of the accelerator.
    length
        Positions of a line.
    given
        Positions that are wanted.
    lines
        How many.
    """

    capacity: Capacity
    length: int
    given: int
    lines: int

    @property
    def _tiles(self) -> tuple[int, int]:
        """Tiles of positions in, and out."""
        tile = self.capacity.sizes.tile
        return tiles(self.length, tile), tiles(self.given, tile)

    @property
    def most(self) -> int:
        """Lines at a time; 0 where there is no room for one."""
        sizes = self.capacity.sizes
        room = self.capacity.map_words // (_PART * SETS * sum(self._tiles) * sizes.tile)
        most = min(room, _MOST_LINES, sizes.positions, self.lines)
        return tiles(self.lines, tiles(self.lines, most)) if most else 0

    @property
    def _chunks(self) -> int:
        """How often so many are turned."""
        return tiles(self.lines, self.most)

    @property
    def words(self) -> int:
        """Of the buffer for one tile of channels."""
        return sum(self._tiles) * self.capacity.sizes.tile * self.most

    @property
    def cycles(self) -> int:
        """Of the matrix unit for a tile of channels, about, or of memory where that takes longer.

        Little is done with what is brought of a channel: its rows, descriptors and constants.
        """
        capacity, (taken, given) = self.capacity, self._tiles
        sizes = capacity.sizes
        work = max(taken * max(self.most, sizes.tile + 1), self.most * sizes.parts, _CHECKED)
        rows = taken * sizes.tile * capacity.word_beats
        constants = 2 * sizes.parts * capacity.step_beats
        brought = int(_BEAT * (rows + constants + capacity.descriptor_beats))
        return self._chunks * sizes.tile * given * max(work, brought)

    @property
    def beside(self) -> int:
        """Cycles of the depthwise unit for a tile of channels, about."""
        turns = sum(self._tiles)
        return turns * (self.lines * self.capacity.sizes.tile + self._chunks * _TURNED)

    @property
    def weights(self) -> int:
        """Rows of weights for a tile of channels."""
        taken, given = self._tiles
        return self._chunks * taken * given * self.capacity.sizes.tile**2

    @property
    def descriptors(self) -> int:
        """For a tile of channels."""
        taken, given = self._tiles
        return self._chunks * (taken + given * (1 + self.capacity.sizes.tile))


def turned_of(turn: Turning, rows: int, gives: Map, capacity: Capacity) -> Turned:
    """Return what is turned for so many rows of a map."""
    if turn == Turning.ROWS:
        return Turned(capacity, gives.height, rows, gives.width)
    return Turned(capacity, gives.width, gives.width, rows)


def parts_of(operator: Sums | Stack) -> tuple[Sums, ...]:
    """Return the sums that an operator is."""
    return operator.parts if isinstance(operator, Stack) else (operator,)


class CirculantLowering:
    """Makes descriptors of circular operators whose lines are turned.

    Parameters
    ----------
    capacity
        Of the accelerator; nothing is done so without its depthwise unit.
    constants
        Where weights and the like are stored.
    place_of
        Gives where a map is.
    """

    def __init__(
        self, capacity: Capacity, constants: Constants, place_of: Callable[[str], MapPlace]
    ) -> None:
        self._capacity = capacity
        self._tile = capacity.sizes.tile
        self._place = place_of
        self._turned = MapPlace(Source(0, 1, 1, signed=False, zero_point=0))
        self._lowering = Lowering(capacity.sizes, constants, lambda _: self._turned)
        self._channels: dict[tuple[Sums, int, range], Lowered] = {}
        self._number = 0

    def does(self, lowered: Sums | Stack | Moves | Normal, gives: Map) -> TypeGuard[Sums | Stack]:
        """Return whether it is done so: where the matrix unit is done sooner than else."""
        if not self._capacity.depthwise or not isinstance(lowered, Sums | Stack):
            return False
        return all(self._sooner(sums, gives) for sums in parts_of(lowered))

    def _sooner(self, sums: Sums, gives: Map) -> bool:
        turn = along(sums)
        if turn == Turning.NONE:
            return False
        turned = turned_of(turn, gives.height, gives, self._capacity)
        taps = sums.terms[0].weight[0].size
        return bool(turned.most) and turned.cycles < taps * gives.height * gives.width

    def room(self, lowered: Lowered) -> int:
        """Return how many words of the buffer an operator needs beside its maps."""
        operator, gives = lowered.operator, lowered.gives
        assert isinstance(operator, Sums | Stack)
        shapes = [
            turned_of(along(sums), gives.height, gives, self._capacity)
            for sums in parts_of(operator)
        ]
        return SETS * max(one.words for one in shapes)

    def part(
        self, lowered: Lowered, rows: range, of_tiles: range, goal: MadePlace
    ) -> Iterator[Descriptor]:
        """Yield the descriptors of rows of some tiles."""
        for tile in of_tiles:
            at = goal.base + (tile - of_tiles.start) * goal.plane
            yield from self._one(lowered, rows, tile, at)

    def _one(self, lowered: Lowered, rows: range, tile: int, goal: int) -> Iterator[Descriptor]:
        """Yield the descriptors of a tile of channels."""
        operator, size = lowered.operator, self._tile
        assert isinstance(operator, Sums | Stack)
        sums, first = operator.of(tile) if isinstance(operator, Stack) else (operator, 0)
        done = (tile - first) * size
        turn = along(sums)
        shape = turned_of(turn, len(rows), lowered.gives, self._capacity)
        channels = range(done, min(done + size, len(sums.start)))
        for line in range(0, shape.lines, shape.most):
            count = min(shape.most, shape.lines - line)
            part = _Part(
                lowered, sums, turn, rows, channels, shape, line, count, *self._sets(shape)
            )
            yield from self._turn(part, tile)
            yield from self._multiply(part)
            yield from self._turn_back(part, goal)

    def _sets(self, shape: Turned) -> tuple[int, int]:
        """Return where the next lines lie that are turned, and what comes of them."""
        self._number += 1
        taken = self._capacity.map_words - (self._number % SETS + 1) * shape.words
        return taken, taken + tiles(shape.length, self._tile) * self._tile * shape.most

    def _turn(self, part: "_Part", tile: int) -> Iterator[Descriptor]:
        """Yield what turns lines of a map's tile of channels."""
        size, count, place = self._tile, part.count, self._place(part.source)
        base = place.source.base + (tile - place.tile) * place.source.tile_words
        whole = replace(place.source, base=base, signed=False, zero_point=0)
        for position in range(0, part.shape.length, size):
            row, column = part.rows.start + part.line, position
            if part.turn == Turning.ROWS:
                row, column = position, part.line
            windows = Windows(row - place.row, column, count, len(part.channels))
            target = part.taken + position * count
            finish = Finish(target=target, target_row=1, target_column=count)
            yield Descriptor(Kind.DEPTHWISE, False, whole, windows, finish=finish, turn=part.turn)

    def _multiply(self, part: "_Part") -> Iterator[Descriptor]:
        """Yield what each channel's circulant does."""
        size, count, source = self._tile, part.count, self._place(part.source).source
        for number, channel in enumerate(part.channels):
            one = self._channel(part, channel)
            one = replace(one, gives=replace(one.gives, width=count))
            base = part.taken + number * count
            self._turned = MapPlace(
                Source(base, 1, count, source.signed, source.zero_point, count, size * count)
            )
            goal = MadePlace(part.given + number * count, size * count)
            of_tiles = range(tiles(part.shape.given, size))
            yield from self._lowering.part(one, range(1), of_tiles, goal)

    def _turn_back(self, part: "_Part", goal: int) -> Iterator[Descriptor]:
        """Yield what turns what came of lines back, into a map's tile."""
        size, count, width = self._tile, part.count, part.lowered.gives.width
        of_line, of_position = (1, width) if part.turn == Turning.ROWS else (width, 1)
        for position in range(0, part.shape.given, size):
            base, channels = part.given + position * count, len(part.channels)
            source = Source(base, channels, count, signed=False, zero_point=0)
            windows = Windows(rows=count, columns=min(size, part.shape.given - position))
            finish = Finish(
                target=goal + part.line * of_line + position * of_position,
                target_row=of_line,
                target_column=of_position,
            )
            # Channels of what was turned lie as its rows do.
            yield Descriptor(
                Kind.DEPTHWISE, False, source, windows, finish=finish, turn=Turning.ROWS
            )

    def _channel(self, part: "_Part", channel: int) -> Lowered:
        """Return a channel's operator: positions of a line are its channels."""
        lowered, sums, shape = part.lowered, part.sums, part.shape
        wanted = part.rows if part.turn == Turning.ROWS else range(shape.given)
        key = (sums, channel, wanted)
        known = self._channels.get(key)
        if known is None:
            (term,) = sums.terms
            of = slice(wanted.start, wanted.stop)
            matrix = circulant(term.weight[channel].reshape(-1), shape.length)[of]
            start = np.resize(sums.start[channel].reshape(-1), shape.length)[of]
            multiplier, shift = (
                np.broadcast_to(values, len(sums.start))[channel : channel + 1]
                for values in (sums.rescale.multiplier, sums.rescale.shift)
            )
            own = Sums(
                (Term(term.source, matrix[:, :, None, None], Windows()),),
                start[:, None, None],
                Rescale(multiplier, shift),
                sums.clip,
                sums.zero_point,
            )
            gives = replace(lowered.gives, channels=len(wanted), height=1, width=1, runs=())
            known = self._channels[key] = Lowered(own, gives, lowered.table)
        return known


@dataclass(frozen=True, eq=False)
class _Part:
    """Lines of a tile of channels: ``count`` from ``line`` on, of ``channels`` of an operator.

    What is turned lies at ``taken``, what comes of it at ``given``.
    """

    lowered: Lowered
    sums: Sums
    turn: Turning
    rows: range
    channels: range
    shape: Turned
    line: int
    count: int
    taken: int
    given: int

    @property
    def source(self) -> str:
        """The map that is turned."""
        (term,) = self.sums.terms
        assert term.source is not None
        return term.source
