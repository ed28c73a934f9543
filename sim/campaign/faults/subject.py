"""What faults are put into: engines and accelerators between streams, and one beside a memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeAlias

from hw.simulate.verilator import Compiled
from sim.campaign.faults.netlist import Faulty
from sim.runner import CACHE

RIGHT = "right"
MASKED, PASSING, LASTING, HANG = CLASSES = ("masked", "wrong, then right", "wrong for ever", "hang")
"""What an upset comes to."""

Trial: TypeAlias = Callable[[Sequence[int]], list[str]]
"""From numbers of faults, each there in all cycles, to what tells it first, or `RIGHT`."""


class Subject(Protocol):
    """What faults are put into, to be there in all cycles.

    Attributes
    ----------
    name, generated
        Of its top, and of the module that is generated with all in it: another, where what loads it
        stands around.
    verilog
        As generated, with models of primitives.
    first
        Of trials, those that come before any proof: they are short, and tell most.
    """

    name: str
    generated: str
    verilog: str
    first: int

    def trials(self, faulty: Faulty) -> list[Trial]:
        """Return what the project's benches try."""


class Build(Subject, Protocol):
    """A whole build, that upsets strike too."""

    def strike(self, faulty: Faulty, faults: Sequence[int], seed: int) -> list[str]:
        """Return which of `CLASSES` each fault is, there in one cycle that ``seed`` draws."""


def built(bench: Compiled, *options: str) -> Path:
    """Return the program of a bench of a netlist, which is right, or not: no lint of it.

    ``options`` are further ones of Verilator.
    """
    return replace(bench, verilating=("-Wno-fatal", *options)).build(CACHE)
