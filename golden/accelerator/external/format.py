"""Programs as bytes: header, constants, descriptors, weights."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from golden.accelerator.descriptor import Descriptor, Kind, Weights
from golden.accelerator.external.capacity import HEADER_WORDS, VERSION, Capacity, ScaleForm
from golden.accelerator.words import bytes_of
from golden.inputs.errors import ParameterError
from golden.numbers.interval import Integers, Interval
from golden.numbers.quantize import MULTIPLIER_BITS

MAGIC = int.from_bytes(b"ParC", "little")
LARGE_DIAGONAL = 3
"""Beside `Weights`: a diagonal without signs."""


@dataclass(frozen=True)
class Header:
    """What a program says of itself; offsets and sizes are in beats.

    Parameters
    ----------
    descriptors
        How many.
    descriptors_at, weights_at
        Where they begin.
    weights
        Beats of the rows of all descriptors.
    program, input, output, scratch
        Sizes of regions; of input and output, a frame's.
    rows
        Rows of weights.
    """

    descriptors: int
    descriptors_at: int
    weights_at: int
    weights: int
    program: int
    input: int
    output: int
    scratch: int
    rows: int

    def pack(self, capacity: Capacity) -> bytes:
        """Return the bytes before all others; all words add up to 0."""
        key = capacity.hash
        words = [
            *(MAGIC, VERSION, key & 0xFFFFFFFF, key >> 32),
            *(self.descriptors, self.descriptors_at, self.weights_at, self.weights),
            *(self.program, self.input, self.output, self.scratch, self.rows),
        ]
        words += [0] * (HEADER_WORDS - 1 - len(words))
        words.append(-sum(words) & 0xFFFFFFFF)
        return (
            np.array(words, "<u4")
            .tobytes()
            .ljust(capacity.header_beats * capacity.beat_bytes, b"\0")
        )


def common_fields(one: Descriptor) -> dict[str, int]:
    """Return what all descriptors say."""
    return {
        "kind": one.kind,
        "waits": one.waits,
        "loads": one.loads,
        "stores": one.stores,
        "depthwise": one.depthwise,
    }


def compute_fields(one: Descriptor, *, large: bool = False) -> dict[str, int]:
    """Return what is said of windows, weights and results; nothing that others tell already.

    ``large`` is whether weights on the diagonal are without signs.
    """
    source, windows, finish = one.source, one.windows, one.finish
    if one.kind == Kind.GAIN:  # one word
        source = replace(source, height=1, width=1, pitch=0, plane=0)
    return {
        "base": source.base,
        "height": source.height,
        "width": source.width,
        "signed": source.signed,
        "around": windows.around,
        "largest": windows.largest,
        "product": finish.product,
        "single": finish.single,
        "early": finish.early,
        "squares": one.squares,
        "half": one.lanes,
        "lanes": source.lanes,
        "norm": finish.norm,
        "channels": finish.channels,
        "epsilon": finish.epsilon,
        "pitch": source.row_words,
        "plane": source.tile_words,
        "row_tap": windows.row_tap,
        "column_tap": windows.column_tap,
        "target_row": finish.target_row,
        "target_column": finish.target_column,
        "row_stride": windows.row_stride,
        "column_stride": windows.column_stride,
        "last_column": windows.columns - 1,
        "last_row": windows.rows - 1,
        "last_kernel_column": windows.kernel_columns - 1,
        "last_kernel_row": windows.kernel_rows - 1,
        "last_tile": windows.tiles - 1,
        "weights": LARGE_DIAGONAL if large else one.weights,
        "first": one.first,
        "final": one.final,
        "raised": one.raised,
        "bias": finish.bias,
        "bias_row": finish.bias_row,
        "bias_column": finish.bias_column,
        "scale": finish.scale,
        "table": finish.table,
        "target": finish.target,
        "turn": one.turn,
        "line": one.line,
        "skips": one.skips,
        "kernels": one.weight_address if one.kind == Kind.DEPTHWISE else 0,
        "zero_point": source.zero_point,
        "row": windows.row,
        "column": windows.column,
        "offset": finish.zero_point,
        "low": finish.low,
        "high": finish.high,
    }


def transfer_fields(one: Descriptor) -> dict[str, int]:
    """Return what is said of blocks."""
    transfer = one.transfer
    return {
        "space": transfer.space,
        "near": transfer.near,
        "region": transfer.region,
        "far": transfer.far,
        "words": transfer.words,
        "last_block": transfer.blocks - 1,
        "near_stride": transfer.near_stride,
        "far_stride": transfer.far_stride,
    }


def pack_fields(
    fields: Mapping[str, tuple[int, bool]], values: Mapping[str, int]
) -> tuple[int, int]:
    """Return ``values`` one behind the other, the first lowest, and how many bits they are.

    Raises
    ------
    ParameterError
        Where one does not fit.
    """
    word = offset = 0
    for name, (bits, signed) in fields.items():
        value = int(values[name])
        limits = Interval.signed(bits) if signed else Interval(0, (1 << bits) - 1)
        if not limits.low <= value <= limits.high:
            raise ParameterError(
                name, f"from {limits.low} to {limits.high} on this accelerator", value
            )
        word |= (value & ((1 << bits) - 1)) << offset
        offset += bits
    return word, offset


def pack_descriptor(one: Descriptor, capacity: Capacity, *, large: bool = False) -> bytes:
    """Return a descriptor as it lies in memory."""
    head, offset = pack_fields(capacity.common, common_fields(one))
    if one.kind in (Kind.LOAD, Kind.STORE):
        body, _ = pack_fields(capacity.transfer, transfer_fields(one))
    else:
        body, _ = pack_fields(capacity.compute, compute_fields(one, large=large))
    return (head | body << offset).to_bytes(capacity.descriptor_bytes, "little")


def pack_rows(one: Descriptor, rows: Integers) -> tuple[bytes, bool]:
    """Return a descriptor's rows of weights, a byte a weight, and whether those have no signs.

    Raises
    ------
    ParameterError
        Where a byte does not hold them.
    """
    have = Interval.of(rows) if rows.size else Interval(0, 0)
    large = have.high > Interval.signed(8).high
    limits = Interval(0, 255) if large and one.weights == Weights.DIAGONAL else Interval.signed(8)
    if not limits.holds(have):
        raise ParameterError("weights", f"from {limits.low} to {limits.high} in memory", have)
    return bytes_of(rows), large


def pack_steps(words: Integers, capacity: Capacity) -> bytes:
    """Return steps' biases or factors ``[n, scalers]``, 32 bits each, as they lie in memory."""
    n_bytes = capacity.step_beats * capacity.beat_bytes
    slots = np.zeros((len(words), n_bytes // 4), "<u4")
    slots[:, : words.shape[1]] = words & 0xFFFFFFFF
    return slots.tobytes()


def scale_words(multiplier: Integers, shift: Integers, form: ScaleForm) -> Integers:
    """Return factors with their shifts: of how much less than the largest.

    Raises
    ------
    ParameterError
        Where a factor needs a shift that there is not.
    """
    own = form.own
    single = multiplier >> MULTIPLIER_BITS > 0
    up = np.where(single, 0, np.maximum(own.low - shift, 0))
    factor, have = multiplier << up, shift + up
    beyond = have > np.where(single, form.shifts.high, own.high)
    if np.any(factor >> np.where(single, form.bits, form.own_bits) > 0) or np.any(beyond):
        rule = f"m / 2^s with m below 2^{form.own_bits} and s from {own.low} to {own.high}"
        raise ParameterError("scale", rule, f"{multiplier.tolist()} / 2^{shift.tolist()}")
    words: Integers = factor & (1 << form.bits) - 1 | (form.shifts.high - have) << form.bits
    return words


def scales_of(words: Integers, form: ScaleForm) -> tuple[Integers, Integers]:
    """Return factors, without a sign, and shifts: `scale_words` undone."""
    return words & ((1 << form.bits) - 1), form.shifts.high - (words >> form.bits)


def padded(parts: Iterable[bytes], beat_bytes: int) -> bytes:
    """Return ``parts`` end to end, filled up to whole beats."""
    whole = b"".join(parts)
    return whole + bytes(-len(whole) % beat_bytes)
