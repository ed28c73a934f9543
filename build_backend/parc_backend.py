"""Builds the wheel, where all packages live under the one name `parc_hdl`; all else is setuptools.

The checkout keeps ``golden``, ``hw`` and the rest at its top. Installed so, they would shadow a
user's own packages of those names, or be shadowed by them. So a wheel is built from a copy of the
tree in which ``golden`` is ``parc_hdl.golden``, and what is imported is renamed with it.
"""

import ast
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
)

# No metadata without a wheel: what setuptools says of the checkout has the checkout's names.
__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
]

NAME = "parc_hdl"
PARTS = ("boards", "flow", "golden", "hw", "nets", "parc_litex")
"""Packages that go under `NAME`. The benches in `sim` serve the checkout alone."""

DATA = ("docs/benchmarks.json",)
"""Data beside them that they read."""

_AT_THE_TOP = (*PARTS, "scripts", "sim")
_MODULE = re.compile(rf"({'|'.join(_AT_THE_TOP)})(\.[a-z_]\w*)+(:\w+)?$")
"""A module's name in a string, which does not follow when the module gets another."""

_PROJECT = ("LICENSE", "README.md", "pyproject.toml")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "*~", "*.orig", "*.rej")


def build_wheel(
    wheel_directory: str,
    config_settings: Mapping[str, object] | None = None,
    metadata_directory: str | None = None,  # noqa: ARG001 - the hook's signature
) -> str:
    """Build the wheel of a copy of the tree, as PEP 517 has it."""
    root = Path.cwd()
    target = str(Path(wheel_directory).resolve())
    with tempfile.TemporaryDirectory() as folder:
        stage(root, Path(folder))
        os.chdir(folder)
        try:
            return str(build_meta.build_wheel(target, config_settings))
        finally:
            os.chdir(root)


def stage(root: Path, folder: Path) -> None:
    """Copy to ``folder`` what the wheel holds of the tree at ``root``, under its new names."""
    for name in _PROJECT:
        shutil.copy(root / name, folder)
    package = folder / NAME
    shutil.copytree(root / NAME, package, ignore=_LEFT_OUT)
    for name in (*PARTS, *DATA):
        _copy(root / name, package / name)
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package)
        path.write_bytes(renamed(path.read_bytes(), str(place)))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=_LEFT_OUT)
    else:
        shutil.copy(source, target)


def renamed(source: bytes, place: str) -> bytes:
    """Return a module's ``source``, with what it imports of `PARTS` imported from `NAME`.

    Raises
    ------
    ValueError
        Where it names one of them in a way that can't follow, at ``place``.
    """
    tree = ast.parse(source)
    for node, rule in _stuck(tree):
        raise ValueError(f"{place}:{node.lineno}: {rule}")
    lines = source.splitlines(keepends=True)
    where = {(node.lineno - 1, _column(node, lines)) for node in _named(tree)}
    for line, column in sorted(where, reverse=True):
        text = lines[line]
        lines[line] = text[:column] + f"{NAME}.".encode() + text[column:]
    return b"".join(lines)


def _stuck(tree: ast.AST) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """Yield what names a package of ours in a way that can't follow, and what to write instead."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if is_ours(alias.name) and alias.asname is None:
                    yield node, f"write 'from ... import', not 'import {alias.name}'"
        elif isinstance(node, ast.Constant) and _is_module(node.value):
            yield node, f"take {node.value!r} from __package__"


def _is_module(value: object) -> bool:
    return isinstance(value, str) and _MODULE.match(value) is not None


def _named(tree: ast.AST) -> Iterator[ast.alias | ast.ImportFrom]:
    """Yield each place in ``tree`` where a package of ours is imported by its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and is_ours(node.module or ""):
            yield node
        elif isinstance(node, ast.Import):
            yield from (alias for alias in node.names if is_ours(alias.name))


def _column(node: ast.alias | ast.ImportFrom, lines: list[bytes]) -> int:
    """Return where the package's name begins, on the node's first line."""
    if isinstance(node, ast.alias):
        return node.col_offset
    begin = node.col_offset + len(b"from")
    rest = lines[node.lineno - 1][begin:]
    return begin + len(rest) - len(rest.lstrip())


def is_ours(name: str) -> bool:
    """Return whether ``name`` is that of a package or module in the checkout."""
    return name.split(".")[0] in _AT_THE_TOP
