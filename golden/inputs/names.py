"""What modules and ports may be called: in Verilog, in SystemVerilog, and as a file."""

import re
from pathlib import Path

from golden.inputs.errors import ParameterError

MAX_LENGTH = 200
"""Of a module's name: files of up to 255 bytes are named after it."""


def _words(file: str) -> frozenset[str]:
    return frozenset(Path(__file__).with_name(file).read_text(encoding="ascii").split())


VERILOG_WORDS = _words("verilog_words.txt")
"""Keywords of Verilog-2005 and of SystemVerilog-2017."""
CELLS = _words("cell_names.txt")
"""Primitives of the device families that Yosys maps to: a module of that name would be one."""
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)
"""What Windows takes for a device, whatever the suffix."""


def check_identifier(parameter: str, name: str) -> None:
    """Raise `ParameterError` unless ``name`` names a port in Verilog and SystemVerilog."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name in VERILOG_WORDS:
        raise ParameterError(parameter, "a Verilog identifier", repr(name))


def check_module_name(name: str) -> None:
    """Raise `ParameterError` unless ``name`` names a module, and files on any system."""
    check_identifier("name", name)
    if len(name) > MAX_LENGTH:
        raise ParameterError("name", f"of at most {MAX_LENGTH} characters", f"of {len(name)}")
    if _DEVICES.fullmatch(name):
        raise ParameterError("name", "a file's name on any system", repr(name))
    if name in CELLS:
        raise ParameterError("name", "another name than a primitive's", repr(name))
