"""Reading a TOML table key by key: what is missing, of another type or unknown is refused."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from golden.inputs.errors import ParameterError
from golden.inputs.read import read_toml

Value = TypeVar("Value", int, str, bool)
NAMES = {int: "an integer", str: "a string", bool: "true or false", dict: "a table"}
REQUIRED = object()


class Table:
    """A table of a configuration file.

    Every key is taken once, by its type; `finish` refuses those that nobody took.

    Parameters
    ----------
    entries
        As `tomllib` read them.
    path
        Keys that lead to the table, each followed by a dot.
    """

    def __init__(self, entries: Mapping[str, Any], path: str = "") -> None:
        self._entries = dict(entries)
        self._known: list[str] = []
        self._subtables: list[Table] = []
        self.path = path

    @classmethod
    def read(cls, path: Path, changes: Mapping[str, object]) -> "Table":
        """Read a file; ``changes`` come in the place of its own entries.

        Raises
        ------
        ParameterError
            Where the file cannot be read, or is no TOML.
        """
        return cls(read_toml(path, "config") | dict(changes))

    @property
    def entries(self) -> dict[str, Any]:
        """All keys and their values, as they were read."""
        return dict(self._entries)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def take(self, key: str, kind: type[Value], default: Any = REQUIRED) -> Any:
        """Return the value of ``key``, of the type ``kind``; ``default`` where it is absent.

        Raises
        ------
        ParameterError
            Where it is of another type, or absent and needed.
        """
        self._known.append(key)
        if key not in self._entries:
            if default is REQUIRED:
                raise refusal(self.path + key, NAMES[kind], "left out")
            return default
        value = self._entries[key]
        if type(value) is not kind:
            raise refusal(self.path + key, NAMES[kind], repr(value))
        return value

    def strings(self, key: str, default: list[str]) -> list[str]:
        """Return the list of strings of ``key``, or ``default``."""
        self._known.append(key)
        value = self._entries.get(key, default)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise refusal(self.path + key, "a list of strings", repr(value))
        return value

    def sides(self, key: str, default: Any = REQUIRED) -> Any:
        """Return what holds along rows and columns: ``[5, 3]``, or one number for both.

        Returns
        -------
        tuple[int, int], along the height and along the width, or ``default``
        """
        value = self._entries.get(key)
        if not isinstance(value, list):
            value = self.take(key, int, default)
            return (value, value) if key in self._entries else value
        self._known.append(key)
        if len(value) != 2 or any(type(side) is not int for side in value):
            rule = "a whole number, or two in a list, along the height and along the width"
            raise refusal(self.path + key, rule, repr(value))
        return value[0], value[1]

    def is_table(self, key: str) -> bool:
        """Whether ``key`` holds a table."""
        return isinstance(self._entries.get(key), dict)

    def table(self, key: str) -> "Table":
        """Return the table of ``key``, empty where it is absent."""
        self._known.append(key)
        value = self._entries.get(key, {})
        if not isinstance(value, dict):
            raise refusal(self.path + key, NAMES[dict], repr(value))
        table = Table(value, f"{self.path}{key}.")
        self._subtables.append(table)
        return table

    def value(self, key: str) -> Any:
        """Return the value of ``key`` whatever it is, None where it is absent: to be checked."""
        self._known.append(key)
        return self._entries.get(key)

    def tables(self, key: str) -> "list[Table]":
        """Return the list of tables of ``key``, empty where it is absent."""
        value = self._entries.get(key, [])
        self._known.append(key)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise refusal(self.path + key, "a list of tables", repr(value))
        tables = [Table(item, f"{self.path}{key}[{i}].") for i, item in enumerate(value)]
        self._subtables += tables
        return tables

    def leave_out(self, keys: Iterable[str], rule: str) -> None:
        """Refuse those of ``keys`` that are there, since they would have no effect.

        Raises
        ------
        ParameterError
            Names the key.
        """
        for key in keys:
            if key in self._entries:
                value = self._entries[key]
                raise refusal(self.path + key, rule, f"{value}".lower() if value is True else value)

    def finish(self) -> None:
        """Refuse what nobody took, here and in the tables taken.

        Raises
        ------
        ParameterError
            Names the key.
        """
        for key in self._entries:
            if key not in self._known:
                rule = f"one of the keys {', '.join(self._known)}"
                raise refusal(self.path + key, rule, repr(key))
        for table in self._subtables:
            table.finish()

    @contextmanager
    def naming(self, keys: Mapping[str, str] | None = None) -> Iterator[None]:
        """Name parameters that are refused inside by their keys: ``keys`` has those apart."""
        try:
            yield
        except ParameterError as error:
            if error.known_as is not None:
                raise
            apart = keys or {}

            def key_of(parameter: str) -> str:
                return apart.get(parameter, self.path + parameter)

            raise error.renamed(key_of(error.parameter), key_of) from None


def refusal(key: str, rule: str, value: object) -> ParameterError:
    """Return the error of a key that breaks its rule."""
    return ParameterError(key, rule, value).renamed(key)
