"""Runs of random inputs through a cycle of a module with any of its mutants, 64 at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Bits = npt.NDArray[np.bool_]

Signal: TypeAlias = tuple[tuple[int, int], ...]
"""Register bits, and what each is: high where all are so."""
_MOST_WORDS = 1 << 25
"""Of variables at a time, 256 MiB."""
_PAIRS_STEP = 8
"""Cycles from one to the next in which pairs of signals are looked at."""


class Levels:
    """An and-inverter graph's values, in words of 64 cases.

    Parameters
    ----------
    inputs
        Variables from 1 on.
    ands
        Literals of the operands of the variables behind.
    """

    def __init__(self, inputs: int, ands: Sequence[tuple[int, int]]) -> None:
        self.count = inputs + 1 + len(ands)
        level = np.zeros(self.count, np.int64)
        for variable, (a, b) in enumerate(ands, start=inputs + 1):
            level[variable] = 1 + max(level[a >> 1], level[b >> 1])
        operands = np.array(ands, np.int64).reshape(-1, 2)
        order = np.argsort(level[inputs + 1 :], kind="stable")
        ends = np.flatnonzero(np.diff(level[inputs + 1 :][order])) + 1
        self._levels = [
            (own + inputs + 1, operands[own, 0], operands[own, 1])
            for own in np.split(order, ends)
            if own.size
        ]

    def run(self, values: Words) -> None:
        """Work out all ANDs' ``values`` ``[variable, word]`` from the inputs'."""
        for own, a, b in self._levels:
            values[own] = of(values, a) & of(values, b)


def of(values: Words, literals: npt.NDArray[np.int64]) -> Words:
    """Return words of literals."""
    inverted = -(literals & 1).astype(np.uint64)
    words: Words = values[literals >> 1] ^ inverted[:, None]
    return words


@dataclass(frozen=True, eq=False)
class Ports:
    """Where registers, mutants' numbers and outputs are in a graph.

    Parameters
    ----------
    now, had
        Variables of register bits, without and with a mutant.
    chosen
        Variables of a mutant's number, the lowest bit first.
    resets
        Variables that are all 1 in a reset.
    then, differs
        Literals of what they will hold, without, and whether they will differ.
    seen
        Literal.
    """

    now: npt.NDArray[np.int64]
    had: npt.NDArray[np.int64]
    chosen: npt.NDArray[np.int64]
    resets: npt.NDArray[np.int64]
    then: npt.NDArray[np.int64]
    differs: npt.NDArray[np.int64]
    seen: int


class Draws:
    """What random inputs bring about, from registers of anything and a cycle of reset on.

    Parameters
    ----------
    levels, inputs, ports
        The cycle.
    numbers
        Of mutants.
    signals
        Whose values are noted.

    Attributes
    ----------
    seen
        Bool ``[mutant]``: whether something was seen of it.
    together
        Of each mutant the bits that came to differ, and, bool ``[signal]``, at which signals.
    never
        Bool ``[signal, signal]``: no two that were high at once.
    """

    def __init__(
        self,
        levels: Levels,
        inputs: int,
        ports: Ports,
        numbers: Sequence[int],
        signals: Sequence[Signal],
    ) -> None:
        self._levels, self._inputs, self._ports, self._signals = levels, inputs, ports, signals
        self._generator = np.random.default_rng(0)
        self.seen = np.zeros(len(numbers), bool)
        self.together: list[dict[int, Bits]] = [{} for _ in numbers]
        self.never = np.ones((len(signals), len(signals)), bool)
        bits = np.array(numbers)[None] >> np.arange(len(ports.chosen))[:, None] & 1
        self._chosen = -bits.astype(np.uint64)

    def run(self, cycles: int) -> None:
        """Draw so many cycles, the first of them of reset where there is one."""
        together = max(1, _MOST_WORDS // self._levels.count)
        for first in range(0, len(self.seen), together):
            self._run(np.arange(len(self.seen))[first : first + together], cycles)

    def _run(self, mutants: npt.NDArray[np.int64], cycles: int) -> None:
        ports, chosen = self._ports, self._chosen[:, mutants]
        values = np.zeros((self._levels.count, len(mutants)), np.uint64)
        now = self._words(len(ports.now), len(mutants))
        had = now
        for cycle in range(cycles):
            values[1 : 1 + self._inputs] = self._words(self._inputs, len(mutants))
            values[ports.now], values[ports.had], values[ports.chosen] = now, had, chosen
            if not cycle:
                values[ports.resets] = ~np.uint64(0)
            self._levels.run(values)
            if cycle or not ports.resets.size:
                self.seen[mutants] |= of(values, np.array([ports.seen]))[0] != 0
            now, different = of(values, ports.then), of(values, ports.differs)
            had = now ^ different
            self._note(mutants, now, different, pairs=not cycle % _PAIRS_STEP)

    def _words(self, count: int, width: int) -> Words:
        top = (1 << 64) - 1
        return self._generator.integers(0, top, (count, width), np.uint64, endpoint=True)

    def _note(
        self, mutants: npt.NDArray[np.int64], now: Words, different: Words, *, pairs: bool
    ) -> None:
        """Note what differs behind a cycle, and what signals are high."""
        high = np.full((len(self._signals), len(mutants)), ~np.uint64(0))
        for own, signal in zip(high, self._signals, strict=True):
            for bit, value in signal:
                own &= now[bit] if value else ~now[bit]
        for bit, place in np.argwhere(different):
            if not self.seen[mutants[place]]:
                at = high[:, place] & different[bit, place] != 0
                noted = self.together[mutants[place]].setdefault(int(bit), at)
                noted |= at
        if pairs:
            cases = np.unpackbits(high.view(np.uint8), axis=1).astype(np.float32)
            self.never &= cases @ cases.T == 0
