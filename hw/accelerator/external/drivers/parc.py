"""Driver of accelerators made by parc-hdl with their memory outside; needs nothing but Python.

NAME.py of a build has its description; NAME.bin, beside it, what is read::

    import NAME, parc

    acc = NAME.accelerator(parc.MappedBus("/dev/uio0", memory_file="/dev/mem", address=0x3F000000,
                                          memory_bytes=1 << 20))
    acc.load(program=0, frames=1)
    acc.put(0, frame)
    acc.run()
    result = acc.get(0)

BSD-2-Clause.
"""

import mmap
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

_LOWER = 0xFFFFFFFF
_PATIENCE = 1 << 20
"""Polls until what was under way on the bus has ended after an abort."""


@dataclass(frozen=True)
class Description:
    """What NAME.py says of a build: its name, hash, registers, and what errors mean."""

    name: str
    hash: int
    registers: Mapping[str, int]
    constants: Mapping[str, int]
    texts: Mapping[str, str]
    codes: Mapping[int, str]
    programs: Sequence[Mapping[str, int]]


class SharedMemory(Protocol):
    """Bytes that the accelerator sees from ``address`` on."""

    address: int
    size: int

    def put(self, at: int, content: bytes) -> None:
        """Write bytes."""

    def get(self, at: int, size: int) -> bytes:
        """Return bytes."""


class Bus(Protocol):
    """How registers are reached, and the memory beside them."""

    memory: SharedMemory

    def read(self, at: int) -> int:
        """Return the register at a byte; an `OSError` is an error of the bus."""

    def write(self, at: int, value: int) -> None:
        """Write the register at a byte."""

    def pause(self) -> None:
        """Let time go by between two polls, or wait for the interrupt."""


class AcceleratorError(RuntimeError):
    """What a driver's call ends with: `name` as in parc_registers.h, and a text that tells.

    Parameters
    ----------
    name
        ``STOP_READ`` for ``PARC_STOP_READ``, ``FAILED_HASH`` for ``PARC_FAILED_HASH``.
    text
        In words.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class Accelerator:
    """The accelerator behind a bus; making one sees whether it is there, and stops it.

    Parameters
    ----------
    bus
        To its registers and its memory.
    description
        Of the build.
    image
        NAME.bin.

    Raises
    ------
    AcceleratorError
        Where it is not there.
    """

    def __init__(self, bus: Bus, description: Description, image: bytes) -> None:
        self._bus, self._told, self._image = bus, description, image
        self._frames = 0
        self._program: Mapping[str, int] = {}
        self._at: dict[str, int] = {}
        for register, failure in (("ID", "ID"), ("VERSION", "VERSION")):
            if self.register(register) != self._told.constants[f"{register}_RESET"]:
                raise self._failed(failure)
        if self.register("HASH_LOW") | self.register("HASH_HIGH") << 32 != self._told.hash:
            raise self._failed("HASH")
        self.interrupts(enabled=False)
        if self.busy:
            self.abort()
            self._settle()

    def _settle(self) -> None:
        for _ in range(_PATIENCE):
            if not self.busy:
                return
            self._bus.pause()
        raise self._failed("LATE")

    def register(self, name: str) -> int:
        """Return a register."""
        try:
            return self._bus.read(self._told.registers[name])
        except OSError as reason:
            raise self._failed("BUS") from reason

    def set_register(self, name: str, value: int) -> None:
        """Write a register."""
        try:
            self._bus.write(self._told.registers[name], value & _LOWER)
        except OSError as reason:
            raise self._failed("BUS") from reason

    def needs(self, program: int, frames: int) -> int:
        """Return the bytes of memory that a program needs for so many frames."""
        return self._layout(self._told.programs[program], frames)[1]

    def load(self, program: int = 0, frames: int = 1) -> None:
        """Copy a program to memory, and lay out frames behind it."""
        chosen = self._told.programs[program]
        self._frames = 0
        if self.busy:
            raise self._failed("BUSY")
        self._at, needed = self._layout(chosen, frames)
        memory = self._bus.memory
        alignment = self._told.constants["ALIGNMENT"]
        sizes = self._sizes(chosen, frames)
        if frames < 1 or needed > memory.size or memory.address % alignment:
            raise self._failed("MEMORY")
        if max(sizes.values()) > _LOWER:
            raise self._failed("MEMORY")
        memory.put(0, self._image[chosen["offset"] :][: chosen["bytes"]])
        for region, size in sizes.items():
            address = memory.address + self._at[region]
            self.set_register(f"{region}_BASE", address)
            self.set_register(f"{region}_BASE_HIGH", address >> 32)
            self.set_register(f"{region}_SIZE", size)
        self._program, self._frames = chosen, frames

    @staticmethod
    def _sizes(program: Mapping[str, int], frames: int) -> dict[str, int]:
        return {
            "PROGRAM": program["bytes"],
            "INPUT": program["input_bytes"] * frames,
            "OUTPUT": program["output_bytes"] * frames,
            "SCRATCH": program["scratch_bytes"],
        }

    def _layout(self, program: Mapping[str, int], frames: int) -> tuple[dict[str, int], int]:
        """Return where regions begin, and where the last one ends."""
        alignment, at, places = self._told.constants["ALIGNMENT"], 0, {}
        for region, size in self._sizes(program, frames).items():
            places[region] = at
            at = -(-(at + size) // alignment) * alignment
        return places, at

    def put(self, frame: int, content: bytes) -> None:
        """Write a frame's input, counted from 0."""
        size = self._program["input_bytes"] if frame < self._frames else -1
        if len(content) != size:
            raise self._failed("FRAMES")
        self._bus.memory.put(self._at["INPUT"] + frame * size, content)

    def get(self, frame: int) -> bytes:
        """Return a frame's output."""
        if frame >= self._frames:
            raise self._failed("FRAMES")
        size = self._program["output_bytes"]
        return self._bus.memory.get(self._at["OUTPUT"] + frame * size, size)

    def start(self, frames: int = 1) -> None:
        """Begin with frame 0."""
        if not 0 < frames <= self._frames:
            raise self._failed("FRAMES")
        if self.busy:
            raise self._failed("BUSY")
        self.set_register("FRAMES", frames)
        self.set_register("CONTROL", self._told.constants["CONTROL_RUN"])

    @property
    def busy(self) -> bool:
        """Whether it is under way."""
        return bool(self.register("STATUS") & self._told.constants["STATUS_BUSY"])

    def poll(self) -> bool:
        """Return whether it ended well, False while it is busy.

        Raises
        ------
        AcceleratorError
            Where it stopped for another reason.
        """
        constants, status = self._told.constants, self.register("STATUS")
        if status & constants["STATUS_BUSY"]:
            return False
        code = (status & constants["STATUS_CODE"]) >> constants["STATUS_CODE_SHIFT"]
        if code:
            raise AcceleratorError(self._told.codes[code], self.text(self._told.codes[code]))
        return True

    def wait(self, polls: int = 0) -> None:
        """Poll so many times at most, or without end where that is 0."""
        left = polls
        while not self.poll():
            left -= 1
            if left == 0:
                raise self._failed("LATE")
            self._bus.pause()

    def run(self, frames: int = 1) -> None:
        """Start, and wait for the end."""
        self.start(frames)
        self.wait()

    def abort(self) -> None:
        """Stop; it is busy until all that is under way on the bus has ended."""
        self.set_register("CONTROL", self._told.constants["CONTROL_ABORT"])

    def interrupts(self, *, enabled: bool) -> None:
        """Let both ends, or neither, raise the interrupt; what was raised before is forgotten."""
        self.acknowledge()
        constants = self._told.constants
        both = constants["INTERRUPT_ENABLE_DONE"] | constants["INTERRUPT_ENABLE_STOPPED"]
        self.set_register("INTERRUPT_ENABLE", both if enabled else 0)

    def acknowledge(self) -> None:
        """Lower the interrupt; `poll` then tells how it ended."""
        constants = self._told.constants
        both = constants["INTERRUPT_CAUSE_DONE"] | constants["INTERRUPT_CAUSE_STOPPED"]
        self.set_register("INTERRUPT_CAUSE", both)

    @property
    def stopped_at(self) -> int:
        """The descriptor at which it stopped."""
        return self.register("DESCRIPTOR")

    def count(self, counter: str) -> int:
        """Return a counter since the start: CYCLES, WAITING, READ_BYTES or WRITTEN_BYTES."""
        high = -1
        again = self.register(f"{counter}_HIGH")
        while high != again:
            high, low = again, self.register(counter)
            again = self.register(f"{counter}_HIGH")
        return high << 32 | low

    def text(self, name: str) -> str:
        """Return what an error means."""
        return self._told.texts[name]

    def _failed(self, name: str) -> AcceleratorError:
        return AcceleratorError(f"FAILED_{name}", self._told.texts[f"FAILED_{name}"])


class _MappedMemory:
    def __init__(self, mapped: mmap.mmap, address: int) -> None:
        self._mapped, self.address, self.size = mapped, address, len(mapped)

    def put(self, at: int, content: bytes) -> None:
        self._mapped[at : at + len(content)] = content

    def get(self, at: int, size: int) -> bytes:
        return self._mapped[at : at + size]


class MappedBus:
    """Registers and memory that Linux maps: /dev/uio0, /dev/mem, a u-dma-buf.

    Parameters
    ----------
    file
        Of the registers: a UIO device, or /dev/mem with their address as ``offset``.
    memory_file
        Of the memory, which no cache may keep: /dev/mem opened for a part that Linux leaves out, or
        /dev/udmabuf0.
    address
        Of the memory, as the accelerator sees it.
    memory_bytes
        How much of it.
    offset
        Of the registers in ``file``.
    memory_offset
        Of the memory in ``memory_file``; of /dev/mem ``address`` unless it is given.
    interrupt
        Whether `pause` waits for the interrupt of a UIO device; else it sleeps a millisecond.
    """

    def __init__(
        self,
        file: str,
        *,
        memory_file: str,
        address: int,
        memory_bytes: int,
        offset: int = 0,
        memory_offset: int | None = None,
        interrupt: bool = False,
    ) -> None:
        if memory_offset is None:
            memory_offset = address if memory_file == "/dev/mem" else 0
        self._interrupt = interrupt
        self._file = os.open(file, os.O_RDWR | os.O_SYNC)
        self._mapped = mmap.mmap(self._file, mmap.PAGESIZE, offset=offset)
        # By words: a slice would be copied by bytes.
        self._words = memoryview(self._mapped).cast("I")
        behind = os.open(memory_file, os.O_RDWR | os.O_SYNC)
        try:
            mapped = mmap.mmap(behind, memory_bytes, offset=memory_offset)
        finally:
            os.close(behind)
        self.memory: SharedMemory = _MappedMemory(mapped, address)

    def read(self, at: int) -> int:
        """Return a register."""
        return self._words[at >> 2]

    def write(self, at: int, value: int) -> None:
        """Write a register."""
        self._words[at >> 2] = value

    def pause(self) -> None:
        """Wait for the interrupt, or for a millisecond."""
        if self._interrupt:
            os.write(self._file, (1).to_bytes(4, "little"))
            os.read(self._file, 4)
        else:
            time.sleep(0.001)

    def close(self) -> None:
        """Let go of the registers."""
        self._words.release()
        self._mapped.close()
        os.close(self._file)


class _PynqMemory:
    def __init__(self, buffer: Any) -> None:
        self._buffer = buffer
        self.address, self.size = int(buffer.physical_address), int(buffer.nbytes)

    def put(self, at: int, content: bytes) -> None:
        self._buffer[at : at + len(content)] = memoryview(content)
        self._buffer.flush()

    def get(self, at: int, size: int) -> bytes:
        self._buffer.invalidate()
        return bytes(self._buffer[at : at + size])


class PynqBus:
    """An IP of a PYNQ overlay, ``overlay.NAME``, and memory of ``pynq.allocate``.

    Parameters
    ----------
    ip
        What has ``read(offset)`` and ``write(offset, value)``.
    memory_bytes
        How much memory.

    Raises
    ------
    ImportError
        Where there is no pynq.
    """

    def __init__(self, ip: Any, memory_bytes: int) -> None:
        import pynq

        self._ip = ip
        buffer = pynq.allocate((memory_bytes,), "u1")
        self.memory: SharedMemory = _PynqMemory(buffer)

    def read(self, at: int) -> int:
        """Return a register."""
        return int(self._ip.read(at))

    def write(self, at: int, value: int) -> None:
        """Write a register."""
        self._ip.write(at, value)

    def pause(self) -> None:
        """Sleep a millisecond."""
        time.sleep(0.001)
