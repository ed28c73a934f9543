"""How descriptors lie in memory: fields, each as wide as the program needs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Shape
from amaranth.lib import data

from golden.accelerator.abilities import NONE, Abilities
from golden.accelerator.descriptor import Descriptor, Finish, Kind, Source, Windows
from golden.accelerator.program import Program, Rom, finishes
from golden.accelerator.sizes import Sizes
from golden.numbers.interval import Interval
from hw.parts.tables import packed


def read_fields(one: Descriptor) -> dict[str, int]:
    """Return what the reader of windows and the loader of weights are told.

    What is products of others is said beforehand: nothing is multiplied for an address.
    """
    source, windows = one.source, one.windows
    if one.kind != Kind.COMPUTE:
        # Words one after the other, as a row; what is given keeps its zero point.
        source = Source(
            source.base,
            1,
            windows.positions,
            source.signed,
            source.zero_point if one.kind == Kind.GAIN else 0,
        )
        windows = Windows(columns=windows.positions)
    inner = (windows.rows, windows.columns, windows.row_stride, windows.column_stride)
    outer = (windows.kernel_rows, windows.kernel_columns, windows.row_tap, windows.column_tap)
    if windows.largest:
        # All taps of a window, then the next window.
        inner, outer = outer, inner
    return (
        {
            "kind": one.kind,
            "waits": one.waits,
            "base": source.base,
            "height": source.height,
            "width": source.width,
            "plane": source.tile_words,
            "signed": source.signed,
            "zero_point": source.zero_point,
            "around": windows.around,
            "largest": windows.largest,
            "row": windows.row,
            "column": windows.column,
            "row_address": windows.row * source.row_words,
            "last_tile": windows.tiles - 1,
            "last_pass": windows.passes - 1,
            "weights": one.weights,
            "weight_address": one.weight_address,
            "first": one.first,
            "final": one.final,
            "ends": one.last,
            "raised": one.raised,
            "squares": one.squares,
            "half": one.lanes,
            "lanes": source.lanes,
        }
        | _loop("", inner, source)
        | _loop("kernel_", outer, source)
    )


def _loop(name: str, loop: tuple[int, int, int, int], source: Source) -> dict[str, int]:
    """Return the fields of a loop over rows and columns: how many, and how far apart."""
    rows, columns, row_stride, column_stride = loop
    return {
        f"last_{name}row": rows - 1,
        f"last_{name}column": columns - 1,
        f"{name}row_stride": row_stride,
        f"{name}row_step": row_stride * source.row_words,
        f"{name}column_stride": column_stride,
    }


def finish_fields(one: Descriptor) -> dict[str, int]:
    """Return what the post unit is told."""
    finish = one.finish if one.kind == Kind.COMPUTE else Finish()
    return {
        "bias": finish.bias,
        "bias_row": finish.bias_row,
        "bias_column": finish.bias_column,
        "scale": finish.scale,
        "offset": finish.zero_point,
        "low": finish.low,
        "high": finish.high,
        "table": finish.table,
        "product": finish.product,
        "single": finish.single,
        "early": finish.early,
        "norm": finish.norm,
        "channels": finish.channels,
        "epsilon": finish.epsilon,
        "target": finish.target,
        "target_row": finish.target_row,
        "target_column": finish.target_column,
        "last_column": one.windows.columns - 1,
        "last_row": one.windows.rows - 1,
    }


@dataclass(frozen=True, eq=False)
class Layouts:
    """What units must know of the programs that they run, to be as wide as these need.

    Parameters
    ----------
    sizes
        Of the accelerator.
    map_words
        Of the maps' memory.
    read, finish
        Layouts of `read_fields` and `finish_fields`.
    side
        Rows and columns that windows come to at most, on either side of a map's corner.
    line_bits
        Of an address of a row within a map, which may lie outside.
    shifts, own_shifts, offsets
        Ranges of factors' shifts, of those that are rounded once, and of zero points.
    abilities
        What is built beside sums of products.
    rom
        Weights and constants, where they never change.
    words
        The descriptors, where they never change.
    constants, tables
        Steps whose biases, and whose factors, are kept, and tables, where they are filled in.
    """

    sizes: Sizes
    map_words: int
    read: data.StructLayout
    finish: data.StructLayout
    side: int
    line_bits: int
    shifts: Interval
    own_shifts: Interval
    offsets: Interval
    abilities: Abilities = NONE
    rom: Rom | None = None
    words: Sequence[int] = ()
    constants: int = 0
    tables: int = 0

    @property
    def whole(self) -> data.StructLayout:
        """Of a descriptor."""
        return data.StructLayout({"read": self.read, "finish": self.finish})


def layouts_of(program: Program) -> Layouts:
    """Return what units must know of one program: each field is as wide as that needs it."""
    reads = [read_fields(one) for one in program.descriptors]
    finishes = [finish_fields(one) for one in program.descriptors]
    read, finish = _layout(reads), _layout(finishes)
    side, line = _reach(program)
    map_words = max(program.words, 2)
    return Layouts(
        sizes=program.sizes,
        map_words=map_words,
        read=read,
        finish=finish,
        side=side,
        line_bits=(map_words + line).bit_length() + 1,
        shifts=Interval.of(program.rom.shift),
        own_shifts=_own_shifts(program),
        offsets=Interval.of([one.finish.zero_point for one in program.descriptors]),
        abilities=program.abilities,
        rom=program.rom,
        words=[
            packed(read, first) | packed(finish, second) << read.size
            for first, second in zip(reads, finishes, strict=True)
        ],
    )


def _own_shifts(program: Program) -> Interval:
    """Return the range of shifts that are not float32's."""
    parts = program.sizes.parts
    own = [
        program.rom.shift[one.finish.scale :][:parts]
        for one in program.descriptors
        if finishes(one) and not one.finish.single
    ]
    # Without any, whatever there is: the requantiser is built all the same.
    return Interval.of(np.concatenate(own) if own else program.rom.shift)


def _reach(program: Program) -> tuple[int, int]:
    """Return more than any row or column counts to, and more than any line's address is."""
    span, words = 2, 2
    for one in program.descriptors:
        w, source = one.windows, one.source
        if one.kind != Kind.COMPUTE:
            span, words = max(span, w.positions + 1), max(words, w.positions + 1)
            continue
        # Counters go one step further than they are used.
        rows = abs(w.row) + w.rows * abs(w.row_stride) + w.kernel_rows * abs(w.row_tap)
        columns = w.columns * abs(w.column_stride) + w.kernel_columns * abs(w.column_tap)
        span = max(span, rows, abs(w.column) + columns, source.height, source.width)
        words = max(words, rows * abs(source.row_words), source.height * source.width)
    return span + 1, words + 1


def _layout(rows: list[dict[str, int]]) -> data.StructLayout:
    shapes: Mapping[str, Shape] = {
        name: Shape.cast(
            range(min(0, *(row[name] for row in rows)), max(1, *(row[name] for row in rows)) + 1)
        )
        for name in rows[0]
    }
    return data.StructLayout(dict(shapes))
