"""Registers as SystemRDL 2.0, which other tools make headers and pages of: NAME.rdl."""

from collections.abc import Iterator
from typing import Any

from golden.registers import Access, Field, Meaning, RegisterMap

_ACCESSES = {
    Access.CONSTANT: "sw = r; hw = na;",
    Access.STATUS: "sw = r; hw = w;",
    Access.KEPT: "sw = rw; hw = r;",
    Access.PULSE: "sw = w; hw = r; singlepulse;",
    Access.CAUSE: "sw = rw; onwrite = woclr; hw = r; hwset;",
}
_LOCKED = " Writing does nothing while BUSY."


def map_name(name: str) -> str:
    """Return what a build's registers are called: no word of SystemRDL ends so."""
    return f"{name}_registers"


def described_registers(name: str, registers: RegisterMap) -> dict[str, Any]:
    """Return what a manifest says of a build's registers: file, port, and bytes of addresses."""
    return {"file": f"{name}.rdl", "interface": "s_axi", "bytes": 1 << registers.address_bits}


def to_rdl(name: str, registers: RegisterMap) -> str:
    """Return the registers of a build as the text of a SystemRDL file."""
    lines = [f"// Registers of {name}: 32 bits each. Where there is none, the answer is SLVERR."]
    for kind in _enums(registers):
        lines += ["", f"enum {_enum_name(kind)} {{"]
        for value in kind:
            about = _string(_sentence(value.about))
            lines.append(f"    {value.name} = {int(value)} {{ desc = {about}; }};")
        lines.append("};")
    lines += ["", f"addrmap {map_name(name)} {{"]
    lines += [f"    name = {_string(name)};", f"    desc = {_string(f'Of {registers.about}.')};"]
    lines += ["    default regwidth = 32;", "    default accesswidth = 32;"]
    for register_name, register in registers.registers.items():
        about = _sentence(register.about) + (_LOCKED if register.locks else "")
        lines += ["", "    reg {", f"        desc = {_string(about)};"]
        for part, field in register.fields.items():
            lines += [f"        {line}" for line in _field(part, field)]
        lines.append(f"    }} {register_name} @ 0x{register.at:02x};")
    return "\n".join([*lines, "};", ""])


def _field(name: str, field: Field) -> Iterator[str]:
    yield "field {"
    yield f"    {_ACCESSES[field.access]}"
    yield f"    desc = {_string(_sentence(field.about))};"
    if field.values is not None:
        yield f"    encode = {_enum_name(field.values)};"
    place = f"[{field.low + field.bits - 1}:{field.low}]"
    # What hardware says is not of a register: it has no value after reset of its own.
    reset = "" if field.access is Access.STATUS else f" = 0x{field.reset:x}"
    yield f"}} {name}{place}{reset};"


def _enums(registers: RegisterMap) -> list[type[Meaning]]:
    kinds = (field.values for _, _, field in registers.fields(*Access))
    return list(dict.fromkeys(kind for kind in kinds if kind is not None))


def _enum_name(kind: type[Meaning]) -> str:
    return f"{kind.__name__.lower()}_e"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
