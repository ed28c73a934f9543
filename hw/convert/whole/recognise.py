"""From the nodes of a file to steps: activations, batch norms, gains and ParC, however written."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from golden.inputs.errors import ParameterError
from golden.operator.parc import Floats
from hw.convert.whole.attention import attention_behind, rest_without
from hw.convert.whole.model import Model, Operation
from hw.convert.whole.resizing import axis_weights
from hw.convert.whole.roundings import constant_rounding, dequantize, narrow, quantize
from hw.convert.whole.spectra import beginnings, filter_at
from hw.convert.whole.steps import Affine, Format, Step, Value, in_map

_IMAGE = ("N", "C", "H", "W")
_UNARY = frozenset(
    [
        *("Abs", "Celu", "Clip", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish"),
        *("LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid"),
        *("Softplus", "Softsign", "Sqrt", "Tanh", "ThresholdedRelu"),
    ]
)
"""Functions of a sample, and of constants."""
_BINARY = frozenset(["Add", "Div", "Max", "Min", "Mul", "Pow", "Sub"])
_AFFINE = frozenset(["Add", "Div", "Mul", "Neg", "Sub"])


def recognise(model: Model) -> tuple[list[Step], str]:
    """Return the steps that a network is made of, the image first, and the result's name.

    Raises
    ------
    ParameterError
        Names the first operation that cannot be done, and what can be.
    """
    reader = Reader(model)
    for operation in model.operations:
        try:
            reader.take(operation)
        except ParameterError:
            _refuse_attention(reader, operation)
            raise
    output = reader.materialise(model.output)
    return reader.live(output), output


def _refuse_attention(reader: "Reader", refused: Operation) -> None:
    """Raise where what was refused is part of attention; say what can be done without it."""
    attention = attention_behind(reader.model, refused)
    if attention is None:
        return
    options = rest_without(reader.model, attention, reader.values)
    parts = [
        f"{option} {node} cuts out what is {_SIDES[option]}" for option, node in options.items()
    ]
    rule = f"free of attention{''.join(f'; {part}' for part in parts)}"
    places = ", ".join(o.place for o in attention[:2])
    more = f" and {len(attention) - 2} more" if len(attention) > 2 else ""
    raise ParameterError("model", rule, f"with {places}{more}") from None


_SIDES = {"--until": "before it", "--from": "behind it"}


class Reader:
    """Operations taken one by one.

    Parameters
    ----------
    model
        Where they come from.

    Attributes
    ----------
    steps
        So far, by name.
    values
        What tensors are, by their names.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.steps: dict[str, Step] = {}
        self.values: dict[str, Value] = {}
        self._uses = Counter(name for o in model.operations for name in o.inputs)
        self._uses[model.output] += 1
        # By the tensor of a map that goes on at its other end: of what, along which axis, how far.
        self.around: dict[str, tuple[str, int, int]] = {}
        # By their results: slices that may be part of such a map.
        self.delayed: dict[str, Operation] = {}
        # Scales of constants that were integers, and their own numbers.
        self.rounded: dict[str, Floats] = {}
        self._dequantised: dict[str, Floats] = {}
        self.integers: set[str] = set()
        # Formats of constants that were integers of one scale.
        self.tables: dict[str, Format] = {}
        # First operations of what may be a global filter, by what they give; and what filters do.
        self.spectra = beginnings(model)
        self.filtered: set[str] = set()
        self.add("image", (), model.input, model.input_shape, place="the input")

    def add(
        self,
        kind: Any,
        sources: Sequence[str],
        tensor: str,
        shape: Sequence[int],
        **options: Any,
    ) -> Step:
        """Add a step that gives ``tensor``, whose axes are those of an image."""
        name = re.sub(r"\W+", "_", tensor).strip("_") or "map"
        name = name if not name[0].isdigit() else f"map_{name}"
        while name in self.steps:
            name += "_"
        step = Step(name, kind, tuple(sources), tensor, tuple(shape), **options)
        self.steps[name] = step
        self.values[tensor] = Value(name, _IMAGE)
        return step

    def take(self, operation: Operation) -> None:
        """Take an operation: what it gives is in `values` then."""
        if operation.outputs[0] in self.filtered:
            return
        if not any(name in self.values for name in operation.inputs):
            if not constant_rounding(self, operation):
                self.refuse(operation, "of what depends on the image")
            return
        begins = operation.outputs[0] in self.spectra
        handler = _filter if begins else _HANDLERS.get(operation.kind)
        if handler is None:
            nearest = ", ".join(KNOWN)
            self.refuse(operation, f"among those that are known: {nearest}")
        handler(self, operation)

    def refuse(self, operation: Operation, why: str) -> NoReturn:
        """Refuse an operation."""
        raise ParameterError(
            "model",
            f"of operations {why} (--until and --from cut a part out)",
            f"{operation.place}",
        )

    def constant(self, name: str) -> npt.NDArray[Any] | None:
        """Return a constant by its name, None where it is none."""
        return self._dequantised.get(name, self.model.constants.get(name))

    def dequantise(self, name: str, values: Floats, steps: Floats) -> None:
        """Note what integers stand for that are constant, and their scale."""
        self._dequantised[name] = values
        self.rounded[name] = steps

    def shape(self, tensor: str) -> tuple[int, ...]:
        """Return the shape of a tensor."""
        return self.model.shapes[tensor]

    def data(self, operation: Operation, index: int = 0) -> tuple[str, Value]:
        """Return the name of a tensor that an operation takes, and what it is."""
        name = operation.inputs[index]
        if name not in self.values:
            self.refuse(operation, f"whose input {index} depends on the image")
        return name, self.values[name]

    def used_once(self, tensor: str) -> bool:
        """Whether only one operation reads a tensor."""
        return self._uses[tensor] == 1

    # What a tensor is, made a map of its own.

    def materialise(self, tensor: str) -> str:
        """Return the name of the map that is ``tensor``, made where there is none yet."""
        value = self.values[tensor]
        if value.plain:
            return value.map
        affine = self.as_affine(value)
        last = value.chain[-1].outputs[0] if value.chain else tensor
        if affine is None and last != tensor:
            # Transposed or reshaped since: one map for what the function gives.
            made = self.materialise(last)
        elif affine is None:
            base = self.steps[value.map]
            made = self._pointwise(tensor, value, base)
        else:
            made = self._scaled(tensor, value, affine)
        self.values[tensor] = Value(made, value.axes)
        return made

    def as_affine(self, value: Value) -> Affine | None:
        """Return what is done to the map of a value, where that is affine."""
        if value.affine is not None or not value.chain:
            return value.affine
        if any(o.kind not in _AFFINE for o in value.chain):
            return None
        base = self.steps[value.map]
        zero, one, two = (self._evaluated(value, x) for x in (0.0, 1.0, 2.0))
        if not np.isclose(two - one, one - zero, 1e-6):
            return None
        channels = base.shape[0]
        return Affine(np.full(channels, one - zero), np.full((channels, 1, 1), zero))

    def _evaluated(self, value: Value, x: float) -> float:
        from hw.convert.whole.chains import evaluate

        constants = self.model.constants
        last = value.chain[-1].outputs[0]
        made = evaluate(value.chain, value.entry, last, np.array([x]), constants)
        return float(made[0])

    def _pointwise(self, tensor: str, value: Value, base: Step) -> str:
        axes = value.axes
        step = self.add(
            "pointwise",
            [base.name],
            tensor,
            base.shape,
            chain=value.chain,
            entry=value.entry,
            place=value.chain[-1].place,
        )
        self.values[tensor] = Value(step.name, axes)
        return step.name

    def _scaled(self, tensor: str, value: Value, affine: Affine) -> str:
        if affine.flat and self._fold_back(self.steps[value.map], affine):
            self.steps[value.map].tensor = tensor
            return value.map
        if not affine.flat:
            return self._added(tensor, value, affine)
        base = self.steps[value.map]
        channels = base.shape[0]
        step = self.add("convolution", [base.name], tensor, base.shape, place=tensor)
        step.real = {
            "weight": affine.gain.reshape(-1, 1, 1, 1),
            "bias": affine.offset[:, 0, 0].copy(),
        }
        step.options = {"groups": channels, "stride": (1, 1), "padding": (0, 0, 0, 0)}
        self.values[tensor] = Value(step.name, value.axes)
        return step.name

    def _added(self, tensor: str, value: Value, affine: Affine) -> str:
        """Return a map with a table added, its channels scaled before."""
        source = value.map
        if not np.all(affine.gain == 1):
            flat = Affine(affine.gain, np.zeros((len(affine.gain), 1, 1)))
            source = self._scaled(f"{tensor}_scaled", value, flat)
            self.steps[source].tensor = ""
        table = self.table(f"{tensor}_table", affine.offset, None)
        step = self.add("add", [source, table], tensor, self.steps[source].shape, place=tensor)
        self.values[tensor] = Value(step.name, value.axes)
        return step.name

    def table(self, tensor: str, values: Floats, format: Format | None) -> str:
        """Return the name of a map that is always ``values``, ``[C, H, W]``."""
        step = self.add("constant", (), tensor, values.shape, place=tensor)
        step.real, step.format = {"table": values}, format
        return step.name

    def _fold_back(self, step: Step, affine: Affine, *, dry: bool = False) -> bool:
        """Make ``step``, or what it joins, give what ``affine`` makes of it, if that can be."""
        if not self.used_once(step.tensor) or step.clip != (-np.inf, np.inf):
            return False
        if step.kind in ("convolution", "circular"):
            if not dry:
                step.scale(affine.gain, affine.offset[:, 0, 0])
            return True
        if step.kind != "concatenate" or step.options["axis"]:
            return False
        parts = [self.steps[name] for name in step.sources]
        ends = np.cumsum([part.shape[0] for part in parts])[:-1]
        pieces = [
            Affine(gain, offset)
            for gain, offset in zip(
                np.split(affine.gain, ends), np.split(affine.offset, ends), strict=True
            )
        ]
        pairs = list(zip(parts, pieces, strict=True))
        if not all(self._fold_back(part, piece, dry=True) for part, piece in pairs):
            return False
        if not dry:
            for part, piece in pairs:
                self._fold_back(part, piece)
                part.tensor = ""  # nothing in the file is what it gives now
        return True

    def live(self, output: str) -> list[Step]:
        """Return the steps that ``output`` needs, in order."""
        needed = {output, next(iter(self.steps))}
        for step in reversed(self.steps.values()):
            if step.name in needed:
                needed.update(step.sources)
        for tensor, value in self.values.items():
            step = self.steps[value.map]
            if value.plain and step.tensor == tensor:
                step.axes = value.axes
            if step.words == tensor:
                step.word_axes = value.axes
        return [step for step in self.steps.values() if step.name in needed]


Handler = Callable[[Reader, Operation], None]


def _one_constant(reader: Reader, o: Operation) -> tuple[int, npt.NDArray[Any] | None]:
    """Return which input of two depends on the image, and the other, where it is constant."""
    first, second = (reader.constant(name) for name in o.inputs)
    return (1, first) if first is not None else (0, second)


def _elementwise(reader: Reader, o: Operation) -> None:
    """Take a function of one sample: what follows may be part of the same one."""
    tensor, _ = reader.data(o)
    if tensor in reader.integers:
        narrow(reader, o)
    else:
        _chained(reader, o, tensor)


def _chained(reader: Reader, o: Operation, tensor: str) -> None:
    value = reader.values[tensor]
    if value.affine is not None:
        value = Value(reader.materialise(tensor), value.axes)
    entry = value.entry or tensor
    reader.values[o.outputs[0]] = Value(value.map, value.axes, None, (*value.chain, o), entry)


def _binary(reader: Reader, o: Operation) -> None:
    index, other = _one_constant(reader, o)
    if o.inputs[1 - index] in reader.tables and o.kind in ("Add", "Mul"):
        _with_table(reader, o, index)
    elif other is None:
        _of_two(reader, o)
    elif other.size == 1 and reader.data(o, index)[1].affine is None:
        _chained(reader, o, o.inputs[index])
    else:
        _affine(reader, o, index, other)


def _with_table(reader: Reader, o: Operation, index: int) -> None:
    """Take a sum or product with what the file has rounded: a map that is always the same."""
    tensor, value = reader.data(o, index)
    name = o.inputs[1 - index]
    other = reader.constant(name)
    table = None if other is None else in_map(other, value.axes)
    if table is None:
        reader.refuse(o, "of two maps, or of a map and a table for one")
    source = reader.materialise(tensor)
    added = reader.table(f"{o.outputs[0]}_table", table, reader.tables[name])
    kind = "add" if o.kind == "Add" else "multiply"
    shape = reader.steps[source].shape
    # onnxruntime's kernel adds the first last, but for one that is the same along a row.
    turned = index == 1 and table.shape == tuple(shape)
    names = [added, source] if turned else [source, added]
    step = reader.add(kind, names, o.outputs[0], shape, place=o.place)
    reader.values[o.outputs[0]] = Value(step.name, value.axes)


def _affine(reader: Reader, o: Operation, index: int, other: npt.NDArray[Any]) -> None:
    tensor, value = reader.data(o, index)
    table = in_map(other, value.axes)
    if table is None or o.kind not in _AFFINE or (o.kind in ("Div",) and index == 1):
        reader.refuse(o, "of two maps, or of a map and numbers that it is affine in")
    channels = reader.steps[value.map].shape[0]
    table = np.broadcast_to(table, (channels, *table.shape[1:]))
    one, none = np.ones(channels), np.zeros((channels, 1, 1))
    if o.kind in ("Mul", "Div"):
        if table.shape[1:] != (1, 1):
            reader.refuse(o, "of gains that are the same all over a channel")
        gain = table[:, 0, 0] if o.kind == "Mul" else 1 / table[:, 0, 0]
        _then(reader, o, tensor, gain, none)
    else:
        sign = -1.0 if o.kind == "Sub" else 1.0
        gain, offset = (one, sign * table) if index == 0 else (sign * one, table)
        _then(reader, o, tensor, gain, offset)


def _then(reader: Reader, o: Operation, tensor: str, gain: Floats, offset: Floats) -> None:
    value = reader.values[tensor]
    before = reader.as_affine(value)
    if before is None:
        value = Value(reader.materialise(tensor), value.axes)
        channels = len(gain)
        before = Affine(np.ones(channels), np.zeros((channels, 1, 1)))
    after = before.then(gain, offset)
    reader.values[o.outputs[0]] = Value(value.map, value.axes, after)


def _of_two(reader: Reader, o: Operation) -> None:
    (one, first), (other, second) = reader.data(o, 0), reader.data(o, 1)
    begun = {first.entry or one, second.entry or other}
    if len(begun) == 1 and first.affine is None and second.affine is None:
        chain = tuple(dict.fromkeys((*first.chain, *second.chain, o)))
        reader.values[o.outputs[0]] = Value(first.map, first.axes, None, chain, begun.pop())
        return
    if o.kind not in ("Add", "Mul"):
        reader.refuse(o, "Add or Mul, where both inputs are maps")
    names = [reader.materialise(name) for name in o.inputs]
    axes = [reader.values[name].axes for name in o.inputs]
    if len(set(axes)) > 1:
        reader.refuse(o, "of maps whose axes are in one order")
    shapes = [reader.steps[name].shape for name in names]
    shape = tuple(max(sides) for sides in zip(*shapes, strict=True))
    if shapes[0] != shape:
        names, shapes = names[::-1], shapes[::-1]
    kind = "add" if o.kind == "Add" else "multiply"
    step = reader.add(kind, names, o.outputs[0], shape, place=o.place)
    reader.values[o.outputs[0]] = Value(step.name, axes[0])


def _batch_norm(reader: Reader, o: Operation) -> None:
    tensor, _ = reader.data(o)
    scale, bias, mean, variance = (
        np.asarray(reader.constant(name), np.float64) for name in o.inputs[1:]
    )
    gain = scale / np.sqrt(variance + o.attributes.get("epsilon", 1e-5))
    _then(reader, o, tensor, gain, (bias - mean * gain)[:, None, None])


def _same(reader: Reader, o: Operation) -> None:
    _, value = reader.data(o)
    reader.values[o.outputs[0]] = value


def _window(reader: Reader, o: Operation, tensor: str, size: Sequence[int]) -> dict[str, Any]:
    """Return stride and padding of a window, whatever the file calls them."""
    a = o.attributes
    if len(size) != 2 or a.get("ceil_mode"):
        reader.refuse(o, "over height and width, without ceil_mode")
    stride = tuple(a.get("strides", (1, 1)))
    padding = tuple(a.get("pads", (0, 0, 0, 0)))
    how = a.get("auto_pad", b"NOTSET").decode()
    if how.startswith("SAME"):
        sides = reader.shape(tensor)[2:]
        total = [
            max((-(-side // step) - 1) * step + k - side, 0)
            for side, step, k in zip(sides, stride, size, strict=True)
        ]
        less = [t // 2 if how == "SAME_UPPER" else t - t // 2 for t in total]
        padding = (*less, *(t - part for t, part in zip(total, less, strict=True)))
    return {"stride": stride, "padding": padding}


def _conv(reader: Reader, o: Operation) -> None:
    tensor, _ = reader.data(o)
    weight = reader.constant(o.inputs[1])
    if weight is None or weight.ndim != 4:
        reader.refuse(o, "of two dimensions, with constant kernels")
    weight = weight.astype(np.float64)
    for axis, step in enumerate(o.attributes.get("dilations", (1, 1))):
        if step > 1:  # the same kernels with zeros between
            weight = np.insert(
                weight, np.repeat(np.arange(1, weight.shape[2 + axis]), step - 1), 0.0, 2 + axis
            )
    bias = reader.constant(o.inputs[2]) if len(o.inputs) > 2 and o.inputs[2] else None
    bias = np.zeros(len(weight)) if bias is None else bias.astype(np.float64)
    options = _window(reader, o, tensor, weight.shape[2:])
    options["groups"] = o.attributes.get("group", 1)
    if not _circular(reader, o, tensor, weight, bias, options):
        _kernels(reader, o, tensor, weight, bias, options)
    _note_rounded(reader, o)


def _note_rounded(reader: Reader, o: Operation) -> None:
    """Note the scales of kernels and biases that the file has as integers."""
    step = reader.steps[reader.values[o.outputs[0]].map]
    if o.inputs[1] in reader.rounded:
        step.real["steps"] = [reader.rounded[n] for n in o.inputs[1:] if n in reader.rounded]


def _kernels(
    reader: Reader,
    o: Operation,
    tensor: str,
    weight: Floats,
    bias: Floats,
    options: dict[str, Any],
    kind: str = "convolution",
) -> None:
    """Add a step of kernels; what is affine before it goes into them, where nothing is padded."""
    value, out = reader.values[tensor], o.outputs[0]
    affine = reader.as_affine(value)
    padded = any(options.get("padding", ()))
    fits = affine is not None and (kind == "circular" or affine.flat)
    taken = None
    if fits and affine is not None and not (padded and affine.offset.any()):
        taken, source = affine, value.map
    else:
        source = reader.materialise(tensor)
    if kind == "convolution":
        shape = [len(weight), *_sides(reader.steps[source].shape, weight, options)]
    else:
        shape = [len(weight), *reader.steps[source].shape[1:]]
    step = reader.add(kind, [source], out, shape, place=o.place)
    step.real = {"weight": weight, "bias": bias}
    step.options = options
    if kind == "circular":
        step.real["embedding"] = np.zeros((reader.steps[source].shape[0], 1, 1))
        del options["stride"], options["padding"]
    if taken is not None:
        step.take(taken.gain, taken.offset)


def _sides(shape: Sequence[int], weight: Floats, options: Mapping[str, Any]) -> list[int]:
    padding, stride = options["padding"], options["stride"]
    return [
        (shape[1 + axis] + padding[axis] + padding[2 + axis] - weight.shape[2 + axis])
        // stride[axis]
        + 1
        for axis in (0, 1)
    ]


def _circular(
    reader: Reader,
    o: Operation,
    tensor: str,
    weight: Floats,
    bias: Floats,
    options: dict[str, Any],
) -> bool:
    """Add a circular convolution, where the map goes on at its other end just as far as needed."""
    if tensor not in reader.around or any(options["padding"]) or options["stride"] != (1, 1):
        return False
    base, reach = tensor, [0, 0]
    while base in reader.around:
        base, axis, more = reader.around[base]
        reach[axis - 2] += more
    sides = reader.shape(base)[2:]
    fits = all(
        k == r + 1 and k <= s for k, r, s in zip(weight.shape[2:], reach, sides, strict=True)
    )
    if fits:
        _kernels(reader, o, base, weight, bias, options, "circular")
    return fits


def _filter(reader: Reader, o: Operation) -> None:
    """Take a global filter: all that is between its map and what it gives."""
    tensor, value = reader.data(o)
    first = reader.spectra.get(o.outputs[0])
    found = None if first is None else filter_at(reader.model, first, value.axes)
    if found is None:
        reader.refuse(o, "whose spectra filter each channel around its map")
    span, weight, bias = found
    reader.filtered.update(name for each in span.operations for name in each.outputs)
    options = {"groups": len(weight), "stride": (1, 1), "padding": (0, 0, 0, 0)}
    whole = replace(o, outputs=(span.exit,))
    _kernels(reader, whole, tensor, weight, bias, options, "circular")
    made = reader.values[span.exit]
    reader.values[span.exit] = Value(made.map, value.axes)


def _gemm(reader: Reader, o: Operation) -> None:
    """Take a fully connected layer: a convolution of 1 x 1 over the channels."""
    tensor, value = reader.data(o)
    weight = reader.constant(o.inputs[1])
    if weight is None or weight.ndim != 2 or value.axes[-1] != "C" or o.attributes.get("transA"):
        reader.refuse(o, "of a map's channels, last, and a constant matrix")
    weight = weight.astype(np.float64) * o.attributes.get("alpha", 1.0)
    weight = weight if o.attributes.get("transB") else weight.T
    bias = reader.constant(o.inputs[2]) if len(o.inputs) > 2 and o.inputs[2] else None
    if len(o.inputs) > 2 and o.inputs[2] and bias is None:
        reader.refuse(o, "with a constant bias")
    flat = np.zeros(len(weight)) if bias is None else bias.astype(np.float64).ravel()
    flat = np.broadcast_to(flat * o.attributes.get("beta", 1.0), (len(weight),))
    options = {"groups": 1, "stride": (1, 1), "padding": (0, 0, 0, 0)}
    _kernels(reader, o, tensor, weight[:, :, None, None], flat, options)
    _note_rounded(reader, o)
    made = reader.values[o.outputs[0]]
    reader.values[o.outputs[0]] = Value(made.map, value.axes)


def _layer_norm(reader: Reader, o: Operation) -> None:
    tensor, value = reader.data(o)
    rank = len(reader.shape(tensor))
    if o.attributes.get("axis", -1) not in (-1, rank - 1) or value.axes[-1] != "C":
        reader.refuse(o, "over a map's channels, last")
    source = reader.materialise(tensor)
    channels = reader.steps[source].shape[0]
    gamma = np.asarray(reader.constant(o.inputs[1]), np.float64).ravel()
    beta = reader.constant(o.inputs[2]) if len(o.inputs) > 2 and o.inputs[2] else None
    step = reader.add(
        "layer_norm", [source], o.outputs[0], reader.steps[source].shape, place=o.place
    )
    step.real = {
        "gamma": np.broadcast_to(gamma, (channels,)),
        "beta": np.zeros(channels) if beta is None else beta.astype(np.float64).ravel(),
        "epsilon": float(o.attributes.get("epsilon", 1e-5)),
    }
    reader.values[o.outputs[0]] = Value(step.name, value.axes)


def _mean(reader: Reader, o: Operation) -> None:
    """Take a mean over the whole map."""
    tensor, value = reader.data(o)
    axes = o.attributes.get("axes")
    if axes is None and len(o.inputs) > 1:
        axes = reader.constant(o.inputs[1])
    rank = len(value.axes)
    over = {value.axes[int(axis) % rank] for axis in (range(rank) if axes is None else axes)}
    if over != {"H", "W"}:
        reader.refuse(o, "over height and width at once")
    keep = o.attributes.get("keepdims", 1)
    left = tuple(axis for axis in value.axes if keep or axis not in over)
    _whole_average(reader, o, tensor, left)


def _global_average(reader: Reader, o: Operation) -> None:
    tensor, value = reader.data(o)
    _whole_average(reader, o, tensor, value.axes)


def _whole_average(reader: Reader, o: Operation, tensor: str, axes: tuple[str, ...]) -> None:
    source = reader.materialise(tensor)
    channels, *sides = reader.steps[source].shape
    step = reader.add("average", [source], o.outputs[0], (channels, 1, 1), place=o.place)
    step.options = {"size": tuple(sides), "stride": (1, 1), "padding": (0, 0, 0, 0)}
    reader.values[o.outputs[0]] = Value(step.name, axes)


def _pool(reader: Reader, o: Operation) -> None:
    tensor, value = reader.data(o)
    size = tuple(o.attributes["kernel_shape"])
    options = {"size": size, **_window(reader, o, tensor, size)}
    if value.axes != _IMAGE or any(d != 1 for d in o.attributes.get("dilations", (1, 1))):
        reader.refuse(o, "over height and width, without dilation")
    average = o.kind == "AveragePool"
    if average and any(options["padding"]) and not o.attributes.get("count_include_pad"):
        reader.refuse(o, "without padding, or with count_include_pad")
    source = reader.materialise(tensor)
    kind = "average" if average else "maximum"
    step = reader.add(kind, [source], o.outputs[0], reader.shape(o.outputs[0])[1:], place=o.place)
    step.options = options


def _transpose(reader: Reader, o: Operation) -> None:
    _, value = reader.data(o)
    order = o.attributes.get("perm", tuple(range(len(value.axes)))[::-1])
    axes = tuple(value.axes[axis] for axis in order)
    reader.values[o.outputs[0]] = Value(value.map, axes, value.affine, value.chain)


def _reshape(reader: Reader, o: Operation) -> None:
    """Take a reshape that adds or drops sides of 1, or flattens the map, or splits its channels."""
    tensor, value = reader.data(o)
    before, after = reader.shape(tensor), reader.shape(o.outputs[0])
    large = [(axis, side) for axis, side in zip(value.axes, before, strict=True) if side > 1]
    if [side for _, side in large] == [side for side in after if side > 1]:
        axes = _axes_of(after, [axis for axis, _ in large])
        if axes is not None:
            reader.values[o.outputs[0]] = Value(value.map, axes, value.affine, value.chain)
            return
    if value.axes != _IMAGE or after != (1, int(np.prod(before[1:]))):
        reader.refuse(o, "that flatten a map [N, C, H, W], or add or drop sides of 1")
    source = reader.materialise(tensor)
    shape = reader.steps[source].shape
    step = reader.add("arrange", [source], o.outputs[0], (after[1], 1, 1), place=o.place)
    step.options = {"parts": shape, "order": (0, 1, 2)}
    reader.values[o.outputs[0]] = Value(step.name, ("N", "C"))


def _axes_of(shape: Sequence[int], large: list[str]) -> tuple[str, ...] | None:
    """Return the axes of a tensor, those with more than one entry in order; the batch is first."""
    left = [axis for axis in ("C", "H", "W") if axis not in large]
    if len(shape) == 2 and not set(large) <= {"C"}:
        return None
    if len(shape) == 2:
        return ("N", "C")
    axes, names = ["N"], list(large)
    if len(shape) != 4:
        return None
    for side in shape[1:]:
        if side > 1 and names:
            axes.append(names.pop(0))
        elif left:
            axes.append(left.pop(0))
        else:
            return None
    return tuple(axes)


def _concat(reader: Reader, o: Operation) -> None:
    _, value = reader.data(o)
    axis = o.attributes["axis"] % len(value.axes)
    _note_around(reader, o, axis)
    if o.outputs[0] in reader.around and _only_convolved(reader, o):
        # Made a map of its own only where something else needs it.
        reader.values[o.outputs[0]] = value
        return
    for name in o.inputs:
        if (delayed := reader.delayed.pop(name, None)) is not None:
            _sliced(reader, delayed)
    names = [reader.materialise(name) for name in o.inputs]
    axes = {reader.values[name].axes for name in o.inputs}
    if len(axes) > 1 or value.axes[axis] == "N":
        reader.refuse(o, "of maps whose axes are in one order")
    place = "CHW".index(value.axes[axis])
    shape = list(reader.steps[names[0]].shape)
    shape[place] = sum(reader.steps[name].shape[place] for name in names)
    step = reader.add("concatenate", names, o.outputs[0], shape, place=o.place)
    step.options = {"axis": place}
    reader.values[o.outputs[0]] = Value(step.name, value.axes)


def _note_around(reader: Reader, o: Operation, axis: int) -> None:
    """Note a map that goes on at its other end: itself, and its own first part behind it."""
    if len(o.inputs) != 2 or axis not in (2, 3):
        return
    whole, first = o.inputs
    made = next((p for p in reader.model.operations if first in p.outputs), None)
    if made is None or made.kind != "Slice" or made.inputs[0] != whole:
        return
    bounds = _bounds(reader, made)
    if bounds is not None and set(bounds) == {axis} and bounds[axis].start in (0, None):
        more = reader.shape(first)[axis]
        if (bounds[axis].step or 1) == 1:
            reader.around[o.outputs[0]] = (whole, axis, more)


def _only_convolved(reader: Reader, o: Operation) -> bool:
    """Whether a map that goes on at its other end is read as a circular convolution does."""
    tensor = o.outputs[0]
    users = [u for u in reader.model.operations if tensor in u.inputs]
    _, axis, more = reader.around[tensor]
    for user in users:
        weight = reader.constant(user.inputs[1]) if user.kind == "Conv" else None
        if user.kind == "Concat" and len(users) <= 2:
            continue
        if weight is None or weight.shape[axis] != more + 1 or any(user.attributes.get("pads", ())):
            return False
    return bool(users)


def _bounds(reader: Reader, o: Operation) -> dict[int, slice] | None:
    """Return what a Slice keeps, by axis; None where that is not constant."""
    given = [reader.constant(name) for name in o.inputs[1:] if name]
    if any(values is None for values in given):
        return None
    starts, ends, *rest = (np.ravel(values).tolist() for values in given if values is not None)
    axes = rest[0] if rest else list(range(len(starts)))
    steps = rest[1] if len(rest) > 1 else [1] * len(starts)
    rank = len(reader.shape(o.inputs[0]))
    return {
        axis % rank: slice(start, end, step)
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True)
    }


def _select(
    reader: Reader, o: Operation, tensor: str, output: str, kept: Mapping[int, npt.NDArray[Any]]
) -> None:
    """Add a step that keeps some indices of some axes; those of a part of it may be left lazy."""
    value = reader.values[tensor]
    source = reader.materialise(tensor)
    shape = reader.steps[source].shape
    indices = {axis: np.arange(side) for axis, side in zip("CHW", shape, strict=True)}
    for axis, index in kept.items():
        name = value.axes[axis]
        if name == "N":
            reader.refuse(o, "of anything but the batch")
        indices[name] = indices[name][index]
    step = reader.add("select", [source], output, [len(indices[a]) for a in "CHW"], place=o.place)
    step.real = {"channels": indices["C"], "rows": indices["H"], "columns": indices["W"]}
    reader.values[output] = Value(step.name, value.axes)


def _slice(reader: Reader, o: Operation) -> None:
    tensor, _ = reader.data(o)
    bounds = _bounds(reader, o)
    if bounds is None:
        reader.refuse(o, "with constant bounds")
    users = [u for u in reader.model.operations if o.outputs[0] in u.inputs]
    if users and all(
        u.kind == "Concat" and tuple(u.inputs) == (tensor, o.outputs[0]) for u in users
    ):
        # Perhaps of a map that goes on at its other end: made only where it is not.
        reader.delayed[o.outputs[0]] = o
        reader.values[o.outputs[0]] = reader.values[tensor]
        return
    _sliced(reader, o)


def _sliced(reader: Reader, o: Operation) -> None:
    tensor, bounds = o.inputs[0], _bounds(reader, o)
    assert bounds is not None
    sides = reader.shape(tensor)
    kept = {axis: np.arange(sides[axis])[part] for axis, part in bounds.items()}
    kept = {axis: i for axis, i in kept.items() if len(i) != sides[axis] or i[0] != 0}
    if kept:
        _select(reader, o, tensor, o.outputs[0], kept)
    else:
        _same(reader, o)


def _split(reader: Reader, o: Operation) -> None:
    tensor, value = reader.data(o)
    axis, begin = o.attributes.get("axis", 0) % len(value.axes), 0
    for output in o.outputs:
        side = reader.shape(output)[axis]
        _select(reader, o, tensor, output, {axis: np.arange(begin, begin + side)})
        begin += side


def _gather(reader: Reader, o: Operation) -> None:
    tensor, value = reader.data(o)
    indices = reader.constant(o.inputs[1])
    axis = o.attributes.get("axis", 0) % len(value.axes)
    if indices is None or indices.ndim != 1:
        reader.refuse(o, "with a row of constant indices")
    side = reader.shape(tensor)[axis]
    _select(reader, o, tensor, o.outputs[0], {axis: indices % side})


def _pixels(reader: Reader, o: Operation) -> None:
    """Take DepthToSpace and SpaceToDepth."""
    tensor, value = reader.data(o)
    source = reader.materialise(tensor)
    size, mode = o.attributes["blocksize"], o.attributes.get("mode", b"DCR")
    channels, height, width = reader.steps[source].shape
    if value.axes != _IMAGE:
        reader.refuse(o, "of maps [N, C, H, W]")
    shape = reader.shape(o.outputs[0])[1:]
    step = reader.add("arrange", [source], o.outputs[0], shape, place=o.place)
    if o.kind == "SpaceToDepth":
        parts = (channels, height // size, size, width // size, size)
        step.options = {"parts": parts, "order": (2, 4, 0, 1, 3)}
    elif mode == b"DCR":
        parts = (size, size, channels // size**2, height, width)
        step.options = {"parts": parts, "order": (2, 3, 0, 4, 1)}
    else:
        parts = (channels // size**2, size, size, height, width)
        step.options = {"parts": parts, "order": (0, 3, 1, 4, 2)}


def _resize(reader: Reader, o: Operation) -> None:
    """Take a resize: where each sample is one of those before, their places; else their weights."""
    tensor, value = reader.data(o)
    before, after = reader.shape(tensor), reader.shape(o.outputs[0])
    plain = o.attributes.get("keep_aspect_ratio_policy", b"stretch") == b"stretch"
    if not plain or o.attributes.get("coordinate_transformation_mode") == b"tf_crop_and_resize":
        reader.refuse(o, "of the whole map, each side for itself")
    if reader.model.constants.get([name for name in o.inputs if name][-1]) is None:
        reader.refuse(o, "to a constant size")
    weights = {}
    for axis, name in enumerate(value.axes):
        if before[axis] != after[axis] and name not in ("H", "W"):
            reader.refuse(o, "of height and width")
        if name in ("H", "W"):
            weights[name] = axis_weights(reader.model, o, axis, (before[axis], after[axis]))
    if all(np.isin(w, (0, 1)).all() for w in weights.values()):
        kept = {value.axes.index(name): w.argmax(axis=1) for name, w in weights.items()}
        _select(reader, o, tensor, o.outputs[0], kept)
        return
    source = reader.materialise(tensor)
    rows, columns = (weights.get(name, np.ones((1, 1))) for name in ("H", "W"))
    shape = (reader.steps[source].shape[0], len(rows), len(columns))
    step = reader.add("resize", [source], o.outputs[0], shape, place=o.place)
    step.real = {"rows": rows, "columns": columns}
    reader.values[o.outputs[0]] = Value(step.name, value.axes)


_HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(_UNARY, _elementwise),
    **dict.fromkeys(_BINARY, _binary),
    **dict.fromkeys(("Identity", "Dropout", "Cast"), _same),
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), _reshape),
    **dict.fromkeys(("AveragePool", "MaxPool"), _pool),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), _pixels),
    **dict.fromkeys(("Gemm", "MatMul"), _gemm),
    "BatchNormalization": _batch_norm,
    "Concat": _concat,
    "Conv": _conv,
    "DFT": _filter,
    "DequantizeLinear": dequantize,
    "Gather": _gather,
    "GlobalAveragePool": _global_average,
    "LayerNormalization": _layer_norm,
    "QuantizeLinear": quantize,
    "ReduceMean": _mean,
    "Resize": _resize,
    "Slice": _slice,
    "Split": _split,
    "Transpose": _transpose,
}
"""How each kind of operation is read."""
KNOWN = tuple(sorted(_HANDLERS))
"""Kinds of operations that are read."""
