"""Behavioural models, in Verilog, of primitives that Yosys has no simulation model of."""

from pathlib import Path

MODELS = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.v"))}
"""Files by the primitive's name."""


def model_texts(*names: str) -> dict[str, str]:
    """Return the models of these primitives."""
    return {name: MODELS[name].read_text(encoding="utf-8") for name in names}
