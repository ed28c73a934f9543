"""QONNX's `Quant` as roundings of ONNX: integers that no type of ONNX has are clipped."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from golden.numbers.interval import Interval
from hw.convert.read_qdq import QONNX, ends_of, rounding_of
from hw.convert.whole.rewriting import Rewriting, attributes_of, checked_scale, refuse

BITS = Interval(4, 8)
"""Of maps and of weights."""
_BIAS_BITS = 32
_ROUNDINGS: Mapping[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    "ROUND": np.rint,
    "HALF_EVEN": np.rint,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "ROUND_TO_ZERO": np.trunc,
}
"""Of constants; maps are rounded half to even."""
QUANT = ("Quant", "IntQuant")


def without_quants(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a network with ONNX's own roundings in the place of QONNX's.

    Raises
    ------
    ParameterError
        Where one is of other words than `BITS`, or rounds otherwise, or has several scales a map.
    """
    if not any(node.domain in QONNX for node in proto.graph.node):
        return proto
    rewriting = _Rewriting(proto)
    for node in rewriting.proto.graph.node:
        if node.domain not in QONNX:
            rewriting.keep(node)
        elif node.op_type not in QUANT:
            refuse(node, f"of {node.domain} that are Quant", node.op_type)
        else:
            rewriting.take(node)
    return rewriting.finished(proto.graph.output[0].name)


class _Rewriting(Rewriting):
    """Nodes rewritten one by one."""

    def take(self, node: onnx.NodeProto) -> None:
        """Rewrite a `Quant`."""
        scale, zero, bits = (
            self.value(node, place, f"{name}s")
            for place, name in ((1, "scale"), (2, "zero point"), (3, "bit width"))
        )
        checked_scale(node, scale)
        if node.input[0] in self.constants:
            self._constant(node, scale.astype(np.float32), zero, _bits(node, bits, constant=True))
        else:
            self._map(node, scale, zero, _bits(node, bits, constant=False))

    def _map(
        self, node: onnx.NodeProto, scale: npt.NDArray[Any], zero: npt.NDArray[Any], bits: int
    ) -> None:
        if scale.size != 1 or zero.size != 1:
            refuse(node, "with one scale and zero point a map", f"{scale.size} scales")
        if rounding_of(node) not in ("ROUND", "HALF_EVEN"):
            refuse(node, "that round maps half to even", rounding_of(node))
        signed, words = _words(node, bits)
        _check_zero(node, zero, words)
        type_ = np.int8 if signed else np.uint8
        (output,) = node.output
        ends = [
            self.constant("scale", scale.astype(np.float32).reshape(())),
            self.constant("zero", zero.astype(type_).reshape(())),
        ]
        made = self.fresh(f"{output}_words")
        self.write("QuantizeLinear", [node.input[0], *ends], [made], node.name)
        if words != Interval(np.iinfo(type_).min, np.iinfo(type_).max):
            clip = [self.constant("end", np.array(end, type_)) for end in (words.low, words.high)]
            made = self.write("Clip", [made, *clip], [self.fresh(f"{output}_clipped")])
        self.dequantised(made, ends[0], ends[1], output=output)

    def _constant(
        self, node: onnx.NodeProto, scale: npt.NDArray[Any], zero: npt.NDArray[Any], bits: int
    ) -> None:
        """Write a constant as the integers that it is rounded to."""
        mode, values = rounding_of(node), self.constants[node.input[0]]
        if mode not in _ROUNDINGS:
            refuse(node, f"that round by one of {', '.join(_ROUNDINGS)}", mode)
        signed, words = _words(node, bits)
        _check_zero(node, zero, words)
        axis, (scales, zeros) = _along(node, values, scale, zero)
        steps = _ROUNDINGS[mode](values.astype(np.float32) / scale + zero.astype(np.float32))
        type_ = np.int32 if bits > BITS.high else np.int8 if signed else np.uint8
        integers = np.clip(steps.astype(np.float64), words.low, words.high).astype(type_)
        ends = self.constant("scales", scales), self.constant("zeros", zeros.astype(type_))
        words_name = self.constant(f"{node.output[0]}_words", integers)
        self.dequantised(words_name, *ends, axis=axis, output=node.output[0])


def _words(node: onnx.NodeProto, bits: int) -> tuple[bool, Interval]:
    attributes = attributes_of(node)
    signed, narrow = (int(attributes.get(name, d)) for name, d in (("signed", 1), ("narrow", 0)))
    return bool(signed), Interval(*ends_of(bits, signed, narrow))


def _bits(node: onnx.NodeProto, bits: npt.NDArray[Any], *, constant: bool) -> int:
    whole = bits.size == 1 and float(bits.ravel()[0]).is_integer()
    found = int(bits.ravel()[0]) if whole else -1
    bias = constant and BITS.high < found <= _BIAS_BITS
    if not whole or not (bias or BITS.low <= found <= BITS.high):
        refuse(node, f"of {BITS.low} to {BITS.high} bits", bits.ravel().tolist())
    return found


def _check_zero(node: onnx.NodeProto, zero: npt.NDArray[Any], words: Interval) -> None:
    outside = (zero != np.rint(zero)) | (zero < words.low) | (zero > words.high)
    if outside.any():
        rule = f"with zero points that are integers from {words.low} to {words.high}"
        refuse(node, rule, zero[outside].ravel()[0])


def _along(
    node: onnx.NodeProto, values: npt.NDArray[Any], *parts: npt.NDArray[Any]
) -> tuple[int | None, list[npt.NDArray[Any]]]:
    """Return the axis that a constant has several scales along, and them in a row."""
    full = [part.reshape((1,) * (values.ndim - part.ndim) + part.shape) for part in parts]
    axes = sorted({axis for part in full for axis, side in enumerate(part.shape) if side > 1})
    if not axes:
        return None, [part.reshape(()) for part in full]
    if len(axes) > 1 or any(part.shape[axes[0]] not in (1, values.shape[axes[0]]) for part in full):
        refuse(node, "with scales along one axis", [list(part.shape) for part in parts])
    side = values.shape[axes[0]]
    return axes[0], [np.broadcast_to(part.ravel(), (side,)) for part in full]
