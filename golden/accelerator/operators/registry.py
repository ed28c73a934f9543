"""How operators map to units: a new one is a function and an entry here."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from golden.accelerator.operators.arithmetic import add, multiply
from golden.accelerator.operators.constant import constant
from golden.accelerator.operators.kernels import circular, convolution
from golden.accelerator.operators.move import Move, moves
from golden.accelerator.operators.pointwise import pointwise
from golden.accelerator.operators.pool import average, maximum
from golden.accelerator.operators.sums import Sums
from golden.accelerator.sizes import CENTRED_BITS, Sizes
from golden.graph.graph import Node
from golden.inputs.errors import ParameterError
from golden.network.arithmetic import Add, Multiply
from golden.network.circular import Circular
from golden.network.constant import Constant
from golden.network.convolution import Convolution
from golden.network.move import Arrange, Concatenate, Select
from golden.network.pointwise import Pointwise
from golden.network.pool import Average, Maximum
from golden.numbers.interval import Interval

_WEIGHTS = Interval.signed(CENTRED_BITS)

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


def lower(node: Node, sizes: Sizes) -> Sums | Sequence[Move]:
    """Return an operator as sums of products, or as moves.

    Raises
    ------
    ParameterError
        Where the accelerator does not do it.
    """
    if isinstance(node.stage, MOVES):
        return list(moves(node.stage, node.sources, sizes))
    make = SUMS.get(type(node.stage))
    if make is None:
        known = ", ".join(sorted(operator.kind for operator in (*SUMS, *MOVES)))  # type: ignore[attr-defined]
        kind = getattr(node.stage, "kind", type(node.stage).__name__)
        raise ParameterError("operator", f"one of {known}", f"{kind} ({node.name})")
    sums = make(node.stage, node.sources)
    if sums.rescale.single:
        rule = "scaled by our own calibration"
        raise ParameterError("operator", rule, f"single, as imported ({node.name})")
    for term in sums.terms:
        if not _WEIGHTS.holds(Interval.of(term.weight)):
            rule = f"of weights of {CENTRED_BITS} bits"
            raise ParameterError("operator", rule, f"{Interval.of(term.weight)} ({node.name})")
    return sums
