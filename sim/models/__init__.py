"""Behavioural models, in Verilog, of primitives that Yosys has no simulation model of."""

import re
from pathlib import Path

MODELS = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.v"))}
"""Files by the primitive's name."""


def models_for(verilog: str) -> list[Path]:
    """Return the models of the primitives that ``verilog`` instantiates."""
    words = set(re.findall(r"\w+", verilog))
    return [path for name, path in MODELS.items() if name in words]
