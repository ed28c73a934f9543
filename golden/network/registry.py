"""Every operator by its name in files: a new one is a file and an entry here."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Generic, TypeVar

from golden.network.arithmetic import Add, Multiply
from golden.network.circular import Circular
from golden.network.constant import Constant
from golden.network.convolution import Convolution
from golden.network.layer_norm import LayerNorm
from golden.network.move import Arrange, Concatenate, Select
from golden.network.operator import Operator
from golden.network.pointwise import Pointwise
from golden.network.pool import Average, Maximum
from golden.network.resize import Resize

OPERATORS: Mapping[str, type[Operator]] = {
    operator.kind: operator
    for operator in (
        Convolution,
        Circular,
        Pointwise,
        Add,
        Multiply,
        Average,
        Maximum,
        LayerNorm,
        Concatenate,
        Select,
        Arrange,
        Resize,
        Constant,
    )
}
CLIPPED = tuple(
    kind
    for kind, operator in OPERATORS.items()
    if "clip" in {field.name for field in fields(operator)}
)
"""Those that end in a clip, which can be another operator's."""

Function = TypeVar("Function", bound=Callable[..., Operator])


class ByKind(Generic[Function]):
    """Functions that give operators, one for each kind, found where each stands."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}

    def of(self, operator: type[Operator]) -> Callable[[Function], Function]:
        """Return a decorator: the function is the one for ``operator``."""

        def enter(function: Function) -> Function:
            self._functions[operator.kind] = function
            return function

        return enter

    def __getitem__(self, kind: str) -> Function:
        return self._functions[kind]

    @property
    def kinds(self) -> set[str]:
        """Kinds that have a function."""
        return set(self._functions)
