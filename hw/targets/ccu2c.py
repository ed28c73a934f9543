"""ECP5's carry cells: half a CCU2C a bit.

Its look-up table p(A, B, C, D) is the sum but for the carry in, and passes the carry on where it
is 1; else the carry out is g(A, B), which is p at C = D = 0. So the choice of operands, their
inverters and the addition itself go into one cell a bit. Left to synthesis, they would take two or
three.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations, product

from amaranth.hdl import Const, Instance, Module, Signal, Value

from hw.parts.operands import ONE, ZERO, Bit, Operands, bits_of, choose, to_width
from hw.targets.adder import AdderRecipe

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
    a = choose(chosen.wire, then[0], otherwise[0], "a")
    b = choose(chosen.wire, then[1], otherwise[1], "b")
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


def _carry_of(chosen: Bit, then: Bit, otherwise: Bit) -> tuple[Value, list[tuple[int, _Pins]]]:
    """Return what goes into the first cell, and halves in front that make the carry of it.

    A half cell generates any carry of three wires, of which two are its generating part's: so no
    LUT, and no way of its own to the chain, comes before it.
    """
    if then == otherwise and not (then.name and then.inverted):
        return then.value, []
    if (then, otherwise) == (ONE, ZERO):
        return chosen.wire, []
    bits = {bit.name: bit for bit in (then, otherwise, chosen) if bit.name}
    wires = [Bit(bit.name, False, bit.wire) for bit in bits.values()]
    pins = (*wires, *[ONE] * (4 - len(wires)))
    table = 0
    for low in product((False, True), repeat=2):
        carries: dict[int, bool] = {}
        for high in product((False, True), repeat=2):
            levels = (*low, *high)
            named = {pin.name: level for pin, level in zip(pins, levels, strict=True) if pin.name}
            if any(pin == ONE and not level for pin, level in zip(pins, levels, strict=True)):
                continue
            index = sum(level << place for place, level in enumerate(levels))
            carries[index] = (then if named.get("chosen", True) else otherwise).of(named)
        if any(carries.values()):
            # Where the wire beside says no, the cell passes on the carry in, which is 0.
            table |= 1 << low[0] + 2 * low[1]
            table |= sum(1 << index for index, carry in carries.items() if not carry)
    return Const(0, 1), [(table, pins)]


def _half(half: tuple[int, _Pins], number: int) -> Iterable[tuple[str, Const | Value]]:
    """Return the parameter and inputs of one half of a CCU2C."""
    table, pins = half
    yield f"p_INIT{number}", Const(table, 16)
    for pin, bit in zip("ABCD", pins, strict=True):
        yield f"i_{pin}{number}", bit.value


class CarryCells(AdderRecipe):
    """Chains CCU2C cells, two bits each."""

    def chosen_sum(
        self,
        m: Module,
        chosen: Value,
        then: Operands,
        otherwise: Operands,
        *,
        width: int,
        name: str,
    ) -> Value:
        bit = Bit("chosen", False, chosen)
        columns = list(zip(*to_width(width, then.a, then.b, otherwise.a, otherwise.b), strict=True))
        carry, before = _carry_of(bit, then.carry, otherwise.carry)
        halves = before + [_configure(bit, (a, b), (c, d)) for a, b, c, d in columns]
        return _chain(m, carry, halves, name=name)[len(before) :][:width].as_signed()

    def gated_sum(
        self, m: Module, a: Value, b: Value, gates: Value, *, name: str, less: bool
    ) -> Value:
        width = max(len(a), len(b)) + 1
        words = to_width(width, bits_of(a, "a"), bits_of(b, "b"))
        first, second = (Bit(f"gate_{place}", False, gates[place]) for place in range(2))
        pins = [((x, first), (y, second)) for x, y in zip(*words, strict=True)]
        # What is inverted is on the pins that generate, for which the others count as 0.
        halves = [(_GATED[less], (*b, *a) if less else (*a, *b)) for a, b in pins]
        return _chain(m, Const(less, 1), halves, name=name)[:width].as_signed()


_GATED = tuple(
    sum(1 << index for index in range(16) if (index & 3 == 3) != (index >> 2 == 3) ^ less)
    for less in (False, True)
)
"""Adds A, where B is set, and C, where D is; or the inverse of one of them."""


def _chain(m: Module, carry: Value, halves: Sequence[tuple[int, _Pins]], *, name: str) -> Signal:
    """Return the sums of half cells behind each other."""
    halves = [*halves, *[(0, (ONE,) * 4)] * (len(halves) % 2)]
    sums = Signal(len(halves), name=name)
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
    return sums
