"""How operators map to units: a new one is a function and an entry here."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from golden.accelerator.operators.arithmetic import add, multiply
from golden.accelerator.operators.constant import constant
from golden.accelerator.operators.kernels import circular, convolution
from golden.accelerator.operators.layer_norm import Normal, layer_norm
from golden.accelerator.operators.move import Moves, moves, sliced, stacked
from golden.accelerator.operators.pointwise import pointwise
from golden.accelerator.operators.pool import average, maximum
from golden.accelerator.operators.resize import resize
from golden.accelerator.operators.sums import Sums, narrow
from golden.accelerator.sizes import Sizes
from golden.graph.graph import Node
from golden.inputs.errors import ParameterError
from golden.network.arithmetic import Add, Multiply
from golden.network.circular import Circular
from golden.network.constant import Constant
from golden.network.convolution import Convolution
from golden.network.layer_norm import LayerNorm
from golden.network.move import Arrange, Concatenate, Select
from golden.network.pointwise import Pointwise
from golden.network.pool import Average, Maximum
from golden.network.resize import Resize

SUMS: Mapping[type, Callable[[Any, tuple[str, ...]], Sums]] = {
    Convolution: convolution,
    Circular: circular,
    Average: average,
    Maximum: maximum,
    Add: add,
    Multiply: multiply,
    Pointwise: pointwise,
    Constant: constant,
}
"""What operators are as sums of products."""
MOVES = (Select, Concatenate, Arrange)
"""What only moves samples."""
_ROW_BY_ROW: Mapping[type, Callable[[Any, tuple[str, ...]], Sums | None]] = {
    Select: sliced,
    Concatenate: stacked,
}
"""Those that may be sums."""


def lower(node: Node, sizes: Sizes) -> Sums | Moves | Normal:
    """Return an operator as sums of products, as moves, or as a layer norm.

    Raises
    ------
    ParameterError
        Where the accelerator does not do it.
    """
    if isinstance(node.stage, MOVES):
        row_by_row = _ROW_BY_ROW.get(type(node.stage))
        sums = row_by_row(node.stage, node.sources) if row_by_row else None
        return sums or moves(node.stage, node.sources, sizes)
    if isinstance(node.stage, Resize):
        return resize(node.stage, node.sources, sizes)
    if isinstance(node.stage, LayerNorm):
        return layer_norm(node.stage, node.sources)
    make = SUMS.get(type(node.stage))
    if make is None:
        kind = getattr(node.stage, "kind", type(node.stage).__name__)
        raise ParameterError("operator", "one that the accelerator does", f"{kind} ({node.name})")
    sums = make(node.stage, node.sources)
    return replace(sums, terms=narrow(sums.terms))
