"""Registers of the accelerator, as a driver sees them: 32 bits each, at these bytes."""

from dataclasses import dataclass
from enum import IntEnum


class Stop(IntEnum):
    """Why an accelerator stopped: the code in STATUS."""

    NONE = 0
    """All frames are done."""
    MAGIC = 1
    """No program at that address."""
    VERSION = 2
    """Of another version."""
    HASH = 3
    """For an accelerator of other sizes."""
    HEADER = 4
    """Its words do not add up: it is damaged."""
    SIZE = 5
    """A region is smaller than the program needs it, or itself."""
    ALIGNMENT = 6
    """A region does not begin with a whole beat."""
    KIND = 7
    """A descriptor of no kind."""
    POSITIONS = 8
    """A descriptor of more windows, or passes, than there may be, or of none."""
    SOURCE = 9
    """A descriptor reads beyond the buffer of maps."""
    TARGET = 10
    """A descriptor writes beyond it."""
    CONSTANTS = 11
    """A descriptor uses constants beyond their memories."""
    WEIGHTS = 12
    """A descriptor takes more weights than there are."""
    SUMS = 13
    """A descriptor goes on with sums of other windows."""
    REGION = 14
    """A transfer leaves its region, or writes to one that is only read."""
    READ = 15
    """Memory answered a read with an error."""
    WRITE = 16
    """Memory answered a write with an error."""
    WATCHDOG = 17
    """Nothing went on for too long."""
    ABORT = 18
    """The driver said so."""
    NORM = 19
    """A descriptor of a layer norm of no channels, or of more than there may be."""


@dataclass(frozen=True)
class Register:
    """A register.

    Parameters
    ----------
    at
        Its byte.
    about
        What it is.
    written
        Whether a driver writes it.
    """

    at: int
    about: str
    written: bool = False


REGIONS = ("PROGRAM", "INPUT", "OUTPUT", "SCRATCH")
"""Parts of memory that a driver names, in the order of `Region`."""

REGISTERS = {
    "ID": Register(0x00, '"ParC"'),
    "VERSION": Register(0x04, "of format and registers"),
    "HASH_LOW": Register(0x08, "of the accelerator's sizes; a program has the same"),
    "HASH_HIGH": Register(0x0C, "its upper half"),
    "CONTROL": Register(0x10, "1 starts, 2 aborts", written=True),
    "STATUS": Register(0x14, "bit 0 busy, bit 1 stopped, bits 12 to 8 why"),
    "DESCRIPTOR": Register(0x18, "number of the descriptor at which it stopped"),
    "FRAMES": Register(0x1C, "frames to do", written=True),
    "FRAMES_DONE": Register(0x20, "frames done"),
    "INTERRUPT_ENABLE": Register(0x24, "bit 0 all done, bit 1 stopped for another reason", True),
    "INTERRUPT_CAUSE": Register(0x28, "the same; ones that are written clear", written=True),
    **{
        f"{region}{suffix}": Register(0x30 + 0x10 * number + place, about, written=True)
        for number, region in enumerate(REGIONS)
        for suffix, place, about in (
            ("_BASE", 0, "address of the region, a whole beat"),
            ("_BASE_HIGH", 4, "its upper half"),
            ("_SIZE", 8, "bytes of the region"),
        )
    },
    "CYCLES": Register(0x70, "since the start"),
    "CYCLES_HIGH": Register(0x74, "upper half"),
    "WAITING": Register(0x78, "cycles without work for want of memory"),
    "WAITING_HIGH": Register(0x7C, "upper half"),
    "READ_BYTES": Register(0x80, "read"),
    "READ_BYTES_HIGH": Register(0x84, "upper half"),
    "WRITTEN_BYTES": Register(0x88, "written"),
    "WRITTEN_BYTES_HIGH": Register(0x8C, "upper half"),
}
COUNTERS = ("CYCLES", "WAITING", "READ_BYTES", "WRITTEN_BYTES")
START, ABORT = 1, 2
BUSY, STOPPED = 1, 2
CODE_SHIFT = 8
ADDRESS_BITS = 8
