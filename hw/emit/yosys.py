"""Yosys, from the `pyosys` wheel or the system, in a process of its own."""

import subprocess
import sys
from pathlib import Path

_MAIN = """
import sys
from pyosys import libyosys
libyosys.run_pass("script " + sys.argv[1], libyosys.Design())
"""


class YosysError(RuntimeError):
    """Yosys refused a command; the message ends with what it printed last."""


class YosysTimeoutError(YosysError):
    """Yosys had not ended in time."""


def run_yosys(
    commands: list[str],
    folder: Path,
    *,
    program: Path | None = None,
    limit_s: float | None = None,
) -> str:
    """Run ``commands`` with ``folder`` as the working directory, and return the log.

    In a process of its own, since Yosys prints its log to standard output and ends the process
    at an error. ``program`` takes the place of the wheel.

    Raises
    ------
    YosysError
        Where a command fails, or all have not ended after ``limit_s``.
    """
    script = folder / "commands.ys"
    script.write_text("\n".join(commands) + "\n", encoding="utf-8")
    command = [sys.executable, "-c", _MAIN] if program is None else [str(program), "-s"]
    try:
        done = subprocess.run(
            [*command, script.name],
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=limit_s,
        )
    except subprocess.TimeoutExpired:
        raise YosysTimeoutError(f"Yosys must end within {limit_s} s") from None
    finally:
        script.unlink()
    log = done.stdout + done.stderr
    if done.returncode:
        raise YosysError("Yosys failed:\n" + "\n".join(log.splitlines()[-10:]))
    return log
