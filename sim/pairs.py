"""A primitive's model beside the same thing inferred, to be compared cycle for cycle."""

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import C, ClockSignal, Instance, Module, Shape, Signal, Value, unsigned
from amaranth.lib import memory
from amaranth.lib.wiring import In, Out

from hw.parts.ports import Component

OPERAND_BITS = 18
PRODUCT_BITS = 2 * OPERAND_BITS
ADDRESS_BITS = 14
DATA_PINS = 18
BYTE_BITS = 9


def pins(direction: str, name: str, value: Value) -> dict[str, Value]:
    """Return an instance's ports NAME0, NAME1, ... for the bits of ``value``."""
    return {f"{direction}_{name}{bit}": value[bit] for bit in range(len(value))}


@dataclass(frozen=True)
class MultiplierRegisters:
    """Which registers of a MULT18X18D are used, and whether its operands have signs."""

    operands: bool
    pipeline: bool
    product: bool
    a_signed: bool = True
    b_signed: bool = True


class MultiplierPair(Component):
    """A MULT18X18D, and the product that `*` stands for with as many registers.

    Members
    -------
    a, b, enable, clear : In
    modelled, inferred : Out
    """

    a: Signal
    b: Signal
    enable: Signal
    clear: Signal
    modelled: Signal
    inferred: Signal

    def __init__(self, registers: MultiplierRegisters) -> None:
        self._registers = registers
        super().__init__(
            {
                "a": In(OPERAND_BITS),
                "b": In(OPERAND_BITS),
                "enable": In(1),
                "clear": In(1),
                "modelled": Out(PRODUCT_BITS),
                "inferred": Out(PRODUCT_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        use = self._registers
        shapes = [Shape(OPERAND_BITS, use.a_signed), Shape(OPERAND_BITS, use.b_signed)]
        operands = []
        for name, value, shape in zip("ab", (self.a, self.b), shapes, strict=True):
            operand = Signal(shape, name=f"{name}_operand")
            m.d.comb += operand.eq(value)
            operands.append(self._register(m, f"{name}_in", operand, use.operands))
        product = Signal(PRODUCT_BITS)
        m.d.comb += product.eq(operands[0] * operands[1])
        piped = self._register(m, "piped", product, use.pipeline)
        m.d.comb += self.inferred.eq(self._register(m, "p", piped, use.product))
        m.submodules.model = self._model()
        return m

    def _register(self, m: Module, name: str, value: Signal, present: bool) -> Signal:
        if not present:
            return value
        held = Signal(value.shape(), name=name, reset_less=True)
        with m.If(self.clear):
            m.d.sync += held.eq(0)
        with m.Elif(self.enable):
            m.d.sync += held.eq(value)
        return held

    def _model(self) -> Instance:
        use = self._registers
        present = {
            "INPUTA": use.operands,
            "INPUTB": use.operands,
            "PIPELINE": use.pipeline,
            "OUTPUT": use.product,
        }
        return Instance(
            "MULT18X18D",
            **{f"p_REG_{name}_CLK": "CLK0" if on else "NONE" for name, on in present.items()},
            **pins("i", "A", self.a),
            **pins("i", "B", self.b),
            **pins("i", "C", C(0, OPERAND_BITS)),
            **pins("o", "P", self.modelled),
            i_SIGNEDA=C(use.a_signed, 1),
            i_SIGNEDB=C(use.b_signed, 1),
            i_SOURCEA=C(0, 1),
            i_SOURCEB=C(0, 1),
            i_CLK0=ClockSignal(),
            i_CE0=self.enable,
            i_RST0=self.clear,
        )


class MemoryPair(Component):
    """A DP16KD written through port A and read through port B, and an inferred memory.

    Members
    -------
    w_en, w_addr, w_data, r_en, r_addr : In
        `r_en` moves the read port and the output register.
    modelled, inferred : Out
    """

    w_en: Signal
    w_addr: Signal
    w_data: Signal
    r_en: Signal
    r_addr: Signal
    modelled: Signal
    inferred: Signal

    def __init__(self, *, width: int, registered: bool, contents: list[int]) -> None:
        self._width = width
        self._registered = registered
        self._contents = contents
        self._unused = {36: 5, 18: 4, 9: 3, 4: 2, 2: 1, 1: 0}[width]
        depth = 1 << (ADDRESS_BITS - self._unused)
        if len(contents) != depth:
            raise ValueError(f"Contents must number {depth}, not {len(contents)}")
        super().__init__(
            {
                "w_en": In(1),
                "w_addr": In(range(depth)),
                "w_data": In(width),
                "r_en": In(1),
                "r_addr": In(range(depth)),
                "modelled": Out(width),
                "inferred": Out(width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        array: memory.Memory[Any, Any] = memory.Memory(
            shape=unsigned(self._width), depth=len(self._contents), init=self._contents
        )
        m.submodules.array = array
        read = array.read_port()
        write = array.write_port()
        m.d.comb += [
            *(read.en.eq(self.r_en), read.addr.eq(self.r_addr)),
            *(write.en.eq(self.w_en), write.addr.eq(self.w_addr), write.data.eq(self.w_data)),
        ]
        if self._registered:
            with m.If(self.r_en):
                m.d.sync += self.inferred.eq(read.data)
        else:
            m.d.comb += self.inferred.eq(read.data)
        m.submodules.model = self._model(m)
        return m

    def _model(self, m: Module) -> Instance:
        w_addr = Signal(ADDRESS_BITS)
        r_addr = Signal(ADDRESS_BITS)
        w_data = Signal(2 * DATA_PINS)
        r_data = Signal(2 * DATA_PINS)
        m.d.comb += [
            w_addr[self._unused :].eq(self.w_addr),
            r_addr[self._unused :].eq(self.r_addr),
            w_data.eq(self.w_data),
            # Below 36 bits port B's pins alone carry what is read.
            self.modelled.eq(r_data if self._width == 2 * DATA_PINS else r_data[DATA_PINS:]),
        ]
        if self._width >= DATA_PINS:
            m.d.comb += w_addr[: self._width // BYTE_BITS].eq(~0)
        initial = {f"p_INITVAL_{row:02X}": word for row, word in enumerate(self._initial())}
        return Instance(
            "DP16KD",
            **initial,
            p_DATA_WIDTH_A=self._width,
            p_DATA_WIDTH_B=self._width,
            p_REGMODE_B="OUTREG" if self._registered else "NOREG",
            **pins("i", "ADA", w_addr),
            **pins("i", "DIA", w_data[:DATA_PINS]),
            **pins("i", "ADB", r_addr),
            **pins("i", "DIB", w_data[DATA_PINS:]),
            **pins("i", "CSA", C(0, 3)),
            **pins("i", "CSB", C(0, 3)),
            **pins("o", "DOA", r_data[:DATA_PINS]),
            **pins("o", "DOB", r_data[DATA_PINS:]),
            i_CLKA=ClockSignal(),
            i_CEA=self.w_en,
            i_WEA=self.w_en,
            i_OCEA=C(0, 1),
            i_RSTA=C(0, 1),
            i_CLKB=ClockSignal(),
            i_CEB=self.r_en,
            i_WEB=C(0, 1),
            i_OCEB=self.r_en,
            i_RSTB=C(0, 1),
        )

    def _initial(self) -> list[C]:
        """Return the contents as 64 parameters of 16 rows, 20 bits a row, 18 of them used."""
        halves = [0] * 1024
        per_byte = max(1, (BYTE_BITS - 1) // self._width)
        for index, word in enumerate(self._contents):
            if self._width > BYTE_BITS:
                bit = index * self._width
            else:
                bit = index // per_byte * BYTE_BITS + index % per_byte * self._width
            half, place = divmod(bit, DATA_PINS)
            halves[half] |= (word << place) & ((1 << DATA_PINS) - 1)
            if self._width > DATA_PINS:
                halves[half + 1] |= word >> DATA_PINS
        return [
            C(sum(halves[first + row] << (20 * row) for row in range(16)), 320)
            for first in range(0, 1024, 16)
        ]
