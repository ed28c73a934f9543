"""Registers as a driver sees them: what hardware, headers and pages are made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum, IntEnum

WORD = 32
"""Bits of a register, and of an access."""
WHOLE = "VALUE"
"""Name of a field that is all of its register."""


class Meaning(IntEnum):
    """Values of a field, each with what it means: ``NAME = 3, "for this"``."""

    about: str

    def __new__(cls, value: int, about: str = "") -> "Meaning":
        """Make a member of its number and its meaning."""
        made = int.__new__(cls, value)
        made._value_ = value
        made.about = about
        return made


class Access(Enum):
    """What reading and writing a field do; no read has a side effect."""

    CONSTANT = "reads as it was built; is not written"
    STATUS = "reads what hardware says; is not written"
    KEPT = "reads what was written"
    PULSE = "a one that is written is a pulse; reads 0"
    CAUSE = "hardware sets it; a one that is written clears it"


@dataclass(frozen=True)
class Field:
    """A part of a register.

    Parameters
    ----------
    access
        What reading and writing do.
    about
        What it is.
    low, bits
        Where it is.
    reset
        Its value after reset.
    values
        What its values mean.
    """

    access: Access
    about: str
    low: int = 0
    bits: int = WORD
    reset: int = 0
    values: type[Meaning] | None = None

    @property
    def written(self) -> bool:
        """Whether writing does anything."""
        return self.access not in (Access.CONSTANT, Access.STATUS)

    @property
    def mask(self) -> int:
        """Its bits of the register."""
        return (1 << self.bits) - 1 << self.low


@dataclass(frozen=True)
class Register:
    """A register.

    Parameters
    ----------
    at
        Its byte, a multiple of 4.
    about
        What it is.
    fields
        By name; bits of none read 0.
    locks
        Whether writing does nothing while the hardware is busy.
    """

    at: int
    about: str
    fields: Mapping[str, Field]
    locks: bool = False

    @property
    def written(self) -> bool:
        """Whether a driver writes it."""
        return any(field.written for field in self.fields.values())


@dataclass(frozen=True)
class RegisterMap:
    """Registers behind one port.

    Parameters
    ----------
    about
        What they are of.
    registers
        By name.

    Raises
    ------
    ValueError
        Where two of them, or two fields, are in one place.
    """

    about: str
    registers: Mapping[str, Register]

    def __post_init__(self) -> None:
        places = [one.at for one in self.registers.values()]
        if len(set(places)) != len(places) or any(at % 4 for at in places):
            raise ValueError("Registers must each have a word of their own")
        for name, register in self.registers.items():
            used = 0
            for field in register.fields.values():
                if used & field.mask or field.mask >> WORD:
                    raise ValueError(f"Fields of {name} must each have bits of their own")
                used |= field.mask

    @property
    def address_bits(self) -> int:
        """Width of a byte's address."""
        return (max(one.at for one in self.registers.values()) + 3).bit_length()

    def fields(self, *accesses: Access) -> Iterator[tuple[str, Register, Field]]:
        """Yield fields of these accesses: name in lower case, register, field."""
        for name, register in self.registers.items():
            for part, field in register.fields.items():
                if field.access in accesses:
                    full = name if part == WHOLE else f"{name}_{part}"
                    yield full.lower(), register, field

    def built(self, constants: Mapping[str, int]) -> "RegisterMap":
        """Return it with values of registers that are constants."""
        registers = dict(self.registers)
        for name, value in constants.items():
            (field,) = registers[name].fields.values()
            registers[name] = replace(registers[name], fields={WHOLE: replace(field, reset=value)})
        return replace(self, registers=registers)


def whole(at: int, access: Access, about: str, *, reset: int = 0, locks: bool = False) -> Register:
    """Return a register that is one field."""
    return Register(at, about, {WHOLE: Field(access, about, reset=reset)}, locks)
