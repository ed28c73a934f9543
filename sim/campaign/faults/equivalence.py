"""Proofs that a mutant changes nothing that can be seen."""

from hw.emit.yosys import YosysError, YosysTimeoutError, run_yosys
from sim.campaign.faults.netlist import (
    BASE,
    DESIGN,
    READ_ONCE,
    alone,
    module_of,
    option_of,
    written,
)
from sim.campaign.faults.unseen import is_unseen

_LIMIT_S, _TOP_LIMIT_S = 10, 150
"""For a proof of a module, and of a top."""
_PROVED = [
    *("equiv_struct -icells", "equiv_simple -undef"),
    *("equiv_induct -undef -seq 2", "equiv_status -assert"),
]


def is_equivalent(verilog: str, top: str, fault: str) -> bool:
    """Whether it is proved that a mutant changes nothing that can be seen.

    Of its module, what is inside it included, by SAT, register by register by their names, or by
    `is_unseen`; or by that of all of ``top``, which alone is held to the rules of streams.
    """
    module = module_of(fault)
    return (
        # It takes any clock for the one there is.
        (option_of(fault, "-port").lower() != "clk" and _same_registers(verilog, module, fault))
        or (module != top and is_unseen(verilog, module, fault, limit_s=_LIMIT_S))
        or is_unseen(verilog, top, fault, limit_s=_TOP_LIMIT_S, streams=True)
    )


def _both(top: str, fault: str) -> list[str]:
    """Return commands that make a module, flat, without and with a mutant: ``gold``, ``gate``."""
    commands = [*DESIGN, *READ_ONCE, *BASE, "design -save base"]
    for side, change in (("gold", []), ("gate", [alone(fault)])):
        commands += ["design -load base", *change, f"hierarchy -top {top}", "flatten"]
        commands += ["memory_map", "opt_clean", f"rename {top} {side}", f"design -stash {side}"]
    return commands


_COPIED = [f"design -copy-from {side} -as {side} {side}" for side in ("gold", "gate")]


def _same_registers(verilog: str, module: str, fault: str) -> bool:
    """Whether all registers of a module have the same next values, and outputs are the same."""
    made = ["equiv_make gold gate equiv", "hierarchy -top equiv"]
    commands = [*_both(module, fault), *_COPIED, *made, *_PROVED]
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
