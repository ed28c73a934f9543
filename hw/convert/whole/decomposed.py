"""Roundings that torch has exported: narrower words than their type's are clipped in the open.

torch's ONNX exporter drops the ends of `quantized_decomposed` operators.
"""

from typing import Any

import torch

_QUANTIZE = (
    "quantized_decomposed.quantize_per_tensor",
    "quantized_decomposed.quantize_per_channel",
)


def with_clips(program: Any) -> Any:
    """Return what `torch.export` gave, with a clamp behind each rounding to part of a type."""
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


def _ends(node: Any) -> tuple[int, int] | None:
    """Return the ends that a node rounds to, where they are not those of its type."""
    if str(node.target).rpartition(".")[0] not in _QUANTIZE:
        return None
    names = [argument.name for argument in node.target._schema.arguments]
    given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
    words = torch.iinfo(given["dtype"])
    ends = (given["quant_min"], given["quant_max"])
    return None if ends == (words.min, words.max) else ends
