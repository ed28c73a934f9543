"""From Verilog to Verilog with an input `FAULT`, whose value chooses what is wrong; 0 is nothing.

One netlist has all faults, so that one build of it serves them all.
"""

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hw.emit.yosys import run_yosys

FAULT, FAULT_BITS = "fault", 20
"""Name of the input, and its width."""
FEEDER = "feeder"
"""Module of what loads an engine's weights, which is none of it."""
_CELLS = f"t:* t:$mem* %d $paramod*/* %d {FEEDER}/* %d"
"""All but memories: Yosys 0.70 can't write one without a clock whose enable is not constant. What
drives them is broken. And but what is inside models of primitives, which alone have parameters: a
device has its own, and most of a model is of uses that a design does not make."""
_UPSET = f"""
module upset #(parameter WIDTH = 1, parameter FIRST = 1) (
  input [{FAULT_BITS - 1}:0] {FAULT},
  input [WIDTH - 1:0] d,
  output [WIDTH - 1:0] turned
);
  wire [{FAULT_BITS - 1}:0] place = {FAULT} - FIRST;
  assign turned = place < WIDTH ? d ^ ({{{{WIDTH{{1'b0}}}}, 1'b1}} << place) : d;
endmodule
"""
_DESIGN = ["read_verilog -nolatches design.v"]
"""Commands that read what `written` wrote."""
_READ_ONCE = ["hierarchy -auto-top", "setattr -unset reprocess_after t:*"]
"""Else modules with instances of parametrised ones are read again, without what was changed."""
_BASE = ["proc", "memory_collect", "opt_clean"]
"""To the cells that mutants are of."""


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
    with written(verilog) as folder:
        control = f"-ctrl {FAULT} {FAULT_BITS} 1"
        chosen = f"mutate -list {number} -seed {seed} -o faults.ys {control} {_CELLS}"
        before = [*_DESIGN, *_READ_ONCE, *_BASE, f"hierarchy -top {top}"]
        run_yosys([*before, chosen, "script faults.ys", "write_verilog faulty.v"], folder)
        faults = (folder / "faults.ys").read_text(encoding="utf-8").splitlines()
        return Faulty((folder / "faulty.v").read_text(encoding="utf-8"), faults)


def with_upsets(verilog: str, top: str) -> Faulty:
    """Return ``top``, flat, with every register bit's next value turned over by its number."""
    with written(verilog) as folder:
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


def with_check(verilog: str, top: str, module: str, condition: str) -> str:
    """Return a design whose simulation ends where a condition of a module is true out of reset.

    Its top has the input `FAULT`, which does nothing.
    """
    check = f"always @(posedge clk) if (!rst && ({condition})) $fatal;"
    return with_statements(verilog, top, module, check)


def with_statements(verilog: str, top: str, module: str, statements: str) -> str:
    """Return a design with more in a module; its top has the input `FAULT`, which does nothing."""
    of_module = rf"(\bmodule {module}\b.*?)\bendmodule\b"
    verilog, found = re.subn(
        of_module, lambda m: f"{m[1]}{statements}\nendmodule", verilog, count=1, flags=re.DOTALL
    )
    # In a module that is not there nothing would ever be true.
    assert found, f"{module} is no module of {top}"
    port = f"input [{FAULT_BITS - 1}:0] {FAULT}"
    head, body = re.split(rf"(?<=\bmodule {top}\b)", verilog, maxsplit=1)
    ports, rest = body.split(");", 1)
    more = f", {port});" if "input" in ports else f", {FAULT});\n  {port};"
    return head + ports + more + rest


def free_bit(module: Any) -> int:
    """Return the least number from which on no bit of a module has one."""
    nets = module["netnames"].values()
    return 1 + max(bit for net in nets for bit in net["bits"] if isinstance(bit, int))


def _turn_over(module: Any) -> list[str]:
    """Put a cell of `_UPSET` before each register; return what each number turns over."""
    cells, nets = module["cells"], module["netnames"]
    free = free_bit(module)
    fault = list(range(free, free + FAULT_BITS))
    free += FAULT_BITS
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
    return option_of(fault, "-module")


def option_of(fault: str, option: str) -> str:
    """Return what a mutant's command says of an option, as ``-port``."""
    words = fault.split()
    return words[words.index(option) + 1].removeprefix("\\")


def alone(fault: str, control: str = "") -> str:
    """Return the command of a mutant that is always there, or where ``control`` says so."""
    words = fault.split()
    place = words.index("-ctrl")
    return " ".join([*words[:place], control, *words[place + 4 :]])


@contextmanager
def written(text: str, name: str = "design.v") -> Iterator[Path]:
    """Write a design where Yosys is to work."""
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / name).write_text(text, encoding="utf-8")
        yield Path(made)


@lru_cache(maxsize=1)
def _in_cells(verilog: str) -> str:
    with written(verilog) as folder:
        run_yosys([*_DESIGN, *_READ_ONCE, *_BASE, "write_rtlil cells.il"], folder)
        return (folder / "cells.il").read_text(encoding="utf-8")


def in_cells(verilog: str) -> AbstractContextManager[Path]:
    """Write a design in the cells that mutants are of, ``cells.il``, where Yosys is to work."""
    return written(_in_cells(verilog), "cells.il")
