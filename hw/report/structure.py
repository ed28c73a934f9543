"""The units of a build and what runs between them, read from its Verilog by Yosys."""

import json
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from hw.emit.product import Built
from hw.emit.yosys import run_yosys
from hw.targets.registry import TARGETS

MOST_UNITS = 20
_SMALL = 0.12
"""A part with less of all cells than this is not opened."""
_LEAST_BITS = 4
"""Narrower connections are control, and left out."""
_MOST_LINKS = 26
"""Where there are more, the narrowest are left out too."""
_FAR = 8
"""Cells between two units at most."""
_GENERIC = {"dsp": "$mul", "block_ram": "$mem_v2"}
"""As Yosys has them before it maps to a device."""

Bit = tuple[str, int]
"""An instance's path, and a net of its module."""


@dataclass(frozen=True)
class Unit:
    """A part that is drawn.

    Parameters
    ----------
    name
        Its path below the top module.
    module
        What it is an instance of.
    multipliers, memories
        Cells inside.
    count
        How many alike are drawn as one.
    """

    name: str
    module: str
    multipliers: int
    memories: int
    count: int = 1


@dataclass(frozen=True)
class Structure:
    """What is drawn.

    Parameters
    ----------
    units
        Parts.
    links
        How many bits run from one to another; ports of the top module stand for those outside.
    ports
        Of these, which.
    least_bits
        Links of less are left out.
    """

    units: list[Unit]
    links: Mapping[tuple[str, str], int]
    ports: list[str]
    least_bits: int


def structure_of(built: Built) -> Structure:
    """Return the structure of a build."""
    netlist = _Netlist(_modules(built), built.name)
    return _traced(netlist, netlist.units())


def _modules(built: Built) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commands = []
        for files, option in ((built.models, "-lib "), (built.sources, "")):
            for file, content in files.items():
                (folder / file).write_bytes(content)
                commands.append(f"read_verilog {option}{file}")
        commands += [f"hierarchy -top {built.name}", "proc", "write_json design.json"]
        run_yosys(commands, folder)
        modules = json.loads((folder / "design.json").read_text(encoding="utf-8"))["modules"]
    return dict(modules)


@cache
def _cells_of(figure: str) -> frozenset[str]:
    """Return the cells that any target counts in a figure."""
    families = [target.synthesis for target in TARGETS.values() if target.synthesis]
    known = {cell for family in families for cell in family.cells.get(figure, ())}
    return frozenset(known | {_GENERIC[figure]})


def _is_by_constant(cell: Mapping[str, Any]) -> bool:
    """Whether a cell multiplies by what is known, which takes no multiplier."""
    operands = [cell["connections"].get(pin, ()) for pin in "AB"]
    known = any(all(isinstance(bit, str) for bit in operand) for operand in operands)
    return known and cell["type"] == _GENERIC["dsp"]


@dataclass
class _Netlist:
    """Modules of a design."""

    modules: Mapping[str, Any]
    top: str
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def inside(self, module: str) -> Counter[str]:
        """Return the cells of a module, those of modules inside it too."""
        if module not in self.counts:
            found: Counter[str] = Counter()
            for cell in self.modules[module]["cells"].values():
                kind = cell["type"]
                if self.is_own(kind):
                    found += self.inside(kind)
                elif not _is_by_constant(cell):
                    found[kind] += 1
            self.counts[module] = found
        return self.counts[module]

    def is_own(self, kind: str) -> bool:
        """Whether a cell is a module of the design, and not a primitive."""
        return kind in self.modules and bool(self.modules[kind]["cells"])

    def children(self, path: str, module: str) -> dict[str, str]:
        """Return the instances in a module, by path, and what they are of."""
        return {
            f"{path}.{name}" if path else name: cell["type"]
            for name, cell in self.modules[module]["cells"].items()
            if self.is_own(cell["type"])
        }

    def units(self) -> dict[str, str]:
        """Return what is drawn: the largest parts are opened while there is room."""
        units = self.children("", self.top)
        while units:
            openable = {
                path: parts
                for path, module in units.items()
                if len(parts := self.children(path, module)) > 1 or self._is_shell(module, parts)
            }
            if not openable:
                break
            largest = max(openable, key=lambda path: (self._cells(units[path]), path))
            opened = {p: m for p, m in units.items() if p != largest} | openable[largest]
            small = self._cells(units[largest]) < _SMALL * self._cells(self.top)
            if small or len(set(_alike(opened).values())) > MOST_UNITS:
                break
            units = opened
        return units

    def _cells(self, module: str) -> int:
        return self.inside(module).total()

    def _is_shell(self, module: str, parts: Mapping[str, str]) -> bool:
        """Whether a module has nearly all that it has in one part."""
        return len(parts) == 1 and self._cells(*parts.values()) > 0.8 * self._cells(module)

    def unit(self, name: str, modules: list[str]) -> Unit:
        """Return what is said of a unit, or of several alike."""
        inside = [self.inside(module) for module in modules]
        multipliers, memories = (
            sum(cells[kind] for cells in inside for kind in _cells_of(figure))
            for figure in _GENERIC
        )
        return Unit(name, modules[0], multipliers, memories, len(modules))


_NUMBER = re.compile(r"_?\d+(?=$|\.)")


def _alike(units: Mapping[str, str]) -> dict[str, str]:
    """Return by unit the name that it is drawn under: those that numbers tell apart share one."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path, module in units.items():
        groups[_NUMBER.sub("", path), module].append(path)
    names: dict[str, str] = {}
    for (stem, _), paths in groups.items():
        taken = len(paths) > 1 and stem not in names.values()
        names |= {path: stem if taken else path for path in paths}
    return names


@dataclass
class _Wires:
    """Nets as they run through all modules that are not drawn."""

    same: dict[Bit, Bit] = field(default_factory=dict)
    through: dict[Bit, set[Bit]] = field(default_factory=lambda: defaultdict(set))
    gives: dict[str, list[Bit]] = field(default_factory=lambda: defaultdict(list))
    takes: dict[Bit, set[tuple[str, str, int]]] = field(default_factory=lambda: defaultdict(set))

    def of(self, bit: Bit) -> Bit:
        """Return the outermost name of a net."""
        while bit in self.same:
            bit = self.same[bit]
        return bit


def _traced(netlist: _Netlist, units: Mapping[str, str]) -> Structure:
    wires = _Wires()
    drawn_as = _alike(units)
    _wire(netlist, wires, "", netlist.top, drawn_as)
    ports = netlist.modules[netlist.top]["ports"]
    names = []
    for group, pins in _port_groups(ports).items():
        bits = [("", bit) for port in pins for bit in ports[port]["bits"]]
        inputs = ports[pins[0]]["direction"] == "input"
        names.append(group)
        if inputs:
            wires.gives[group] += bits
        else:
            for number, bit in enumerate(bits):
                wires.takes[wires.of(bit)].add((group, "", number))
    links: Counter[tuple[str, str]] = Counter()
    for source in wires.gives:
        for unit, _, _ in _reached(wires, source):
            if unit != source:
                links[source, unit] += 1
    least = max([_LEAST_BITS, *(bits + 1 for bits in sorted(links.values())[:-_MOST_LINKS])])
    kept = {pair: bits for pair, bits in links.items() if bits >= least}
    members: dict[str, list[str]] = defaultdict(list)
    for path, name in drawn_as.items():
        members[name].append(units[path])
    drawn = [netlist.unit(name, modules) for name, modules in members.items()]
    used = {name for pair in kept for name in pair}
    return Structure(drawn, kept, [name for name in names if name in used], least)


def _port_groups(ports: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return data ports by stream: what is said of them is said once."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name, port in ports.items():
        stem = name.rsplit("_", 1)[0] if "axi" in name else name
        if len(port["bits"]) >= _LEAST_BITS:
            arrow = "in" if port["direction"] == "input" else "out"
            both = len({ports[n]["direction"] for n in ports if n.startswith(f"{stem}_")}) > 1
            groups[f"{stem} {arrow}" if both and "m_axi_" in f"{stem}_" else stem].append(name)
    return groups


def _wire(
    netlist: _Netlist, wires: _Wires, path: str, module: str, drawn_as: Mapping[str, str]
) -> None:
    """Take up the nets of a module, and of those inside that are not drawn."""
    for name, cell in netlist.modules[module]["cells"].items():
        inner = f"{path}.{name}" if path else name
        kind, sides = cell["type"], cell.get("port_directions", {})
        pins = {pin: _bits(path, bits) for pin, bits in cell["connections"].items()}
        if inner in drawn_as:
            _join_unit(wires, drawn_as[inner], pins, sides)
        elif netlist.is_own(kind):
            ports = netlist.modules[kind]["ports"]
            for pin, bits in pins.items():
                inside = _bits(inner, ports[pin]["bits"])
                pairs = zip(inside, bits, strict=True)
                wires.same |= {one: outer for one, outer in pairs if one and outer}
            _wire(netlist, wires, inner, kind, drawn_as)
        else:
            _join_cell(wires, pins, sides)


def _join_cell(
    wires: _Wires, pins: Mapping[str, list[Bit | None]], sides: Mapping[str, str]
) -> None:
    """Let what comes into a primitive cell go on to all that it gives."""
    by_side: dict[str, set[Bit]] = {"input": set(), "output": set()}
    for pin, bits in pins.items():
        by_side.get(sides.get(pin, ""), set()).update(wires.of(bit) for bit in bits if bit)
    for bit in by_side["input"]:
        wires.through[bit] |= by_side["output"]


def _bits(path: str, bits: list[Any]) -> list[Bit | None]:
    return [(path, bit) if isinstance(bit, int) else None for bit in bits]


def _join_unit(
    wires: _Wires, unit: str, pins: Mapping[str, list[Bit | None]], sides: Mapping[str, str]
) -> None:
    for pin, bits in pins.items():
        for number, bit in enumerate(bits):
            if bit is None:
                continue
            if sides[pin] == "output":
                wires.gives[unit].append(wires.of(bit))
            else:
                wires.takes[wires.of(bit)].add((unit, pin, number))


def _reached(wires: _Wires, source: str) -> Iterator[tuple[str, str, int]]:
    """Return the pins of units that the source's bits run to, through few cells."""
    found: set[tuple[str, str, int]] = set()
    edge = {wires.of(bit) for bit in wires.gives[source]}
    seen = set(edge)
    for _ in range(_FAR):
        for bit in edge:
            found |= wires.takes.get(bit, set())
        edge = {far for bit in edge for far in wires.through.get(bit, ())} - seen
        seen |= edge
    return iter(found)


@cache
def short(name: str) -> str:
    """Return the last part of a path, readable."""
    return name.rsplit(".", 1)[-1].replace("_", " ")
