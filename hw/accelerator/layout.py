"""How descriptors lie in memory: fields, each as wide as the program needs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import Shape
from amaranth.lib import data

from golden.accelerator.descriptor import Descriptor, Finish, Kind, Source, Windows
from golden.accelerator.program import Program
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
    """Layouts of a program's descriptors."""

    program: Program

    @cached_property
    def read(self) -> data.StructLayout:
        """Of `read_fields`."""
        return _layout([read_fields(one) for one in self.program.descriptors])

    @cached_property
    def finish(self) -> data.StructLayout:
        """Of `finish_fields`."""
        return _layout([finish_fields(one) for one in self.program.descriptors])

    @cached_property
    def whole(self) -> data.StructLayout:
        """Of a descriptor."""
        return data.StructLayout({"read": self.read, "finish": self.finish})

    @cached_property
    def words(self) -> list[int]:
        """The program, a word a descriptor."""
        return [self._packed(one) for one in self.program.descriptors]

    def _packed(self, one: Descriptor) -> int:
        read = packed(self.read, read_fields(one))
        return read | packed(self.finish, finish_fields(one)) << self.read.size


def _layout(rows: list[dict[str, int]]) -> data.StructLayout:
    shapes: Mapping[str, Shape] = {
        name: Shape.cast(
            range(min(0, *(row[name] for row in rows)), max(1, *(row[name] for row in rows)) + 1)
        )
        for name in rows[0]
    }
    return data.StructLayout(dict(shapes))
