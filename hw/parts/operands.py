"""Operands as lists of bits that are wires, inverted wires or constants."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from amaranth.hdl import C, Cat, Mux, Value


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


def chosen_before(chosen: Value, then: Operands, otherwise: Operands) -> Operands:
    """Return operands that are chosen bit by bit."""

    def choose_bits(a: Bits, b: Bits, name: str) -> list[Bit]:
        pairs = zip(*to_width(max(len(a), len(b)), a, b), strict=True)
        return [choose(chosen, x, y, f"{name}[{k}]") for k, (x, y) in enumerate(pairs)]

    return Operands(
        choose_bits(then.a, otherwise.a, "a"),
        choose_bits(then.b, otherwise.b, "b"),
        choose(chosen, then.carry, otherwise.carry, "carry"),
    )


def choose(chosen: Value, then: Bit, otherwise: Bit, name: str) -> Bit:
    """Return one of two bits, as a wire of its own where they differ."""
    if then == otherwise:
        return then
    if (then, otherwise) == (ONE, ZERO):
        return Bit(name, False, chosen)
    return Bit(name, False, Mux(chosen, then.value, otherwise.value))


def to_width(width: int, *numbers: Bits) -> list[list[Bit]]:
    """Extend ``numbers`` by their signs, or cut them."""
    return [[*bits, *[bits[-1]] * (width - len(bits))][:width] for bits in numbers]
