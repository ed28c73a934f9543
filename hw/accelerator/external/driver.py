"""Drivers: the registers and programs of a build, for `drivers/parc.c` and `drivers/parc.py`."""

import pprint
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from golden.accelerator.external.registers import (
    ALIGNMENT,
    REGISTER_MAP,
    REGISTERS,
    Failure,
    Stop,
)
from golden.inputs.errors import ParameterError
from golden.registers import WHOLE, Access

_FOLDER = Path(__file__).with_name("drivers")
_COPIED = ("parc.c", "parc.h", "parc.py")
_TAKEN = ("parc", "parc_registers")
_SIZES = ("offset", "bytes", "input_bytes", "output_bytes", "scratch_bytes")

_PYTHON = '''"""Description of the accelerator {name}, for parc.py; {name}.bin has its programs."""

from pathlib import Path

import parc

DESCRIPTION = parc.Description(
    name={name!r},
    hash=0x{hash},
    registers={registers},
    constants={constants},
    texts={texts},
    codes={codes},
    programs={programs},
)

PACKINGS = {packings}
"""How an image lies in memory, by program: blocks of so many rows and columns, the first ones
beginning so far above and left of the image, are positions, each a word's lanes the channels
(row * columns + column) * channels of the image + channel. Shape is that of what lies there, tile
by tile of channels, row by row; what is not of the image is the zero point."""


def accelerator(bus):
    """Return the accelerator behind a bus of parc.py."""
    return parc.Accelerator(bus, DESCRIPTION, Path(__file__).with_name({image!r}).read_bytes())
'''


def check_driver_name(name: str) -> None:
    """Refuse a build's ``name`` whose driver's files would be in the place of others.

    Raises
    ------
    ParameterError
        Where that is so.
    """
    if name.casefold() in _TAKEN:
        raise ParameterError("name", "another name than that of a driver's file", repr(name))


def drivers(name: str, manifest: dict[str, Any]) -> dict[str, bytes]:
    """Return the files of drivers in C and Python for the accelerator ``name``, by name."""
    files = {copied: (_FOLDER / copied).read_bytes() for copied in _COPIED}
    written = {
        "parc_registers.h": registers_header(),
        f"{name}.h": c_header(name, manifest),
        f"{name}.py": python_description(manifest),
    }
    return files | {file: text.encode() for file, text in written.items()}


def constants() -> dict[str, int]:
    """Return what drivers must know beside the registers' places: fields, and values at reset."""
    found = {"ALIGNMENT": ALIGNMENT}
    for name, register in REGISTERS.items():
        for part, field in register.fields.items():
            if part != WHOLE:
                found[f"{name}_{part}"] = field.mask
                if field.bits > 1:
                    found[f"{name}_{part}_SHIFT"] = field.low
            elif field.access is Access.CONSTANT and field.reset:
                found[f"{name}_RESET"] = field.reset
    return found


def errors() -> dict[str, tuple[int, str]]:
    """Return number and text of all that calls of drivers end with, by name."""
    stopped = {f"STOP_{stop.name}": (int(stop), _stopped(stop)) for stop in Stop}
    return stopped | {f"FAILED_{one.name}": (int(one), _told(one.about)) for one in Failure}


def _stopped(stop: Stop) -> str:
    return _told(stop.about if stop is Stop.NONE else f"it stopped: {stop.about}")


def _told(text: str) -> str:
    return text[0].upper() + text[1:]


def python_description(manifest: dict[str, Any]) -> str:
    """Return the text of a Python module."""
    told = errors()
    return _PYTHON.format(
        name=manifest["name"],
        image=f"{manifest['name']}.bin",
        hash=manifest["hash"],
        registers=_laid_out({name: one.at for name, one in REGISTERS.items()}),
        constants=_laid_out(constants()),
        texts=_laid_out({name: text for name, (_, text) in told.items()}),
        codes=_laid_out({int(stop): f"STOP_{stop.name}" for stop in Stop}),
        packings=pprint.pformat([one["packing"] for one in manifest["programs"]]),
        programs=_laid_out([{key: one[key] for key in _SIZES} for one in manifest["programs"]]),
    )


def _laid_out(value: object) -> str:
    return pprint.pformat(value, sort_dicts=False).replace("\n", "\n    ")


def registers_header() -> str:
    """Return the text of parc_registers.h: registers, fields and errors of all accelerators."""
    lines = [
        f"/* Registers of {REGISTER_MAP.about}, written by parc-hdl: 32 bits each, bytes from the",
        " * port's base; masks of their fields; and what errors mean. */",
        "#ifndef PARC_REGISTERS_H",
        "#define PARC_REGISTERS_H",
        "",
        *_defines({name: one.at for name, one in REGISTERS.items()}, _abouts()),
        "",
        *_defines(constants(), {}),
        "",
        *_defines({name: code for name, (code, _) in errors().items()}, {}, suffix=""),
        "",
        "#define PARC_TEXTS(X) \\",
    ]
    lines += [f"    X(PARC_{name}, {_quoted(text)}) \\" for name, (_, text) in errors().items()]
    return "\n".join([*lines, "", "#endif", ""])


def _abouts() -> dict[str, str]:
    return {name: one.about for name, one in REGISTERS.items()}


def _defines(
    values: Mapping[str, int], abouts: Mapping[str, str], *, suffix: str = "u"
) -> Iterator[str]:
    for name, value in values.items():
        shown = f"0x{value:02x}u" if suffix else str(value)
        about = f" /* {abouts[name]} */" if name in abouts else ""
        yield f"#define PARC_{name} {shown}{about}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _packed(packing: Mapping[str, Any]) -> Iterator[str]:
    """Yield a comment on images with pixels as channels."""
    if packing["rows"] * packing["columns"] > 1:
        rows, columns, down, right, above, left, _, zero_point = packing.values()
        shape = " x ".join(map(str, packing["shape"]))
        yield f"/* Its images lie in memory as {shape}: blocks of {rows} x {columns} pixels, one"
        yield f" * every {down} rows and {right} columns, from {above} rows above and {left}"
        yield " * columns left of an image on, the pixel (r, c)'s channels from lane"
        yield f" * (r * {columns} + c) * channels on; around it {zero_point}. */"


def c_header(name: str, manifest: dict[str, Any]) -> str:
    """Return the text of a C header."""
    prefix = name.upper()
    lines = [
        f"/* The accelerator {name}, for parc.h; {name}.bin has the bytes of its programs. */",
        f"#ifndef {prefix}_H",
        f"#define {prefix}_H",
        "",
        f"#define {prefix}_HASH 0x{manifest['hash']}ull",
        f"#define {prefix}_PROGRAMS {len(manifest['programs'])}u",
        "/* Of struct parc_program: where it is in the file, bytes, and sizes of its regions, a",
        " * frame's. */",
    ]
    for number, program in enumerate(manifest["programs"]):
        values = ", ".join(f"{program[key]}u" for key in _SIZES)
        lines.append(f"#define {prefix}_PROGRAM_{number} {{{values}}}")
        lines += _packed(program["packing"])
    return "\n".join([*lines, "", "#endif", ""])
