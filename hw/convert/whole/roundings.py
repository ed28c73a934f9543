"""What a quantised file rounds: maps, whose formats these are, and constants."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hw.convert.whole.model import Operation
from hw.convert.whole.rewriting import spread, to_words
from hw.convert.whole.steps import Format, Value

if TYPE_CHECKING:
    from hw.convert.whole.recognise import Reader


def _format(reader: "Reader", o: Operation) -> Format:
    """Return the integers of a QuantizeLinear or DequantizeLinear of a map."""
    scale = reader.model.constants.get(o.inputs[1])
    zero = reader.model.constants.get(o.inputs[2]) if len(o.inputs) > 2 else None
    zero = np.zeros((), np.uint8) if zero is None else zero
    if scale is None or scale.size != 1 or zero.size != 1:
        reader.refuse(o, "with one constant scale a map")
    if zero.dtype not in (np.int8, np.uint8):
        reader.refuse(o, f"of maps of 8 bits, which {zero.dtype} is not")
    if not 0 < float(scale.ravel()[0]) < np.inf:
        reader.refuse(o, "of scales that are positive and finite")
    ends = np.iinfo(zero.dtype)
    return Format(float(scale.ravel()[0]), int(zero.ravel()[0]), int(ends.min), int(ends.max))


def quantize(reader: "Reader", o: Operation) -> None:
    """Take a rounding: its tensor is a map of its own then, in the file's format."""
    tensor, value = reader.data(o)
    name, format = reader.materialise(tensor), _format(reader, o)
    step = reader.steps[name]
    if step.format is not None and step.format != format:
        if step.tensor == tensor:
            reader.refuse(o, "that round a map of real numbers once")
        if _narrower(step.format, format):
            # Words that stay as they are.
            reader.values[o.outputs[0]] = Value(step.name, value.axes)
            reader.integers.add(o.outputs[0])
            return
        step = reader.add("pointwise", [name], o.outputs[0], step.shape, place=o.place)
    step.format, step.words = format, o.outputs[0]
    reader.values[o.outputs[0]] = Value(step.name, value.axes)
    reader.integers.add(o.outputs[0])


def _narrower(words: Format, others: Format) -> bool:
    """Whether all words are those of the others too, and stand for the same."""
    same = (words.scale, words.zero_point) == (others.scale, others.zero_point)
    return same and others.low <= words.low and words.high <= others.high


def dequantize(reader: "Reader", o: Operation) -> None:
    """Take what integers stand for: the map that they are."""
    _, value = reader.data(o)
    format, known = _format(reader, o), reader.steps[value.map].format
    steps = (format.scale, format.zero_point)
    if known is not None and steps != (known.scale, known.zero_point):
        reader.refuse(o, "of the scale and zero point that the map was rounded with")
    reader.values[o.outputs[0]] = value


def narrow(reader: "Reader", o: Operation) -> None:
    """Take a Clip of integers: the map's format has its ends."""
    _, value = reader.data(o)
    step, ends = reader.steps[value.map], [reader.constant(name) for name in o.inputs[1:]]
    assert step.format is not None
    low, high = (int(np.ravel(np.asarray(end))[0]) for end in ends)
    step.format = replace(
        step.format, low=max(low, step.format.low), high=min(high, step.format.high)
    )
    step.words = o.outputs[0]
    reader.values[o.outputs[0]] = value
    reader.integers.add(o.outputs[0])


def constant_rounding(reader: "Reader", o: Operation) -> bool:
    """Take a rounding of what is constant: of weights; return whether it is one."""
    values = reader.constant(o.inputs[0])
    if values is None or o.kind not in ("DequantizeLinear", "QuantizeLinear", "Clip"):
        return False
    if o.kind == "Clip":
        ends = [np.asarray(reader.constant(name)) for name in o.inputs[1:3]]
        low, high = (float(np.ravel(end)[0]) for end in ends)
        reader.dequantise(o.outputs[0], np.clip(values, low, high), np.ones(1))
        return True
    scale = np.asarray(reader.model.constants[o.inputs[1]], np.float64)
    given = reader.model.constants.get(o.inputs[2]) if len(o.inputs) > 2 else None
    zero = np.zeros((), np.uint8) if given is None else given
    if not np.all((scale > 0) & np.isfinite(scale)):
        reader.refuse(o, "of scales that are positive and finite")
    axis = o.attributes.get("axis", 1)
    if o.kind == "QuantizeLinear":
        words = to_words(values, scale, zero, axis)
        reader.dequantise(o.outputs[0], words.astype(np.float64), np.ones(1))
        return True
    sides = [1] * values.ndim
    if scale.size > 1:
        sides[axis] = -1
    real = (values.astype(np.float64) - spread(zero, sides)) * spread(scale, sides)
    reader.dequantise(o.outputs[0], real, np.ravel(scale))
    if scale.size == zero.size == 1 and values.dtype in (np.int8, np.uint8):
        reader.tables[o.outputs[0]] = _format(reader, o)
    return True
