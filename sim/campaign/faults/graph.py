"""And-inverter graphs: each AND of two literals once, and a solver that is asked what can be.

A literal is twice a variable, plus one where it is inverted; 0 and 1 are false and true.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pysat.solvers import Glucose4

_CONFLICTS = 4_000


class UndecidedError(RuntimeError):
    """The solver has found no answer."""


def ands_of(path: Path) -> tuple[int, list[int], list[tuple[int, int]]]:
    """Return what a file of AIGER's binary format has: inputs, outputs, and operands of ANDs.

    Inputs are variables from 1 on, ANDs those behind; there are no latches. Format: A. Biere, "The
    AIGER And-Inverter Graph (AIG) Format Version 20071012".
    """
    head, content = path.read_bytes().split(b"\n", 1)
    _, inputs, latches, outputs, ands = (int(word) for word in head.split()[1:6])
    assert not latches
    *lines, content = content.split(b"\n", outputs)
    deltas = _numbers(content)
    operands = []
    for variable in range(inputs + 1, inputs + 1 + ands):
        larger = 2 * variable - next(deltas)
        operands.append((larger, larger - next(deltas)))
    return inputs, [int(line) for line in lines], operands


def _numbers(content: bytes) -> Iterator[int]:
    """Yield numbers of seven bits a byte, the lowest first; more follow where the eighth is 1."""
    number = shift = 0
    for byte in content:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield number
            number = shift = 0


class Graph:
    """ANDs, made as they are asked for.

    Parameters
    ----------
    inputs
        Variables from 1 on that may be anything.
    """

    def __init__(self, inputs: int) -> None:
        self._top = inputs
        self._made: dict[tuple[int, int], int] = {}
        self._operands: dict[int, tuple[int, int]] = {}
        self._known: set[int] = set()
        self._solver = Glucose4()

    def both(self, a: int, b: int) -> int:
        """Return the literal of ``a`` and ``b``."""
        if a > b:
            a, b = b, a
        if a < 2:
            return b if a else 0
        if a ^ b < 2:
            return 0 if a ^ b else a
        found = self._made.get((a, b))
        if found is None:
            self._top += 1
            found = self._made[a, b] = 2 * self._top
            self._operands[self._top] = a, b
        return found

    def any_of(self, literals: Sequence[int]) -> int:
        """Return the literal of any of some."""
        none = 1
        for literal in literals:
            none = self.both(none, literal ^ 1)
        return none ^ 1

    def differ(self, a: int, b: int) -> int:
        """Return the literal of ``a`` other than ``b``."""
        return self.both(self.both(a, b) ^ 1, self.both(a ^ 1, b ^ 1) ^ 1)

    def rules(self, clauses: Sequence[Sequence[int]]) -> int:
        """Return a number that has the solver keep to clauses: of each a literal is high."""
        self._top += 1
        for clause in clauses:
            if 1 not in clause:
                signed = [self.signed(literal) for literal in clause if literal]
                self._solver.add_clause([-self._top, *signed])
        return self._top

    def drop(self, rules: int) -> None:
        """Have the solver forget rules."""
        self._solver.add_clause([-rules])

    def possible(
        self, literals: Sequence[int], rules: Sequence[int] = ()
    ) -> Callable[[int], bool] | None:
        """Return a case in which some literal is high: which are, of those the solver was told of.

        None where there is none that keeps to ``rules``.

        Raises
        ------
        UndecidedError
            Where the solver doesn't find out soon.
        """
        if not any(literals):
            return None
        asked = self.rules([literals])
        self._solver.conf_budget(_CONFLICTS)
        answer = self._solver.solve_limited(assumptions=[asked, *rules])
        values = self._solver.get_model() if answer else []
        self.drop(asked)
        if answer is None:
            raise UndecidedError(f"no answer after {_CONFLICTS} conflicts")
        if not answer:
            return None
        return lambda lit: lit == 1 or (lit > 1 and (values[(lit >> 1) - 1] > 0) != bool(lit & 1))

    def signed(self, literal: int) -> int:
        """Tell the solver what a literal hangs on, and return it as the solver has it."""
        waiting = [literal >> 1]
        while waiting:
            variable = waiting.pop()
            if variable in self._known:
                continue
            self._known.add(variable)
            if operands := self._operands.get(variable):
                a, b = map(_signed, operands)
                for clause in ([-variable, a], [-variable, b], [variable, -a, -b]):
                    self._solver.add_clause(clause)
                waiting += [operand >> 1 for operand in operands]
            else:  # so that it has a value in each case
                self._solver.add_clause([variable, -variable])
        return _signed(literal)


def _signed(literal: int) -> int:
    return -(literal >> 1) if literal & 1 else literal >> 1
