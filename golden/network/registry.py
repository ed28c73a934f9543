"""Every operator by its name in files: a new one is a file and an entry here."""

from collections.abc import Mapping

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
