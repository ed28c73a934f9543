"""A map that is always the same: what is added to another, or multiplies it."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from golden.network.operator import Operator, check_count, check_shape
from golden.numbers.interval import Integers, Interval


@dataclass(frozen=True, eq=False, kw_only=True)
class Constant(Operator):
    """``y = table``.

    Parameters
    ----------
    table
        int64 ``[C, H, W]``, words.
    """

    kind: ClassVar[str] = "constant"
    formula: ClassVar[str] = "a table"

    table: Integers

    def check(self) -> None:
        """See `Operator`."""
        check_count(self.takes, 0)
        check_shape("table", self.table.shape, self.gives.shape)

    @property
    def unsigned(self) -> Self:
        """See `Operator`."""
        table = self.table + self.gives.offset
        return replace(self, gives=self.gives.unsigned, table=table)

    @property
    def sums(self) -> Interval:
        """See `Operator`."""
        return Interval.of(self.table)

    @property
    def reach(self) -> Interval:
        """See `Operator`."""
        return Interval.of(self.table)

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`: one frame, which stands beside any number of them."""
        assert not maps
        return self.table[None]
