"""An accelerator under Verilator behind its drivers: parc.c linked with it, and parc.py's bus."""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from hw.accelerator.external.drivers import parc
from hw.simulate.external import HEADERS, BusError, ExternalBench
from hw.simulate.paths import plain
from hw.simulate.verilator import Compiled, SimulationError

_HERE = Path(__file__).parent
_SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_FLAGS = ("-std=c99", "-pedantic", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wconversion")
_POLLED = 200
"""Cycles between two polls of a driver in Python."""


class SimulatedMemory:
    """SharedMemory of an `ExternalBench` from an address on, for `parc.Accelerator`.

    Parameters
    ----------
    bench
        Whose memory it is.
    address
        Of its first byte.
    size
        In bytes.
    """

    def __init__(self, bench: ExternalBench, address: int, size: int) -> None:
        self._bench, self.address, self.size = bench, address, size

    def put(self, at: int, content: bytes) -> None:
        """Write bytes."""
        self._bench.poke(self.address + at, content)

    def get(self, at: int, size: int) -> bytes:
        """Return bytes."""
        return self._bench.peek(self.address + at, size)


class SimulatedBus:
    """The bus of parc.py to an accelerator under Verilator.

    Parameters
    ----------
    bench
        The accelerator.
    address, size
        Of memory that it may write.
    """

    def __init__(self, bench: ExternalBench, *, address: int, size: int) -> None:
        self._bench = bench
        self.memory: parc.SharedMemory = SimulatedMemory(bench, address, size)
        bench.tell("forbid")
        bench.tell("allow", address, size)

    def read(self, at: int) -> int:
        """Return a register."""
        try:
            return self._bench.read_at(at)
        except BusError as reason:
            raise OSError(str(reason)) from reason

    def write(self, at: int, value: int) -> None:
        """Write a register."""
        try:
            self._bench.write_at(at, value)
        except BusError as reason:
            raise OSError(str(reason)) from reason

    def pause(self) -> None:
        """Go on until the interrupt, or for some cycles."""
        self._bench.tell("run", _POLLED)


def driven(top: str, verilog: Mapping[str, bytes], host: Path, build: Path, cache: Path) -> Path:
    """Return a program of an accelerator, its C driver and a ``host`` program, built.

    Driver and host are compiled without a warning, with sanitizers of addresses and of undefined
    behaviour.

    Parameters
    ----------
    top
        Top module.
    verilog
        By file name.
    host
        C source that has ``parc_host`` of driven.h.
    build
        Folder of the build, whose driver it is.
    cache
        Where programs of Verilator are kept.

    Raises
    ------
    SimulationError
        Where a compiler or Verilator refuses it.
    """
    includes = tuple(f"-I{plain(folder)}" for folder in (build.resolve(), _HERE))
    with tempfile.TemporaryDirectory() as folder:
        objects = []
        for source in (build / "parc.c", host):
            objects.append(Path(folder) / f"{source.stem}.o")
            command = ["gcc", *_FLAGS, *_SANITIZERS, *includes, "-c", str(source)]
            _run([*command, "-o", str(objects[-1])])
        headers = (*HEADERS, _HERE / "driven.h", build / "parc.h", build / "parc_registers.h")
        return Compiled(
            top, verilog, _HERE / "driven.cpp", headers, tuple(objects), includes, _SANITIZERS
        ).build(cache)


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise SimulationError(done.stdout + done.stderr)
