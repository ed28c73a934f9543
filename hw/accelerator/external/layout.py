"""Layouts of descriptors: as they lie in memory, and as they are when they are checked."""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import Shape, signed, unsigned
from amaranth.lib import data

from golden.accelerator.external.capacity import (
    KERNEL_SIDE,
    KERNEL_WORDS,
    PASSES_BITS,
    Capacity,
)
from golden.accelerator.sizes import CENTRED_BITS, DATA_BITS
from golden.numbers.interval import Interval
from hw.accelerator.layout import Layouts

_FINISH = (
    *("bias", "bias_row", "bias_column", "scale", "offset", "low", "high", "table", "product"),
    *("target", "target_row", "target_column"),
    *("single", "early", "norm", "channels", "epsilon"),
)
_TAPS = ("pitch", "row_tap", "column_tap", "kernels", "turn")
"""What other fields are made of, and what the depthwise unit is told."""
LOOPS = ("", "kernel_")
"""Of windows, and of their taps; inside out where the largest of taps is looked for."""
ABLE = (
    *("squares", "half", "lanes", "product", "single", "early"),
    *("norm", "channels", "epsilon"),
)
"""What layer norms, products of maps and float32's roundings are told: 0 where none are built."""
_COUNTS = ("last_column", "last_row")
"""Of windows: who reads is told, and who finishes."""


def shapes_of(fields: Mapping[str, tuple[int, bool]]) -> dict[str, Shape]:
    """Return fields with the shapes that they have in hardware."""
    return {n: signed(bits) if sign else unsigned(bits) for n, (bits, sign) in fields.items()}


def common_layout(capacity: Capacity) -> data.StructLayout:
    """Return the layout of what all descriptors begin with."""
    return data.StructLayout(shapes_of(capacity.common))


def compute_layout(capacity: Capacity) -> data.StructLayout:
    """Return the layout of what follows where maps are read."""
    return data.StructLayout(shapes_of(capacity.compute))


def transfer_layout(capacity: Capacity) -> data.StructLayout:
    """Return the layout of what follows where words are brought."""
    return data.StructLayout(shapes_of(capacity.transfer))


def layouts_for(capacity: Capacity) -> Layouts:
    """Return what units must know of any program: fields as wide as the accelerator's own sizes."""
    known = shapes_of(capacity.compute)
    line = signed(capacity.map_bits + 1)
    derived = {
        "kind": unsigned(3),
        "waits": unsigned(1),
        "ends": unsigned(1),
        "row_address": line,
        "row_step": line,
        "kernel_row_step": line,
        "kernel_row_stride": known["row_tap"],
        "kernel_column_stride": known["column_tap"],
        "last_pass": unsigned(PASSES_BITS),
    }
    known = dict.fromkeys(ABLE, unsigned(1)) | known
    read = {n: shape for n, shape in known.items() if n not in (*_FINISH, *_TAPS)}
    return Layouts(
        sizes=capacity.sizes,
        map_words=capacity.map_words,
        read=data.StructLayout(read | derived),
        finish=data.StructLayout({name: known[name] for name in (*_FINISH, *_COUNTS)}),
        side=2 << capacity.side_bits,
        line_bits=line.width,
        shifts=capacity.scales.shifts,
        own_shifts=capacity.scales.own,
        offsets=Interval.signed(CENTRED_BITS),
        abilities=capacity.abilities,
        constants=capacity.constants,
        tables=capacity.tables,
    )


def apart_layout(capacity: Capacity) -> data.StructLayout:
    """Return the layout of what only the depthwise unit is told.

    Where its record is; columns before the first that ends a window, and between two that do;
    whether words are turned; where there are line engines, whether they do it, and `line_layout`.
    """
    fields: dict[str, Any] = {
        "kernels": range(KERNEL_WORDS),
        "before": range(KERNEL_SIDE),
        "between": capacity.side_bits + 1,
        "turns": 1,
    }
    if capacity.lines is not None:
        fields |= {"line": 1, "place": line_layout(capacity)}
    return data.StructLayout(fields)


def line_layout(capacity: Capacity) -> data.StructLayout:
    """Return the layout of what line engines are told.

    How many places a line has less one, how many sums of each are left out, and which is the last
    that is wanted.
    """
    assert capacity.lines is not None
    place = range(capacity.lines.length)
    return data.StructLayout({"length": place, "skips": place, "until": place})


def kernels_layout(capacity: Capacity) -> data.StructLayout:
    """Return the layout of a word of kernels that is filled in, and where."""
    width = DATA_BITS * capacity.depthwise * capacity.sizes.tile
    return data.StructLayout({"en": 1, "addr": range(KERNEL_WORDS), "word": width})


def depthwise_layout(capacity: Capacity) -> data.StructLayout:
    """Return the layout of a descriptor of the unit's."""
    layouts = layouts_for(capacity)
    banks = {"banks": 2}
    own = {"read": layouts.read, "finish": layouts.finish, "apart": apart_layout(capacity)}
    return data.StructLayout({**own, **banks})


def told_layout(capacity: Capacity) -> data.StructLayout:
    """Return the layout of a descriptor that was checked."""
    layouts = layouts_for(capacity)
    waiting = ["loads", "stores"]
    apart = {}
    if capacity.depthwise:
        waiting.append("depthwise")
        apart = {"apart": apart_layout(capacity), "banks": unsigned(2)}
    return data.StructLayout(
        {
            "whole": layouts.whole,
            "transfer": transfer_layout(capacity),
            **{name: capacity.common[name][0] for name in waiting},
            **apart,
        }
    )
