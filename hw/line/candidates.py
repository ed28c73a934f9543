"""What the planner may try of an engine, and about how fast that is, before anything is made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

EngineTable = Mapping[str, str | int]
"""An engine's options as a configuration has them, with or without its name."""


@dataclass(frozen=True)
class Lines:
    """Lines that an engine is to do.

    Parameters
    ----------
    length
        Of a circle that does, the least.
    taps
        Of the kernels.
    rows
        Lines of a plane.
    fixed
        Whether the circle may be no longer: a line is the circle.
    """

    length: int
    taps: int
    rows: int
    fixed: bool = True


class Candidates:
    """The options of an engine that are worth trying: by default none but its own choices."""

    def tables(self, lines: Lines, apart: float) -> Iterator[EngineTable]:
        """Yield options for ``lines``, the fastest first.

        Cycles of one are more than ``apart`` times those of the one before.
        """
        del lines, apart
        yield {}

    def cycles_per_line(self, lines: Lines, table: EngineTable) -> int:
        """Return about what a line takes: what is tried together follows from it."""
        del table
        return lines.length

    def least_multipliers(self, table: EngineTable) -> int:
        """Return how many multipliers a lane has at the least."""
        del table
        return 1

    def can_multiply(self, lines: Lines, table: EngineTable) -> bool:
        """Whether a dense engine is worth trying with several units of these options."""
        del lines, table
        return True

    def within(self, length: int, multipliers: int) -> EngineTable:
        """Return the options that fit a device of so many multipliers, if that takes any."""
        del length, multipliers
        return {}
