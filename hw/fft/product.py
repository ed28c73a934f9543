"""Complex products with three multipliers."""

from collections.abc import Iterator, Sequence

from amaranth.hdl import Cat, Const, Module, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.fft_format import SectionFormat
from hw.delay import delay, delay_valid
from hw.fft.beats import BeatSignature
from hw.primitives.multiplier import SharedMultiplier


def factor_layout(bits: int) -> data.StructLayout:
    """Layout of a factor c + j * d as the multipliers take it: c, d - c and c + d."""
    return data.StructLayout({name: signed(bits) for name in ("re", "difference", "total")})


class Product(wiring.Component):
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
    total_registered
        Whether the multipliers' sums have a register before they are rounded.
    registered
        Whether products leave from a register with their carries. `latency` is one less without
        either.
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

    def __init__(
        self,
        *,
        before: SectionFormat,
        after: SectionFormat,
        factor_bits: int,
        factor_f_bits: int,
        pairs: int,
        total_registered: bool,
        registered: bool,
        target: str,
    ) -> None:
        self._before = before
        self._dropped = before.operand.f_bits + factor_f_bits - after.entry.f_bits
        self._entry = after.entry
        self._factor_bits = factor_bits
        self._pairs = pairs
        self._total_registered = total_registered
        self._registered = registered
        self._target = target
        super().__init__(
            {
                "i": In(BeatSignature(before.ranks[-1], pairs)),
                "factor": In(factor_layout(factor_bits)),
                "o": Out(BeatSignature(after.entry, pairs)),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from a sample to its product."""
        operand_bits = self._before.operand.width
        multiplying = SharedMultiplier.latency_on(self._target, a_bits=operand_bits)
        return multiplying + self._total_registered + self._registered

    def elaborate(self, platform: object) -> Module:
        m = Module()
        operands = [self._operand(z) for z in self.i.z]
        shared = self._multiply(m, "shared", [a + b for a, b in operands], self.factor.re)
        with_a = self._multiply(m, "with_a", [a for a, _ in operands], self.factor.difference)
        with_b = self._multiply(m, "with_b", [b for _, b in operands], self.factor.total)
        for pair in range(self._pairs):
            parts = {"re": shared[pair] - with_b[pair], "im": shared[pair] + with_a[pair]}
            for part, total in parts.items():
                self._round(m, pair, part, total)
        m.d.comb += self.o.early.eq(delay_valid(m, self.i.early, self.latency, name="early"))
        return m

    def _operand(self, z: data.View) -> tuple[Value, Value]:
        """Round the parts, to which half a unit was added: of ties, the even number remains."""
        return rounded(z.re, self._before), rounded(z.im, self._before)

    def _multiply(self, m: Module, name: str, values: Sequence[Value], factor: Value) -> data.View:
        a_bits = self._before.operand.width
        multiplier = SharedMultiplier(
            lanes=self._pairs, a_bits=a_bits, b_bits=self._factor_bits, target=self._target
        )
        m.submodules[name] = multiplier
        for pair, value in enumerate(values):
            m.d.comb += multiplier.a[pair].eq(value)
        m.d.comb += multiplier.b.eq(factor)
        return multiplier.p

    def _round(self, m: Module, pair: int, part: str, total: Value) -> None:
        dropped, later = self._dropped, int(self._registered)
        product = Signal(
            signed(self._entry.width + dropped), name=f"product_{pair}_{part}", reset_less=True
        )
        m.d["sync" if self._total_registered else "comb"] += product.eq(total)
        up: Value = Const(0, 1)
        if dropped:
            more = product[: dropped - 1].any() if dropped > 1 else Const(0)
            up = product[dropped - 1] & (more | product[dropped])
        whole, carry = Signal(signed(self._entry.width)), Signal()
        m.d.comb += [whole.eq(product >> dropped), carry.eq(up)]
        m.d.comb += [
            self.o.z[pair][part].eq(delay(m, whole, later, name=f"whole_{pair}_{part}")),
            self.o.carry[pair][part].eq(delay(m, carry, later, name=f"carry_{pair}_{part}")),
        ]


def rounded(value: Value, section: SectionFormat) -> Value:
    """Drop what `section` drops of a value to which half a unit was added already.

    Where nothing remains below, it was a tie: of its two neighbours the even one is taken.
    """
    dropped = section.dropped
    if dropped <= 0:
        return (value << -dropped).as_signed()
    even = value[dropped] & value[:dropped].any()
    return Cat(even, value[dropped + 1 :]).as_signed()


def factor_words(parts: Sequence[Sequence[int]], bits: int) -> Iterator[int]:
    """Yield factors, real parts and imaginary parts, as `factor_layout` holds them."""
    layout = factor_layout(bits)
    for c, d in zip(*parts, strict=True):
        yield layout.const({"re": c, "difference": d - c, "total": c + d}).as_bits()
