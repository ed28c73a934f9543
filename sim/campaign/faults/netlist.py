"""From Verilog to Verilog with an input `FAULT`, whose value chooses what is wrong; 0 is nothing.

One netlist has all faults, so that one build of it serves them all.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.emit.yosys import YosysError, YosysTimeoutError, run_yosys
from sim.prove import MAP, NoEndError, first_high

FAULT, _BITS = "fault", 20
"""Name of the input, and its width."""
_CELLS = "t:* t:$mem* %d"
"""All but memories: Yosys 0.70 can't write one without a clock whose enable is not constant. What
drives them is broken."""
_LIMIT_S, _PDR_S = 10, 4
"""For a proof: beside a multiplier few end."""
_LARGE = 150_000
"""Characters of Verilog from which on no proof of all of it ends."""
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
_PROVED = [
    *("equiv_struct -icells", "equiv_simple -undef"),
    *("equiv_induct -undef -seq 2", "equiv_status -assert"),
]


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
    with _folder(verilog) as folder:
        chosen = f"mutate -list {number} -seed {seed} -o faults.ys -ctrl {FAULT} {_BITS} 1 {_CELLS}"
        before = [*_DESIGN, f"hierarchy -top {top}", "proc", "memory_collect", "opt_clean"]
        run_yosys([*before, chosen, "script faults.ys", "write_verilog faulty.v"], folder)
        faults = (folder / "faults.ys").read_text(encoding="utf-8").splitlines()
        return Faulty((folder / "faulty.v").read_text(encoding="utf-8"), faults)


def with_upsets(verilog: str, top: str) -> Faulty:
    """Return ``top``, flat, with every register bit's next value turned over by its number."""
    with _folder(verilog) as folder:
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


def is_equivalent(verilog: str, top: str, fault: str) -> bool:
    """Whether it is proved that a mutant changes nothing that can be seen.

    By SAT, register by register by their names: of its module, what is inside it included; or of
    all of ``top``, flat, in which constants are no longer there, such as weights in ROM. Or by
    reachability from the beginning, whatever goes into its module: in states that come.
    """
    module = module_of(fault)
    return (
        _same_registers(verilog, module, fault, ["memory_map"])
        or _same_outputs(verilog, module, fault)
        or (
            len(verilog) < _LARGE
            and _same_registers(verilog, top, fault, ["memory_map", "opt -full -noff"])
        )
    )


def _both(top: str, fault: str, then: Sequence[str]) -> list[str]:
    """Return commands that make a module, flat, without and with a mutant: ``gold``, ``gate``."""
    words = fault.split()
    place = words.index("-ctrl")
    alone = " ".join(words[:place] + words[place + 4 :])
    # Else modules with instances of parametrised ones are read again, without what was changed.
    read_once = ["hierarchy -auto-top", "setattr -unset reprocess_after t:*"]
    base = ["proc", "memory_collect", "opt_clean", "design -save base"]
    commands = [*_DESIGN, *read_once, *base]
    for side, change in (("gold", []), ("gate", [alone])):
        commands += ["design -load base", *change, f"hierarchy -top {top}", "flatten", *then]
        commands += ["opt_clean", f"rename {top} {side}", f"design -stash {side}"]
    return commands


_COPIED = [f"design -copy-from {side} -as {side} {side}" for side in ("gold", "gate")]


def _same_registers(verilog: str, top: str, fault: str, then: Sequence[str]) -> bool:
    """Whether all registers of ``top`` have the same next values, and outputs are the same."""
    made = ["equiv_make gold gate equiv", "hierarchy -top equiv"]
    with _folder(verilog) as folder:
        try:
            run_yosys(
                [*_both(top, fault, then), *_COPIED, *made, *_PROVED], folder, limit_s=_LIMIT_S
            )
        except YosysTimeoutError:
            return False
        except YosysError as error:
            if "unproven" not in str(error):
                raise
            return False
    return True


def _same_outputs(verilog: str, module: str, fault: str) -> bool:
    """Whether outputs of a module are never others, from its beginning on."""
    with _folder(verilog) as folder:
        # Modules with parameters are there once what instantiates them was looked at.
        found = ["hierarchy -auto-top", f"hierarchy -top {module}"]
        run_yosys([*_DESIGN, *found, "proc", "write_json ports.json"], folder)
        netlist = json.loads((folder / "ports.json").read_bytes())
        ports = netlist["modules"][module]["ports"]
        (folder / "compared.v").write_text(_compared(ports), encoding="utf-8")
        compared = ["design -reset", "read_verilog compared.v", *_COPIED, "hierarchy -top compared"]
        try:
            commands = [*_both(module, fault, []), *compared, "proc", *MAP]
            run_yosys(commands, folder, limit_s=_LIMIT_S)
            return first_high(folder, _PDR_S) is None
        except (YosysTimeoutError, NoEndError):
            return False


def _compared(ports: Mapping[str, Any]) -> str:
    """Return a module with the ports that go into both, and whether what comes out differs."""
    lines = ["module compared("]
    wires: list[str] = []
    links: dict[str, list[str]] = {"gold": [], "gate": []}
    differ = ["1'b0"]
    for name, port in ports.items():
        width = f"[{len(port['bits']) - 1}:0]"
        if port["direction"] == "input":
            lines.append(f"input {width} \\{name} ,")
        for side, own in links.items():
            wire = f"\\{name} " if port["direction"] == "input" else f"\\{side}_{name} "
            own.append(f".\\{name} ({wire})")
        if port["direction"] == "output":
            wires += [f"wire {width} \\{side}_{name} ;" for side in links]
            differ.append(f"(\\gold_{name} != \\gate_{name} )")
    lines += ["output bad);", *wires]
    lines += [f"{side} {side}_({', '.join(own)});" for side, own in links.items()]
    return "\n".join([*lines, f"assign bad = {' | '.join(differ)};", "endmodule"])


@contextmanager
def _folder(verilog: str) -> Iterator[Path]:
    """Write a design where Yosys is to work."""
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "design.v").write_text(verilog, encoding="utf-8")
        yield Path(made)
