"""What documents say of operators and operations, from the code that has them."""

import textwrap
from collections.abc import Iterable

from golden.network.registry import OPERATORS
from hw.convert.whole.qonnx import QUANT
from hw.convert.whole.qoperator import KERNELS
from hw.convert.whole.recognise import KNOWN


def operators_table() -> str:
    """Return the operators of networks in integers, and what they compute, as Markdown."""
    rows = ["| operator | y |", "| --- | --- |"]
    rows += [f"| {operator.kind} | `{operator.formula}` |" for operator in OPERATORS.values()]
    return "\n".join(rows)


def operations_text() -> str:
    """Return the operations of ONNX that are read, in their order, on lines of a document."""
    return _wrapped(KNOWN)


def foreign_text() -> str:
    """Return the operations of other tools that are read, on lines of a document."""
    return _wrapped((*sorted(KERNELS), *QUANT))


def _wrapped(names: Iterable[str]) -> str:
    return "\n".join(textwrap.wrap(", ".join(names) + ".", 118))
