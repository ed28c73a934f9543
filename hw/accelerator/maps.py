"""The buffer of maps: a memory whose blocks lie all over the device."""

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import In, Out

from golden.accelerator.sizes import DATA_BITS, Sizes
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Component
from hw.primitives.memory import READ_LATENCY, Memory

MAPS_LATENCY = 1 + READ_LATENCY
"""Cycles from an address to its word."""


class Maps(Component):
    """Words of maps, behind registers: what chooses an address is far from some of the blocks.

    Reads and writes are late alike, so a word that is written in a cycle is there for an address of
    the next.

    Parameters
    ----------
    sizes
        Of the accelerator.
    words
        How many.

    Members
    -------
    r_addr, r_data : In, Out
        A word is there `MAPS_LATENCY` cycles after its address.
    w_en, w_addr, w_data : In
    """

    r_addr: Signal
    r_data: Signal
    w_en: Signal
    w_addr: Signal
    w_data: Signal

    def __init__(self, sizes: Sizes, words: int) -> None:
        self._target = sizes.target
        self._words = words
        word = DATA_BITS * sizes.tile
        super().__init__(
            {
                "r_addr": In(range(words)),
                "r_data": Out(word),
                "w_en": In(1),
                "w_addr": In(range(words)),
                "w_data": In(word),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(
            depth=self._words, width=len(self.w_data), target=self._target
        )
        m.d.comb += [
            memory.r_en.eq(1),
            memory.r_addr.eq(delay(m, self.r_addr, 1, name="r_addr")),
            memory.w_en.eq(delay_valid(m, self.w_en, 1, name="w_en")),
            memory.w_addr.eq(delay(m, self.w_addr, 1, name="w_addr")),
            memory.w_data.eq(delay(m, self.w_data, 1, name="w_data")),
            self.r_data.eq(memory.r_data),
        ]
        return m
