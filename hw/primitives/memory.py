"""Memories."""

from collections.abc import Sequence

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import In, Out

from hw.parts.ports import Component
from hw.targets.memory import Wanted, WritePort
from hw.targets.registry import TARGETS

READ_LATENCY = 2
"""Cycles from an address to its word, on every target: the array's register and its output's."""


class Memory(Component):
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
        Contents after configuration, from word 0; the rest is 0. None, for a memory of which no
        word is read before it is written, or none that matters: contents are then unknown.
    writable
        False makes a ROM: the write port is left out.
    target
        One of `hw.targets.registry.TARGETS`.

    Members
    -------
    r_en, r_addr : In
    r_data : Out
    w_en, w_addr, w_data : In, where writable
    """

    r_en: Signal
    r_addr: Signal
    r_data: Signal
    w_en: Signal
    w_addr: Signal
    w_data: Signal

    def __init__(
        self,
        *,
        depth: int,
        width: int,
        init: Sequence[int] | None = None,
        writable: bool = True,
        target: str,
    ) -> None:
        words = list(init or ())
        if len(words) > depth:
            raise ValueError(f"Words must number at most {depth}, not {len(words)}")
        if init is None and not writable:
            raise ValueError("Words must be given where they cannot be written, not None")
        self._depth = depth
        self._width = width
        self._init = words
        self._unfilled = init is None
        self._writable = writable
        self._target = target
        ports = {"r_en": In(1), "r_addr": In(range(depth)), "r_data": Out(width)}
        if writable:
            ports |= {"w_en": In(1), "w_addr": In(range(depth)), "w_data": In(width)}
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        stack = _stack(self._target, self._depth)
        if len(stack) > 1:
            self._instantiate_stack(m, stack)
        else:
            TARGETS[self._target].memory.build(m, self._wanted())
        return m

    def _wanted(self) -> Wanted:
        write = None
        if self._writable:
            write = WritePort(en=self.w_en, addr=self.w_addr, data=self.w_data)
        return Wanted(
            depth=self._depth,
            width=self._width,
            init=self._init,
            unfilled=self._unfilled,
            r_en=self.r_en,
            r_addr=self.r_addr,
            r_data=self.r_data,
            write=write,
        )

    def _instantiate_stack(self, m: Module, depths: Sequence[int]) -> None:
        """Instantiate memories of as many words as a block can have; the last has the rest."""
        address_bits = (depths[0] - 1).bit_length()
        words_of = []
        for level, depth in enumerate(depths):
            base = level * depths[0]
            m.submodules[f"level_{level}"] = part = Memory(
                depth=depth,
                width=self._width,
                init=None if self._unfilled else self._init[base : base + depth],
                writable=self._writable,
                target=self._target,
            )
            m.d.comb += [part.r_en.eq(self.r_en), part.r_addr.eq(self.r_addr)]
            if self._writable:
                chosen = self.w_addr >> address_bits == level
                m.d.comb += [
                    part.w_en.eq(self.w_en & chosen),
                    part.w_addr.eq(self.w_addr),
                    part.w_data.eq(self.w_data),
                ]
            words_of.append(part.r_data)
        read = self.r_addr >> address_bits
        for cycle in range(READ_LATENCY):
            later = Signal.like(read, name=f"level_read_{cycle}", reset_less=True)
            with m.If(self.r_en):
                m.d.sync += later.eq(read)
            read = later
        with m.Switch(read):
            for level, word in enumerate(words_of):
                with m.Case(level):
                    m.d.comb += self.r_data.eq(word)


def blocks_on(target: str, *, depth: int, width: int, writable: bool) -> int:
    """Block RAMs that a memory is instantiated in; 0 where its shape is left to synthesis."""
    recipe = TARGETS[target].memory
    stack = _stack(target, depth)
    return sum(recipe.blocks(depth=part, width=width, writable=writable) for part in stack)


def levels_on(target: str, *, depth: int) -> int:
    """Memories that one of ``depth`` words is made of, where a block is not deep enough."""
    return len(_stack(target, depth))


def _stack(target: str, depth: int) -> list[int]:
    """Return the depths of the memories that one of ``depth`` words is made of, low words first."""
    deepest = TARGETS[target].memory.deepest
    if deepest is None or depth <= deepest:
        return [depth]
    whole, rest = divmod(depth, deepest)
    return [deepest] * whole + ([rest] if rest else [])
