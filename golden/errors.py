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
    """

    def __init__(self, parameter: str, rule: str, value: object, *, verb: str = "must be") -> None:
        self.parameter = parameter
        self.complaint = f"{verb} {rule}, not {value}"
        noun = parameter.replace("_", " ").capitalize()
        super().__init__(f"{noun} {self.complaint}")


def check_range(parameter: str, value: int, low: int, high: int) -> None:
    """Raise `ParameterError` unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise ParameterError(parameter, f"from {low} to {high}", value)
