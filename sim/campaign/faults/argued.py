"""Mutants that no proof finds equivalent, and why they are: arguments of a line, in argued.toml.

An argument holds for mutants of one place. Names of Yosys's cells are numbers, other ones after any
change of the Verilog, so a place is told by its statement, as `described` gives it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from golden.inputs.read import read_toml
from hw.simulate.verilator import SimulationError
from sim.campaign.faults.netlist import Faulty, module_of, option_of, with_check
from sim.campaign.faults.subject import Subject

_FILE = Path(__file__).with_name("argued.toml")
_SOURCE = re.compile(r"design\.v:(\d+)\.(\d+)-(\d+)\.(\d+)")
_NUMBERED = re.compile(r"\b_\d+_\b")


@dataclass(frozen=True)
class Argument:
    """Why mutants of a place can't be seen.

    Parameters
    ----------
    tops
        In which it is so.
    mutants
        Regular expression of what `described` gives.
    why
        A line.
    never
        A module, and what is never true in it after a reset, by which that is so; of Verilog. Empty
        where there is none.
    """

    tops: tuple[str, ...]
    mutants: re.Pattern[str]
    why: str
    never: tuple[str, ...] = ()


@cache
def arguments() -> list[Argument]:
    """Read the file, once."""
    entries = read_toml(_FILE, "arguments")["argument"]
    return [
        Argument(tuple(e["tops"]), re.compile(e["mutants"]), e["why"], tuple(e.get("never", ())))
        for e in entries
    ]


def described(verilog: str, fault: str) -> str:
    """Return module, mode, port and bit of a mutant, and the statement that its cell is made of.

    Behind a mode stands the bit of the same port that turns over, where one does. Wires that Yosys
    numbered are ``_``; of an instance only its name is told.
    """
    first_line, first, last_line, last = map(int, _SOURCE.findall(fault)[-1])
    lines = verilog.splitlines()[first_line - 1 : last_line]
    lines[-1] = lines[-1][: last - 1]
    lines[0] = lines[0][first - 1 :]
    statement = " ".join(" ".join(lines).split())
    if " -cell $" not in fault:
        statement = statement.split("(")[0].rstrip()
    place = f"{option_of(fault, '-port')}[{option_of(fault, '-portbit')}]"
    by = f"[{option_of(fault, '-ctrlbit')}]" if "-ctrlbit" in fault else ""
    words = (module_of(fault), option_of(fault, "-mode") + by, place)
    return f"{' '.join(words)} {_NUMBERED.sub('_', statement)}"


def is_argued(top: str, verilog: str, fault: str) -> bool:
    """Whether an argument says why a mutant can't be seen."""
    text = described(verilog, fault)
    return any(top in each.tops and each.mutants.fullmatch(text) for each in arguments())


def refuted(top: str, subject: Subject) -> Iterator[str]:
    """Yield what is said never to be true in a top, and is so in one of its trials."""
    for module, condition in {
        each.never for each in arguments() if top in each.tops and each.never
    }:
        verilog = with_check(subject.verilog, subject.name, module, condition)
        try:
            for trial in subject.trials(Faulty(verilog, [])):
                trial([])
        except SimulationError:
            yield f"{module}: {condition}"
