"""A build as `hw.build` left it: its Verilog, and what the manifest says of it."""

import contextlib
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from golden.inputs.errors import ParameterError, first_line
from golden.inputs.read import read_json
from hw.build import main


@dataclass(frozen=True)
class Product:
    """What is implemented.

    Parameters
    ----------
    name
        Of the build and of its top module.
    clock
        Name of the clock's port.
    sources
        Verilog files to synthesise, by name.
    manifest
        The whole manifest.
    """

    name: str
    clock: str
    sources: dict[str, bytes]
    manifest: dict[str, Any]


def load_product(manifest: Path) -> Product:
    """Read a manifest and the files that it names.

    Raises
    ------
    ParameterError
        Where one cannot be read, or a file is not the one that the manifest describes.
    """
    rule = "a readable manifest of hw.build"
    try:
        facts = read_json(manifest, "manifest", rule)
        # Models are for simulation: to synthesis the primitives are cells.
        names = [name for name in facts["files"] if name not in facts["models"]]
        sources = {name: (manifest.parent / name).read_bytes() for name in names}
        for name, content in sources.items():
            if hashlib.sha256(content).hexdigest() != facts["sha256"][name]:
                rule_of_file = f"the manifest of the {name} beside it"
                raise ParameterError("manifest", rule_of_file, f"{manifest} (sha256 differs)")
        return Product(facts["top"], facts["clock"], sources, facts)
    except (OSError, ValueError, KeyError, TypeError) as reason:
        if isinstance(reason, ParameterError):
            raise
        raise ParameterError("manifest", rule, f"{manifest} ({first_line(reason)})") from None


def build(name: str, arguments: Sequence[str], folder: Path) -> Product:
    """Run ``python -m hw.build ARGUMENTS`` under ``name`` into ``folder``, and load what it made.

    Raises
    ------
    ParameterError
        Where the generator refuses.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        main([*arguments, "--name", name, "--out", str(folder)], standalone_mode=False)
    return load_product(folder / f"{name}.json")
