"""Memories. The only file that knows a device's memory primitives."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import C, ClockSignal, Const, Instance, Module, Signal, unsigned
from amaranth.lib import memory
from amaranth.lib.wiring import In, Out

from hw.parts.ports import Component

READ_LATENCY = 2
"""Cycles from an address to its word, on every target: the array's register and its output's."""

_BLOCK_SHAPES = ((18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
"""Width and depth of an ECP5 block, the widest first."""
_BLOCK_ADDRESS_BITS = 14
_DEEPEST_BLOCK = 1 << _BLOCK_ADDRESS_BITS
_DEEPEST_IN_LUTS = 32
_DEEPEST_ROM_IN_LUTS = 32
"""Deeper memories go into blocks: from here on a block costs less of a device than its LUTs."""
_LARGEST_ROM_IN_LUTS = 1152
"""Bits of a ROM of more than 32 words: beyond, what its address drives is slower than a block."""


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
        Contents after configuration, from word 0; the rest is 0.
    writable
        False makes a ROM: the write port is left out.
    target
        Device family, one of `golden.line.design.TARGETS`.

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
        init: Sequence[int] = (),
        writable: bool = True,
        target: str,
    ) -> None:
        if len(init) > depth:
            raise ValueError(f"Words must number at most {depth}, not {len(init)}")
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
        if len(_stack(self._target, self._depth)) > 1:
            self._instantiate_stack(m)
        elif blocks_on(self._target, depth=self._depth, width=self._width, writable=self._writable):
            self._instantiate(m)
        else:
            self._infer(m)
        return m

    def _infer(self, m: Module) -> None:
        array: memory.Memory[Any, Any] = memory.Memory(
            shape=unsigned(self._width),
            depth=self._depth,
            init=[],
            attrs=self._attributes(),
        )
        _fill(array, self._init)
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

    def _attributes(self) -> dict[str, str]:
        if self._writable:
            return {"no_rw_check": "1"}
        # Synthesis would put a small ROM into a block, and leave the block's output register out.
        return {"rom_style": "logic"} if self._target == "ecp5" else {}

    def _instantiate_stack(self, m: Module) -> None:
        """Instantiate memories of as many words as a block can have; the last has the rest."""
        words_of = []
        for level, depth in enumerate(_stack(self._target, self._depth)):
            base = level * _DEEPEST_BLOCK
            m.submodules[f"level_{level}"] = part = Memory(
                depth=depth,
                width=self._width,
                init=self._init[base : base + depth],
                writable=self._writable,
                target=self._target,
            )
            m.d.comb += [part.r_en.eq(self.r_en), part.r_addr.eq(self.r_addr)]
            if self._writable:
                chosen = self.w_addr >> _BLOCK_ADDRESS_BITS == level
                m.d.comb += [
                    part.w_en.eq(self.w_en & chosen),
                    part.w_addr.eq(self.w_addr),
                    part.w_data.eq(self.w_data),
                ]
            words_of.append(part.r_data)
        read = self.r_addr >> _BLOCK_ADDRESS_BITS
        for cycle in range(READ_LATENCY):
            later = Signal.like(read, name=f"level_read_{cycle}", reset_less=True)
            with m.If(self.r_en):
                m.d.sync += later.eq(read)
            read = later
        with m.Switch(read):
            for level, word in enumerate(words_of):
                with m.Case(level):
                    m.d.comb += self.r_data.eq(word)

    def _instantiate(self, m: Module) -> None:
        width, _ = _block_shape(self._depth)
        for column in range(-(-self._width // width)):
            low = column * width
            words = [(word >> low) & ((1 << width) - 1) for word in self._init]
            self._column(m, column, slice(low, min(low + width, self._width)), width, words)

    def _column(
        self, m: Module, column: int, bits: slice, width: int, words: Sequence[int]
    ) -> None:
        """Instantiate a DP16KD: port A writes, port B reads through its output register."""
        unused = {18: 4, 9: 3, 4: 2, 2: 1, 1: 0}[width]  # low address bits: byte enables, or none
        r_addr = Signal(_BLOCK_ADDRESS_BITS, name=f"r_addr_{column}")
        w_addr = Signal(_BLOCK_ADDRESS_BITS, name=f"w_addr_{column}")
        w_data = Signal(18, name=f"w_data_{column}")
        r_data = Signal(18, name=f"r_data_{column}")
        m.d.comb += [r_addr[unused:].eq(self.r_addr), self.r_data[bits].eq(r_data)]
        w_en = self.w_en if self._writable else Const(0, 1)
        if self._writable:
            m.d.comb += [
                w_addr[unused:].eq(self.w_addr),
                w_data.eq(self.w_data[bits]),
            ]
        if width == 18:
            m.d.comb += w_addr[:2].eq(0b11)  # both bytes are written
        ports: dict[str, object] = {}
        for port, addr, data in (("A", w_addr, w_data), ("B", r_addr, C(0, 18))):
            ports |= {f"i_AD{port}{bit}": addr[bit] for bit in range(_BLOCK_ADDRESS_BITS)}
            ports |= {f"i_DI{port}{bit}": data[bit] for bit in range(18)}
            ports |= {f"i_CS{port}{bit}": Const(0, 1) for bit in range(3)}
            ports |= {f"i_CLK{port}": ClockSignal(), f"i_RST{port}": Const(0, 1)}
            ports |= {f"p_DATA_WIDTH_{port}": width, f"p_CLK{port}MUX": f"CLK{port}"}
            ports |= {f"p_CSDECODE_{port}": "0b000", f"p_WRITEMODE_{port}": "NORMAL"}
        ports |= {f"o_DOB{bit}": r_data[bit] for bit in range(18)}
        ports |= {f"p_INITVAL_{row:02X}": value for row, value in enumerate(_initval(words, width))}
        m.submodules[f"block_{column}"] = Instance(
            "DP16KD",
            p_REGMODE_A="NOREG",
            p_REGMODE_B="OUTREG",
            p_RESETMODE="SYNC",
            p_ASYNC_RESET_RELEASE="SYNC",
            p_GSR="DISABLED",
            i_CEA=w_en,
            i_OCEA=Const(0, 1),
            i_WEA=w_en,
            i_CEB=self.r_en,
            i_OCEB=self.r_en,
            i_WEB=Const(0, 1),
            **ports,
        )


def _fill(array: "memory.Memory[Any, Any]", words: Sequence[int]) -> None:
    """Give ``array`` its contents, unsigned integers that fit.

    Amaranth 0.5 takes each word through its checks of constants, seconds for a large ROM; the rows
    themselves are a list.
    """
    init: Any = array.init
    init._elems[: len(words)] = words


def blocks_on(target: str, *, depth: int, width: int, writable: bool) -> int:
    """Block RAMs that a memory is instantiated in; 0 where its shape is left to synthesis."""
    stack = _stack(target, depth)
    if len(stack) > 1:
        return sum(blocks_on(target, depth=d, width=width, writable=writable) for d in stack)
    small = not writable and depth <= _DEEPEST_ROM_IN_LUTS and depth * width <= _LARGEST_ROM_IN_LUTS
    in_luts = small or depth <= _DEEPEST_IN_LUTS
    if target != "ecp5" or in_luts:
        return 0
    return -(-width // _block_shape(depth)[0])


def levels_on(target: str, *, depth: int) -> int:
    """Memories that one of ``depth`` words is made of, where a block is not deep enough."""
    return len(_stack(target, depth))


def _stack(target: str, depth: int) -> list[int]:
    """Return the depths of the memories that one of ``depth`` words is made of, low words first."""
    if target != "ecp5" or depth <= _DEEPEST_BLOCK:
        return [depth]
    whole, rest = divmod(depth, _DEEPEST_BLOCK)
    return [_DEEPEST_BLOCK] * whole + ([rest] if rest else [])


def _block_shape(depth: int) -> tuple[int, int]:
    return next(shape for shape in _BLOCK_SHAPES if shape[1] >= depth)


def _initval(words: Sequence[int], width: int) -> list[Const]:
    """Return a DP16KD's 64 rows of contents: 16 fields of 20 bits with 18 bits of data each.

    A byte has nine bits; words of less than nine leave the ninth unused.
    """
    flat = 0
    for index, word in enumerate(words):
        per_byte = max(8 // width, 1)
        place = index * width if width >= 9 else index // per_byte * 9 + index % per_byte * width
        flat |= word << place
    halves = [(flat >> (18 * index)) & 0x3FFFF for index in range(1024)]
    return [
        Const(sum(half << (20 * field) for field, half in enumerate(halves[row : row + 16])), 320)
        for row in range(0, 1024, 16)
    ]
