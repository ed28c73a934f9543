"""Words of a transform on their way: flows of them, rotations as operands of one addition, sums."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Module, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.fermat.ring import fits
from golden.numbers.interval import Interval
from hw.parts.delay import delay
from hw.parts.operands import ONE, ZERO, Bit, Operands
from hw.parts.ports import Component
from hw.parts.streams import Flow, FlowSignature
from hw.primitives.memory import READ_LATENCY

LEAD = READ_LATENCY
"""Cycles that the valid bit of a flow of words is ahead of its word.

So a stage has looked up in time what the word meets: it need not hold the word meanwhile.
"""


def words_layout(words: Interval, lanes: int) -> data.ArrayLayout:
    """Layout of a beat inside the engine: a word a lane."""
    return data.ArrayLayout(signed(words.bits), lanes)


class WordsComponent(Component):
    """A step between two flows of words that nothing stalls.

    Members
    -------
    i : In, flow of a word a lane
        The word comes `LEAD` cycles after its valid bit.
    o : Out, flow of a word a lane
        So here.
    """

    i: Flow
    o: Flow

    def __init__(
        self, i: Interval, o: Interval, *, lanes: int, members: dict[str, Any] | None = None
    ) -> None:
        super().__init__(
            {
                "i": In(FlowSignature(words_layout(i, lanes))),
                "o": Out(FlowSignature(words_layout(o, lanes))),
            }
            | (members or {})
        )


def rotation(word: Sequence[Bit], words: Interval, shift: int, bits: int) -> Operands:
    """Return ``word * 2^shift`` modulo 2^bits + 1 as `golden.fermat.ring.rotate` makes it.

    Only wires and inverters: ``low * 2^s - high`` is ``low * 2^s + ~high + 1``, and rounding the
    high part up takes the 1 away again.
    """
    negative, distance = divmod(shift, bits)
    rest = bits - distance
    word = [*word, *[word[-1]] * (rest + 1 - len(word))]
    low, high = word[:rest], word[rest:]
    if negative and distance == 0:
        return Operands([ZERO], [~bit for bit in word], ONE)
    if negative:
        return Operands([*[ONE] * distance, *(~bit for bit in low), ONE], high, ONE)
    if fits(words, rest):
        return Operands([*[ZERO] * distance, *word])
    return Operands([*[ZERO] * distance, *low], [~bit for bit in high], ~low[-1])


@dataclass(frozen=True)
class Word:
    """A value, its range, and the cycle that it is there in, counted from any common start."""

    value: Value
    range: Interval
    time: int


def until(m: Module, word: Word, time: int, *, name: str) -> Word:
    """Return ``word`` held back until ``time``."""
    return Word(delay(m, word.value, time - word.time, name=f"{name}_held"), word.range, time)


def registered(m: Module, value: Value, words: Interval, time: int, *, name: str) -> Word:
    """Return ``value``, there in cycle ``time`` and in the range ``words``, a cycle later."""
    register = Signal(signed(words.bits), name=name, reset_less=True)
    m.d.sync += register.eq(value)
    return Word(register, words, time + 1)


def add(m: Module, a: Word, b: Word, *, name: str, total: Interval | None = None) -> Word:
    """Return ``a + b`` a cycle after both are there; ``total`` is their sum's range if narrower."""
    time = max(a.time, b.time)
    a, b = until(m, a, time, name=f"{name}_a"), until(m, b, time, name=f"{name}_b")
    return registered(m, a.value + b.value, total or a.range + b.range, time, name=name)


def subtract(m: Module, a: Word, b: Word, *, name: str, total: Interval | None = None) -> Word:
    """Return ``a - b`` a cycle after both are there; ``total`` is its range if narrower."""
    time = max(a.time, b.time)
    a, b = until(m, a, time, name=f"{name}_a"), until(m, b, time, name=f"{name}_b")
    difference = Interval(a.range.low - b.range.high, a.range.high - b.range.low)
    return registered(m, a.value - b.value, total or difference, time, name=name)


def add_all(m: Module, words: Sequence[Word], *, name: str) -> Word:
    """Return the sum of ``words``, by a tree with a register after each addition."""
    level = 0
    while len(words) > 1:
        words = sorted(words, key=lambda word: word.time)
        pairs = [words[k : k + 2] for k in range(0, len(words), 2)]
        words = [
            add(m, *pair, name=f"{name}_{level}_{k}") if len(pair) == 2 else pair[0]
            for k, pair in enumerate(pairs)
        ]
        level += 1
    return words[0]
