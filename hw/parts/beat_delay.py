"""Delays by beats."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from hw.parts.ports import Component
from hw.primitives.memory import READ_LATENCY, Memory


class BeatDelay(Component):
    """A word comes out `depth` steps after it went in: registers, or a memory where it is long.

    Members
    -------
    step : In
        Take `i` and move on at the end of this cycle.
    i : In
    o : Out
        What `i` was `depth` steps ago.
    """

    step: Signal
    i: Signal
    o: Signal

    _REGISTERS = READ_LATENCY
    """Longest delay in registers: a memory needs its latency, and two words to stay clear of."""

    def __init__(self, *, depth: int, width: int, target: str) -> None:
        if depth < 1:
            raise ValueError(f"Depth must be at least 1, not {depth}")
        self._depth = depth
        self._width = width
        self._target = target
        super().__init__({"step": In(1), "i": In(width), "o": Out(width)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self._depth <= self._REGISTERS:
            word = self.i
            for step in range(1, self._depth + 1):
                later = Signal(self._width, name=f"word_{step}", reset_less=True)
                with m.If(self.step):
                    m.d.sync += later.eq(word)
                word = later
            m.d.comb += self.o.eq(word)
            return m
        # Read one word ahead of the write: it was written words - 1 steps ago, and comes out
        # READ_LATENCY steps later.
        words = self._depth + 1 - READ_LATENCY
        m.submodules.memory = memory = Memory(depth=words, width=self._width, target=self._target)
        w_addr = Signal(range(words))
        r_addr = Signal(range(words), init=1)
        with m.If(self.step):
            m.d.sync += [w_addr.eq(r_addr), r_addr.eq(Mux(r_addr == words - 1, 0, r_addr + 1))]
        m.d.comb += [
            memory.r_en.eq(self.step),
            memory.r_addr.eq(r_addr),
            memory.w_en.eq(self.step),
            memory.w_addr.eq(w_addr),
            memory.w_data.eq(self.i),
            self.o.eq(memory.r_data),
        ]
        return m
