"""Names that modules and ports may have."""

import re
from pathlib import Path

import pyosys

from golden.inputs.names import CELLS, VERILOG_WORDS
from hw.targets.models import MODELS

SHARE = Path(pyosys.__file__).parent / "share"
FAMILIES = ("ecp5", "lattice", "ice40", "xilinx", "gowin", "nexus", "gatemate", "intel_alm")


def test_every_primitive_is_known():
    """Of the families that Yosys maps to for us, and those with models of our own."""
    known = set(MODELS)
    for family in FAMILIES:
        for path in sorted((SHARE / family).rglob("*.v*")):
            if re.match(r"cells(?!_map)|.*_sim\.|megafunction", path.name):
                text = path.read_text(encoding="utf-8")
                known |= set(re.findall(r"^\s*module\s+([A-Za-z]\w*)", text, re.MULTILINE))
    assert len(known) > 900
    assert known <= CELLS


def test_keywords_of_both_languages_are_known():
    assert {"module", "uwire", "always_ff", "unique0", "interconnect", "nettype"} <= VERILOG_WORDS
    assert not VERILOG_WORDS & CELLS
