"""From an operator's sums and moves to descriptors: tiles of channels, bands of rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

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
from golden.accelerator.operators.sums import Sums, Term
from golden.accelerator.sizes import SUM_BITS, Sizes
from golden.matrix.design import RAISED_BITS, tiles
from golden.network.map import Map
from golden.numbers.interval import Integers, wrap

_NOWHERE = Source(0, 1, 1, signed=False, zero_point=0)


@dataclass(frozen=True, eq=False)
class _Part:
    """A term of a tile of outputs: what its descriptor says, and what it adds too much."""

    source: Source
    windows: Windows
    weights: Weights
    address: int
    constant: Integers
    gain: Source | None = None
    raised: bool = False
    lanes: Lanes = Lanes.ALL


_Band: TypeAlias = tuple[int, int, int, int]
"""Row, column, rows and columns."""


class Lowering:
    """Makes descriptors.

    Parameters
    ----------
    sizes
        Of the accelerator.
    constants
        Where weights and the like are stored.
    source_of
        Gives where a map lies.
    """

    def __init__(
        self, sizes: Sizes, constants: Constants, source_of: Callable[[str], Source]
    ) -> None:
        self._sizes = sizes
        self._constants = constants
        self._source = source_of

    def descriptors(
        self, lowered: Sums | Moves | Normal, gives: Map, table: int, target: int
    ) -> Iterator[Descriptor]:
        """Yield the descriptors of an operator whose map is at ``target``."""
        if isinstance(lowered, Moves):
            for move in lowered.moves:
                yield from self._move(move, lowered.sums, gives, table, target)
        elif isinstance(lowered, Normal):
            yield from self._normal(lowered, gives, table, target)
        else:
            for tile in range(tiles(gives.channels, self._sizes.tile)):
                yield from self._tile(lowered, tile, gives, table, target)

    def _tile(
        self, sums: Sums, tile: int, gives: Map, table: int, target: int
    ) -> Iterator[Descriptor]:
        """Yield the descriptors of a tile of outputs."""
        size = self._sizes.tile
        outputs = slice(tile * size, min((tile + 1) * size, gives.channels))
        parts = [self._part(term, outputs, tile) for term in sums.terms]
        constant = np.zeros(size, np.int64)
        for part in parts:
            constant = (constant << RAISED_BITS if part.raised else constant) + part.constant
        finish = self._finish(sums, outputs, gives, constant)
        for row, column, rows, columns in self._bands(gives):
            place = (tile * gives.height + row) * gives.width + column
            ends = replace(
                finish,
                bias=finish.bias + row * finish.bias_row + column * finish.bias_column,
                table=table,
                target=target + place,
                target_row=gives.width,
            )
            yield from self._band(parts, (row, column, rows, columns), ends)

    def _band(self, parts: Sequence[_Part], band: _Band, ends: Finish) -> Iterator[Descriptor]:
        """Yield the descriptors that add up parts for a band of positions."""
        row, column, rows, columns = band
        for number, part in enumerate(parts):
            w = part.windows
            windows = replace(
                w,
                row=w.row + row * w.row_stride,
                column=w.column + column * w.column_stride,
                rows=rows,
                columns=columns,
            )
            if part.gain is not None:
                yield Descriptor(Kind.GAIN, False, part.gain, Windows())
            yield Descriptor(
                Kind.COMPUTE,
                False,
                part.source,
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

    def _normal(self, normal: Normal, gives: Map, table: int, target: int) -> Iterator[Descriptor]:
        """Yield the descriptors of a layer norm: for each band statistics, then each tile."""
        op, size = normal.op, self._sizes.tile
        statistics = self._statistics(normal)
        keeps = Finish(
            norm=Norm.STATISTICS,
            channels=gives.channels,
            epsilon=op.epsilon,
        )
        made = []
        for tile in range(tiles(gives.channels, size)):
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
            made.append((parts, finish))
        for band in self._bands(gives):
            yield from self._band(statistics, band, keeps)
            for tile, (parts, finish) in enumerate(made):
                place = (tile * gives.height + band[0]) * gives.width + band[1]
                yield from self._band(parts, band, replace(finish, target=target + place))

    def _lanes(self, values: Integers) -> Integers:
        """Return a value a lane, those that miss 0, as a ROM has them."""
        whole = np.zeros(self._sizes.tile, np.int64)
        whole[: len(values)] = values
        return whole.reshape(-1, self._sizes.scalers)

    def _statistics(self, normal: Normal) -> list[_Part]:
        """Return what gives the sum of squares, and that and the sum: the first two outputs."""
        size, source = self._sizes.tile, self._source(normal.source)
        count, rest = divmod(normal.op.gives.channels, size)
        end = replace(source, base=source.base + count * source.tile_words, lanes=rest)
        pieces = [(source, count)] * (count > 0) + [(end, 1)] * (rest > 0)
        nothing = np.zeros(size, np.int64)
        parts = []
        for lanes in (Lanes.LOWER, Lanes.UPPER):
            for piece, n_tiles in pieces:
                rows = np.zeros((n_tiles, size), np.int64)
                address = self._constants.weights(rows)
                windows = replace(normal.windows, tiles=n_tiles)
                parts.append(_Part(piece, windows, Weights.DIAGONAL, address, nothing, lanes=lanes))
        # Neighbours apart: their weights' products would be in the sum.
        weight = np.zeros((2, size, size), np.int64)
        weight[0, 1, 0::2] = weight[1, 1, 1::2] = 1
        for piece, n_tiles in pieces:
            kind, address = self._rows_of(np.tile(weight, (n_tiles, 1, 1)))
            windows = replace(normal.windows, kernel_columns=2, column_tap=0, tiles=n_tiles)
            parts.append(_Part(piece, windows, kind, address, nothing))
        return parts

    def _bands(self, gives: Map) -> Iterator[_Band]:
        """Yield row, column, rows and columns of what descriptors do at once."""
        most = self._sizes.positions
        columns = min(gives.width, most)
        for row in range(0, gives.height, most // columns):
            rows = min(most // columns, gives.height - row)
            for column in range(0, gives.width, columns):
                yield row, column, rows, min(columns, gives.width - column)

    def _move(
        self, move: Move, sums: Sums, gives: Map, table: int, target: int
    ) -> Iterator[Descriptor]:
        """Yield the descriptors of words that others are moved to."""
        size = self._sizes.tile
        outputs = slice(move.tile * size, min((move.tile + 1) * size, gives.channels))
        ends = replace(
            self._finish(sums, outputs, gives, np.zeros(size, np.int64)),
            table=table,
            target=target + move.target.base,
            target_row=move.target.row,
            target_column=move.target.column,
        )
        for number, fetch in enumerate(move.fetches):
            words, count = fetch.words, len(fetch.weight)
            span = (move.columns - 1) * abs(words.column)
            back = span if words.column < 0 else 0
            whole = self._source(fetch.source)
            source = replace(
                whole,
                base=whole.base + words.base - back,
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

    def _part(self, term: Term, outputs: slice, tile: int) -> "_Part":
        """Return what a term is to a tile of outputs, its weights in ROM."""
        size = self._sizes.tile
        source = _NOWHERE if term.source is None else self._source(term.source)
        plane = source.height * source.width
        weight = term.weight[outputs]
        kernel = weight.shape[2:]
        nothing = np.zeros(size, np.int64)
        windows = term.windows
        if not windows.largest:
            windows = replace(windows, kernel_rows=kernel[0], kernel_columns=kernel[1])
        if term.apart:
            source = replace(source, base=source.base + tile * plane)
            if term.gain is not None:
                gain = self._source(term.gain)
                gain = replace(gain, base=gain.base + tile)
                return _Part(source, windows, Weights.GAIN, 0, nothing, gain)
            rows = np.zeros((*kernel, size), np.int64)
            rows[..., : len(weight)] = np.moveaxis(weight[:, 0], 0, -1)
            return _Part(
                source,
                windows,
                Weights.DIAGONAL,
                self._constants.weights(rows.reshape(-1, size)),
                nothing,
                raised=term.raised,
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
        return _Part(
            replace(source, base=source.base + int(first) * plane),
            replace(windows, tiles=n_tiles),
            kind,
            address,
            constant,
            raised=term.raised,
        )

    def _finish(self, sums: Sums, outputs: slice, gives: Map, constant: Integers) -> Finish:
        """Return what all of a tile's descriptors finish with, its constants in ROM."""
        size, scalers, parts = self._sizes.tile, self._sizes.scalers, self._sizes.parts
        start = np.zeros((size, *sums.start.shape[1:]), np.int64)
        start[: outputs.stop - outputs.start] = sums.start[outputs]
        start = wrap(start - constant[:, None, None], SUM_BITS)
        rows, columns = start.shape[1:]
        address = self._constants.bias(np.moveaxis(start, 0, -1).reshape(-1, scalers))
        multiplier, shift = sums.rescale.multiplier, sums.rescale.shift
        if sums.rescale.single:
            least = SINGLE_SHIFTS.low
            shift = np.where(multiplier, np.clip(shift, least, SINGLE_SHIFTS.high), least)
        scale = []
        for values in (multiplier, shift):
            whole = np.broadcast_to(values, gives.channels)[outputs]
            scale.append(np.resize(whole, size).reshape(parts, scalers))
        return Finish(
            bias=address,
            bias_row=parts * columns if rows > 1 else 0,
            bias_column=parts if columns > 1 else 0,
            scale=self._constants.scales(*scale),
            zero_point=sums.zero_point,
            product=sums.product,
            single=sums.rescale.single,
            early=sums.rescale.single and sums.product,
            low=sums.clip.low,
            high=sums.clip.high,
        )
