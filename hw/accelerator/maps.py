"""The buffer of maps: a memory whose blocks lie all over the device."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib.wiring import In, Out

from golden.accelerator.sizes import DATA_BITS, Sizes
from hw.parts.delay import copied, delay, delay_valid
from hw.parts.ports import Component
from hw.primitives.memory import READ_LATENCY, Memory

_NEAR = 32
"""Bits of a word whose blocks have their own registers of addresses."""
_REACHED = 2
"""Registers on the way to blocks: one in their middle, one beside them."""
MAPS_LATENCY = _REACHED + READ_LATENCY + 2
"""Cycles from an address to its word: registers beside the blocks, and beside who reads."""


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
        A word is there `MAPS_LATENCY` - 1 cycles after its address: it needs a register more
        where it is wanted.
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
        width = len(self.w_data)
        middle = _REACHED - 1
        addresses = {
            "r_addr": delay(m, self.r_addr, middle, name="r_addr"),
            "w_addr": delay(m, self.w_addr, middle, name="w_addr"),
            "w_en": delay_valid(m, self.w_en, middle, name="w_en"),
        }
        word = []
        for number, low in enumerate(range(0, width, _NEAR)):
            bits = slice(low, min(low + _NEAR, width))
            memory = Memory(depth=self._words, width=bits.stop - low, target=self._target)
            m.submodules[f"part_{number}"] = memory
            r_addr, w_addr, w_en = (
                copied(m, one, name=f"{name}_{number}") for name, one in addresses.items()
            )
            m.d.comb += [
                memory.r_en.eq(1),
                memory.r_addr.eq(r_addr),
                memory.w_en.eq(w_en),
                memory.w_addr.eq(w_addr),
                memory.w_data.eq(delay(m, self.w_data[bits], _REACHED, name=f"w_data_{number}")),
            ]
            word.append(delay(m, memory.r_data, 1, name=f"r_data_{number}"))
        m.d.comb += self.r_data.eq(Cat(*word))
        return m
