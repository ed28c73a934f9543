"""Rotations: every word of a block by its own power of the root of unity."""

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden import fermat_plan as plan
from hw.counter import Counter
from hw.delay import delay, delay_valid
from hw.fermat.words import Operands, WordsComponent, rotation, words_layout


class Level(wiring.Component):
    """Rotates the words that are chosen by a fixed amount, and passes or folds the others.

    One addition and a register; two of them for sqrt(2), the sum of two rotations.

    Members
    -------
    i : In, a word a lane
    chosen : In
    o : Out, a word a lane
        `latency` cycles later.
    """

    def __init__(self, level: plan.Level, *, lanes: int) -> None:
        self._level = level
        self._lanes = lanes
        super().__init__(
            {
                "i": In(words_layout(level.i, lanes)),
                "chosen": In(1),
                "o": Out(words_layout(level.o, lanes)),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from a word to its rotation: an addition for each shift."""
        return len(self._level.shifts)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for lane in range(self._lanes):
            build = self._turn if len(self._level.shifts) == 1 else self._turn_by_root_of_two
            m.d.comb += self.o[lane].eq(build(m, lane))
        return m

    def _turn(self, m: Module, lane: int) -> Value:
        level = self._level
        word = self.i[lane]
        rotated = rotation(word, level.i, level.shifts[0], level.bits)
        result = Signal(signed(level.o.bits), name=f"result_{lane}", reset_less=True)
        if level.folds:
            folded = rotation(word, level.i, 0, level.bits)
            operands = Operands(
                Mux(self.chosen, rotated.a, folded.a),
                Mux(self.chosen, rotated.b, folded.b),
                Mux(self.chosen, rotated.carry, folded.carry),
            )
            m.d.sync += result.eq(operands.sum())
        else:
            m.d.sync += result.eq(Mux(self.chosen, rotated.sum(), word))
        return result

    def _turn_by_root_of_two(self, m: Module, lane: int) -> Value:
        """Add the second rotation to the first, or nothing to the word."""
        level = self._level
        first_range, second_range = level.rotated
        word = self.i[lane]
        first, second = (rotation(word, level.i, shift, level.bits) for shift in level.shifts)
        passed = rotation(word, level.i, 0, level.bits).sum() if level.folds else word
        width = max(first_range.bits, level.passed.bits)
        turned = Signal(signed(width), name=f"turned_{lane}", reset_less=True)
        added = Signal(signed(second_range.bits), name=f"added_{lane}", reset_less=True)
        chosen = delay(m, self.chosen, 1, name=f"chosen_{lane}")
        result = Signal(signed(level.o.bits), name=f"result_{lane}", reset_less=True)
        m.d.sync += [
            turned.eq(Mux(self.chosen, first.sum(), passed)),
            added.eq(second.sum()),
            result.eq(Mux(chosen, turned + added, turned)),
        ]
        return result


class Rotation(WordsComponent):
    """Rotates flows of words through the levels of a `golden.fermat_plan.Rotation`.

    One beat a cycle, `latency` cycles.
    """

    def __init__(self, step: plan.Rotation, *, lanes: int) -> None:
        self._step = step
        self._levels = [Level(level, lanes=lanes) for level in step.levels]
        super().__init__(step.i, step.o, lanes=lanes)

    @property
    def latency(self) -> int:
        """Cycles from a word to its rotation."""
        return sum(level.latency for level in self._levels)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.place = place = Counter(self._step.block)
        m.d.comb += [
            place.step.eq(self.i.valid),
            self.o.valid.eq(delay_valid(m, self.i.valid, self.latency, name="valid")),
        ]
        words = self.i.payload
        passed = 0
        for index, level in enumerate(self._levels):
            m.submodules[f"level_{index}"] = level
            chosen = self._choose(m, place, index)
            m.d.comb += [
                level.i.eq(words),
                level.chosen.eq(delay(m, chosen, passed, name=f"chosen_{index}")),
            ]
            words = level.o
            passed += level.latency
        m.d.comb += self.o.payload.eq(words)
        return m

    def _choose(self, m: Module, place: Counter, index: int) -> Signal:
        """Return whether the word of this cycle is chosen by a level: a register, looked up before.

        Its fan-out is wide, and no look-up stands before it.
        """
        schedule = self._step.levels[index].chosen
        chosen = Signal(name=f"chosen_{index}", init=schedule[0])
        following = Const(sum(bit << k for k, bit in enumerate([*schedule[1:], schedule[0]])))
        with m.If(self.i.valid):
            m.d.sync += chosen.eq(following.bit_select(place.value, 1))
        return chosen


class Fold(WordsComponent):
    """Brings words to about the ring's bits. One beat a cycle, `latency` cycles."""

    latency = 1

    def __init__(self, step: plan.Fold, *, lanes: int) -> None:
        self._step = step
        self._lanes = lanes
        super().__init__(step.i, step.o, lanes=lanes)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        step = self._step
        m.d.comb += self.o.valid.eq(delay_valid(m, self.i.valid, 1, name="valid"))
        for lane in range(self._lanes):
            folded = Signal(signed(step.o.bits), name=f"folded_{lane}", reset_less=True)
            m.d.sync += folded.eq(rotation(self.i.payload[lane], step.i, 0, step.bits).sum())
            m.d.comb += self.o.payload[lane].eq(folded)
        return m
