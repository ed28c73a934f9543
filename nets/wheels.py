"""Files of installed wheels that are read as data: nothing of theirs is imported or run."""

import importlib.util
from pathlib import Path

from golden.inputs.errors import ParameterError


def wheel_file(package: str, name: str) -> Path:
    """Return a file of an installed package.

    Parameters
    ----------
    package, name
        As it is imported, and the file's path in it.

    Raises
    ------
    ParameterError
        Where the package is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ParameterError("package", "installed (make .venv/trained)", package)
    return Path(found.origin).parent / name
