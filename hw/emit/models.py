"""Simulation models of a device's primitives, which go with every build that instantiates them."""

import re
from pathlib import Path

# Verilog, not Python: the files are data to the generator, and imports still point one way.
_FOLDER = Path(__file__).resolve().parents[2] / "sim" / "models"
MODELS = {path.stem: path for path in sorted(_FOLDER.glob("*.v"))}
"""Files by the primitive's name."""


def models_for(verilog: str) -> dict[str, str]:
    """Return the models of the primitives that ``verilog`` instantiates, by file name."""
    words = set(re.findall(r"\w+", verilog))
    return {
        path.name: path.read_text(encoding="utf-8")
        for name, path in MODELS.items()
        if name in words
    }
