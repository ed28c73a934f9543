"""An accelerator with its memory under Verilator, and what a driver does with it."""

import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from golden.accelerator.external.registers import (
    ABORT,
    BUSY,
    CODE_SHIFT,
    COUNTERS,
    REGIONS,
    REGISTERS,
    START,
    Stop,
)
from hw.simulate.verilator import Compiled

_MAIN = Path(__file__).with_name("external.cpp")
HEADERS = tuple(Path(__file__).with_name(name) for name in ("axi_memory.h", "external_bench.h"))
"""What drives an accelerator from C++."""
_STEP = 1 << 16
"""Cycles between two words of how far it is."""
Moved: TypeAlias = Callable[[int], None]
"""Hears that so many cycles have gone by."""
BETWEEN = 4096
"""Bytes around every region, which nothing may touch."""


def unheard(cycles: int) -> None:
    """Hear nothing."""
    del cycles


def bases_of(sizes: Mapping[str, int], first: int = BETWEEN) -> dict[str, int]:
    """Return where regions of so many bytes begin, one behind the other, far enough apart."""
    at, bases = first, {}
    for region in REGIONS:
        bases[region] = at
        at = -(-(at + sizes[region] + BETWEEN) // BETWEEN) * BETWEEN
    return bases


class BusError(AssertionError):
    """The port broke a rule, or the bench was told what it cannot do."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Parameters
    ----------
    code
        Why it stopped.
    descriptor
        At which descriptor, counted from 0.
    frames
        Done.
    cycles, waiting, read_bytes, written_bytes
        As the accelerator counts them.
    """

    code: Stop
    descriptor: int
    frames: int
    cycles: int
    waiting: int
    read_bytes: int
    written_bytes: int


def compiled(top: str, verilog: Mapping[str, bytes]) -> Compiled:
    """Return the bench of an accelerator whose memory is outside, for `ExternalBench`."""
    return Compiled(top, verilog, _MAIN, HEADERS)


class ExternalBench:
    """Talks to a program made of `external.cpp`: registers, and bytes of memory.

    Parameters
    ----------
    program
        Its path.
    size
        Bytes of memory.

    Attributes
    ----------
    folder
        Of the bench's own, in which the program works.
    """

    def __init__(self, program: Path, size: int) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self._origin = 0
        self._process = subprocess.Popen(
            [str(program.resolve()), str(size)],
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="ascii",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def tell(self, *words: object) -> list[int]:
        """Send a line; return the numbers of the answer.

        Raises
        ------
        BusError
            With what is wrong.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().split()
        if answer[:1] != ["ok"]:
            raise BusError(" ".join(answer[1:]) or "Bench must answer, not end")
        return [int(word) for word in answer[1:]]

    def poke(self, address: int, content: bytes) -> None:
        """Write bytes of memory."""
        path = self.folder / "poke"
        path.write_bytes(content)
        self.tell("poke", address, path)

    def peek(self, address: int, length: int) -> bytes:
        """Return bytes of memory."""
        path = self.folder / "peek"
        self.tell("peek", address, length, path)
        return path.read_bytes()

    def write(self, register: str, value: int) -> None:
        """Write a register."""
        self.write_at(REGISTERS[register].at, value)

    def read(self, register: str) -> int:
        """Return a register."""
        return self.read_at(REGISTERS[register].at)

    def write_at(self, at: int, value: int) -> None:
        """Write what is at a byte of the registers.

        Raises
        ------
        BusError
            Where the answer is an error.
        """
        self.tell("write", at, value & 0xFFFFFFFF)

    def read_at(self, at: int) -> int:
        """Return what is at a byte of the registers.

        Raises
        ------
        BusError
            Where the answer is an error.
        """
        (value,) = self.tell("read", at)
        return value

    def locate(self, origin: int) -> None:
        """Have memory begin at an address; regions are to be named anew."""
        self.tell("set", "origin", origin)
        self._origin = origin

    def name_regions(self, sizes: Mapping[str, int], *, first: int = BETWEEN) -> dict[str, int]:
        """Name regions of so many bytes, far enough apart; return where they begin.

        The first begins so many bytes behind the beginning of memory.
        """
        self.tell("forbid")
        bases = bases_of(sizes, self._origin + first)
        for region, at in bases.items():
            size = sizes[region]
            self.write(f"{region}_BASE", at)
            self.write(f"{region}_BASE_HIGH", at >> 32)
            self.write(f"{region}_SIZE", size)
            if region in ("OUTPUT", "SCRATCH"):
                self.tell("allow", at, size)
        return bases

    def start(self, frames: int = 1) -> None:
        """Start, to be told at any end."""
        self.write("FRAMES", frames)
        self.write("INTERRUPT_CAUSE", 3)
        self.write("INTERRUPT_ENABLE", 3)
        self.write("CONTROL", START)

    def abort(self) -> None:
        """Abort."""
        self.write("CONTROL", ABORT)

    def wait(self, cycles: int, moved: Moved = unheard) -> Outcome:
        """Wait for the end, so many cycles at most; ``moved`` hears of cycles now and then.

        Raises
        ------
        BusError
            Where it does not come.
        """
        left = cycles
        while left:
            ended, ran = self.tell("run", min(left, _STEP))
            moved(ran)
            left -= ran
            if ended:
                return self.outcome()
        raise BusError(f"It must end within {cycles} cycles")

    def outcome(self) -> Outcome:
        """Return how it ended.

        Raises
        ------
        BusError
            Where something is still under way.
        """
        status = self.read("STATUS")
        if status & BUSY:
            raise BusError("It must have come to rest")
        self.write("INTERRUPT_CAUSE", 3)
        self.tell("finish")
        *_, outside = self.tell("traffic")
        if outside:
            raise BusError(f"{outside} bytes were written outside")
        counts = [self.read(name) | self.read(f"{name}_HIGH") << 32 for name in COUNTERS]
        return Outcome(
            Stop(status >> CODE_SHIFT), self.read("DESCRIPTOR"), self.read("FRAMES_DONE"), *counts
        )
