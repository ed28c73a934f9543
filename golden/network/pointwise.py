"""Functions of one sample, as tables of all its values."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from golden.inputs.errors import ParameterError
from golden.network.operator import Operator, check_count, check_shape
from golden.numbers.interval import Integers, Interval


@dataclass(frozen=True, eq=False, kw_only=True)
class Pointwise(Operator):
    """``y = table[x - low]``, low the least word of the map: an activation, or another scale.

    Parameters
    ----------
    table
        int64, one entry a word of the map.
    function
        Name of what it is a table of, for those who compare it with the reference; "" where it has
        none.
    """

    kind: ClassVar[str] = "pointwise"
    formula: ClassVar[str] = "T[x]"

    table: Integers
    function: str = ""

    def check(self) -> None:
        """See `Operator`."""
        check_count(self.takes, 1)
        (data,) = self.takes
        check_shape("table", self.table.shape, (data.range.high - data.range.low + 1,))
        check_shape("gives", self.gives.shape, data.shape)
        if not self.gives.range.holds(self.reach):
            raise ParameterError("table", f"of {self.gives.range}", self.reach)

    @property
    def unsigned(self) -> Self:
        """See `Operator`."""
        takes = tuple(data.unsigned for data in self.takes)
        table = self.table + self.gives.offset
        return replace(self, takes=takes, gives=self.gives.unsigned, table=table)

    @property
    def reach(self) -> Interval:
        """See `Operator`."""
        return Interval.of(self.table)

    @property
    def clip(self) -> Interval | None:
        """The ends to which it clips, where that is all it does; then it costs nothing."""
        (data,) = self.takes
        words = np.arange(data.range.low, data.range.high + 1)
        same = np.array_equal(self.table, np.clip(words, self.reach.low, self.reach.high))
        return self.reach if same and self.gives.format == data.format else None

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        (x,) = maps
        y: Integers = self.table[x - self.takes[0].range.low]
        return y
