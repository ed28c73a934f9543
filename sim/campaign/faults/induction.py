"""Proofs that a mutant is never seen, by induction over a cycle: a second or two each.

Where what is assumed of registers without and with a mutant holds, it holds a cycle later, and no
output differs, whatever goes in. Assumed is that bits are equal; of those that are found to differ,
that they are where a small register holds what it held in no case in which they differed (a payload
differs while its valid is low). What is wrong of that is left out until nothing is. The same way it
is found beforehand what no two small registers hold at once, from a cycle of reset on.

Not all that is equivalent is proved so: `sim.campaign.faults.unseen` looks from the first cycle on.
What is known of multipliers and of large memories is what is known there. Assumptions that are
dropped until the rest is inductive: C. Flanagan and K. R. M. Leino, "Houdini, an Annotation
Assistant for ESC/Java", 2001; equal registers: C. A. J. van Eijk, "Sequential Equivalence Checking
Based on Structural Similarities", 2000.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hw.emit.yosys import run_yosys
from sim.campaign.faults.draws import Bits, Draws, Levels, Ports, Signal
from sim.campaign.faults.graph import Graph, UndecidedError, ands_of
from sim.campaign.faults.netlist import in_cells
from sim.campaign.faults.step import YOSYS_S, Step, step_of
from sim.campaign.faults.unseen import links_of, seen_of

_WIDE = 400
"""Register bits that may differ, beyond which a mutant is let go."""
_SIGNALS = 160
"""At most, of small registers."""
_WHOLE = 3
"""Bits of registers of which each value is a signal."""
_DRAWN = 200
"""Cycles of random inputs."""
_LIMIT_S = 2
"""For a mutant."""
_MAP = [
    *("read_json step.json", "read_verilog once.v", "hierarchy -top once", "proc", "flatten"),
    *("opt_expr", "opt_clean", "techmap", "opt_expr", "opt_clean -purge", "setundef -zero"),
    *("aigmap", "opt_clean", "write_aiger -map once.map once.aig"),
]


def unchanged(
    verilog: str, module: str, faults: Sequence[str], *, streams: bool = False
) -> list[str]:
    """Return those of some mutants of which it is proved so that nothing is seen of them.

    None of a module without registers, in which there is no cycle: what is around it is asked then.

    Parameters
    ----------
    verilog, module, faults, streams
        As of `sim.campaign.faults.unseen.unseen`.
    """
    if not faults:
        return []
    with in_cells(verilog) as folder:
        step = step_of(folder, module, faults)
        if step is None or not step.init:
            return []
        cycle = _Cycle(folder, step, streams=streams)
    return [fault for fault in faults if cycle.hides(step.faults[fault])]


class _Cycle:
    """A cycle of a module, without and with any one of its mutants.

    Parameters
    ----------
    folder
        Where ``step.json`` is.
    step, streams
        As of `unchanged`.
    """

    def __init__(self, folder: Path, step: Step, *, streams: bool) -> None:
        (folder / "once.v").write_text(_once(step, streams=streams), encoding="utf-8")
        run_yosys(_MAP, folder, limit_s=YOSYS_S)
        inputs, outputs, ands = ands_of(folder / "once.aig")
        self._ports = _ports(folder / "once.map", outputs, len(step.init))
        self._signals = _signals(step.small)
        numbers = [*step.faults.values()]
        self._draws = Draws(Levels(inputs, ands), inputs, self._ports, numbers, self._signals)
        self._draws.run(_DRAWN)
        self._graph = Graph(inputs)
        self._literals = [2 * variable for variable in range(inputs + 1 + len(ands))]
        self._other: list[tuple[int, int, int]] = []
        hangs = bytearray(len(self._literals))
        for variable in (*self._ports.had.tolist(), *self._ports.chosen.tolist()):
            hangs[variable] = 1
        for variable, (a, b) in enumerate(ands, start=inputs + 1):
            if hangs[a >> 1] or hangs[b >> 1]:
                hangs[variable] = 1
                self._other.append((variable, a, b))
            else:
                self._join(variable, a, b)
        now = [2 * variable for variable in self._ports.now.tolist()]
        then = [self._of(literal) for literal in self._ports.then.tolist()]
        self._now, self._then = (
            [self._all_are(side, signal) for signal in self._signals] for side in (now, then)
        )
        for literal in self._then:
            if literal > 1:  # not constant
                self._graph.signed(literal)
        resets = self._ports.resets.tolist()
        self._reset = [self._graph.rules([[2 * variable] for variable in resets])] if resets else []
        self._known = self._invariants() if resets else []

    def hides(self, number: int) -> bool:
        """Return whether it is proved that nothing is seen of the mutant of a number."""
        place = number - 1
        if self._draws.seen[place]:
            return False
        for bit, variable in enumerate(self._ports.chosen.tolist()):
            self._literals[variable] = number >> bit & 1
        # Of each bit that differs, signals that it does so at.
        apart = dict(self._draws.together[place])
        self._end = time.process_time() + _LIMIT_S
        try:
            if self._reset:  # a cycle of it, of which nothing is seen, makes what is known so
                self._join_other(())
                apart |= self._more(apart, self._reset)
            while len(apart) < _WIDE:
                self._join_other(apart)
                rules = [*self._known, self._apart(apart)]
                if self._graph.possible([self._of(self._ports.seen)], rules):
                    return False
                more = self._more(apart, rules)
                self._graph.drop(rules[-1])
                if not more:
                    return True
                apart |= more
        except UndecidedError:
            pass
        return False

    def _apart(self, apart: Mapping[int, Bits]) -> int:
        """Return rules that bits differ at no other signals than they are said to."""
        clauses = []
        sides = 2 * np.stack([self._ports.now, self._ports.had], 1)
        for bit, at in apart.items():
            differs = self._graph.differ(*sides[bit].tolist())
            clauses += [[differs ^ 1, self._now[signal] ^ 1] for signal in np.flatnonzero(~at)]
        return self._graph.rules(clauses)

    def _join_other(self, apart: Collection[int]) -> None:
        """Make the side of the mutant, whose registers hold the same but for some bits."""
        sides = zip(self._ports.now.tolist(), self._ports.had.tolist(), strict=True)
        for bit, (now, had) in enumerate(sides):
            self._literals[had] = 2 * (had if bit in apart else now)
        for variable, a, b in self._other:
            self._join(variable, a, b)

    def _more(self, apart: Mapping[int, Bits], rules: Sequence[int]) -> dict[int, Bits]:
        """Return what bits differ a cycle later, and where, beyond what is said; until none is."""
        all_bits = enumerate(map(self._of, self._ports.differs.tolist()))
        differs = {bit: literal for bit, literal in all_bits if literal}
        more: dict[int, Bits] = {}
        while len(more) < _WIDE:
            if time.process_time() > self._end:
                raise UndecidedError("no answer in time")
            wrong = self._beyond(differs, {**apart, **more})
            is_high = self._graph.possible([*wrong.values()], rules)
            if is_high is None:
                break
            high = np.array([is_high(literal) for literal in self._then], bool)
            for bit, literal in wrong.items():
                if is_high(literal):
                    more[bit] = more.get(bit, apart.get(bit, False)) | high
        return more

    def _beyond(self, differs: Mapping[int, int], apart: Mapping[int, Bits]) -> dict[int, int]:
        """Return literals of bits that differ at other signals than they are said to."""
        found = {}
        any_of: dict[bytes, int] = {}
        for bit, literal in differs.items():
            if bit not in apart:
                found[bit] = literal
                continue
            key = apart[bit].tobytes()
            if key not in any_of:
                others = [self._then[signal] for signal in np.flatnonzero(~apart[bit])]
                any_of[key] = self._graph.any_of(others)
            found[bit] = self._graph.both(literal, any_of[key])
        return found

    def _all_are(self, literals: Sequence[int], signal: Signal) -> int:
        """Return the literal of a signal, by the literals of all bits."""
        return self._graph.any_of([literals[bit] ^ value for bit, value in signal]) ^ 1

    def _invariants(self) -> list[int]:
        """Return rules of signals of which no two are high at once, from a cycle of reset on."""
        graph = self._graph
        never = np.triu(self._draws.never)
        try:
            self._narrow(never, self._reset)
            while True:
                before = never.copy()
                rules = graph.rules(
                    [[self._now[a] ^ 1, self._now[b] ^ 1] for a, b in np.argwhere(never)]
                )
                self._narrow(never, [rules])
                if np.array_equal(before, never):
                    return [rules]
                graph.drop(rules)
        except UndecidedError:
            return []

    def _narrow(self, never: Bits, rules: Sequence[int]) -> None:
        """Take from ``never`` pairs of signals that can both be high a cycle later."""
        then = self._then
        for one, own in enumerate(never):
            while (others := np.flatnonzero(own)).size:
                both = [self._graph.both(then[one], then[other]) for other in others]
                is_high = self._graph.possible(both, rules)
                if is_high is None:
                    break
                high = np.array([is_high(literal) for literal in then], bool)
                never &= ~np.outer(high, high)

    def _join(self, variable: int, a: int, b: int) -> None:
        self._literals[variable] = self._graph.both(self._of(a), self._of(b))

    def _of(self, literal: int) -> int:
        return self._literals[literal >> 1] ^ (literal & 1)


def _ports(path: Path, outputs: Sequence[int], n_bits: int) -> Ports:
    """Return where ports are by a file of Yosys's, which leaves out outputs that are constant."""
    inputs: dict[str, dict[int, int]] = {}
    order = {"then": 0, "differs": n_bits, "seen": 2 * n_bits}
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, number, bit, name = line.split()
        if kind == "input":
            inputs.setdefault(name, {})[int(bit)] = int(number) + 1
        else:
            assert int(number) == order[name] + int(bit), "outputs follow each other"
    now, had, chosen, resets = (
        _in_order(inputs.get(name, {})) for name in ("now", "had", "chosen", "resets")
    )
    then, differs = np.array(outputs[:-1], np.int64).reshape(2, n_bits)
    return Ports(now, had, chosen, resets, then, differs, outputs[-1])


def _in_order(bits: Mapping[int, int]) -> npt.NDArray[np.int64]:
    assert [*sorted(bits)] == [*range(len(bits))]
    return np.array([bits[bit] for bit in range(len(bits))], np.int64)


def _signals(words: Sequence[Sequence[int]]) -> list[Signal]:
    """Return what small registers may be, a bit and all of a few, the smallest registers first."""
    found: list[Signal] = []
    for word in sorted(words, key=len):
        own: list[Signal] = [((bit, value),) for bit in word for value in (0, 1)]
        if 1 < len(word) <= _WHOLE:
            values = product((0, 1), repeat=len(word))
            own += [tuple(zip(word, value, strict=True)) for value in values]
        found += own
    return found[:_SIGNALS]


def _once(step: Step, *, streams: bool) -> str:
    """Return a module with both sides of a cycle; ``chosen`` is a mutant's number.

    Outputs are what registers hold behind it, which bits of them differ, and whether something is
    seen.
    """
    n_bits = len(step.init)
    ports, body, links = links_of(step)
    return "\n".join(
        [
            f"module once(input clk, {' '.join(ports)} input [{n_bits - 1}:0] now, had,",
            f"  input [{step.fault_bits - 1}:0] chosen,",
            f"  output [{n_bits - 1}:0] then, differs, output seen);",
            "wire begins = 1'b0;",
            f"wire [{n_bits - 1}:0] gold_then, gate_then;",
            *body,
            f"step gold_({', '.join(links['gold'])}, .step_now(now));",
            f"step gate_({', '.join(links['gate'])}, .step_now(had));",
            f"assign seen = {' | '.join(seen_of(step, streams=streams)) or 0};",
            "assign then = gold_then;",
            "assign differs = gold_then ^ gate_then;",
            "endmodule",
        ]
    )
