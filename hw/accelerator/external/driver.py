"""Drivers: a C header and a Python module, with the registers, stops and programs of a build."""

import pprint
from typing import Any

from golden.accelerator.external.registers import (
    ABORT,
    BUSY,
    CODE_SHIFT,
    REGISTERS,
    START,
    STOPPED,
    Stop,
)

_SIZES = ("offset", "bytes", "input_bytes", "output_bytes", "scratch_bytes")

_PYTHON = '''"""Driver of the accelerator {name}, written with it; needs nothing else."""

REGISTERS = {registers}
STOPS = {stops}
HASH = 0x{hash}
PROGRAMS = {programs}


class Accelerator:
    """The accelerator behind its registers.

    ``read(byte)`` and ``write(byte, value)`` access a register. A program, frames and results
    are in memory that the accelerator sees; a frame's bytes are as the manifest tells.
    """

    def __init__(self, read, write):
        self._read, self._write = read, write
        if self.get("HASH_LOW") | self.get("HASH_HIGH") << 32 != HASH:
            raise RuntimeError("Accelerator must be the one of this driver")

    def get(self, register):
        """Return a register by its name."""
        return self._read(REGISTERS[register])

    def set(self, register, value):
        """Write a register by its name."""
        self._write(REGISTERS[register], value & 0xFFFFFFFF)

    def name_region(self, region, address, size):
        """Tell where PROGRAM, INPUT, OUTPUT or SCRATCH is; nothing else is touched."""
        self.set(region + "_BASE", address)
        self.set(region + "_BASE_HIGH", address >> 32)
        self.set(region + "_SIZE", size)

    def start(self, frames=1):
        """Begin; `busy` tells when it is over."""
        self.set("FRAMES", frames)
        self.set("CONTROL", {start})

    def abort(self):
        """Stop."""
        self.set("CONTROL", {abort})

    @property
    def busy(self):
        """Whether it is under way."""
        return bool(self.get("STATUS") & {busy})

    def check(self):
        """Raise an error where it stopped for any other reason than that all is done."""
        code = self.get("STATUS") >> {shift}
        if code:
            at = self.get("DESCRIPTOR")
            raise RuntimeError(f"Accelerator stopped: {{STOPS[code]}}, descriptor {{at}}")
'''


def python_driver(manifest: dict[str, Any]) -> str:
    """Return the text of a Python module."""
    programs = [{key: one[key] for key in _SIZES} for one in manifest["programs"]]
    return _PYTHON.format(
        name=manifest["name"],
        registers=pprint.pformat({name: one.at for name, one in REGISTERS.items()}),
        stops=pprint.pformat({int(stop): stop.name for stop in Stop}),
        hash=manifest["hash"],
        programs=pprint.pformat(programs),
        start=START,
        abort=ABORT,
        busy=BUSY,
        shift=CODE_SHIFT,
    )


def c_header(name: str, manifest: dict[str, Any]) -> str:
    """Return the text of a C header."""
    prefix = name.upper()
    lines = [
        f"/* Registers, stops and programs of the accelerator {name}; {name}.bin has the bytes. */",
        f"#ifndef {prefix}_H",
        f"#define {prefix}_H",
        "",
        "/* Registers: 32 bits each, bytes from the port's base. */",
    ]
    for register, one in REGISTERS.items():
        lines.append(f"#define {prefix}_{register} 0x{one.at:02x}u /* {one.about} */")
    bits = dict(START=START, ABORT=ABORT, BUSY=BUSY, STOPPED=STOPPED)
    lines += ["", "/* Of CONTROL, and of STATUS. */"]
    lines += [f"#define {prefix}_{bit} {value}u" for bit, value in bits.items()]
    lines += [f"#define {prefix}_CODE(status) ((status) >> {CODE_SHIFT})", "", "/* Stops. */"]
    lines += [f"#define {prefix}_STOP_{stop.name} {int(stop)}u" for stop in Stop]
    key = manifest["hash"]
    lines += [
        "",
        f"#define {prefix}_HASH 0x{key}ull",
        f"#define {prefix}_PROGRAMS {len(manifest['programs'])}u",
        "/* Of a program: where it is in the file, and the sizes of its regions, a frame's. */",
    ]
    for number, program in enumerate(manifest["programs"]):
        lines += [
            f"#define {prefix}_PROGRAM_{number}_{key.upper()} {program[key]}u" for key in _SIZES
        ]
    return "\n".join([*lines, "", "#endif", ""])
