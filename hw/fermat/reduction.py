"""The end of the way: from words that are congruent to the sums, to the sums."""

from amaranth.hdl import Module, Signal, signed

from golden.fermat import plan
from hw.fermat.latency import step_latency
from hw.fermat.words import WordsComponent
from hw.parts.delay import delay, delay_valid
from hw.parts.tables import Table


class Reduction(WordsComponent):
    """Subtracts the multiple of P that a table holds for a word's upper bits.

    One beat a cycle, `latency` cycles.
    """

    def __init__(self, step: plan.Reduction, *, lanes: int, target: str) -> None:
        self._step = step
        self._lanes = lanes
        self._target = target
        self.latency = step_latency(step)
        super().__init__(step.i, step.o, lanes=lanes)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        step = self._step
        width = step.o.bits  # the rest of the difference is its sign
        m.d.comb += self.o.valid.eq(delay_valid(m, self.i.valid, self.latency, name="valid"))
        for lane in range(self._lanes):
            word = self.i.payload[lane]
            table = Table(words=step.table, depth=len(step.table), width=width, target=self._target)
            m.submodules[f"multiples_{lane}"] = table
            # A word that has fewer bits than the sums, which may be far from 0, keeps its sign.
            low = word[:width].as_signed()
            late = delay(m, low, Table.latency, name=f"word_{lane}")
            rest = Signal(signed(width), name=f"rest_{lane}", reset_less=True)
            m.d.comb += [
                table.addr.eq((word >> step.shift)[: step.address_bits]),
                self.o.payload[lane].eq(rest),
            ]
            m.d.sync += rest.eq(late - table.data)
        return m
