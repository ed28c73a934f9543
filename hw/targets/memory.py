"""How a target makes memories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import memory

UNFILLED = "parc_unfilled"
"""Attribute of a memory that has no contents before it is written.

`hw.emit.verilog` gives it none: in the Verilog its words are unknown until then.
"""


@dataclass(frozen=True, eq=False, kw_only=True)
class WritePort:
    """Signals of a port that writes."""

    en: Signal
    addr: Signal
    data: Signal


@dataclass(frozen=True, eq=False, kw_only=True)
class Wanted:
    """A memory that is wanted: its shape, its contents, and the signals at its ports.

    Parameters
    ----------
    depth, width
        Words, and bits of one.
    init
        Contents after configuration, from word 0; the rest is 0.
    unfilled
        Whether contents do not matter: no word is used that was not written.
    r_en, r_addr, r_data
        A word comes `hw.primitives.memory.READ_LATENCY` enabled cycles after its address.
    write
        None where it is a ROM.
    """

    depth: int
    width: int
    init: Sequence[int]
    unfilled: bool
    r_en: Signal
    r_addr: Signal
    r_data: Signal
    write: WritePort | None

    @property
    def writable(self) -> bool:
        """Whether it is no ROM."""
        return self.write is not None


class MemoryRecipe:
    """How a memory is made: this one leaves all to synthesis.

    Attributes
    ----------
    deepest
        Words of the deepest memory that is made at once, a power of two; None where there is none.
    words
        Of each primitive that is instantiated what begins the names of ports, a bit each, that take
        a word and that give it.
    """

    deepest: int | None = None
    words: Mapping[str, tuple[str, str]] = MappingProxyType({})

    def blocks(self, *, depth: int, width: int, writable: bool) -> int:
        """Return the block RAMs that it is instantiated in; 0 where it is left to synthesis."""
        del depth, width, writable
        return 0

    def attributes(self, *, writable: bool) -> Mapping[str, str]:
        """Return the attributes of an array that is left to synthesis."""
        return {"no_rw_check": "1"} if writable else {}

    def build(self, m: Module, wanted: Wanted) -> None:
        """Add the memory to ``m``."""
        self.infer(m, wanted)

    def infer(self, m: Module, wanted: Wanted) -> None:
        """Leave the memory to synthesis."""
        array: memory.Memory[Any, Any] = memory.Memory(
            shape=unsigned(wanted.width),
            depth=wanted.depth,
            init=[],
            attrs={
                **self.attributes(writable=wanted.writable),
                **({UNFILLED: "1"} if wanted.unfilled else {}),
            },
        )
        _fill(array, wanted.init)
        m.submodules.array = array
        read = array.read_port()
        out = Signal(wanted.width, reset_less=True)
        m.d.comb += [read.en.eq(wanted.r_en), read.addr.eq(wanted.r_addr), wanted.r_data.eq(out)]
        with m.If(wanted.r_en):
            m.d.sync += out.eq(read.data)
        if wanted.write is not None:
            write = array.write_port()
            m.d.comb += [
                write.en.eq(wanted.write.en),
                write.addr.eq(wanted.write.addr),
                write.data.eq(wanted.write.data),
            ]


def _fill(array: "memory.Memory[Any, Any]", words: Sequence[int]) -> None:
    """Give ``array`` its contents, unsigned integers that fit.

    Amaranth 0.5 takes each word through its checks of constants, seconds for a large ROM; the rows
    themselves are a list.
    """
    init: Any = array.init
    init._elems[: len(words)] = words
