"""Unbounded proofs that a signal is never high: RTLIL to AIGER by Yosys, reachability by abc."""

import re
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyosys
from amaranth.hdl import Cat, ClockDomain, Module, Mux, Signal, Value
from amaranth.hdl import _ir as ir

from hw.emit.verilog import Ports, to_rtlil
from hw.emit.yosys import run_yosys

_SIMPLIFY_S = 40
"""For what abc does before a search, which has no limit of its own."""
ABC_PROGRAM = Path(pyosys.__file__).resolve().parent / "yosys-abc"
TOP = "harness"
_READ = ["read_rtlil design.il", f"hierarchy -check -top {TOP}", "proc", "opt_clean"]
MAP = [
    *("flatten", "memory -nomap", "memory_map", "opt -full", "techmap", "opt", "dffunmap"),
    *("opt_clean -purge", "setundef -anyseq", "aigmap", "write_aiger -zinit design.aig"),
]
"""Commands of Yosys from a design, whose top gives bits, to what `first_high` reads."""


class Refuted(AssertionError):  # noqa: N818 - not an error of ours but what a proof came to
    """A clause of a contract can be broken; `cycle` is one in which abc found it so."""

    def __init__(self, clause: str, cycle: int) -> None:
        self.clause = clause
        self.cycle = cycle
        super().__init__(f"Contract is broken in cycle {cycle}: {clause}")


class NoEndError(RuntimeError):
    """Neither proved nor refuted."""


def first_high(folder: Path, timeout: int) -> int | None:
    """Return a cycle in which a bit of ``design.aig`` can be high; None where none ever is.

    Raises
    ------
    NoEndError
        Where abc comes to no end in about so many seconds.
    """
    # scorr alone may prove it: then no register is left, and sat says so, where pdr can't.
    search = f"read_aiger design.aig; strash; scorr; orpos; pdr -T {timeout}; sat"
    log = _abc(folder, search, timeout)
    if "Property proved" in log or "UNSATISFIABLE" in log:
        return None
    if found := re.search(r"asserted in frame (\d+)", log):
        return int(found[1])
    raise NoEndError(f"abc came to no end:\n{log}")


def high_before(folder: Path, timeout: int) -> tuple[int | None, int]:
    """Return a cycle in which the bit of ``design.aig`` is high, and below which cycle it is not.

    The latter as far as abc comes in about so many seconds.
    """
    search = f"bmc3 -T {timeout}"
    try:
        log = _abc(folder, f"read_aiger design.aig; strash; scorr; {search}", timeout)
    except NoEndError:  # a search may do without what scorr makes simpler
        log = _abc(folder, f"read_aiger design.aig; strash; {search}", timeout)
    if found := re.search(r"asserted in frame (\d+)", log):
        return int(found[1]), int(found[1])
    if found := re.search(r"No output asserted in (\d+) frames", log):
        return None, int(found[1])
    raise NoEndError(f"abc came to no end:\n{log}")


def highs(folder: Path, timeout: int, cycles: int) -> dict[int, int]:
    """Return bits of ``design.aig`` that can be high, by their place, and in which cycle.

    Those of so many cycles from the beginning, as far as abc comes in about so many seconds.
    """
    search = f"bmc3 -a -g -T {timeout} -F {cycles}"
    # The abc of Yosys 0.70 crashes now and then with many outputs: what it says until then holds.
    log = _abc(folder, f"read_aiger design.aig; strash; scorr; {search}", timeout, check=False)
    if "combinational" in log:  # bmc3 wants the registers, where scorr leaves none
        log = _abc(folder, f"read_aiger design.aig; strash; {search}", timeout, check=False)
    return _asserted(log)


def drawn_highs(folder: Path, options: str, timeout: int) -> dict[int, int]:
    """Return bits of ``design.aig`` that are high in runs of random inputs, as `highs` does.

    ``options`` are those of abc's sim3.
    """
    search = f"read_aiger design.aig; strash; sim3 -a {options} -T {timeout}"
    return _asserted(_abc(folder, search, timeout))


def _asserted(log: str) -> dict[int, int]:
    found = re.findall(r"Output +(\d+) was asserted in frame +(\d+)", log)
    return {int(place): int(cycle) for place, cycle in found}


def _abc(folder: Path, commands: str, timeout: int, *, check: bool = True) -> str:
    """Return what abc says to commands of which the last searches for ``timeout`` seconds."""
    try:
        done = subprocess.run(
            [str(ABC_PROGRAM), "-c", commands],
            cwd=folder,
            capture_output=True,
            check=check,
            encoding="utf-8",
            timeout=_SIMPLIFY_S + timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise NoEndError(f"abc came to no end in {error.timeout:.0f} s: {commands}") from error
    return done.stdout


class Harness(ABC):
    """A component in an environment that does whatever the component must bear, and its contract.

    Inputs are free in every cycle, the reset too; memories start with any contents. What the
    environment must keep to, it keeps to by construction: there are no assumptions.
    """

    def __init__(self) -> None:
        self._clock = Signal()
        self.reset = Signal()
        self.bad = Signal()
        self._inputs: list[Signal] = []
        self._clauses: list[str] = []

    def choice(self, name: str) -> Signal:
        """Return a bit that is free in every cycle."""
        free = Signal(name=name)
        self._inputs.append(free)
        return free

    @abstractmethod
    def contract(self, m: Module) -> dict[str, Value]:
        """Build component and environment; return what must never be high, by what it would say."""

    @staticmethod
    def late(m: Module, waits: Value, cycles: int) -> Value:
        """Return whether ``waits`` has been high for ``cycles`` cycles, this one included."""
        waited = Signal(range(cycles + 1))
        m.d.sync += waited.eq(Mux(waits, waited + 1, 0))
        return waits & (waited == cycles - 1)

    def after_reset(self, m: Module) -> Value:
        """Return whether this is the first cycle after power-up or one with reset."""
        was_reset = Signal(init=1, reset_less=True)
        m.d.sync += was_reset.eq(self.reset)
        return was_reset

    def prove(self, *, timeout: int) -> None:
        """Prove the contract, in every cycle after power-up.

        Parameters
        ----------
        timeout
            Seconds for abc.

        Raises
        ------
        Refuted
            Where it can be broken.
        RuntimeError
            Where abc comes to no end.
        """
        cycle = self._first_broken(timeout)
        if cycle is None:
            return
        for clause in self._clauses:
            with suppress(NoEndError):  # one that is constant, or hard where another is broken
                if (cycle := self._first_broken(timeout, clause)) is not None:
                    raise Refuted(clause, cycle)

    def survivors(self, count: int, *, module: str, seed: int, timeout: int) -> Sequence[str]:
        """Invert a bit in ``module``, in ``count`` ways, and return those that break nothing.

        Yosys commands; its choice of bits follows from ``seed``.
        """
        with self._folder() as folder:
            listing = f"mutate -list {count} -mode inv -seed {seed} -o mutations {TOP}.{module}"
            run_yosys([*_READ, listing], folder)
            mutations = (folder / "mutations").read_text(encoding="utf-8").splitlines()
        return [m for m in mutations if self._first_broken(timeout, mutation=m) is None]

    def _first_broken(
        self, timeout: int, clause: str | None = None, mutation: str | None = None
    ) -> int | None:
        """Return a cycle in which a clause, or any, is broken; None where it is proved."""
        with self._folder(clause) as folder:
            log = run_yosys([*_READ, *([mutation] if mutation else []), *MAP], folder)
            if "undriven" in log:
                raise RuntimeError(f"Harness must drive every bit:\n{log}")
            return first_high(folder, timeout)

    @contextmanager
    def _folder(self, clause: str | None = None) -> Iterator[Path]:
        """Write component, environment and contract, built anew, where Yosys is to work."""
        m = Module()
        self._inputs = [self._clock, self.reset]
        domain: Any = ClockDomain("sync")  # the stubs have neither clk nor rst
        m.domains.sync = domain
        m.d.comb += [domain.clk.eq(self._clock), domain.rst.eq(self.reset)]
        broken = self.contract(m)
        self._clauses = list(broken)
        m.d.comb += self.bad.eq(Cat(broken.values()).any() if clause is None else broken[clause])
        ports: Ports = {s.name: (s, ir.PortDirection.Input) for s in self._inputs}
        ports["bad"] = (self.bad, ir.PortDirection.Output)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "design.il").write_text(to_rtlil(m, TOP, ports), encoding="utf-8")
            yield folder
