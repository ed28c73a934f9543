"""Registers of the accelerator, as a driver sees them: 32 bits each, at these bytes."""

from collections.abc import Mapping

from golden.accelerator.external.capacity import VERSION, Capacity
from golden.accelerator.external.format import MAGIC
from golden.registers import Access, Field, Meaning, Register, RegisterMap, whole


class Stop(Meaning):
    """Why an accelerator stopped: the code in STATUS."""

    NONE = 0, "all frames are done"
    MAGIC = 1, "no program is at that address"
    VERSION = 2, "the program is of another version"
    HASH = 3, "the program is for an accelerator of other sizes"
    HEADER = 4, "the program is damaged: its words do not add up"
    SIZE = 5, "a region is smaller than the program needs it, or itself"
    ALIGNMENT = 6, "a region does not begin with a whole beat"
    KIND = 7, "a descriptor of no kind"
    POSITIONS = 8, "a descriptor of more windows, or passes, than there may be, or of none"
    SOURCE = 9, "a descriptor reads beyond the buffer of maps"
    TARGET = 10, "a descriptor writes beyond the buffer of maps"
    CONSTANTS = 11, "a descriptor uses constants beyond their memories"
    WEIGHTS = 12, "a descriptor takes more weights than there are"
    SUMS = 13, "a descriptor goes on with sums of other windows"
    REGION = 14, "a transfer leaves its region, or writes to one that is only read"
    READ = 15, "memory answered a read with an error"
    WRITE = 16, "memory answered a write with an error"
    WATCHDOG = 17, "nothing went on for too long; no start is taken until memory has answered"
    ABORT = 18, "the driver told it to"
    NORM = 19, "a descriptor of a layer norm of no channels, or of more than there may be"


class Failure(Meaning):
    """Why a driver's call failed, where it is not the accelerator that stopped."""

    BUSY = 32, "the accelerator is at work"
    BUS = 33, "the bus answered an access to a register with an error"
    ID = 34, "no accelerator is at that address"
    VERSION = 35, "the accelerator is of another version than this driver"
    HASH = 36, "the accelerator is of other sizes than the build that this driver is of"
    MEMORY = 37, "the memory is too small for program and frames, or not aligned"
    FRAMES = 38, "no such frame was laid out when the program was loaded"
    LATE = 39, "the accelerator has not ended in time"


ALIGNMENT = 64
"""Bytes that a driver begins regions at multiples of: a whole beat, and a line of caches."""
REGIONS = ("PROGRAM", "INPUT", "OUTPUT", "SCRATCH")
"""Parts of memory that a driver names, in the order of `Region`."""
_COUNTED = {
    "CYCLES": "cycles since the start",
    "WAITING": "cycles without work for want of memory",
    "READ_BYTES": "bytes read",
    "WRITTEN_BYTES": "bytes written",
}
COUNTERS = tuple(_COUNTED)
CODE_SHIFT = 8


def _bit(access: Access, low: int, about: str) -> Field:
    return Field(access, about, low, 1)


def _bits(access: Access, abouts: Mapping[str, str]) -> dict[str, Field]:
    return {name: _bit(access, bit, about) for bit, (name, about) in enumerate(abouts.items())}


_CAUSES = {"DONE": "all frames are done", "STOPPED": "it stopped for another reason"}
REGISTERS: dict[str, Register] = {
    "ID": whole(0x00, Access.CONSTANT, '"ParC"', reset=MAGIC),
    "VERSION": whole(0x04, Access.CONSTANT, "of format and registers", reset=VERSION),
    "HASH_LOW": whole(0x08, Access.CONSTANT, "of the accelerator's sizes; a program has the same"),
    "HASH_HIGH": whole(0x0C, Access.CONSTANT, "its upper half"),
    "CONTROL": Register(
        0x10,
        "starts and aborts",
        {
            "RUN": _bit(Access.PULSE, 0, "begins, where it is not busy"),
            "ABORT": _bit(Access.PULSE, 1, "stops what is under way"),
        },
    ),
    "STATUS": Register(
        0x14,
        "whether it is at work, and why it stopped",
        {
            "BUSY": _bit(Access.STATUS, 0, "a start is under way"),
            "STOPPED": _bit(Access.STATUS, 1, "it came to its end"),
            "CODE": Field(Access.STATUS, "why it stopped", CODE_SHIFT, 5, values=Stop),
        },
    ),
    "DESCRIPTOR": whole(0x18, Access.STATUS, "number of the descriptor at which it stopped"),
    "FRAMES": whole(0x1C, Access.KEPT, "frames to do", reset=1, locks=True),
    "FRAMES_DONE": whole(0x20, Access.STATUS, "frames done"),
    "INTERRUPT_ENABLE": Register(
        0x24,
        "which causes raise the interrupt",
        {
            name: _bit(Access.KEPT, bit, f"if {about}")
            for bit, (name, about) in enumerate(_CAUSES.items())
        },
    ),
    "INTERRUPT_CAUSE": Register(
        0x28,
        "what happened since it was cleared; ones that are written clear",
        _bits(Access.CAUSE, _CAUSES),
    ),
    **{
        f"{region}{suffix}": whole(
            0x30 + 0x10 * number + place, Access.KEPT, f"{region}: {about}", locks=True
        )
        for number, region in enumerate(REGIONS)
        for suffix, place, about in (
            ("_BASE", 0, "address of the region, a whole beat"),
            ("_BASE_HIGH", 4, "its upper half"),
            ("_SIZE", 8, "bytes of the region"),
        )
    },
    **{
        f"{name}{suffix}": whole(0x70 + 8 * number + place, Access.STATUS, about + half)
        for number, (name, about) in enumerate(_COUNTED.items())
        for suffix, place, half in (("", 0, ""), ("_HIGH", 4, ", upper half"))
    },
}
START, ABORT = (REGISTERS["CONTROL"].fields[name].mask for name in ("RUN", "ABORT"))
BUSY, STOPPED = (REGISTERS["STATUS"].fields[name].mask for name in ("BUSY", "STOPPED"))
REGISTER_MAP = RegisterMap("an accelerator of whole networks", REGISTERS)


def registers_of(capacity: Capacity) -> RegisterMap:
    """Return the registers of an accelerator."""
    key = capacity.hash
    return REGISTER_MAP.built({"HASH_LOW": key & 0xFFFFFFFF, "HASH_HIGH": key >> 32})
