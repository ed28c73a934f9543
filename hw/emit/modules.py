"""Modules in RTLIL: legal names inside, and one module where several are the same."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from golden.inputs.names import VERILOG_WORDS

_MODULE = re.compile(
    r"^((?:attribute [^\n]*\n)*)module \\(\S+)\n(.*?)^end\n", re.MULTILINE | re.DOTALL
)
_IDENTIFIER = re.compile(r"(?<!\S)\\(\S+)")
_DECLARED = re.compile(r"^ *(?:wire|memory|cell) .*?\\(\S+)$")
_CELL = re.compile(r"^( *cell )(\S+)( \S+)$")
_PORT = re.compile(r"^( *connect )\\(\S+)( .*)$")
_IS_PORT = re.compile(r"^ *wire .*\b(?:input|output|inout) \d+ +\\(\S+)$")
_MEMORY = re.compile(r'^( *parameter \\MEMID "\\\\)([^"]+)"$')
_ALIAS = re.compile(r"^connect \\(\S+) \\(port\$\S+) \[(\d+)(?::0)?\]$")
_WIDTH = re.compile(r"^ *wire width (\d+) .*\\(\S+)$")
_NUMBER = re.compile(r"(\$\d+)+(?=$|[.\[])")
"""What Amaranth puts behind a name to keep it apart from others."""


@dataclass(frozen=True)
class ModuleKind:
    """What a module is: its name among modules, and the line that stands above it."""

    name: str
    text: str = ""


def with_shared_modules(
    text: str, top: str, kind_of: Callable[[str], ModuleKind]
) -> tuple[str, dict[str, str]]:
    """Return RTLIL of plain names with each module once, and what is said of them, by name.

    Modules are the same where they are so to the letter, once what Amaranth numbered is numbered
    from one in each. The first of them gives name and text.

    Parameters
    ----------
    text
        As Amaranth writes it: modules' names are paths from ``top``, with dots.
    kind_of
        What the module of a path is.
    """
    design = _Design({found[2]: found for found in _MODULE.finditer(text)}, top, kind_of)
    design.visit(top)
    return "\n".join(design.texts), design.said


class _Design:
    """Modules, visited from the leaves up."""

    def __init__(
        self, modules: Mapping[str, re.Match[str]], top: str, kind_of: Callable[[str], ModuleKind]
    ) -> None:
        self._modules = modules
        self._top = top
        self._kind_of = kind_of
        self._names: dict[str, str] = {}
        self._ports: dict[str, dict[str, str]] = {}
        self._known: dict[str, str] = {}
        self.texts: list[str] = []
        self.said: dict[str, str] = {}

    def visit(self, path: str) -> None:
        """Write the module of ``path`` and those inside, unless they are there."""
        lines = self._modules[path][3].splitlines()
        for line in lines:
            cell = _CELL.match(line)
            if cell and cell[2][1:] in self._modules and cell[2][1:] not in self._names:
                self.visit(cell[2][1:])
        local = _local_names(lines)
        ports = [found[1] for line in lines if (found := _IS_PORT.match(line))]
        self._ports[path] = {port: local[port] for port in ports}
        body = "\n".join(self._rewritten(lines, local))
        if path != self._top and body in self._known:
            self._names[path] = self._known[body]
            return
        name = self._name(path)
        self._names[path] = self._known[body] = name
        self.texts.append(f"{self._modules[path][1]}module \\{name}\n{body}\nend\n")

    def _name(self, path: str) -> str:
        kind = self._kind_of(path)
        base = self._top if path == self._top else f"{self._top}__{kind.name}"
        name = _apart(base, self.said)
        self.said[name] = kind.text
        return name

    def _rewritten(self, lines: Iterable[str], local: Mapping[str, str]) -> Iterator[str]:
        """Yield a module's lines, renamed: what is inside a cell goes by that cell's ports."""

        def renamed(part: str) -> str:
            return _IDENTIFIER.sub(lambda found: "\\" + local[found[1]], part)

        ports: Mapping[str, str] | None = None
        for line in lines:
            word = line.split(maxsplit=1)[0] if line.strip() else ""
            if cell := _CELL.match(line):
                path = cell[2][1:]
                ports = self._ports.get(path, {})
                kind = f"\\{self._names[path]}" if path in self._names else cell[2]
                yield f"{cell[1]}{kind}{renamed(cell[3])}"
            elif memory := _MEMORY.match(line):
                yield f'{memory[1]}{local[memory[2]]}"'
            elif word in ("attribute", "parameter"):
                yield line
            elif ports is not None and (port := _PORT.match(line)):
                yield f"{port[1]}\\{ports.get(port[2], port[2])}{renamed(port[3])}"
            else:
                ports = None if word == "end" else ports
                yield renamed(line)


def _local_names(lines: Iterable[str]) -> dict[str, str]:
    """Return plain names for all that a module declares: as they are, where they are plain."""
    declared = [found[1] for line in lines if (found := _DECLARED.match(line))]
    widths = {found[2]: found[1] for line in lines if (found := _WIDTH.match(line))}
    aliases = {
        found[2]: found[1]
        for line in lines
        if (found := _ALIAS.match(line)) and int(found[3]) == int(widths[found[2]]) - 1
    }
    names = {name: name for name in declared if _is_plain(name)}
    taken = set(names)
    for name in declared:
        if name not in names:
            names[name] = _apart(_plain(aliases.get(name, name)), taken)
            taken.add(names[name])
    return names


def _plain(name: str) -> str:
    """Return a name for ``name`` that Verilog need not escape."""
    base = _NUMBER.sub("", name).replace("]", "").replace(".", "__")
    base = re.sub(r"\W|^(?=\d)|^$", "_", base)
    return base if _is_plain(base) else f"{base}_"


def _apart(name: str, taken: Iterable[str]) -> str:
    """Return ``name``, or with a number behind it the first one that is not ``taken``."""
    new, number = name, 1
    while new in taken:
        number += 1
        new = f"{name}_{number}"
    return new


def _is_plain(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z_]\w*", name) is not None and name not in VERILOG_WORDS
