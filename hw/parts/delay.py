"""Delays: by cycles, and by beats."""

from typing import TypeVar, cast

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib.wiring import In, Out

from hw.parts.ports import Component, View
from hw.primitives.memory import READ_LATENCY, Memory

AnySignal = TypeVar("AnySignal", bound=Value | View)


def delay(m: Module, signal: AnySignal, cycles: int, *, name: str) -> AnySignal:
    """Return ``signal`` as it was ``cycles`` cycles ago; the registers are ``name_1``, and so on.

    Control and data alike start at the shape's zero and are not reset: what a valid bit guards
    needs no reset, and valid bits themselves are flushed by a reset of ``cycles`` cycles or more.
    """
    for cycle in range(1, cycles + 1):
        later = Signal(signal.shape(), name=f"{name}_{cycle}", reset_less=True)
        m.d.sync += later.eq(signal)
        signal = cast(AnySignal, later)
    return signal


def delay_valid(m: Module, signal: Value, cycles: int, *, name: str) -> Value:
    """`delay` for a bit that must be low from the first cycle of a reset."""
    for cycle in range(1, cycles + 1):
        later = Signal(name=f"{name}_{cycle}")
        m.d.sync += later.eq(signal)
        signal = later
    return signal


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
