"""From Verilog to Verilog with an input `FAULT`, whose value chooses what is wrong; 0 is nothing.

One netlist has all faults, so that one build of it serves them all.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.emit.yosys import YosysError, YosysTimeoutError, run_yosys

FAULT, _BITS = "fault", 20
"""Name of the input, and its width."""
_LIMIT_S = 20
"""For a proof: beside a multiplier none ends."""
_UPSET = f"""
module upset #(parameter WIDTH = 1, parameter FIRST = 1) (
  input [{_BITS - 1}:0] {FAULT},
  input [WIDTH - 1:0] d,
  output [WIDTH - 1:0] turned
);
  wire [{_BITS - 1}:0] place = {FAULT} - FIRST;
  assign turned = place < WIDTH ? d ^ ({{{{WIDTH{{1'b0}}}}, 1'b1}} << place) : d;
endmodule
"""
_DESIGN = ["read_verilog -nolatches design.v"]
_PROVED = ["equiv_simple -undef", "equiv_induct -undef -seq 2", "equiv_status -assert"]


@dataclass(frozen=True)
class Faulty:
    """A netlist of faults.

    Parameters
    ----------
    verilog
        Whose input `FAULT` chooses.
    faults
        What each is: a command of Yosys, or a register's bit; the first has the number 1.
    """

    verilog: str
    faults: list[str]


def with_mutants(verilog: str, top: str, number: int, seed: int) -> Faulty:
    """Return ``number`` mutants that Yosys spreads over all modules and cells of ``top``."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "design.v").write_text(verilog, encoding="utf-8")
        chosen = f"mutate -list {number} -seed {seed} -o faults.ys -ctrl {FAULT} {_BITS} 1"
        before = [*_DESIGN, f"hierarchy -top {top}", "proc", "memory_collect", "opt_clean"]
        run_yosys([*before, chosen, "script faults.ys", "write_verilog faulty.v"], folder)
        faults = (folder / "faults.ys").read_text(encoding="utf-8").splitlines()
        return Faulty((folder / "faulty.v").read_text(encoding="utf-8"), faults)


def with_upsets(verilog: str, top: str) -> Faulty:
    """Return ``top``, flat, with every register bit's next value turned over by its number."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "design.v").write_text(verilog, encoding="utf-8")
        flat = [
            *(*_DESIGN, f"hierarchy -top {top}", "proc", "flatten", "memory_collect"),
            *("opt_expr", "opt_clean", "dffunmap", "write_json flat.json"),
        ]
        run_yosys(flat, folder)
        netlist = json.loads((folder / "flat.json").read_bytes())
        faults = _turn_over(netlist["modules"][top])
        (folder / "faulty.json").write_text(json.dumps(netlist), encoding="utf-8")
        run_yosys(["read_json faulty.json", "write_verilog faulty.v"], folder)
        return Faulty((folder / "faulty.v").read_text(encoding="utf-8") + _UPSET, faults)


def _turn_over(module: Any) -> list[str]:
    """Put a cell of `_UPSET` before each register; return what each number turns over."""
    cells, nets = module["cells"], module["netnames"]
    free = 1 + max(bit for net in nets.values() for bit in net["bits"] if isinstance(bit, int))
    fault = list(range(free, free + _BITS))
    free += _BITS
    module["ports"][FAULT] = {"direction": "input", "bits": fault}
    nets[FAULT] = {"hide_name": 0, "bits": fault, "attributes": {}}
    faults: list[str] = []
    for name, cell in list(cells.items()):
        if cell["type"] != "$dff":
            continue
        d = cell["connections"]["D"]
        turned = list(range(free, free + len(d)))
        free += len(d)
        cell["connections"]["D"] = turned
        cells[f"upset${len(faults)}"] = {
            "hide_name": 1,
            "type": "upset",
            "parameters": {"WIDTH": f"{len(d):032b}", "FIRST": f"{len(faults) + 1:032b}"},
            "attributes": {},
            "port_directions": {FAULT: "input", "d": "input", "turned": "output"},
            "connections": {FAULT: fault, "d": d, "turned": turned},
        }
        faults += [f"{name} {bit}" for bit in range(len(d))]
    return faults


def module_of(fault: str) -> str:
    """Return the name of the module that a mutant is in."""
    words = fault.split()
    return words[words.index("-module") + 1].removeprefix("\\")


def is_equivalent(verilog: str, fault: str) -> bool:
    """Whether SAT proves that a mutant changes nothing of its module, what is inside it included.

    By the names of registers: each has the same next value, and outputs are the same.
    """
    module = module_of(fault)
    words = fault.split()
    place = words.index("-ctrl")
    alone = " ".join(words[:place] + words[place + 4 :])
    flat = [f"hierarchy -top {module}", "flatten", "memory_map", "opt_clean"]
    sides = [("gold", []), ("gate", [alone])]
    commands = [*_DESIGN, "proc", "memory_collect", "opt_clean", "design -save base"]
    for side, change in sides:
        commands += ["design -load base", *change, *flat, f"rename {module} {side}"]
        commands += [f"design -stash {side}"]
    commands += [f"design -copy-from {side} -as {side} {side}" for side, _ in sides]
    commands += ["equiv_make gold gate equiv", "hierarchy -top equiv", *_PROVED]
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "design.v").write_text(verilog, encoding="utf-8")
        try:
            run_yosys(commands, Path(made), limit_s=_LIMIT_S)
        except YosysTimeoutError:
            return False
        except YosysError as error:
            if "unproven" not in str(error):
                raise
            return False
    return True
