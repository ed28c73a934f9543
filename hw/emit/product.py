"""A build as `hw.build` left it: its Verilog, and what the manifest says of it."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from golden.inputs.errors import ParameterError, first_line
from golden.inputs.read import read_json


@dataclass(frozen=True)
class Built:
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
    models
        Verilog of primitives, by file name, which only simulation needs.
    contents
        Files that the Verilog reads memories from, by name.
    """

    name: str
    clock: str
    sources: dict[str, bytes]
    manifest: dict[str, Any]
    models: dict[str, bytes] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)


def load_product(manifest: Path) -> Built:
    """Read a manifest and the files that it names.

    Raises
    ------
    ParameterError
        Where one cannot be read, or a file is not the one that the manifest describes.
    """
    rule = "a readable manifest of hw.build"
    try:
        facts = read_json(manifest, "manifest", rule)
        files = {name: (manifest.parent / name).read_bytes() for name in facts["files"]}
        for name, content in files.items():
            if hashlib.sha256(content).hexdigest() != facts["sha256"][name]:
                rule_of_file = f"the manifest of the {name} beside it"
                raise ParameterError("manifest", rule_of_file, f"{manifest} (sha256 differs)")
        models = {name: files.pop(name) for name in facts["models"]}
        return Built(facts["top"], facts["clock"], files, facts, models)
    except (OSError, ValueError, KeyError, TypeError) as reason:
        if isinstance(reason, ParameterError):
            raise
        raise ParameterError("manifest", rule, f"{manifest} ({first_line(reason)})") from None
