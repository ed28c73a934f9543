"""What rounds in quantised ONNX files: QuantizeLinear, DequantizeLinear, and QONNX's Quant."""

import re
from collections.abc import Mapping
from typing import Any

import onnx
import torch
from onnx import TensorProto

from golden.inputs.errors import ParameterError
from hw.convert.graph import Kind
from hw.convert.quantized import Levels, LevelsOf, levels

_STANDARD = ("", "ai.onnx", "com.microsoft")
QONNX = ("qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas")
"""Domains of operators that QONNX has."""
_KINDS: Mapping[str, Kind] = {
    "QuantizeLinear": "quantize",
    "DequantizeLinear": "dequantize",
    "Clip": "clip",
}
_ROUNDINGS = {
    "ROUND": torch.round,
    "CEIL": torch.ceil,
    "FLOOR": torch.floor,
    "ROUND_TO_ZERO": torch.trunc,
}
_FAR = 1 << 40
"""Beyond every integer."""


def kind_of(node: onnx.NodeProto) -> Kind | None:
    """Return how ``node`` rounds, or narrows integers; None for every other node."""
    if node.domain in QONNX:
        known = node.op_type in ("Quant", "IntQuant") and rounding_of(node) in _ROUNDINGS
        return "fake_quantize" if known else None
    blocks = any(a.name == "block_size" and a.i for a in node.attribute)
    return None if blocks or node.domain not in _STANDARD else _KINDS.get(node.op_type)


def in_integers(node: onnx.NodeProto) -> bool:
    """Whether ``node`` is of those that compute in integers themselves."""
    named = node.op_type.startswith(("QLinear", "QGemm", "QAttention", "DynamicQuantize"))
    return named or node.op_type in ("ConvInteger", "MatMulInteger")


def levels_of(node: onnx.NodeProto, types: Mapping[str, int]) -> LevelsOf:
    """Return what gives the levels of a node of a kind that rounds.

    Parameters
    ----------
    node
        Of a kind that `kind_of` knows.
    types
        ONNX's types of the numbers that are constants, by name.
    """
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}

    def of(values: Mapping[str, Any]) -> Levels:
        given: list[Any] = [values.get(name) if name else None for name in node.input]
        given += [None] * (4 - len(given))
        if node.op_type == "Clip":
            low, high = (-_FAR if given[1] is None else given[1]), given[2]
            return levels(1.0, 0, (low, _FAR if high is None else high))
        if node.domain in QONNX:
            ends = ends_of(int(given[3]), attributes.get("signed", 1), attributes.get("narrow", 0))
            return levels(given[1], given[2], ends, None, _ROUNDINGS[rounding_of(node)])
        zero_point = node.input[2] if len(node.input) > 2 else ""
        data_type = attributes.get("output_dtype") or types.get(zero_point, TensorProto.UINT8)
        ends = ends_of(*_integers(data_type, node.name or node.op_type), 0)
        return levels(given[1], given[2], ends, attributes.get("axis", 1))

    return of


def _integers(data_type: int, place: str) -> tuple[int, bool]:
    """Return the bits of one of ONNX's types of integers, and whether it is signed.

    Raises
    ------
    ParameterError
        Where it is of other numbers.
    """
    names = {number: name for name, number in TensorProto.DataType.items()}
    name = names.get(data_type, str(data_type))
    if (found := re.fullmatch(r"(U?)INT(\d+)", name)) is None:
        raise ParameterError("model", "one that rounds to integers", f"{name} in {place}")
    return int(found[2]), not found[1]


def ends_of(bits: int, signed: int, narrow: int) -> tuple[int, int]:
    """Return the ends of integers of ``bits``; narrow ones leave one out."""
    if signed:
        return -(1 << bits - 1) + bool(narrow), (1 << bits - 1) - 1
    return 0, (1 << bits) - 1 - bool(narrow)


def rounding_of(node: onnx.NodeProto) -> str:
    """Return how a `Quant` rounds."""
    modes = [a.s.decode() for a in node.attribute if a.name == "rounding_mode"]
    return modes[0].upper() if modes else "ROUND"
