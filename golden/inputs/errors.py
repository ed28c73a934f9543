"""The one exception for a parameter that a user can get wrong."""

import re
from collections.abc import Callable

_NAMED = re.compile("\x02(\\w+)\x03")


def named(parameter: str) -> str:
    """Return ``parameter`` as rules mention it: the user is told of it as they know it."""
    return f"\x02{parameter}\x03"


class ParameterError(ValueError):
    """A parameter breaks its rule.

    Parameters
    ----------
    parameter
        The parameter's name as an identifier, for instance ``data_bits``; the command line
        shows it as its option.
    rule
        What it must be, to follow the words "must be" or another verb given by ``verb``. Other
        parameters in it are `named`.
    value
        What it was.
    verb
        The words between the name and the rule.

    Attributes
    ----------
    known_as
        What the user knows the parameter as, where it is no option of a command line.
    """

    known_as: str | None = None

    def __init__(self, parameter: str, rule: str, value: object, *, verb: str = "must be") -> None:
        self.parameter = parameter
        self._complaint = f"{verb} {rule}, not {value}"
        super().__init__(f"{_words(parameter).capitalize()} {self.complaint}")

    @property
    def complaint(self) -> str:
        """What is said of the parameter, others called by their own names."""
        return _NAMED.sub(lambda found: _words(found[1]), self._complaint)

    def renamed(
        self, known_as: str, others: Callable[[str], str] | None = None
    ) -> "ParameterError":
        """Return the error, which the user is told of under the name ``known_as``.

        ``others`` gives what the user knows other parameters as.
        """
        self.known_as = known_as
        if others is not None:
            self._complaint = _NAMED.sub(lambda found: others(found[1]), self._complaint)
        self.args = (f"{known_as} {self.complaint}",)
        return self

    def reworded(self, wording: Callable[[str], str]) -> "ParameterError":
        """Return the error with ``wording`` of what is said of the parameter."""
        self._complaint = wording(self._complaint)
        return self


def _words(parameter: str) -> str:
    return parameter.replace("_", " ")


def check_range(parameter: str, value: int, low: int, high: int) -> None:
    """Raise `ParameterError` unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise ParameterError(parameter, f"from {low} to {high}", value)


def first_line(reason: object) -> str:
    """Return what an exception says, on one line."""
    lines = str(reason).strip().splitlines()
    return lines[0].strip() if lines else type(reason).__name__
