"""Rotations: every word of a block by its own power of the root of unity."""

from functools import partial

from amaranth.hdl import Cat, Const, Module, Signal, Value, signed
from amaranth.lib.wiring import In, Out

from golden.fermat import plan
from hw.fermat.latency import chooses_ahead, level_latency, step_latency
from hw.fermat.words import LEAD, WordsComponent, rotation, words_layout
from hw.parts.counter import Counter
from hw.parts.delay import delay, delay_valid
from hw.parts.operands import Operands, bits_of, choose, to_width
from hw.parts.ports import Component, View
from hw.primitives.adder import chosen_sum, plain_sum


class Level(Component):
    """Rotates the words that are chosen by a fixed amount, and passes or folds the others.

    One addition and a register; two of them for sqrt(2), the sum of two rotations.

    Members
    -------
    i : In, a word a lane
    chosen : In
    o : Out, a word a lane
        `latency` cycles later.
    """

    i: View
    chosen: Signal
    o: View

    def __init__(self, level: plan.Level, *, lanes: int, target: str) -> None:
        self._level = level
        self._lanes = lanes
        self._target = target
        super().__init__(
            {
                "i": In(words_layout(level.i, lanes)),
                "chosen": In(1),
                "o": Out(words_layout(level.o, lanes)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for lane in range(self._lanes):
            build = self._turn if len(self._level.shifts) == 1 else self._turn_by_root_of_two
            m.d.comb += self.o[lane].eq(build(m, lane))
        return m

    def _turn(self, m: Module, lane: int) -> Value:
        level = self._level
        result = Signal(signed(level.o.bits), name=f"result_{lane}", reset_less=True)
        word, chosen = self.i[lane], self.chosen
        rotated, passed = self._operands(word, level.shifts[0])
        if chooses_ahead(level):
            chosen = delay(m, chosen, 1, name=f"chosen_{lane}")
            late = self._operands(delay(m, word, 1, name=f"word_{lane}"), level.shifts[0])
            rotated, passed = self._choose_low(m, lane, (rotated, passed), late)
        m.d.sync += result.eq(
            chosen_sum(
                m,
                chosen,
                rotated,
                passed,
                width=level.o.bits,
                target=self._target,
                name=f"turn_{lane}",
            )
        )
        return result

    def _choose_low(
        self,
        m: Module,
        lane: int,
        early: tuple[Operands, Operands],
        late: tuple[Operands, Operands],
    ) -> tuple[Operands, Operands]:
        """Return ``late`` with the second number's bits below the shift chosen a cycle before."""
        below = self._level.shifts[0] % self._level.bits
        pairs = zip(*to_width(below, *(operands.b for operands in early)), strict=True)
        low = Signal(below, name=f"low_{lane}", reset_less=True)
        chosen = (choose(self.chosen, then, other, "low").value for then, other in pairs)
        m.d.sync += low.eq(Cat(chosen))
        bits = bits_of(low, "low")
        width = self._level.o.bits
        rotated, passed = (
            Operands(own.a, bits + to_width(width, own.b)[0][below:], own.carry) for own in late
        )
        return rotated, passed

    def _operands(self, value: Value, shift: int) -> tuple[Operands, Operands]:
        """Return the operands of a rotation, and of a word that is not rotated."""
        level = self._level
        word = bits_of(value, "word")
        rotated = rotation(word, level.i, shift, level.bits)
        passed = rotation(word, level.i, 0, level.bits) if level.folds else Operands(word)
        return rotated, passed

    def _turn_by_root_of_two(self, m: Module, lane: int) -> Value:
        """Add the second rotation to the first, or nothing to the word."""
        level = self._level
        (first, passed), (second, _) = (
            self._operands(self.i[lane], shift) for shift in level.shifts
        )
        first_range, second_range = level.rotated
        width = max(first_range.bits, level.passed.bits)
        turned = Signal(signed(width), name=f"turned_{lane}", reset_less=True)
        added = Signal(signed(second_range.bits), name=f"added_{lane}", reset_less=True)
        chosen = delay(m, self.chosen, 1, name=f"chosen_{lane}")
        result = Signal(signed(level.o.bits), name=f"result_{lane}", reset_less=True)
        before = bits_of(turned, "turned")
        both = Operands(before, bits_of(added, "added"))
        build = partial(chosen_sum, m, target=self._target)
        m.d.sync += [
            turned.eq(build(self.chosen, first, passed, width=width, name=f"first_{lane}")),
            added.eq(
                plain_sum(m, second, width=len(added), target=self._target, name=f"second_{lane}")
            ),
            result.eq(
                build(chosen, both, Operands(before), width=len(result), name=f"both_{lane}")
            ),
        ]
        return result


class Rotation(WordsComponent):
    """Rotates flows of words through the levels of a `golden.fermat.plan.Rotation`.

    One beat a cycle, `latency` cycles.
    """

    def __init__(self, step: plan.Rotation, *, lanes: int, target: str) -> None:
        self._step = step
        self._lanes = lanes
        self._target = target
        self.latency = step_latency(step)
        super().__init__(step.i, step.o, lanes=lanes)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.place = place = Counter(self._step.block)
        m.d.comb += [
            place.step.eq(self.i.valid),
            self.o.valid.eq(delay_valid(m, self.i.valid, self.latency, name="valid")),
        ]
        words = self.i.payload
        passed = 0
        for index, step in enumerate(self._step.levels):
            level = Level(step, lanes=self._lanes, target=self._target)
            m.submodules[f"level_{index}"] = level
            schedule = Const(sum(bit << k for k, bit in enumerate(step.chosen)))
            chosen = schedule.bit_select(place.value, 1)
            m.d.comb += [
                level.i.eq(words),
                level.chosen.eq(delay(m, chosen, LEAD + passed, name=f"chosen_{index}")),
            ]
            words = level.o
            passed += level_latency(step)
        m.d.comb += self.o.payload.eq(words)
        return m


class Fold(WordsComponent):
    """Brings words to about the ring's bits. One beat a cycle, `latency` cycles."""

    def __init__(self, step: plan.Fold, *, lanes: int, target: str) -> None:
        self._step = step
        self._lanes = lanes
        self._target = target
        self.latency = step_latency(step)
        super().__init__(step.i, step.o, lanes=lanes)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        step = self._step
        m.d.comb += self.o.valid.eq(delay_valid(m, self.i.valid, 1, name="valid"))
        for lane in range(self._lanes):
            word = bits_of(self.i.payload[lane], "word")
            folded = Signal(signed(step.o.bits), name=f"folded_{lane}", reset_less=True)
            total = plain_sum(
                m,
                rotation(word, step.i, 0, step.bits),
                width=step.o.bits,
                target=self._target,
                name=f"fold_{lane}",
            )
            m.d.sync += folded.eq(total)
            m.d.comb += self.o.payload[lane].eq(folded)
        return m
