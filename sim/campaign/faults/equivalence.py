"""Proofs that a mutant changes nothing that can be seen."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hw.emit.yosys import YosysError, YosysTimeoutError, run_yosys
from sim.campaign.faults.netlist import BASE, DESIGN, READ_ONCE, alone, module_of, port_of, written
from sim.campaign.faults.unseen import is_unseen
from sim.prove import MAP, NoEndError, first_high

_LIMIT_S, _PDR_S = 10, 4
"""For a proof of a module: beside a multiplier few end."""
_PROVED = [
    *("equiv_struct -icells", "equiv_simple -undef"),
    *("equiv_induct -undef -seq 2", "equiv_status -assert"),
]


def is_equivalent(verilog: str, top: str, fault: str) -> bool:
    """Whether it is proved that a mutant changes nothing that can be seen.

    Of its module, what is inside it included, by SAT, register by register by their names; or of
    all of ``top``, by `is_unseen`; or of its module by reachability, whatever goes into it.
    """
    module = module_of(fault)
    if port_of(fault).lower() == "clk":  # proofs of modules take any clock for the one there is
        return is_unseen(verilog, top, fault)
    return (
        _same_registers(verilog, module, fault)
        or is_unseen(verilog, top, fault)
        or _same_outputs(verilog, module, fault)
    )


def _both(top: str, fault: str, then: Sequence[str]) -> list[str]:
    """Return commands that make a module, flat, without and with a mutant: ``gold``, ``gate``."""
    commands = [*DESIGN, *READ_ONCE, *BASE, "design -save base"]
    for side, change in (("gold", []), ("gate", [alone(fault)])):
        commands += ["design -load base", *change, f"hierarchy -top {top}", "flatten", *then]
        commands += ["opt_clean", f"rename {top} {side}", f"design -stash {side}"]
    return commands


_COPIED = [f"design -copy-from {side} -as {side} {side}" for side in ("gold", "gate")]


def _same_registers(verilog: str, module: str, fault: str) -> bool:
    """Whether all registers of a module have the same next values, and outputs are the same."""
    made = ["equiv_make gold gate equiv", "hierarchy -top equiv"]
    commands = [*_both(module, fault, ["memory_map"]), *_COPIED, *made, *_PROVED]
    with written(verilog) as folder:
        try:
            run_yosys(commands, folder, limit_s=_LIMIT_S)
        except YosysTimeoutError:
            return False
        except YosysError as error:
            if "unproven" not in str(error):
                raise
            return False
    return True


def _same_outputs(verilog: str, module: str, fault: str) -> bool:
    """Whether outputs of a module are never others, from its beginning on."""
    with written(verilog) as folder:
        run_yosys([*DESIGN, f"hierarchy -top {module}", "proc", "write_json ports.json"], folder)
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
