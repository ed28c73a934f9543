"""The one exception for a parameter that a user can get wrong."""


class ParameterError(ValueError):
    """A parameter breaks its rule.

    Parameters
    ----------
    parameter
        The parameter's name as an identifier, for instance ``data_bits``; the command line
        shows it as its option, ``--data-bits``.
    rule
        What it must be, to follow the words "must be" or another verb given by ``verb``.
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
        self.complaint = f"{verb} {rule}, not {value}"
        noun = parameter.replace("_", " ").capitalize()
        super().__init__(f"{noun} {self.complaint}")

    def renamed(self, known_as: str) -> "ParameterError":
        """Return the error, which the user is told of under the name ``known_as``."""
        self.known_as = known_as
        self.args = (f"{known_as} {self.complaint}",)
        return self


def check_range(parameter: str, value: int, low: int, high: int) -> None:
    """Raise `ParameterError` unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise ParameterError(parameter, f"from {low} to {high}", value)


def first_line(reason: object) -> str:
    """Return what an exception says, on one line."""
    lines = str(reason).strip().splitlines()
    return lines[0].strip() if lines else type(reason).__name__
