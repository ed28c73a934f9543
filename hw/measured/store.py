"""Results by the content that they depend on, in one file of SQLite.

SQLite, and not Parquet: a result is there from one transaction to the next, whenever the process is
killed, where a Parquet file is whole only when it is closed; it is in Python's own library, where
pyarrow has 40 MB; and one process writes.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from golden.inputs.errors import ParameterError

try:
    import fcntl
except ModuleNotFoundError:  # Windows, where two sweeps into one store do some work twice
    fcntl = None  # type: ignore[assignment]

_SCHEMA = 2
_TABLES = """
CREATE TABLE results (
    key TEXT PRIMARY KEY, state TEXT NOT NULL, why TEXT NOT NULL, seconds REAL NOT NULL,
    figures TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE points (
    sweep TEXT NOT NULL, number INTEGER NOT NULL, point TEXT NOT NULL, keys TEXT NOT NULL,
    PRIMARY KEY (sweep, number)
) WITHOUT ROWID;
CREATE TABLE sweeps (sweep TEXT PRIMARY KEY, least TEXT NOT NULL, most TEXT NOT NULL);
"""
DONE, REFUSED, FAILED, TIMEOUT, OPEN = "done", "refused", "failed", "timeout", "open"
"""States of a result: `REFUSED` by the generator or a tool as impossible; `OPEN` where none is."""


@dataclass(frozen=True)
class Result:
    """What a step came to.

    Parameters
    ----------
    state
        `DONE`, `REFUSED`, `FAILED` or `TIMEOUT`.
    why
        Of another state than `DONE`, in one line.
    seconds
        That it took.
    figures
        Numbers by name: ``predicted.multipliers``, ``placed.fmax_mhz``.
    """

    state: str
    why: str = ""
    seconds: float = 0.0
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Swept:
    """A point of a sweep, with the results of its steps put together.

    Parameters
    ----------
    point
        Its parameters.
    state, why
        Of the first step that is not `DONE`.
    seconds
        Of all steps.
    figures
        Of all steps.
    """

    point: Mapping[str, Any]
    state: str
    why: str
    seconds: float
    figures: Mapping[str, Any]


class Store:
    """Results in a file. One process writes at a time, any number read.

    Raises
    ------
    ParameterError
        Where the file is no store, cannot be written, or is busy for a minute.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, timeout=60, isolation_level=None)
            (version,) = self._file.execute("PRAGMA user_version").fetchone()
            if version == 0 and not self._file.execute("SELECT 1 FROM sqlite_master").fetchone():
                # In one transaction: a store that was killed here is empty, or whole.
                self._file.executescript(
                    f"BEGIN EXCLUSIVE; {_TABLES} PRAGMA user_version = {_SCHEMA}; COMMIT;"
                )
                version = _SCHEMA
        except (OSError, sqlite3.Error) as reason:
            raise self._refusal(reason) from None
        if version != _SCHEMA:
            self._file.close()
            raise self._refusal(f"schema {version}")

    def _refusal(self, reason: object) -> ParameterError:
        return ParameterError("store", "a file of results of hw.sweep", f"{self._path} ({reason})")

    def __enter__(self) -> Self:
        """Return this, to be closed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    @contextmanager
    def only_writer(self) -> Iterator[None]:
        """Keep other sweeps out, which would do the same work; goes with the process.

        Raises
        ------
        ParameterError
            Where another one is writing.
        """
        # Beside the file: closing it would take SQLite's own locks off.
        with self._path.with_name(f".{self._path.name}.lock").open("wb") as lock:
            try:
                if fcntl is not None:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ParameterError(
                    "store", "one that no other sweep is writing", self._path
                ) from None
            yield

    def known(self) -> dict[str, str]:
        """Return the state of every result by its key."""
        return dict(self._file.execute("SELECT key, state FROM results"))

    def forget(self, states: Sequence[str]) -> None:
        """Remove results of these states, so that they are done again."""
        marks = ", ".join("?" * len(states))
        self._file.execute(f"DELETE FROM results WHERE state IN ({marks})", states)

    def record(self, results: Mapping[str, Result]) -> None:
        """Keep results by their keys, all or none."""
        rows = [
            (key, one.state, one.why, round(one.seconds, 3), json.dumps(dict(one.figures)))
            for key, one in results.items()
        ]
        with self._transaction() as file:
            file.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?)", rows)

    def name_points(
        self,
        sweep: str,
        points: Iterable[tuple[Mapping[str, Any], list[str]]],
        best: tuple[Sequence[str], Sequence[str]] = ((), ()),
    ) -> None:
        """Keep a sweep in place of the one before of its name.

        Parameters
        ----------
        sweep
            Its name.
        points
            Parameters of each point, and its results' keys.
        best
            Figures that are better where they are small, and large.
        """
        rows = [
            (sweep, number, json.dumps(dict(point)), json.dumps(keys))
            for number, (point, keys) in enumerate(points)
        ]
        least, most = (json.dumps(list(names)) for names in best)
        with self._transaction() as file:
            file.execute("DELETE FROM points WHERE sweep = ?", (sweep,))
            file.executemany("INSERT INTO points VALUES (?, ?, ?, ?)", rows)
            file.execute("INSERT OR REPLACE INTO sweeps VALUES (?, ?, ?)", (sweep, least, most))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the file; what is done to it is done whole, or not at all."""
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield self._file
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")

    def best(self, sweep: str) -> tuple[list[str], list[str]]:
        """Return the figures of a sweep that are better where they are small, and large."""
        found = self._file.execute("SELECT least, most FROM sweeps WHERE sweep = ?", (sweep,))
        least, most = found.fetchone()
        return json.loads(least), json.loads(most)

    def sweeps(self) -> list[str]:
        """Return the names of all sweeps."""
        return [name for (name,) in self._file.execute("SELECT sweep FROM sweeps ORDER BY sweep")]

    def rows(self, sweep: str | None = None) -> Iterator[Swept]:
        """Yield the points of a sweep, or of all, in their order."""
        where, names = ("", ()) if sweep is None else (" WHERE sweep = ?", (sweep,))
        order = " ORDER BY sweep, number"
        for point, keys in self._file.execute(
            f"SELECT point, keys FROM points{where}{order}", names
        ).fetchall():
            yield self._row(json.loads(point), json.loads(keys))

    def _row(self, point: Mapping[str, Any], keys: Sequence[str]) -> Swept:
        found = [self._result(key) for key in keys]
        open_ = next((one for one in found if one.state != DONE), Result(DONE))
        figures = {name: value for one in found for name, value in one.figures.items()}
        seconds = round(sum(one.seconds for one in found), 3)
        return Swept(point, open_.state, open_.why, seconds, figures)

    def _result(self, key: str) -> Result:
        select = "SELECT state, why, seconds, figures FROM results WHERE key = ?"
        with closing(self._file.execute(select, (key,))) as found:
            row = found.fetchone()
        if row is None:
            return Result(OPEN)
        state, why, seconds, figures = row
        return Result(state, why, seconds, json.loads(figures))
