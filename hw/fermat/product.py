"""Modular products of bins with the spectrum."""

from collections.abc import Sequence

from amaranth.hdl import C, Cat, Module, Signal, Value, signed
from amaranth.lib.wiring import In

from golden.fermat import plan
from golden.numbers.interval import Interval
from hw.fermat.words import (
    Word,
    WordsComponent,
    add,
    add_all,
    registered,
    rotation,
    subtract,
    until,
)
from hw.parts.delay import delay_valid
from hw.parts.operands import bits_of
from hw.primitives.adder import plain_sum
from hw.primitives.multiplier import SharedMultiplier


class Product(WordsComponent):
    """Multiplies words modulo 2^b + 1 with the spectrum's word, which all lanes share.

    Limbs and their differences are multiplied, and the products added up in their places; see
    `golden.fermat.plan.Product`. One beat a cycle, `latency` cycles.

    Members
    -------
    h : In
        The spectrum's word for the beat on `i`.
    """

    h: Signal

    def __init__(self, step: plan.Product, *, lanes: int, target: str) -> None:
        self._step = step
        self._lanes = lanes
        self._target = target
        self._time = self._coefficients_time(step, target)
        self.latency = self.latency_of(step, target)
        h = {"h": In(signed(step.h.bits))}
        super().__init__(step.x, step.o, lanes=lanes, members=h)

    @property
    def _paired(self) -> bool:
        """Whether there is more than one limb."""
        return bool(self._step.pairs)

    @staticmethod
    def _coefficients_time(step: plan.Product, target: str) -> int:
        """Cycle in which the last coefficient is there, of a word that comes in cycle 0."""
        pairs_added_up = 3 if step.n_limbs > 2 else 2
        multiplied = SharedMultiplier.latency_on(target)
        return 1 + multiplied + pairs_added_up if step.pairs else multiplied

    @staticmethod
    def latency_of(step: plan.Product, target: str) -> int:
        """Cycles from a word to its product."""
        rotated = [term for term in step.terms if term.shift % step.bits]
        added_up = bool(rotated) + len(rotated).bit_length()
        return Product._coefficients_time(step, target) + added_up + 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        step = self._step
        m.d.comb += self.o.valid.eq(delay_valid(m, self.i.valid, self.latency, name="valid"))
        x = [self._cut(self.i.payload[lane], step.x) for lane in range(self._lanes)]
        h = self._cut(self.h, step.h)
        squares = [
            self._multiply(m, f"square_{i}", [limbs[i] for limbs in x], h[i], hold=self._paired)
            for i in range(step.n_limbs)
        ]
        crossed = {
            (i, j): self._multiply(
                m,
                f"crossed_{i}_{j}",
                [self._between(m, f"x_{i}_{j}_{k}", limbs, i, j) for k, limbs in enumerate(x)],
                self._between(m, f"h_{i}_{j}", h, i, j),
            )
            for i, j in step.pairs
        }
        for lane in range(self._lanes):
            total = self._total(
                m,
                lane,
                [square[lane] for square in squares],
                {pair: products[lane] for pair, products in crossed.items()},
            )
            result = self._rotate(m, total, 0, step.o, name=f"product_{lane}")
            assert result.time == self.latency
            m.d.comb += self.o.payload[lane].eq(result.value)
        return m

    def _cut(self, word: Value, words: Interval) -> list[Word]:
        """Return a word's limbs: of a narrow word the upper ones are its sign."""
        step = self._step
        limbs = step.limb_ranges(words)
        top = step.limb_bits * (step.n_limbs - 1)
        word = Cat(word, word[-1].replicate(max(top + 1 - len(word), 0)))
        return [
            Word(_limb(word[step.limb_bits * place :], limb), limb, 0)
            for place, limb in enumerate(limbs)
        ]

    def _between(self, m: Module, name: str, limbs: Sequence[Word], i: int, j: int) -> Word:
        return subtract(m, limbs[i], limbs[j], name=f"difference_{name}")

    def _multiply(
        self, m: Module, name: str, a: Sequence[Word], b: Word, *, hold: bool = False
    ) -> list[Word]:
        """Return the products of each lane's ``a`` with ``b``, held for a cycle before if asked."""
        time = b.time + hold
        a = [until(m, word, time, name=f"{name}_a_{lane}") for lane, word in enumerate(a)]
        b = until(m, b, time, name=f"{name}_b")
        multiply = SharedMultiplier(
            lanes=self._lanes, a_bits=a[0].range.bits, b_bits=b.range.bits, target=self._target
        )
        m.submodules[name] = multiply
        m.d.comb += [multiply.a[lane].eq(word.value) for lane, word in enumerate(a)]
        m.d.comb += multiply.b.eq(b.value)
        product = a[0].range * b.range
        return [Word(multiply.p[lane], product, time + multiply.latency) for lane in range(len(a))]

    def _total(
        self,
        m: Module,
        lane: int,
        squares: Sequence[Word],
        crossed: dict[tuple[int, int], Word],
    ) -> Word:
        """Return the coefficients of a lane's product, rotated into place and added up."""
        step = self._step
        summands: dict[int, list[Word]] = {term.power: [] for term in step.terms}
        for i, square in enumerate(squares):
            summands[2 * i].append(square)
        for (i, j), product in crossed.items():
            name = f"pair_{i}_{j}_{lane}"
            both = add(m, squares[i], squares[j], name=f"{name}_sum")
            summands[i + j].append(subtract(m, both, product, name=name, total=self._pair(i, j)))
        upright: list[tuple[plan.Term, Word]] = []
        words: list[Word] = []
        for term in step.terms:
            name = f"term_{term.power}_{lane}"
            word = add_all(m, summands[term.power], name=f"{name}_sum")
            word = until(m, word, self._time, name=name)
            if term.shift % step.bits == 0:
                upright.append((term, word))
                continue
            words.append(self._rotate(m, word, term.shift, step.rotated(term), name=name))
        first = upright[0][1]
        if len(upright) == 2:
            first = subtract(m, first, upright[1][1], name=f"upright_{lane}")
        first = until(m, first, self._time + self._paired, name=f"upright_{lane}")
        return add_all(m, [first, *words], name=f"total_{lane}")

    def _rotate(self, m: Module, word: Word, shift: int, words: Interval, *, name: str) -> Word:
        """Return ``word`` rotated, a cycle later."""
        operands = rotation(bits_of(word.value, "word"), word.range, shift, self._step.bits)
        name = f"{name}_rotated"
        rotated = plain_sum(m, operands, width=words.bits, target=self._target, name=f"{name}_sum")
        return registered(m, rotated, words, word.time, name=name)

    def _pair(self, i: int, j: int) -> Interval:
        """Range of ``x_i * h_j + x_j * h_i``."""
        x = self._step.limb_ranges(self._step.x)
        h = self._step.limb_ranges(self._step.h)
        return x[i] * h[j] + x[j] * h[i]


def _limb(wires: Value, limb: Interval) -> Value:
    """Return the low bits of ``wires`` as a signed word that holds ``limb``."""
    if limb.low < 0:
        return wires[: limb.bits].as_signed()
    return Cat(wires[: limb.bits - 1], C(0, 1)).as_signed()
