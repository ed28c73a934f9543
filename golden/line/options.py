"""What a user can choose of an engine: said once, for command lines and configurations alike."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from golden.inputs.config import Table, refusal


@dataclass(frozen=True, kw_only=True)
class EngineOption:
    """A choice that an engine leaves to its user.

    Parameters
    ----------
    name
        Key of a configuration; a command line has hyphens for its underscores.
    help
        What it is, as a sentence.
    kind
        Of its value: int, or bool for what is asked for or not.
    choices
        Words that it is chosen by, and what they stand for, where it is no number.
    field
        Of the design that it decides; None is its name.
    default
        In words, where None stands for the default.
    finish
        Of what is no field: makes another design of one that has all else.
    settles
        Other options, which ``finish`` chooses, whatever they were.
    """

    name: str
    help: str
    kind: type[int | bool] = int
    choices: Mapping[str, Any] | None = None
    field: str | None = None
    default: str | None = None
    finish: Callable[[Any], Any] | None = None
    settles: tuple[str, ...] = ()

    def take(self, table: Table) -> Any:
        """Return what a configuration's ``table`` has, or None."""
        if self.choices is None:
            return table.take(self.name, self.kind, None)
        named = table.take(self.name, str, None)
        if named is not None and named not in self.choices:
            rule = f"one of {', '.join(self.choices)}"
            raise refusal(f"{table.path}{self.name}", rule, repr(named))
        return named

    def meant(self, value: Any) -> Any:
        """Return what the value that a user gave stands for."""
        return value if self.choices is None else self.choices[value]


def sorted_out(
    options: Iterable[EngineOption], values: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return fields of a design, and names of what finishes it, of a user's ``values``.

    ``values`` are by the options' names; None stands for what was not given.
    """
    given = [(o, values[o.name]) for o in options if values.get(o.name) is not None]
    fields = {o.field or o.name: o.meant(value) for o, value in given if o.finish is None}
    return fields, tuple(o.name for o, value in given if o.finish is not None and value)
