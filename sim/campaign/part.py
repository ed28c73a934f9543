"""Parts of the campaign: points that are tried once each, and what came of them, kept."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

Outcome = dict[str, Any]
"""What came of a point, as JSON holds it; ``failures`` lists what is wrong, a text each."""


class Part(Protocol):
    """A part of the campaign."""

    @property
    def name(self) -> str:
        """As ``--only`` takes it."""
        ...

    @property
    def head(self) -> Sequence[str]:
        """Heads of the columns of `figures`."""
        ...

    def points(self) -> Iterator[str]:
        """Yield the names of all points, in the order in which they are tried."""
        ...

    def sample(self) -> Iterator[str]:
        """Yield the names of a few points, seconds in sum, as tests try them."""
        ...

    def run(self, point: str) -> Outcome:
        """Try a point; the same outcome for the same name."""
        ...

    def figures(self, kept: Mapping[str, Outcome]) -> list[Sequence[str]]:
        """Return rows that sum up what is kept."""
        ...


class Kept:
    """Outcomes by the names of their points, in a file of JSON lines.

    A line is on disk before `add` returns; a last line that a kill cut off is dropped.

    Parameters
    ----------
    path
        The file; made with its folder where it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self.outcomes: dict[str, Outcome] = {}
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(path, len(whole))
        for line in whole.splitlines():
            entry = json.loads(line)
            self.outcomes[entry["point"]] = entry["outcome"]

    def needs(self, point: str) -> bool:
        """Whether a point was not tried yet, or failed."""
        return point not in self.outcomes or bool(self.outcomes[point]["failures"])

    def add(self, point: str, outcome: Outcome) -> None:
        """Keep what came of a point, over what came of it before."""
        self.outcomes[point] = outcome
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"point": point, "outcome": outcome}) + "\n")
            file.flush()
            os.fsync(file.fileno())


def failures_of(kept: Mapping[str, Outcome]) -> list[str]:
    """Return all that is wrong, the point's name first."""
    return [f"{point}: {text}" for point, outcome in kept.items() for text in outcome["failures"]]
