"""A reader in a process of its own, with limits, and with an eye on what it writes."""

import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from hw.command import run_command

SECONDS, BYTES = 2.0, 2 << 30
"""Of processor time, and of memory."""
_WALL = 120.0
"""Seconds after which a reader that waits for something is ended."""
_OUTSIDE = 97
"""Exit status of what wrote outside of its folder."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.chmod")
_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect")
"""Events of Python's audit: what changes files, and what no reader does."""


@dataclass(frozen=True)
class Ended:
    """How a reader ended.

    Attributes
    ----------
    status
        Exit status; negative: the signal that ended it.
    said
        Lines on standard error.
    """

    status: int
    said: list[str]

    @property
    def complaint(self) -> str | None:
        """What is wrong, if anything: neither a result nor one line and exit status 2."""
        last = self.said[-1] if self.said else "nothing said"
        if self.status == 0:
            return None
        if self.status == _OUTSIDE:
            return f"goes outside: {last}"
        if self.status < 0:
            return f"{signal.Signals(-self.status).name}: {last}"
        if self.status != 2:
            return f"exit status {self.status}: {last}"
        return None if len(self.said) == 1 else f"{len(self.said)} lines: {last}"


def confined(action: Callable[[], object], folder: Path) -> Ended:
    """Run ``action`` as a command in a fork that may write to ``folder`` alone; see `Ended`."""
    with tempfile.TemporaryFile() as log:
        child = os.fork()
        if not child:
            status = 1
            try:
                _limit(log.fileno(), folder)
                status = run_command(click.Command("reader", callback=action), "reader", [])
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stderr.flush()
                os._exit(status)
        _, code = os.waitpid(child, 0)
        log.seek(0)
        said = log.read().decode(errors="replace").splitlines()
    return Ended(os.waitstatus_to_exitcode(code), said)


def _limit(log: int, folder: Path) -> None:
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (BYTES, BYTES))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, _WALL)
    inside = folder.resolve()

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, int) or not flags & _WRITING:
                return
            _hold(event, path, inside)
        elif event in _CHANGES:
            _hold(event, arguments[0], inside)
        elif event in _STARTS:
            _leave(f"{event} {arguments[0]!r}")

    sys.addaudithook(watch)


def _hold(event: str, path: Any, inside: Path) -> None:
    """Leave where ``path`` is not ``inside``."""
    place = Path(os.path.realpath(os.fsdecode(path)))
    if place != Path(os.devnull) and not place.is_relative_to(inside):
        _leave(f"{event} {place}")


def _leave(text: str) -> None:
    os.write(2, f"{text}\n".encode())
    os._exit(_OUTSIDE)
