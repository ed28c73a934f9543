"""Products without multipliers: carry chains alone, for products that no block is left for."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from hw.parts.delay import delay
from hw.parts.ports import Component, View
from hw.primitives.adder import gated_sum

_Term = tuple[Value, int]
"""A part of a product, and the place of its lowest bit."""


class FabricMultiplier(Component):
    """Products of one operand with `lanes` others, in carry chains alone, that never stall.

    One product a lane and cycle, `latency` cycles after its operands: two bits of ``b`` an adder,
    whose sums a tree adds up, a register a level. Where a device has a look-up table before its
    carry, two bits of ``b`` take ``a_bits + 2`` of them, and so does each sum of the tree, about.

    Parameters
    ----------
    lanes
        Number of products.
    a_bits
        Width of the shared operand, two's complement.
    b_bits
        Width of each lane's operand, at least 2.
    target
        One of `hw.targets.registry.TARGETS`.
    b_signed
        Whether the lanes' operands are two's complement.

    Members
    -------
    a : In, signed
    b : In, array of `lanes`
    p : Out, array of `lanes` signed of `a_bits + b_bits`
    """

    a: Signal
    b: View
    p: View

    def __init__(
        self, *, lanes: int, a_bits: int, b_bits: int, target: str, b_signed: bool = True
    ) -> None:
        self._b_bits = b_bits
        self._b_signed = b_signed
        self._lanes = lanes
        self._target = target
        shape = signed(b_bits) if b_signed else unsigned(b_bits)
        super().__init__(
            {
                "a": In(signed(a_bits)),
                "b": In(data.ArrayLayout(shape, lanes)),
                "p": Out(data.ArrayLayout(signed(a_bits + b_bits), lanes)),
            }
        )

    @staticmethod
    def latency_of(b_bits: int) -> int:
        """Cycles from operands to product."""
        return 1 + ((b_bits + 1) // 2 - 1).bit_length()

    @property
    def latency(self) -> int:
        """Cycles from operands to product."""
        return self.latency_of(self._b_bits)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for lane in range(self._lanes):
            terms = self._terms(m, lane)
            level = 0
            while len(terms) > 1:
                level += 1
                # The last one of an odd number waits; bits below the other's are final.
                terms = [
                    _joined(m, terms[n : n + 2], f"level_{level}_{n}_{lane}")
                    for n in range(0, len(terms), 2)
                ]
            m.d.comb += self.p[lane].eq(terms[0][0])
        return m

    def _terms(self, m: Module, lane: int) -> list[_Term]:
        """Return ``a`` times pairs of a lane's bits, and times the lowest where that is alone."""
        b, bits = Value.cast(self.b[lane]), self._b_bits
        twice = Cat(0, self.a).as_signed()
        terms: list[_Term] = []
        if bits % 2:
            terms.append((_register(m, Mux(b[0], self.a, 0), f"term_{lane}_0"), 0))
        for low in range(bits % 2, bits, 2):
            name = f"sum_{lane}_{low}"
            less = self._b_signed and low == bits - 2
            added = gated_sum(
                m, self.a, twice, b[low : low + 2], target=self._target, name=name, less=less
            )
            terms.append((_register(m, added, f"term_{lane}_{low}"), low))
        return terms


def _register(m: Module, value: Value, name: str) -> Value:
    later = Signal(value.shape(), name=name, reset_less=True)
    m.d.sync += later.eq(value)
    return later


def _joined(m: Module, terms: list[_Term], name: str) -> _Term:
    """Return the sum of terms, a cycle later."""
    (first, low), *others = terms
    if not others:
        return delay(m, first, 1, name=name), low
    ((second, high),) = others
    above = _register(m, (first >> (high - low)) + second, name)
    return Cat(delay(m, first[: high - low], 1, name=f"{name}_below"), above).as_signed(), low
