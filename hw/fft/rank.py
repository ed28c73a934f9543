"""A rank of butterflies on a delay line."""

from collections.abc import Iterator, Sequence

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib.wiring import In, Out

from golden.fft.design import FftDesign
from golden.fft.flow import Rank
from golden.numbers.fixed import SQ
from hw.fft.beats import AHEAD, PARTS, Beats, BeatSignature
from hw.parts.delay import delay, delay_valid
from hw.parts.operands import ONE, ZERO, Bit, Operands, bits_of
from hw.parts.ports import Component
from hw.primitives.adder import chosen_sum
from hw.primitives.memory import Memory

SHORTEST_MEMORY = 4
"""Span from which a word is written, a cycle after its beat, before it is read again."""
_SHORTEST_REGISTERED = 8
"""Span from which that is so with a register before the memory as well."""


def rank_parts(design: FftDesign, section: int, place: int) -> tuple[str, ...]:
    """Return the parts that the results of a rank have: real ones at the ends of a lone plane."""
    first = (section, place) == (0, 0)
    last_section = len(design.flow.sections) - 1
    last = (section, place) == (last_section, len(design.flow.sections[-1].ranks) - 1)
    lone = design.flow.row is not None and not design.banded
    return PARTS[:1] if lone and (first or last) else PARTS


class RankStage(Component):
    """Single-path delay feedback: the first `span` samples of a block wait for the next ones.

    When those come, one adder's result leaves and the other's takes the place of what waited. It
    leaves in the `span` cycles after, come what may, so that nothing waits for the next block. No
    sample of that can catch up with it: what waits leaves first, a word a cycle. So bubbles cost
    nothing, and the stage holds nothing back once a block is in.

    One beat a cycle, `latency` cycles, and `span` beats until the first leaves.

    The adders have no multiplexers: operands that an adder must not see are held in a register at a
    constant. The constants differ from 0 where the results are to be rounded: then they add half a
    unit of the operand behind.

    Parameters
    ----------
    rank
        What to do.
    entry
        Shape of what comes in.
    shape
        Shape of what leaves.
    half
        Added to every result.
    pairs
        Complex numbers a beat.
    registered
        Whether results leave from a register; if not, `latency` is one less.
    target
        Device family.
    parts
        Those that the results have; of the others nothing is kept, and 0 leaves.

    Members
    -------
    i : In, `BeatSignature` of `entry`
    o : Out, `BeatSignature` of `shape`
    """

    i: Beats
    o: Beats

    def __init__(
        self,
        rank: Rank,
        *,
        entry: SQ,
        shape: SQ,
        half: int,
        pairs: int,
        registered: bool,
        target: str,
        parts: Sequence[str] = PARTS,
    ) -> None:
        self._rank = rank
        self._part_names = tuple(parts)
        self._width = shape.width
        self._half = half
        self._pairs = pairs
        self._registered = registered
        self._target = target
        super().__init__(
            {"i": In(BeatSignature(entry, pairs)), "o": Out(BeatSignature(shape, pairs))}
        )

    @property
    def latency(self) -> int:
        """Cycles from the sample that completes a butterfly to its first result."""
        return 1 + self._registered

    def elaborate(self, platform: object) -> Module:
        m = Module()
        span = self._rank.span
        # The word, and above it the run; `left` counts words that wait, and those in their place.
        word_bits = (span - 1).bit_length()
        runs = 4 if self._rank.rotates and not self._rank.inverse else 2
        place = Signal(word_bits + runs.bit_length() - 1)
        left = Signal(word_bits + 1)
        meets = Signal()
        leaves = Signal()
        m.d.comb += [
            meets.eq(self.i.early & place[word_bits]),
            leaves.eq(meets | left[-1]),
            self.o.early.eq(delay_valid(m, leaves, self.latency, name="leaves")),
        ]
        with m.If(self.i.early):
            m.d.sync += place.eq(_next(place, span))
        with m.If(leaves):
            m.d.sync += left.eq(_next(left, span))

        turns = delay(m, self._turned(place), AHEAD, name="turns") if self._rank.rotates else None
        meets_now = delay(m, meets, AHEAD, name="meets")
        waiting, stored = self._wait(m, place[: len(left) - 1], left[:-1], meets_now)
        operands = self._operands(m, turns, meets_now)
        for number, (kept, met, carry, met_carry) in enumerate(operands):
            wait, wait_or_half = waiting[number]
            self._meet(m, number, kept, met, carry, met_carry, wait, wait_or_half, stored[number])
        return m

    def _turned(self, place: Value) -> Value:
        """Return whether the sample at ``place`` turns: in the second of four quarters."""
        quarter = self._rank.quarter
        if quarter & (quarter - 1) == 0 or not self._rank.inverse:
            return place[-2:] == 0b01
        return ~place[-1] & (place[:-1] >= quarter)

    def _parts(self) -> Iterator[tuple[int, str]]:
        for pair in range(self._pairs):
            for part in self._part_names:
                yield pair, part

    def _operands(
        self, m: Module, turns: Value | None, meets: Value
    ) -> list[tuple[Value, Value, Value, Value]]:
        """Register what came in, turned where it must be, a cycle after it came.

        Return for each part: the sample, its carry, and both again for the adder whose result
        leaves, which sees a constant unless two samples meet.
        """
        operands: list[tuple[Value, Value, Value, Value]] = []
        # What is stored on the way back is short of a unit, since the inverted word's carry is not
        # added, and has half a unit taken away instead of added.
        leaving = 2 * self._half + 1 if self._rank.inverse else 0
        for pair, part in self._parts():
            sample, carry = self._turn(pair, part, turns)
            name = f"{pair}_{part}"
            kept = Signal(sample.shape(), name=f"kept_{name}", reset_less=True)
            width = max(len(sample), Const(leaving).shape().width + 1)
            met = Signal(signed(width), name=f"met_{name}", init=leaving, reset_less=True)
            kept_carry = Signal(name=f"kept_carry_{name}", reset_less=True)
            met_carry = Signal(name=f"met_carry_{name}", reset_less=True)
            m.d.sync += [kept.eq(sample), kept_carry.eq(carry)]
            m.d.sync += [met.eq(leaving), met_carry.eq(0)]
            with m.If(meets):
                m.d.sync += [met.eq(sample), met_carry.eq(carry)]
            operands.append((kept, met, kept_carry, met_carry))
        return operands

    def _turn(self, pair: int, part: str, turns: Value | None) -> tuple[Value, Value]:
        """Return a part of a sample and its carry, turned by a right angle where `turns`."""
        sample, carry = self.i.z[pair], self.i.carry[pair]
        if turns is None:
            return sample[part], carry[part]
        # -j * (re + j * im) = im - j * re, and j * (re + j * im) = -im + j * re; -x = ~x + 1.
        negated = part == ("re" if self._rank.inverse else "im")
        other = sample["im" if part == "re" else "re"]
        turned = Mux(turns, ~other if negated else other, sample[part]).as_signed()
        return turned, turns & negated

    def _wait(
        self, m: Module, place: Value, left: Value, meets: Value
    ) -> tuple[list[tuple[Value, Value]], list[Signal]]:
        """Keep `span` words.

        Return for each part the word that leaves or meets in this cycle; the same for the adder
        whose result is stored, which sees a constant unless two samples meet, or whether they do
        where one word waits; and what is stored.
        """
        span = self._rank.span
        parts = list(self._parts())
        stored = [Signal(signed(self._width), name=f"stored_{n}_{p}") for n, p in parts]
        store = delay_valid(m, self.i.early, AHEAD + 1, name="store")
        fresh = ~self._half if self._rank.inverse else self._half
        if span == 1:
            only = Signal(len(Cat(stored)), name="word", reset_less=True)
            with m.If(store):
                m.d.sync += only.eq(Cat(stored))
            meets = delay(m, meets, 1, name="meets_later")
            return [(w.as_signed(), meets) for w in self._split(only)], stored
        word = self._read(m, place, left, Cat(stored), store)
        waiting: list[tuple[Value, Value]] = []
        for (pair, part), bits in zip(parts, self._split(word), strict=True):
            wait = Signal(signed(self._width), name=f"wait_{pair}_{part}", reset_less=True)
            name = f"gated_{pair}_{part}"
            gated = Signal(signed(self._width), name=name, init=fresh, reset_less=True)
            m.d.sync += [wait.eq(bits), gated.eq(fresh)]
            with m.If(meets):
                m.d.sync += gated.eq(bits)
            waiting.append((wait, gated))
        return waiting, stored

    def _split(self, word: Value) -> Iterator[Value]:
        for start in range(0, len(word), self._width):
            yield word[start : start + self._width]

    def _read(self, m: Module, place: Value, left: Value, stored: Value, store: Value) -> Value:
        """Return the word that `left` names, `AHEAD` cycles later."""
        span = self._rank.span
        # A cycle of its own for the way to a block RAM: 2 ns of 5.3 without.
        later = int(span >= _SHORTEST_REGISTERED)
        stored = delay(m, stored, later, name="word")
        store = delay_valid(m, store, later, name="write")
        w_addr = delay(m, place, AHEAD + 1 + later, name="w_addr")
        if span >= SHORTEST_MEMORY:
            m.submodules.memory = memory = Memory(
                depth=span, width=len(stored), target=self._target
            )
            m.d.comb += [
                memory.r_en.eq(1),
                memory.r_addr.eq(left),
                memory.w_en.eq(store),
                memory.w_addr.eq(w_addr),
                memory.w_data.eq(stored),
            ]
            return memory.r_data
        words = [Signal(len(stored), name=f"word_{n}", reset_less=True) for n in range(span)]
        for number, word in enumerate(words):
            with m.If(store & (w_addr == number)):
                m.d.sync += word.eq(stored)
        r_addr = delay(m, left, AHEAD, name="r_addr")
        return Mux(r_addr, words[1], words[0]) if span == 2 else Array(words)[r_addr]

    def _meet(
        self,
        m: Module,
        number: int,
        kept: Value,
        met: Value,
        carry: Value,
        met_carry: Value,
        wait: Value,
        wait_or_half: Value,
        stored: Signal,
    ) -> None:
        """Add and subtract; a carry goes in by way of a bit below the least."""
        result = Signal(signed(self._width), name=f"result_{number}", reset_less=True)
        staying: Value
        if self._rank.span == 1:
            staying = self._chosen(m, number, kept, carry, wait, wait_or_half)
        elif self._rank.inverse:
            staying = (_with(kept, carry) - _with(wait_or_half, Const(1))) >> 1
        else:
            staying = _add(kept, carry, wait_or_half)
        if self._rank.inverse:
            leaving = _add(met, met_carry, wait)
        else:
            leaving = (_with(wait, Const(0)) - _with(met, met_carry)) >> 1
        m.d["sync" if self._registered else "comb"] += result.eq(leaving)
        pair, part = list(self._parts())[number]
        m.d.comb += [stored.eq(staying), self.o.z[pair][part].eq(result)]

    def _chosen(
        self, m: Module, number: int, kept: Value, carry: Value, wait: Value, meets: Value
    ) -> Value:
        """Return what is stored, a constant in place of ``wait`` unless two samples meet.

        The choice is in the adder's cells: ahead of them it took 1.4 ns of the longest path's 4.4.
        """
        own, up = bits_of(kept, "kept"), Bit("up", False, carry)
        other = bits_of(wait, "wait")
        if self._rank.inverse:
            other = [~bit for bit in other]
        half = [ONE if self._half >> place & 1 else ZERO for place in range(self._width)]
        return chosen_sum(
            m,
            meets,
            Operands(own, other, up),
            Operands(own, half, up),
            width=self._width,
            target=self._target,
            name=f"staying_{number}",
        )


def _next(place: Value, span: int) -> Value:
    """Return the place after ``place``, whose low bits count to ``span``."""
    if span & (span - 1) == 0:
        return place + 1
    word, run = place[: (span - 1).bit_length()], place[(span - 1).bit_length() :]
    return Mux(word == span - 1, Cat(Const(0, len(word)), run + 1), place + 1)


def _with(value: Value, below: Value) -> Value:
    return Cat(below, value).as_signed()


def _add(value: Value, carry: Value, other: Value) -> Value:
    return (_with(value, carry) + _with(other, Const(1))) >> 1
