"""From an operator's sums and moves to descriptors: tiles of channels, bands of rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

import numpy as np

from golden.accelerator.abilities import SINGLE_SHIFTS
from golden.accelerator.constants import Constants
from golden.accelerator.descriptor import (
    Descriptor,
    Finish,
    Kind,
    Lanes,
    Norm,
    Source,
    Weights,
    Windows,
)
from golden.accelerator.operators.layer_norm import Normal
from golden.accelerator.operators.move import Move, Moves
from golden.accelerator.operators.sums import Stack, Sums, Term
from golden.accelerator.sizes import SUM_BITS, Sizes
from golden.inputs.errors import ParameterError
from golden.matrix.design import RAISED_BITS, tiles
from golden.network.map import Map
from golden.numbers.interval import Integers, wrap

_NOWHERE = Source(0, 1, 1, signed=False, zero_point=0)


class MapPlace(NamedTuple):
    """Where a map is, or as much of it as is there.

    Parameters
    ----------
    source
        What is there.
    row, tile
        First row of the map that is, and first tile of channels.
    """

    source: Source
    row: int = 0
    tile: int = 0


class MadePlace(NamedTuple):
    """Where results go.

    Parameters
    ----------
    base
        Address of the first row's first word, of the first tile that is made.
    plane
        Words from a tile to the next.
    """

    base: int
    plane: int


@dataclass(frozen=True, eq=False)
class _Part:
    """A term of a tile of outputs: what its descriptor says, and what it adds too much.

    It is read from a map's tile on, of the last one ``rest`` lanes if not all, ``raw`` with its
    zero point.
    """

    name: str | None
    tile: int
    windows: Windows
    weights: Weights
    address: int
    constant: Integers
    gain: str | None = None
    raised: bool = False
    lanes: Lanes = Lanes.ALL
    rest: int = 0
    raw: bool = False


_Band: TypeAlias = tuple[int, int, int, int]
"""Row, column, rows and columns."""


@dataclass(frozen=True, eq=False)
class _Output:
    """A tile of outputs on its way: what is added up, and how that is finished."""

    parts: Sequence[_Part]
    finish: Finish


@dataclass(eq=False)
class Lowered:
    """An operator whose constants are stored as it is first done.

    Parameters
    ----------
    operator
        The operator.
    gives
        Its map.
    table
        Which table follows.
    """

    operator: Sums | Stack | Moves | Normal
    gives: Map
    table: int
    outputs: dict[int, _Output] = field(default_factory=dict)
    """What is known already, by tile; a layer norm's statistics are before the first."""


_STATISTICS = -1


class Lowering:
    """Makes descriptors.

    Parameters
    ----------
    sizes
        Of the accelerator.
    constants
        Where weights and the like are stored.
    place_of
        Gives where a map is.
    """

    def __init__(
        self, sizes: Sizes, constants: Constants, place_of: Callable[[str], MapPlace]
    ) -> None:
        self._sizes = sizes
        self._constants = constants
        self._place = place_of

    def whole(self, lowered: Lowered, target: int) -> Iterator[Descriptor]:
        """Yield the descriptors of an operator whose map is at ``target``."""
        gives = lowered.gives
        n_tiles = tiles(gives.channels, self._sizes.tile)
        goes = MadePlace(target, gives.height * gives.width)
        yield from self.part(lowered, range(gives.height), range(n_tiles), goes)

    def part(
        self, lowered: Lowered, rows: range, of_tiles: range, target: MadePlace
    ) -> Iterator[Descriptor]:
        """Yield the descriptors of rows of some tiles; of moves, all rows are made."""
        operator, gives = lowered.operator, lowered.gives
        if isinstance(operator, Moves):
            base = target.base - of_tiles.start * gives.height * gives.width
            for move in operator.moves:
                if move.tile in of_tiles:
                    yield from self._move(move, operator.sums, gives, lowered.table, base)
            return
        if isinstance(operator, Sums) and operator.whole:
            yield from self._whole(self._output(lowered, of_tiles.start), of_tiles, target)
            return
        bands = list(self._bands(rows, gives.width))
        order = [(tile, band) for tile in of_tiles for band in bands]
        if isinstance(operator, Normal):
            # Behind a band's statistics all of its tiles.
            order = [(tile, band) for band in bands for tile in (_STATISTICS, *of_tiles)]
        for tile, band in order:
            place = target.base + (band[0] - rows.start) * gives.width + band[1]
            place += max(tile - of_tiles.start, 0) * target.plane
            yield from self._band(self._output(lowered, tile), band, place)

    def _whole(self, output: _Output, of_tiles: range, target: MadePlace) -> Iterator[Descriptor]:
        """Yield the descriptors of a whole map's average: a window for each tile of channels.

        A pass of one position would take as long as one of a row of outputs.
        """
        (part,) = output.parts
        source, _ = self._at(part)
        w, most = part.windows, self._sizes.positions
        for first in range(0, len(of_tiles), most):
            count = min(most, len(of_tiles) - first)
            reads = replace(
                source,
                base=source.base + first * source.tile_words,
                height=count,
                pitch=source.tile_words,
                plane=source.row_words,
            )
            windows = replace(w, rows=count, columns=1, row_stride=1, kernel_rows=1)
            yield Descriptor(
                Kind.COMPUTE,
                False,
                reads,
                replace(windows, tiles=source.height),
                part.weights,
                part.address,
                finish=replace(
                    output.finish,
                    target=target.base + first * target.plane,
                    target_row=target.plane,
                ),
            )

    def _output(self, lowered: Lowered, tile: int) -> _Output:
        """Return a tile of outputs, its constants stored once."""
        known = lowered.outputs.get(tile)
        if known is None:
            operator, gives, table = lowered.operator, lowered.gives, lowered.table
            if isinstance(operator, Normal):
                make = self._statistics if tile == _STATISTICS else self._normal
                known = make(operator, tile, gives, table)
            elif isinstance(operator, Stack):
                known = self._stacked(operator, tile, gives, table)
            else:
                assert isinstance(operator, Sums)
                known = self._sums(operator, tile, gives, table)
            lowered.outputs[tile] = known
        return known

    def _sums(self, sums: Sums, tile: int, gives: Map, table: int) -> _Output:
        """Return a tile of outputs of sums."""
        size = self._sizes.tile
        outputs = slice(tile * size, min((tile + 1) * size, len(sums.start)))
        parts = [self._part(term, outputs, tile) for term in _used(sums.terms, outputs)]
        constant = np.zeros(size, np.int64)
        for part in parts:
            constant = (constant << RAISED_BITS if part.raised else constant) + part.constant
        finish = self._finish(sums, outputs, constant)
        return _Output(parts, replace(finish, table=table, target_row=gives.width))

    def _stacked(self, stack: Stack, tile: int, gives: Map, table: int) -> _Output:
        """Return a tile of outputs of one of some operators."""
        sums, first = stack.of(tile)
        output = self._sums(sums, tile - first, gives, table)
        parts = [replace(part, tile=part.tile + first) for part in output.parts]
        return replace(output, parts=parts)

    def _band(self, output: _Output, band: _Band, target: int) -> Iterator[Descriptor]:
        """Yield the descriptors that add up parts for a band of positions."""
        row, column, rows, columns = band
        parts, finish = output.parts, output.finish
        ends = replace(
            finish,
            bias=finish.bias + row * finish.bias_row + column * finish.bias_column,
            target=target,
        )
        for number, part in enumerate(parts):
            w = part.windows
            source, first_row = self._at(part)
            windows = replace(
                w,
                row=w.row + row * w.row_stride - first_row,
                column=w.column + column * w.column_stride,
                rows=rows,
                columns=columns,
            )
            if part.gain is not None:
                place = self._place(part.gain)
                at = place.source.base + (part.tile - place.tile) * place.source.tile_words
                yield Descriptor(Kind.GAIN, False, replace(place.source, base=at), Windows())
            yield Descriptor(
                Kind.COMPUTE,
                False,
                source,
                windows,
                part.weights,
                part.address,
                number == 0,
                number == len(parts) - 1,
                ends,
                raised=part.raised,
                squares=part.lanes != Lanes.ALL,
                lanes=part.lanes,
            )

    def _at(self, part: _Part) -> tuple[Source, int]:
        """Return what a part reads, and the first row that is there."""
        if part.name is None:
            return _NOWHERE, 0
        source, row, tile = self._place(part.name)
        base = source.base + (part.tile - tile) * source.tile_words
        zero_point = 0 if part.raw else source.zero_point
        return replace(source, base=base, lanes=part.rest, zero_point=zero_point), row

    def _normal(self, normal: Normal, tile: int, gives: Map, table: int) -> _Output:
        """Return a tile of a layer norm's outputs, behind the statistics."""
        op, size = normal.op, self._sizes.tile
        outputs = slice(tile * size, min((tile + 1) * size, gives.channels))
        parts = [self._part(term, outputs, tile) for term in normal.terms]
        gain = self._lanes(op.gain[outputs])
        finish = Finish(
            bias=self._constants.bias(self._lanes(op.offset[outputs])),
            scale=self._constants.scales(gain, np.full_like(gain, op.shift)),
            zero_point=gives.zero_point,
            low=op.clip.low,
            high=op.clip.high,
            table=table,
            norm=Norm.NORMAL,
            channels=gives.channels,
            target_row=gives.width,
        )
        return _Output(parts, finish)

    def _lanes(self, values: Integers) -> Integers:
        """Return a value a lane, those that miss 0, as a ROM has them."""
        whole = np.zeros(self._sizes.tile, np.int64)
        whole[: len(values)] = values
        return whole.reshape(-1, self._sizes.scalers)

    def _statistics(self, normal: Normal, _tile: int, gives: Map, _table: int) -> _Output:
        """Return what gives the sum of squares, and that and the sum: the first two outputs."""
        name, size = normal.source, self._sizes.tile
        count, rest = divmod(gives.channels, size)
        pieces = [(0, count, 0)] * (count > 0) + [(count, 1, rest)] * (rest > 0)
        nothing = np.zeros(size, np.int64)
        parts = []
        for lanes in (Lanes.LOWER, Lanes.UPPER):
            for first, n_tiles, some in pieces:
                address = self._constants.weights(np.zeros((n_tiles, size), np.int64))
                windows = Windows(tiles=n_tiles)
                kind = Weights.DIAGONAL
                parts.append(
                    _Part(name, first, windows, kind, address, nothing, lanes=lanes, rest=some)
                )
        # Neighbours apart: their weights' products would be in the sum.
        weight = np.zeros((2, size, size), np.int64)
        weight[0, 1, 0::2] = weight[1, 1, 1::2] = 1
        for first, n_tiles, some in pieces:
            kind, address = self._rows_of(np.tile(weight, (n_tiles, 1, 1)))
            windows = Windows(kernel_columns=2, column_tap=0, tiles=n_tiles)
            parts.append(_Part(name, first, windows, kind, address, nothing, rest=some))
        keeps = Finish(
            norm=Norm.STATISTICS,
            channels=gives.channels,
            epsilon=normal.op.epsilon,
        )
        return _Output(parts, keeps)

    def _bands(self, rows: range, width: int) -> Iterator[_Band]:
        """Yield row, column, rows and columns of what descriptors do at once."""
        most = self._sizes.positions
        columns = min(width, most)
        for row in range(rows.start, rows.stop, most // columns):
            count = min(most // columns, rows.stop - row)
            for column in range(0, width, columns):
                yield row, column, count, min(columns, width - column)

    def _move(
        self, move: Move, sums: Sums, gives: Map, table: int, target: int
    ) -> Iterator[Descriptor]:
        """Yield the descriptors of words that others are moved to."""
        size = self._sizes.tile
        outputs = slice(move.tile * size, min((move.tile + 1) * size, gives.channels))
        ends = replace(
            self._finish(sums, outputs, np.zeros(size, np.int64)),
            table=table,
            target=target + move.target.base,
            target_row=move.target.row,
            target_column=move.target.column,
        )
        for number, fetch in enumerate(move.fetches):
            words, count = fetch.words, len(fetch.weight)
            span = (move.columns - 1) * abs(words.column)
            back = span if words.column < 0 else 0
            whole, _, tile = self._place(fetch.source)
            source = replace(
                whole,
                base=whole.base - tile * whole.tile_words + words.base - back,
                height=move.rows,
                width=span + 1,
                pitch=words.row,
                plane=fetch.step,
            )
            windows = Windows(
                column=back,
                rows=move.rows,
                columns=move.columns,
                column_stride=words.column,
                tiles=count,
            )
            weights, address = self._rows_of(fetch.weight)
            yield Descriptor(
                Kind.COMPUTE,
                False,
                source,
                windows,
                weights,
                address,
                number == 0,
                number == len(move.fetches) - 1,
                ends,
                raised=fetch.raised,
            )

    def _rows_of(self, weight: Integers) -> tuple[Weights, int]:
        """Store tiles of weights ``[n, tile, tile]``; return how, and where."""
        diagonal = np.diagonal(weight, axis1=1, axis2=2)
        if np.count_nonzero(diagonal) == np.count_nonzero(weight):
            return Weights.DIAGONAL, self._constants.weights(diagonal)
        rows = weight[:, ::-1].reshape(-1, self._sizes.tile)
        return Weights.FULL, self._constants.weights(rows)

    def _part(self, term: Term, outputs: slice, tile: int) -> _Part:
        """Return what a term is to a tile of outputs, its weights in ROM."""
        size = self._sizes.tile
        weight = term.weight[outputs]
        kernel = weight.shape[2:]
        nothing = np.zeros(size, np.int64)
        windows = term.windows
        if not windows.largest:
            windows = replace(windows, kernel_rows=kernel[0], kernel_columns=kernel[1])
        if term.apart:
            if term.gain is not None:
                return _Part(term.source, tile, windows, Weights.GAIN, 0, nothing, term.gain)
            rows = np.zeros((*kernel, size), np.int64)
            rows[..., : len(weight)] = np.moveaxis(weight[:, 0], 0, -1)
            address = self._constants.weights(rows.reshape(-1, size))
            kind = Weights.DIAGONAL
            return _Part(
                term.source, tile, windows, kind, address, nothing, raised=term.raised, raw=term.raw
            )
        used = np.flatnonzero(weight.any(axis=(0, 2, 3)))
        first, last = (used[0] // size, used[-1] // size) if used.size else (0, 0)
        n_tiles = int(last - first) + 1
        blocks = np.zeros((n_tiles, *kernel, size, size), np.int64)
        for block in range(n_tiles):
            inputs = weight[:, (first + block) * size : (first + block + 1) * size]
            blocks[block, :, :, : len(inputs), : inputs.shape[1]] = np.transpose(
                inputs, (2, 3, 0, 1)
            )
        constant = self._sizes.matrix.constant(blocks).sum(axis=(0, 1, 2))
        kind, address = self._rows_of(blocks.reshape(-1, size, size))
        windows = replace(windows, tiles=n_tiles)
        return _Part(
            term.source,
            int(first),
            windows,
            kind,
            address,
            constant,
            raised=term.raised,
            raw=term.raw,
        )

    def _finish(self, sums: Sums, outputs: slice, constant: Integers) -> Finish:
        """Return what all of a tile's descriptors finish with, its constants in ROM."""
        size, scalers, parts = self._sizes.tile, self._sizes.scalers, self._sizes.parts
        start = np.zeros((size, *sums.start.shape[1:]), np.int64)
        start[: outputs.stop - outputs.start] = sums.start[outputs]
        start = wrap(start - constant[:, None, None], SUM_BITS)
        rows, columns = start.shape[1:]
        bias = np.moveaxis(start, 0, -1).reshape(-1, scalers)
        multiplier, shift = sums.rescale.multiplier, sums.rescale.shift
        if sums.rescale.single:
            least = SINGLE_SHIFTS.low
            shift = np.where(multiplier, np.clip(shift, least, SINGLE_SHIFTS.high), least)
        else:
            multiplier, shift = _narrowed(multiplier, shift, self._sizes.factor_bits)
        scale = []
        for values in (multiplier, shift):
            whole = np.broadcast_to(values, len(sums.start))[outputs]
            scale.append(np.resize(whole, size).reshape(parts, scalers))
        if (addition := sums.addition) is not None:
            # Behind the others, the same for all.
            bias, *scale = (
                np.concatenate([rows, np.full((1, scalers), value)])
                for rows, value in (
                    (bias, addition.word),
                    (scale[0], addition.multiplier),
                    (scale[1], addition.shift),
                )
            )
        return Finish(
            bias=self._constants.bias(bias),
            bias_row=parts * columns if rows > 1 else 0,
            bias_column=parts if columns > 1 else 0,
            scale=self._constants.scales(*scale),
            zero_point=sums.zero_point,
            product=sums.product,
            single=sums.rescale.single,
            early=sums.rescale.single and sums.product and sums.addition is None,
            low=sums.clip.low,
            high=sums.clip.high,
        )


def _used(terms: Sequence[Term], outputs: slice) -> Sequence[Term]:
    """Return those of some terms that add something to some outputs: one at least."""
    if len(terms) == 1:
        return terms
    used = [one for one in terms if one.raised or one.gain or one.weight[outputs].any()]
    return used or terms[:1]


def _narrowed(multiplier: Integers, shift: Integers, bits: int) -> tuple[Integers, Integers]:
    """Return the same factors of so many bits: a wider one may have zeros at its end.

    Raises
    ------
    ParameterError
        Where one is wider.
    """
    widths = np.array([int(factor).bit_length() for factor in multiplier])
    down = np.maximum(widths - bits, 0)
    if np.any(multiplier >> down << down != multiplier) or np.any(down > shift):
        raise ParameterError("factor_bits", f"at least the {widths.max()} of a factor", bits)
    return multiplier >> down, shift - down
