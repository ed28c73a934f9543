"""Additions with a choice of operands. The only file that knows a device's carry cells.

Operands are lists of bits that are wires, inverted wires or constants: then the choice, the
inverters and the addition itself go into one cell a bit where the device has a look-up table before
its carry. Left to synthesis, they would take two or three.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import permutations, product

from amaranth.hdl import C, Cat, Const, Instance, Module, Mux, Signal, Value


@dataclass(frozen=True)
class Bit:
    """A wire, or its inverse; the inverse of no wire is the constant 1.

    Parameters
    ----------
    name
        Of the wire, unlike any other's in the same addition; empty for none.
    inverted
        Whether the inverse is meant.
    wire
        Of one bit.
    """

    name: str
    inverted: bool
    wire: Value = field(compare=False)

    def __invert__(self) -> "Bit":
        return Bit(self.name, not self.inverted, self.wire)

    @property
    def value(self) -> Value:
        """The bit itself."""
        return ~self.wire if self.inverted else self.wire

    def of(self, wires: dict[str, bool]) -> bool:
        """Return the bit where ``wires`` have these values."""
        return wires.get(self.name, False) != self.inverted


ZERO = Bit("", False, C(0, 1))
ONE = ~ZERO

Bits = Sequence[Bit]
"""A two's complement number, low bit first; the last bit stands for all above it."""


def bits_of(word: Value, name: str) -> list[Bit]:
    """Return the bits of a signed ``word`` that is called ``name``."""
    return [Bit(f"{name}[{place}]", False, word[place]) for place in range(len(word))]


def value_of(bits: Bits) -> Value:
    """Return ``bits`` as a signed value."""
    return Cat(*(bit.value for bit in bits)).as_signed()


@dataclass(frozen=True)
class Operands:
    """Two numbers and a carry whose sum is meant."""

    a: Bits
    b: Bits = (ZERO,)
    carry: Bit = ZERO

    @property
    def single(self) -> bool:
        """Whether there is nothing to add."""
        return tuple(self.b) == (ZERO,) and self.carry == ZERO

    @property
    def sum(self) -> Value:
        """The sum, as an expression with one carry chain."""
        if self.single:
            return value_of(self.a)
        carried = (value_of([self.carry, *bits]) for bits in (self.a, self.b))
        return sum(carried, start=C(0, 1)) >> 1


def chosen_sum(
    m: Module,
    chosen: Value,
    then: Operands,
    otherwise: Operands,
    *,
    width: int,
    target: str,
    name: str,
) -> Value:
    """Return the low ``width`` bits, signed, of ``then``'s sum if ``chosen``, else ``otherwise``'s.

    Parameters
    ----------
    m
        Where cells are added.
    chosen
        A wire.
    then, otherwise
        The operands to choose from.
    width
        Of the result.
    target
        Device family, one of `golden.line.design.TARGETS`.
    name
        Of the cells.
    """
    if then.single and otherwise.single:
        return Mux(chosen, then.sum, otherwise.sum)[:width].as_signed()
    if target == "ecp5":
        return _carry_cells(m, Bit("chosen", False, chosen), then, otherwise, width, name)
    if otherwise.single:
        return Mux(chosen, then.sum, otherwise.sum)[:width].as_signed()
    return _chosen_before(chosen, then, otherwise).sum[:width].as_signed()


def plain_sum(m: Module, operands: Operands, *, width: int, target: str, name: str) -> Value:
    """Return the low ``width`` bits, signed, of the operands' sum; see `chosen_sum`."""
    return chosen_sum(m, C(1, 1), operands, operands, width=width, target=target, name=name)


def _chosen_before(chosen: Value, then: Operands, otherwise: Operands) -> Operands:
    """Return operands that are chosen bit by bit."""

    def choose(a: Bits, b: Bits, name: str) -> list[Bit]:
        pairs = zip(*_to_width(max(len(a), len(b)), a, b), strict=True)
        return [_choose(chosen, x, y, f"{name}[{k}]") for k, (x, y) in enumerate(pairs)]

    return Operands(
        choose(then.a, otherwise.a, "a"),
        choose(then.b, otherwise.b, "b"),
        _choose(chosen, then.carry, otherwise.carry, "carry"),
    )


def _choose(chosen: Value, then: Bit, otherwise: Bit, name: str) -> Bit:
    """Return one of two bits, as a wire of its own where they differ."""
    if then == otherwise:
        return then
    if (then, otherwise) == (ONE, ZERO):
        return Bit(name, False, chosen)
    return Bit(name, False, Mux(chosen, then.value, otherwise.value))


def _to_width(width: int, *numbers: Bits) -> list[list[Bit]]:
    """Extend ``numbers`` by their signs, or cut them."""
    return [[*bits, *[bits[-1]] * (width - len(bits))][:width] for bits in numbers]


# ECP5: half a CCU2C a bit. Its look-up table p(A, B, C, D) is the sum but for the carry in, and
# passes the carry on where it is 1; else the carry out is g(A, B), which is p at C = D = 0.

_Pins = tuple[Bit, ...]


@dataclass(frozen=True)
class _Cell:
    """What a bit's sum needs: wires, and what to propagate and generate for their values."""

    wires: tuple[Bit, ...]
    propagates: Callable[[dict[str, bool]], bool]
    generates: Callable[[dict[str, bool]], bool]

    def configured(self) -> tuple[int, _Pins] | None:
        """Return the table and what goes to its pins, or None where there is none."""
        if len(self.wires) > 4:
            return None
        for order in permutations(self.wires):
            pins = (*order, *[ONE] * (4 - len(order)))
            table = self._table(pins)
            if table is not None:
                return table, pins
        return None

    def _table(self, pins: _Pins) -> int | None:
        """Return the table for wires on these pins if its generating part is right."""
        table: dict[int, bool] = {}
        generated: dict[int, bool] = {}
        for levels in product((False, True), repeat=4):
            if any(pin == ONE and not level for pin, level in zip(pins, levels, strict=True)):
                continue
            wires = {pin.name: level for pin, level in zip(pins, levels, strict=True) if pin.name}
            index = sum(level << place for place, level in enumerate(levels))
            table[index] = self.propagates(wires)
            if not table[index]:
                wanted = self.generates(wires)
                if generated.setdefault(index & 3, wanted) != wanted:
                    return None
        for low, wanted in generated.items():
            if table.setdefault(low, wanted) != wanted:
                return None
        return sum(bit << index for index, bit in table.items())


def _cell_of(chosen: Bit, then: tuple[Bit, Bit], otherwise: tuple[Bit, Bit]) -> _Cell:
    """Return the cell that adds ``then``'s two bits if ``chosen``, else ``otherwise``'s."""
    wires = {bit.name: bit for bit in (*then, *otherwise) if bit.name}
    if then != otherwise:
        wires["chosen"] = chosen

    def pair(levels: dict[str, bool]) -> tuple[bool, bool]:
        a, b = then if levels.get("chosen", True) else otherwise
        return a.of(levels), b.of(levels)

    def propagates(levels: dict[str, bool]) -> bool:
        a, b = pair(levels)
        return a != b

    def generates(levels: dict[str, bool]) -> bool:
        return pair(levels)[0]

    return _Cell(tuple(Bit(w.name, False, w.wire) for w in wires.values()), propagates, generates)


def _configure(chosen: Bit, then: tuple[Bit, Bit], otherwise: tuple[Bit, Bit]) -> tuple[int, _Pins]:
    """Return table and pins of a bit, with choices made before the cell where it has no room."""
    a = _choose(chosen.wire, then[0], otherwise[0], "a")
    b = _choose(chosen.wire, then[1], otherwise[1], "b")
    for first, second in (
        (then, otherwise),
        ((a, then[1]), (a, otherwise[1])),
        ((then[0], b), (otherwise[0], b)),
        ((a, b), (a, b)),
    ):
        configured = _cell_of(chosen, first, second).configured()
        if configured is not None:
            return configured
    raise AssertionError("Two wires always fit")


def _carry_cells(
    m: Module, chosen: Bit, then: Operands, otherwise: Operands, width: int, name: str
) -> Value:
    """Chain CCU2C cells, two bits each."""
    columns = list(zip(*_to_width(width, then.a, then.b, otherwise.a, otherwise.b), strict=True))
    halves = [_configure(chosen, (a, b), (c, d)) for a, b, c, d in columns]
    halves += [(0, (ONE,) * 4)] * (width % 2)
    sums = Signal(len(halves), name=name)
    carry = _choose(chosen.wire, then.carry, otherwise.carry, "carry").value
    for low in range(0, len(halves), 2):
        following = Signal(name=f"{name}_carry_{low + 2}")
        m.submodules[f"{name}_{low}"] = Instance(
            "CCU2C",
            p_INJECT1_0="NO",
            p_INJECT1_1="NO",
            i_CIN=carry,
            o_COUT=following,
            **dict(_half(halves[low], 0)),
            **dict(_half(halves[low + 1], 1)),
            o_S0=sums[low],
            o_S1=sums[low + 1],
        )
        carry = following
    return sums[:width].as_signed()


def _half(half: tuple[int, _Pins], number: int) -> Iterable[tuple[str, Const | Value]]:
    """Return the parameter and inputs of one half of a CCU2C."""
    table, pins = half
    yield f"p_INIT{number}", Const(table, 16)
    for pin, bit in zip("ABCD", pins, strict=True):
        yield f"i_{pin}{number}", bit.value
