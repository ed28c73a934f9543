"""Memories. The only file that knows a device's memory primitives."""

from collections.abc import Sequence

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

READ_LATENCY = 2
"""Cycles from an address to its word, on every target: the array's register and its output's."""


class Memory(wiring.Component):
    """A memory with one write and one read port on the same clock.

    A read takes `READ_LATENCY` enabled cycles: the read port and the output register move only
    while `r_en` is high. A word read in the cycle that it is written in is undefined, so that no
    target spends logic on it: users keep the two apart.

    Parameters
    ----------
    depth
        Number of words.
    width
        Bits of a word.
    init
        Contents after configuration, from word 0; the rest is 0.
    writable
        False makes a ROM: the write port is left out.
    target
        Device family, one of `golden.design.TARGETS`.

    Members
    -------
    r_en, r_addr : In
    r_data : Out
    w_en, w_addr, w_data : In, where writable
    """

    def __init__(
        self,
        *,
        depth: int,
        width: int,
        init: Sequence[int] = (),
        writable: bool = True,
        target: str,
    ) -> None:
        self._depth = depth
        self._width = width
        self._init = list(init)
        self._writable = writable
        self._target = target
        ports = {"r_en": In(1), "r_addr": In(range(depth)), "r_data": Out(width)}
        if writable:
            ports |= {"w_en": In(1), "w_addr": In(range(depth)), "w_data": In(width)}
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        array: memory.Memory[int] = memory.Memory(
            shape=unsigned(self._width),
            depth=self._depth,
            init=self._init,
            attrs={"no_rw_check": "1"} if self._writable else {},
        )
        m.submodules.array = array
        read = array.read_port()
        out = Signal(self._width, reset_less=True)
        m.d.comb += [read.en.eq(self.r_en), read.addr.eq(self.r_addr), self.r_data.eq(out)]
        with m.If(self.r_en):
            m.d.sync += out.eq(read.data)
        if self._writable:
            write = array.write_port()
            m.d.comb += [
                write.en.eq(self.w_en),
                write.addr.eq(self.w_addr),
                write.data.eq(self.w_data),
            ]
        return m
