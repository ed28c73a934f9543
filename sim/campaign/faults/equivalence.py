"""Proofs that mutants change nothing that can be seen."""

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeVar

from hw.emit.yosys import YosysError, YosysTimeoutError, run_yosys
from sim.campaign.faults.induction import unchanged
from sim.campaign.faults.netlist import alone, in_cells, module_of, option_of
from sim.campaign.faults.unseen import rests_at_1, unseen

_Kind = TypeVar("_Kind", bound=Hashable)
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
    proved: list[str] = []
    for module, own in _grouped([f for f in faults if module_of(f) != top], module_of):
        proved += unchanged(verilog, module, own)
    rest = [fault for fault in faults if fault not in proved]
    for _, own in _grouped(rest, lambda _: top):
        proved += unchanged(verilog, top, own, streams=True)
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
    for (module, _), group in _grouped(faults, lambda fault: (module_of(fault), rests_at_1(fault))):
        yield module, group


def _grouped(faults: Sequence[str], kind: Callable[[str], _Kind]) -> list[tuple[_Kind, list[str]]]:
    """Return mutants by what ``kind`` says of them, those of clocks alone."""
    groups: dict[tuple[_Kind, str], list[str]] = {}
    for fault in faults:
        clock = fault if _is_of_clock(fault) else ""
        groups.setdefault((kind(fault), clock), []).append(fault)
    return [(said, group) for (said, _), group in groups.items()]


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
