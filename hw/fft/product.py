"""Complex products with three multipliers."""

from collections.abc import Iterator, Sequence
from typing import Any

from amaranth.hdl import Cat, Const, Module, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.fft.format import SectionFormat
from golden.numbers.fixed import SQ
from hw.fft.beats import PARTS, Beats, BeatSignature, complexes, pair_layout
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Component, View, view
from hw.parts.tables import packed
from hw.primitives.multiplier import SharedMultiplier


def factor_layout(bits: int) -> data.StructLayout:
    """Layout of a factor c + j * d as the multipliers take it: c, d - c and c + d."""
    return data.StructLayout({name: signed(bits) for name in ("re", "difference", "total")})


class Multipliers(Component):
    """Three multipliers for each of `pairs` complex products with a factor that all share."""

    factor: View

    def __init__(
        self,
        members: dict[str, Any],
        *,
        operand_bits: int,
        factor_bits: int,
        pairs: int,
        target: str,
    ) -> None:
        self._operand_bits = operand_bits
        self._factor_bits = factor_bits
        self._pairs = pairs
        self._target = target
        super().__init__(members | {"factor": In(factor_layout(factor_bits))})

    @property
    def multiplying(self) -> int:
        """Cycles from operands to the multipliers' results."""
        return SharedMultiplier.latency_on(self._target, a_bits=self._operand_bits)

    def _totals(
        self, m: Module, operands: Sequence[tuple[Value, Value]], factor: View
    ) -> Iterator[tuple[int, str, Value]]:
        """Yield pair, part and value of the products, `multiplying` cycles after ``operands``."""
        shared = self._multiply(m, "shared", [a + b for a, b in operands], factor.re)
        with_a = self._multiply(m, "with_a", [a for a, _ in operands], factor.difference)
        with_b = self._multiply(m, "with_b", [b for _, b in operands], factor.total)
        for pair in range(self._pairs):
            yield pair, "re", shared[pair] - with_b[pair]
            yield pair, "im", shared[pair] + with_a[pair]

    def _multiply(self, m: Module, name: str, values: Sequence[Value], factor: Value) -> View:
        multiplier = SharedMultiplier(
            lanes=self._pairs,
            a_bits=self._operand_bits,
            b_bits=self._factor_bits,
            target=self._target,
        )
        m.submodules[name] = multiplier
        for pair, value in enumerate(values):
            m.d.comb += multiplier.a[pair].eq(value)
        m.d.comb += multiplier.b.eq(factor)
        return multiplier.p


class ExactProduct(Multipliers):
    """Multiplies operands by a factor that all pairs share, every bit kept.

    One beat a cycle, `latency` cycles.

    Members
    -------
    i : In, array of `hw.fft.beats.pair_layout`
    factor : In, `factor_layout`
    o : Out, array of `hw.fft.beats.pair_layout`
    """

    i: View
    o: View

    def __init__(
        self, *, operand: SQ, total: SQ, factor_bits: int, pairs: int, target: str
    ) -> None:
        self._total = total
        super().__init__(
            {
                "i": In(data.ArrayLayout(pair_layout(operand.width), pairs)),
                "o": Out(data.ArrayLayout(pair_layout(total.width), pairs)),
            },
            operand_bits=operand.width,
            factor_bits=factor_bits,
            pairs=pairs,
            target=target,
        )

    @staticmethod
    def latency_on(target: str, *, operand_bits: int) -> int:
        """Cycles from a sample of ``operand_bits`` to its product on ``target``."""
        return SharedMultiplier.latency_on(target, a_bits=operand_bits) + 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for pair, part, total in self._totals(
            m, [(z.re, z.im) for z in complexes(self.i)], self.factor
        ):
            product = Signal(
                signed(self._total.width), name=f"product_{pair}_{part}", reset_less=True
            )
            m.d.sync += product.eq(total)
            m.d.comb += self.o[pair][part].eq(product)
        return m


class FactorProduct(Multipliers):
    """Rounds samples to operands, and multiplies them by a factor that all pairs share.

    With ``k = c * (a + b)``, ``(a + j * b) * (c + j * d)`` is ``k - b * (c + d)`` and, as imaginary
    part, ``k + a * (d - c)``. One beat a cycle, `latency` cycles.

    The products are rounded half to even: they leave rounded down, with a carry to be added.

    Parameters
    ----------
    before, after
        Of the sections in front and behind.
    factor_bits, factor_f_bits
        Width of a factor's operands, and their fraction bits.
    pairs
        Complex numbers a beat.
    operand_registered
        Whether samples, rounded, have a register before their parts are added up.
    total_registered
        Whether the multipliers' sums have a register before they are rounded.
    registered
        Whether products leave from a register with their carries. `latency` is one less without
        any.
    target
        Device family.

    Members
    -------
    i : In, `BeatSignature`
        With half a unit added where `before` drops bits.
    factor : In, `factor_layout`
        Together with the beat on `i`.
    o : Out, `BeatSignature` of the entry of `after`
    """

    i: Beats
    o: Beats

    def __init__(
        self,
        *,
        before: SectionFormat,
        after: SectionFormat,
        factor_bits: int,
        factor_f_bits: int,
        pairs: int,
        operand_registered: bool,
        total_registered: bool,
        registered: bool,
        target: str,
    ) -> None:
        self._before = before
        self._dropped = before.operand.f_bits + factor_f_bits - after.entry.f_bits
        self._entry = after.entry
        self._operand_registered = operand_registered
        self._total_registered = total_registered
        self._registered = registered
        super().__init__(
            {
                "i": In(BeatSignature(before.leaves, pairs)),
                "o": Out(BeatSignature(after.entry, pairs)),
            },
            operand_bits=before.operand.width,
            factor_bits=factor_bits,
            pairs=pairs,
            target=target,
        )

    @property
    def latency(self) -> int:
        """Cycles from a sample to its product."""
        registers = (self._operand_registered, self._total_registered, self._registered)
        return self.multiplying + sum(registers)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        later = int(self._operand_registered)
        operands = [
            (delay(m, a, later, name=f"a_{pair}"), delay(m, b, later, name=f"b_{pair}"))
            for pair, (a, b) in enumerate(self._operand(z) for z in complexes(self.i.z))
        ]
        factor = delay(m, self.factor, later, name="factor")
        for pair, part, total in self._totals(m, operands, factor):
            self._round(m, pair, part, total)
        m.d.comb += self.o.early.eq(delay_valid(m, self.i.early, self.latency, name="early"))
        return m

    def _operand(self, z: View) -> tuple[Value, Value]:
        """Round the parts, to which half a unit was added: of ties, the even number remains."""
        return rounded(z.re, self._before), rounded(z.im, self._before)

    def _round(self, m: Module, pair: int, part: str, total: Value) -> None:
        dropped, later = self._dropped, int(self._registered)
        product = Signal(
            signed(self._entry.width + dropped), name=f"product_{pair}_{part}", reset_less=True
        )
        m.d["sync" if self._total_registered else "comb"] += product.eq(total)
        up = rounds_up(product, dropped)
        whole = Signal(signed(self._entry.width))
        carry = Signal()
        m.d.comb += [whole.eq(product >> dropped), carry.eq(up)]
        m.d.comb += [
            self.o.z[pair][part].eq(delay(m, whole, later, name=f"whole_{pair}_{part}")),
            self.o.carry[pair][part].eq(delay(m, carry, later, name=f"carry_{pair}_{part}")),
        ]


def rounds_up(product: Value, dropped: int) -> Value:
    """Return whether a product less its lowest bits is to have a unit added: half to even."""
    if not dropped:
        return Const(0, 1)
    more = product[: dropped - 1].any() if dropped > 1 else Const(0)
    return product[dropped - 1] & (more | product[dropped])


def round_sum(m: Module, total: Value, dropped: int, whole: Value, carry: Value) -> None:
    """Round ``total`` to ``whole`` and ``carry``, a cycle later: down, with what is to be added."""
    rest = Signal(whole.shape(), name="whole", reset_less=True)
    up = Signal(name="up", reset_less=True)
    m.d.sync += [rest.eq(total >> dropped), up.eq(rounds_up(total, dropped))]
    m.d.comb += [whole.eq(rest), carry.eq(up)]


def rounded(value: Value, section: SectionFormat) -> Value:
    """Drop what `section` drops of a value to which half a unit was added already.

    Where nothing remains below, it was a tie: of its two neighbours the even one is taken.
    """
    dropped = section.dropped
    if dropped <= 0:
        return (value << -dropped).as_signed()
    even = value[dropped] & value[:dropped].any()
    return Cat(even, value[dropped + 1 :]).as_signed()


def operands(m: Module, z: Sequence[View], section: SectionFormat) -> Value:
    """Return ``z`` rounded to operands, a word of `pair_layout` for each: as they are held.

    An operand holds the sum of both parts as well, and so may be wider than what was rounded.
    """
    layout = data.ArrayLayout(pair_layout(section.operand.width), len(z))
    held = view(layout, name="operands")
    for number, value in enumerate(z):
        for part in PARTS:
            m.d.comb += held[number][part].eq(rounded(value[part], section))
    return Value.cast(held)


def factor_words(parts: Sequence[Sequence[int]], bits: int) -> Iterator[int]:
    """Yield factors, real parts and imaginary parts, as `factor_layout` holds them."""
    layout = factor_layout(bits)
    for c, d in zip(*parts, strict=True):
        yield packed(layout, {"re": c, "difference": d - c, "total": c + d})
