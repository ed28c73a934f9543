"""Behavioural models, in Verilog, of primitives that Yosys has no simulation model of."""

from pathlib import Path

MODELS = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.v"))}
"""Files by the primitive's name."""
