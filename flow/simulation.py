"""A synthesised netlist as Verilog that any simulator takes."""

from pathlib import Path

from flow.cache import Cache, Step
from flow.tools import Yosys
from hw.targets.synthesis import Family

SIMULATED = "netlist.v"
WAIVERS = "".join(f"// verilator lint_off {name}\n" for name in ("WIDTH", "ASCRANGE", "PINMISSING"))
"""Netlists, and models of Yosys, leave widths to the standard's rules, and pins open."""


def simulated(netlist: bytes, top: str, family: Family, yosys: Yosys, cache: Cache) -> str:
    """Return ``netlist`` with each cell replaced by Yosys's own simulation model of it.

    Flat: the models' libraries themselves use what some simulators refuse. Cells without a model
    stay instances, to be simulated with those of `hw.targets.models`.
    """
    commands = [
        "read_json netlist.json",
        f"read_verilog -overwrite -nowb {family.models}",
        f"hierarchy -top {top}",
        "proc",
        "flatten",
        "opt_clean",
        f"write_verilog -noattr {SIMULATED}",
    ]

    def run(folder: Path) -> None:
        yosys.run(commands, folder)

    step = Step({"netlist.json": netlist}, (yosys.version, *commands), run, (SIMULATED,))
    return WAIVERS + cache.run(step)[SIMULATED].decode()
