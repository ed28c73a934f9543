"""Proofs that mutants change nothing that can be seen."""

import time
from collections.abc import Iterator, Sequence

from hw.emit.yosys import YosysError, YosysTimeoutError, run_yosys
from sim.campaign.faults.induction import unchanged
from sim.campaign.faults.netlist import alone, in_cells, module_of, option_of
from sim.campaign.faults.unseen import rests_at_1, unseen

_LIMIT_S, _TOP_LIMIT_S = 10, 60
"""For proofs of a module, and of a top."""
_BEGUN_S = 900
"""After which none of a top is begun: where so many are open, few come to an end."""
_PROVED = [
    *("equiv_struct -icells", "equiv_simple -undef"),
    *("equiv_induct -undef -seq 2", "equiv_status -assert"),
]


def equivalent(verilog: str, top: str, faults: Sequence[str]) -> list[str]:
    """Return those of some mutants of which it is proved that they change nothing to be seen.

    By induction, by `unseen` of their module and then of all of ``top``, which alone is held to the
    rules of streams, and of the module by SAT, register by register by their names.
    """
    proved: list[str] = []
    for prove in (equivalent_soon, equivalent_inside, equivalent_on_top):
        proved += prove(verilog, top, [fault for fault in faults if fault not in proved])
    return [fault for fault in faults if fault in proved]


def equivalent_soon(verilog: str, top: str, faults: Sequence[str]) -> list[str]:
    """Return those of which it is proved by induction, in their module or on top."""
    inside = [(module, own) for module, own in _by_module(faults) if module != top]
    proved = [fault for module, own in inside for fault in unchanged(verilog, module, own)]
    rest = [fault for fault in faults if fault not in proved]
    clocks = [fault for fault in rest if _is_of_clock(fault)]
    others = [fault for fault in rest if fault not in clocks]
    for group in (others, *([fault] for fault in clocks)):
        proved += unchanged(verilog, top, group, streams=True)
    return proved


def equivalent_on_top(verilog: str, top: str, faults: Sequence[str]) -> list[str]:
    """Return those that `equivalent` gives beyond those before."""
    proved: list[str] = []
    end = time.monotonic() + _BEGUN_S
    for _, own in _by_module(faults):
        proved += unseen(verilog, top, own, limit_s=_TOP_LIMIT_S, halvings=9, streams=True, end=end)
    # SAT takes any clock for the one there is.
    for fault in [f for f in faults if f not in proved and not _is_of_clock(f)]:
        if time.monotonic() < end and _same_registers(verilog, module_of(fault), fault):
            proved.append(fault)
    return proved


def equivalent_inside(verilog: str, top: str, faults: Sequence[str]) -> list[str]:
    """Return those of some mutants of which it is soon proved that no module of theirs shows them.

    By `unseen`, those of a module together, of it with what is inside it.
    """
    return [
        fault
        for module, own in _by_module(faults)
        if module != top
        for fault in unseen(verilog, module, own, limit_s=_LIMIT_S, halvings=1)
    ]


def _is_of_clock(fault: str) -> bool:
    return option_of(fault, "-port").lower() == "clk"


def _by_module(faults: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield modules and mutants of each, those of clocks alone, those that rest at 1 apart."""
    groups: dict[tuple[str, bool | str], list[str]] = {}
    for fault in faults:
        kind = fault if _is_of_clock(fault) else rests_at_1(fault)
        groups.setdefault((module_of(fault), kind), []).append(fault)
    for (module, _), group in groups.items():
        yield module, group


def _both(top: str, fault: str) -> list[str]:
    """Return commands that make a module, flat, without and with a mutant: ``gold``, ``gate``."""
    commands = ["read_rtlil cells.il", "design -save base"]
    for side, change in (("gold", []), ("gate", [alone(fault)])):
        commands += ["design -load base", *change, f"hierarchy -top {top}", "flatten"]
        commands += ["memory_map", "opt_clean", f"rename {top} {side}", f"design -stash {side}"]
    return commands


_COPIED = [f"design -copy-from {side} -as {side} {side}" for side in ("gold", "gate")]


def _same_registers(verilog: str, module: str, fault: str) -> bool:
    """Whether all registers of a module have the same next values, and outputs are the same."""
    made = ["equiv_make gold gate equiv", "hierarchy -top equiv"]
    commands = [*_both(module, fault), *_COPIED, *made, *_PROVED]
    with in_cells(verilog) as folder:
        try:
            run_yosys(commands, folder, limit_s=_LIMIT_S)
        except YosysTimeoutError:
            return False
        except YosysError as error:
            if "unproven" not in str(error):
                raise
            return False
    return True
