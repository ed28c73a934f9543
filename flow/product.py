"""Builds of the flow's own: `hw.build`, in a folder."""

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path

from hw.build import main
from hw.emit.product import Built, load_product


def build(name: str, arguments: Sequence[str], folder: Path) -> Built:
    """Run ``python -m hw.build ARGUMENTS`` under ``name`` into ``folder``, and load what it made.

    Raises
    ------
    ParameterError
        Where the generator refuses.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        main([*arguments, "--name", name, "--out", str(folder)], standalone_mode=False)
    return load_product(folder / f"{name}.json")
