"""How operators map to units: a new one is a function and an entry here."""

from collections.abc import Callable, Mapping
from typing import Any

from golden.accelerator.operators.arithmetic import add, multiply
from golden.accelerator.operators.kernels import circular, convolution
from golden.accelerator.operators.move import concatenate, select
from golden.accelerator.operators.pointwise import pointwise
from golden.accelerator.operators.pool import average
from golden.accelerator.operators.sums import Sums
from golden.accelerator.sizes import CENTRED_BITS
from golden.graph.graph import Node
from golden.inputs.errors import ParameterError
from golden.network.arithmetic import Add, Multiply
from golden.network.circular import Circular
from golden.network.convolution import Convolution
from golden.network.move import Concatenate, Select
from golden.network.pointwise import Pointwise
from golden.network.pool import Average
from golden.numbers.interval import Interval

_WEIGHTS = Interval.signed(CENTRED_BITS)

SUMS: Mapping[type, Callable[[Any, tuple[str, ...]], Sums]] = {
    Convolution: convolution,
    Circular: circular,
    Average: average,
    Add: add,
    Multiply: multiply,
    Pointwise: pointwise,
    Select: select,
    Concatenate: concatenate,
}
"""What operators are as sums of products; others have no place on the accelerator yet."""


def sums_of(node: Node) -> Sums:
    """Return an operator as sums of products.

    Raises
    ------
    ParameterError
        Where the accelerator does not do it.
    """
    make = SUMS.get(type(node.stage))
    if make is None:
        known = ", ".join(sorted(operator.kind for operator in SUMS))  # type: ignore[attr-defined]
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
