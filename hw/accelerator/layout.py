"""How descriptors lie in memory: fields, each as wide as the program needs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amaranth.hdl import Shape
from amaranth.lib import data

from golden.accelerator.descriptor import Descriptor, Finish, Kind, Source, Windows
from golden.accelerator.program import Program, Rom
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
    return {
        "kind": one.kind,
        "waits": one.waits,
        "base": source.base,
        "height": source.height,
        "width": source.width,
        "plane": source.height * source.width,
        "signed": source.signed,
        "zero_point": source.zero_point,
        "around": windows.around,
        "row": windows.row,
        "column": windows.column,
        "row_address": windows.row * source.width,
        "row_stride": windows.row_stride,
        "row_step": windows.row_stride * source.width,
        "column_stride": windows.column_stride,
        "last_column": windows.columns - 1,
        "last_row": windows.rows - 1,
        "last_kernel_column": windows.kernel_columns - 1,
        "last_kernel_row": windows.kernel_rows - 1,
        "last_tile": windows.tiles - 1,
        "last_pass": windows.passes - 1,
        "weights": one.weights,
        "weight_address": one.weight_address,
        "first": one.first,
        "final": one.final,
        "ends": one.last,
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
        "target": finish.target,
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
    shifts, offsets
        Ranges of requantisers' shifts, and of what they add.
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
    offsets: Interval
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
    side = 2 * max(max(one.source.height, one.source.width) + 64 for one in program.descriptors)
    map_words = max(program.words, 2)
    return Layouts(
        sizes=program.sizes,
        map_words=map_words,
        read=read,
        finish=finish,
        side=side,
        line_bits=(2 * (map_words + side * side) - 1).bit_length() + 1,
        shifts=Interval.of(program.rom.shift),
        offsets=Interval.of([one.finish.zero_point for one in program.descriptors]),
        rom=program.rom,
        words=[
            packed(read, first) | packed(finish, second) << read.size
            for first, second in zip(reads, finishes, strict=True)
        ],
    )


def _layout(rows: list[dict[str, int]]) -> data.StructLayout:
    shapes: Mapping[str, Shape] = {
        name: Shape.cast(
            range(min(0, *(row[name] for row in rows)), max(1, *(row[name] for row in rows)) + 1)
        )
        for name in rows[0]
    }
    return data.StructLayout(dict(shapes))
