"""Behavioural models, in Verilog, of primitives that Yosys has no simulation model of.

They go with every build that instantiates one.
"""

import re
from pathlib import Path

MODELS = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.v"))}
"""Files by the primitive's name."""


def models_for(verilog: str) -> dict[str, str]:
    """Return the models of the primitives that ``verilog`` instantiates, by file name."""
    words = set(re.findall(r"\w+", verilog))
    return {
        path.name: path.read_text(encoding="utf-8")
        for name, path in MODELS.items()
        if name in words
    }
