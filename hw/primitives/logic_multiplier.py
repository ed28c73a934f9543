"""A multiplier of look-up tables and carries, for products that no block is left for."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib.wiring import In, Out

from hw.parts.delay import delay
from hw.parts.ports import Component
from hw.primitives.adder import gated_sum


class LogicMultiplier(Component):
    """A product a cycle: two bits of ``b`` an adder, whose sums a tree adds up, a register a level.

    Parameters
    ----------
    a_bits
        Width of the first operand, two's complement.
    b_bits
        Width of the other, unsigned.
    target
        Device family.

    Members
    -------
    a, b : In
    p : Out
        `latency` cycles later.
    """

    a: Signal
    b: Signal
    p: Signal

    def __init__(self, *, a_bits: int, b_bits: int, target: str) -> None:
        self._target = target
        super().__init__(
            {"a": In(signed(a_bits)), "b": In(b_bits), "p": Out(signed(a_bits + b_bits))}
        )

    @staticmethod
    def latency_of(b_bits: int) -> int:
        """Cycles from operands to product."""
        return 1 + ((b_bits + 1) // 2 - 1).bit_length()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        terms = []
        for low in range(0, len(self.b), 2):
            gates = self.b[low : low + 2]
            twice = Cat(0, self.a).as_signed()
            if len(gates) == 2:
                name = f"sum_{low}"
                added = gated_sum(m, self.a, twice, gates, target=self._target, name=name)
            else:
                added = Mux(gates[0], self.a, 0)
            terms.append((_register(m, added, f"term_{low}"), low))
        level = 0
        while len(terms) > 1:
            level += 1
            # The last one of an odd number waits; bits below the other's are final.
            terms = [
                _joined(m, terms[n : n + 2], f"level_{level}_{n}") for n in range(0, len(terms), 2)
            ]
        m.d.comb += self.p.eq(terms[0][0])
        return m


def _register(m: Module, value: Value, name: str) -> Value:
    later = Signal(value.shape(), name=name, reset_less=True)
    m.d.sync += later.eq(value)
    return later


def _joined(m: Module, terms: list[tuple[Value, int]], name: str) -> tuple[Value, int]:
    """Return the sum of terms, each with its place, a cycle later."""
    (first, low), *others = terms
    if not others:
        return delay(m, first, 1, name=name), low
    ((second, high),) = others
    above = _register(m, (first >> (high - low)) + second, name)
    return Cat(delay(m, first[: high - low], 1, name=f"{name}_below"), above).as_signed(), low
