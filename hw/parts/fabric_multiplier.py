"""Products without multipliers: a row of adders for each bit of a factor."""

from amaranth.hdl import C, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from hw.parts.delay import delay
from hw.parts.operands import ONE, Operands, bits_of
from hw.parts.ports import Component, View
from hw.primitives.adder import chosen_sum

_ROWS = 2
"""Adders between registers."""


class FabricMultiplier(Component):
    """Products of one operand with `lanes` others, in carry chains alone, that never stall.

    One product a lane and cycle, `latency` cycles after its operands. Where a device has a look-up
    table before its carry, a bit of ``b`` takes ``a_bits + 1`` of them.

    Parameters
    ----------
    lanes
        Number of products.
    a_bits
        Width of the shared operand, two's complement.
    b_bits
        Width of each lane's operand, two's complement, at least 2.
    target
        One of `hw.targets.registry.TARGETS`.

    Members
    -------
    a : In, signed
    b : In, array of `lanes` signed
    p : Out, array of `lanes` signed of `a_bits + b_bits`
    """

    a: Signal
    b: View
    p: View

    def __init__(self, *, lanes: int, a_bits: int, b_bits: int, target: str) -> None:
        self._a_bits = a_bits
        self._b_bits = b_bits
        self._lanes = lanes
        self._target = target
        super().__init__(
            {
                "a": In(signed(a_bits)),
                "b": In(data.ArrayLayout(signed(b_bits), lanes)),
                "p": Out(data.ArrayLayout(signed(a_bits + b_bits), lanes)),
            }
        )

    @staticmethod
    def latency_of(b_bits: int) -> int:
        """Cycles from operands to product."""
        return -(-b_bits // _ROWS)

    @property
    def latency(self) -> int:
        """Cycles from operands to product."""
        return self.latency_of(self._b_bits)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        stages: list[Value] = [self.a]
        for stage in range(1, self.latency):
            stages.append(delay(m, stages[-1], 1, name=f"a_{stage}"))
        for lane in range(self._lanes):
            m.d.comb += self.p[lane].eq(self._product(m, stages, lane))
        return m

    def _product(self, m: Module, stages: list[Value], lane: int) -> Value:
        """Add up a row a bit; those of the bits below are final."""
        total: Value = C(0, signed(self._a_bits + 1))
        below: list[Value] = []
        for bit in range(self._b_bits):
            stage = bit // _ROWS
            chosen = delay(m, self.b[lane][bit], stage, name=f"b_{lane}_{bit}")
            if bit:
                below.append(total[0])
            total = self._row(m, chosen, stages[stage], total, (lane, bit))
            if bit % _ROWS == _ROWS - 1 or bit == self._b_bits - 1:
                kept = Signal(total.shape(), name=f"total_{lane}_{bit}", reset_less=True)
                m.d.sync += kept.eq(total)
                total = kept
                below = [delay(m, Cat(*below), 1, name=f"below_{lane}_{bit}")] if below else []
        return Cat(*below, total).as_signed()

    def _row(
        self, m: Module, chosen: Value, a: Value, before: Value, place: tuple[int, int]
    ) -> Value:
        """Return half of the sum before, and ``a`` where it is chosen; less it for the last bit."""
        width = self._a_bits + 1
        lane, bit = place
        if bit == 0:
            return Mux(chosen, a, 0)[:width].as_signed()
        half, other = bits_of(before[1:].as_signed(), "before"), bits_of(a, "a")
        then = Operands(half, other)
        if bit == self._b_bits - 1:
            then = Operands(half, [~one for one in other], ONE)
        return chosen_sum(
            m,
            chosen,
            then,
            Operands(half),
            width=width,
            target=self._target,
            name=f"row_{lane}_{bit}",
        )
