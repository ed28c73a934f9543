"""Roundings that torch has exported: narrower words than their type's are clipped in the open.

torch's ONNX exporter drops the ends of `quantized_decomposed` operators.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch

from golden.inputs.errors import ParameterError

_QUANTIZE = (
    "quantized_decomposed.quantize_per_tensor",
    "quantized_decomposed.quantize_per_channel",
)


def with_clips(program: Any) -> Any:
    """Return what `torch.export` gave, with a clamp behind each rounding to part of a type.

    Raises
    ------
    ParameterError
        Where a rounding is to other words than a map's.
    """
    graph = program.graph_module.graph
    for node in list(graph.nodes):
        ends = _ends(node)
        if ends is None:
            continue
        with graph.inserting_after(node):
            clip = graph.call_function(torch.ops.aten.clamp.default, (node, *ends))
        clip.meta = dict(node.meta)
        node.replace_all_uses_with(clip, delete_user_cb=lambda user, made=clip: user is not made)
    graph.lint()
    program.graph_module.recompile()
    return program


def _check(node: Any, given: Mapping[str, Any]) -> None:
    """Raise where a rounding is to no words of a map's, with numbers that are known."""
    rules = [
        ("dtype", "of maps of 8 bits", given["dtype"] in (torch.uint8, torch.int8)),
        ("scale", "of scales that are positive and finite", _is_scale(given.get("scale"))),
        (
            "zero_point",
            f"with zero points from {given['quant_min']} to {given['quant_max']}",
            _is_within(given.get("zero_point"), given["quant_min"], given["quant_max"]),
        ),
    ]
    for name, rule, holds in rules:
        if not holds:
            raise ParameterError("model", f"of operations {rule}", f"{given[name]} in {node.name}")


def _is_scale(scale: Any) -> bool:
    return not isinstance(scale, float) or 0 < scale < math.inf


def _is_within(zero_point: Any, low: int, high: int) -> bool:
    return not isinstance(zero_point, int) or low <= zero_point <= high


def _ends(node: Any) -> tuple[int, int] | None:
    """Return the ends that a node rounds to, where they are not those of its type."""
    if str(node.target).rpartition(".")[0] not in _QUANTIZE:
        return None
    names = [argument.name for argument in node.target._schema.arguments]
    given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
    _check(node, given)
    words = torch.iinfo(given["dtype"])
    ends = (given["quant_min"], given["quant_max"])
    return None if ends == (words.min, words.max) else ends
