"""What a page is put together of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hw.report.facts import Fact


@dataclass(frozen=True)
class Picture:
    """A plot and what it says."""

    heading: str
    svg: str
    text: str = ""


@dataclass(frozen=True)
class Grid:
    """A table."""

    heading: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    text: str = ""


@dataclass
class Part:
    """A section of a page: a build, a plan or a sweep.

    Parameters
    ----------
    name
        Its heading.
    about
        What it is, in a sentence.
    facts
        Numbers, each with where it came from.
    use
        Text that shows how to use it.
    pictures, tables
        In their order.
    prediction
        Of resources, by the manifest's keys, to compare.
    """

    name: str
    about: str
    facts: list[Fact] = field(default_factory=list)
    use: str = ""
    pictures: list[Picture] = field(default_factory=list)
    tables: list[Grid] = field(default_factory=list)
    prediction: Mapping[str, Any] = field(default_factory=dict)


def as_text(value: object) -> str:
    """Return a number as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return str(value)
