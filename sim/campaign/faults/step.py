"""Modules taken apart for proofs: what registers hold next, as a function of what they hold."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hw.emit.yosys import run_yosys
from sim.campaign.faults.netlist import FAULT, alone, free_bit

YOSYS_S = 120
"""For a run of Yosys."""
RESET = "rst"
_FEW = 8
"""Bits of a register that may say what a state is."""
_WORD = re.compile(r"\[\d+\]$")
"""End of the name of what holds a word of a memory."""
_GATE = re.compile(r"(.*_t?)(?:valid|en)(_\d+)?")
"""What says whether what is named so, up to here, and has the same number behind, is looked at."""
_MEMORIES = "memory_map t:$mem_v2 r:SIZE>=256 %d"
"""To registers, but for those of so many words."""


@dataclass(frozen=True)
class Memory:
    """A memory that is too large, or has too many ports, to be registers.

    Parameters
    ----------
    widths
        Bits of each of its ports but clocks, as Yosys calls them.
    addresses, words
        Bits of an address, and of a word.
    """

    widths: dict[str, int]
    addresses: int
    words: int

    def fed(self, number: int) -> str:
        """Return whether what goes in differs, of the memory of a number, so that it counts."""
        alike = [p for p in self.widths if p in ("RD_EN", "RD_ARST", "RD_SRST")]
        parts = [f"gold_{port}_{number} != gate_{port}_{number}" for port in alike]
        writes, reads = self.widths["WR_EN"] // self.words, self.widths["RD_EN"]
        for port in range(writes):
            enables = f"WR_EN_{number}[{port * self.words} +: {self.words}]"
            address = f"WR_ADDR_{number}[{port * self.addresses} +: {self.addresses}]"
            data = f"WR_DATA_{number}[{port * self.words} +: {self.words}]"
            parts.append(f"gold_{enables} != gate_{enables}")
            parts.append(f"((gold_{data} ^ gate_{data}) & gold_{enables}) != 0")
            parts.append(f"gold_{address} != gate_{address} & |gold_{enables}")
        for port in range(reads):
            address = f"RD_ADDR_{number}[{port * self.addresses} +: {self.addresses}]"
            parts.append(f"gold_{address} != gate_{address} & gold_RD_EN_{number}[{port}]")
        return f"({' | '.join(parts)})"


def looked_at(output: str, outputs: Iterable[str]) -> list[str]:
    """Return which of a module's outputs say that another is looked at while they are high.

    Of a stream its valid, of a memory's port its enable, by their names.
    """
    gates = [found for gate in outputs if gate != output and (found := _GATE.fullmatch(gate))]
    named = [re.fullmatch(rf"{gate[1]}[a-z]\w*?(_\d+)?", output) for gate in gates]
    return [g[0] for g, own in zip(gates, named, strict=True) if own and own[1] == g[2]]


@dataclass
class Step:
    """Next registers and outputs of a module, as functions of registers and inputs, in step.json.

    Parameters
    ----------
    ports
        Of the module.
    init
        Of each bit of registers, 0, 1 or x.
    products
        Bits of operands and product of each multiplier, which is outside.
    memories
        Those that are outside too, as Yosys has them.
    small
        Places of bits of registers of a few, each register's lowest first.
    unknown
        Bits that Verilog leaves unknown, which are the same on both sides.
    faults
        By their numbers, from 1 on.
    """

    ports: dict[str, Any]
    init: list[str] = field(default_factory=list)
    products: list[tuple[int, int, int]] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    small: list[list[int]] = field(default_factory=list)
    unknown: int = 0
    faults: dict[str, int] = field(default_factory=dict)

    @property
    def fault_bits(self) -> int:
        """Of a fault's number."""
        return len(self.faults).bit_length()


def step_of(folder: Path, top: str, faults: Sequence[str]) -> Step | None:
    """Take registers, multipliers and large memories out of a top, flat, with its mutants.

    ``folder`` has the netlist, ``cells.il``, and gets ``step.json``. The input `FAULT` says by its
    number which mutant is there. None where a clock is another than the top's.
    """
    numbers = {fault: number for number, fault in enumerate(faults, start=1)}
    width = len(numbers).bit_length()
    chosen = [alone(fault, f"-ctrl {FAULT} {width} {n}") for fault, n in numbers.items()]
    mapped = ["flatten", "opt_clean", _MEMORIES, "opt_expr -keepdc", "opt_clean", "dffunmap"]
    # Bits that nothing asks for go with their mutants, where no search finds all that differs.
    mapped += ["splitcells", "opt_clean"]
    commands = ["read_rtlil cells.il", f"hierarchy -top {top}", *chosen, *mapped]
    commands += ["setundef -undriven -anyseq", "write_json flat.json"]
    run_yosys(commands, folder, limit_s=YOSYS_S)
    module = json.loads((folder / "flat.json").read_bytes())["modules"][top]
    ports = {name: p for name, p in module["ports"].items() if name not in ("clk", FAULT)}
    step = Step(ports, faults=numbers)
    if not (_take_registers(module, step) and _take_memories(module, step)):
        return None
    _take_products(module, step)
    _take_unknown(module, step)
    (folder / "step.json").write_text(json.dumps({"modules": {"step": module}}), encoding="utf-8")
    return step


def _take_registers(module: Any, step: Step) -> bool:
    """Make each register's value an input, and its next an output; False for other clocks."""
    cells = module["cells"]
    init = _inits(module)
    (clock,) = module["ports"].get("clk", {"bits": [None]})["bits"]
    stopped = {
        cell["connections"]["Y"][0]: cell["connections"]["S"][0]
        for cell in cells.values()
        if cell["type"] == "$mux" and cell["connections"]["A"] == [clock]
        if cell["connections"]["B"][0] in ("0", "1")
    }
    now: list[Any] = []
    then: list[Any] = []
    words = [net["bits"] for net in module["netnames"].values()]
    for name in [name for name, cell in cells.items() if cell["type"] == "$dff"]:
        links = cells.pop(name)["connections"]
        own = links["CLK"][0]
        if own != clock and own not in stopped:
            return False
        now += links["Q"]
        words.append(links["Q"])
        then += links["D"] if own == clock else _held(module, links, stopped[own], len(now))
    step.init = [init.get(bit, "x") for bit in now]
    step.small = _small(words, {bit: place for place, bit in enumerate(now)})
    _expose(module, "now", "input", now)
    _expose(module, "then", "output", then)
    return True


def _small(words: Iterable[list[Any]], places: Mapping[Any, int]) -> list[list[int]]:
    """Return places of bits of words of a few that have all of them, each bit's once."""
    few = [word for word in words if len(word) <= _FEW and places.keys() >= set(word)]
    found: list[list[int]] = []
    taken: set[int] = set()
    for word in sorted(few, key=len, reverse=True):
        own = [places[bit] for bit in word]
        if taken.isdisjoint(own):
            taken.update(own)
            found.append(own)
    return found


def _inits(module: Any) -> dict[Any, str]:
    """Return what bits begin with: with a reset, of words of memories alone.

    A mutant of an output of a register stands between it and the bit that says so.
    """
    init: dict[Any, str] = {}
    resets = RESET in module["ports"]
    for name, net in module["netnames"].items():
        value = net["attributes"].pop("init", "")
        if resets and not _WORD.search(name):
            value = "x" * len(value)
        init |= zip(net["bits"], reversed(value), strict=False)
    muxes = [c["connections"] for c in module["cells"].values() if c["type"] == "$mux"]
    passed = [pair for links in muxes for pair in zip(links["A"], links["Y"], strict=True)]
    # Mutants of one bit stand one behind the other.
    while found := {a: init[y] for a, y in passed if y in init and a not in init}:
        init |= found
    return init


def _held(module: Any, links: Any, select: Any, number: int) -> list[int]:
    """Return the next value of a register that holds where ``select`` says so."""
    free = free_bit(module)
    made = list(range(free, free + len(links["D"])))
    parts = {"A": links["D"], "B": links["Q"], "S": [select], "Y": made}
    module["netnames"][f"holds_{number}"] = {"hide_name": 0, "bits": made, "attributes": {}}
    module["cells"][f"held_{number}"] = {
        "hide_name": 1,
        "type": "$mux",
        "parameters": {"WIDTH": f"{len(made):032b}"},
        "attributes": {},
        "port_directions": {"A": "input", "B": "input", "S": "input", "Y": "output"},
        "connections": parts,
    }
    return made


def _take_products(module: Any, step: Step) -> None:
    """Make operands of multipliers outputs, and products inputs."""
    cells = module["cells"]
    for name in [name for name, cell in cells.items() if cell["type"] == "$mul"]:
        links, number = cells.pop(name)["connections"], len(step.products)
        for port, direction in (("A", "output"), ("B", "output"), ("Y", "input")):
            _expose(module, f"{port}_{number}", direction, links[port])
        step.products.append((len(links["A"]), len(links["B"]), len(links["Y"])))


def _take_unknown(module: Any, step: Step) -> None:
    """Make bits that may be anything inputs."""
    cells = module["cells"]
    names = [name for name, cell in cells.items() if cell["type"] == "$anyseq"]
    bits = [bit for name in names for bit in cells.pop(name)["connections"]["Y"]]
    step.unknown = len(bits)
    if bits:
        _expose(module, "unknown", "input", bits)


def _take_memories(module: Any, step: Step) -> bool:
    """Make what goes into memories outputs, and what comes out inputs; False for other clocks."""
    cells = module["cells"]
    clock = module["ports"].get("clk", {"bits": [None]})["bits"][0]
    for name in [name for name, cell in cells.items() if cell["type"] == "$mem_v2"]:
        cell, number = cells.pop(name), len(step.memories)
        links = cell["connections"]
        # Constants are clocks of reads that have none.
        if not {b for port in ("RD_CLK", "WR_CLK") for b in links.pop(port)} <= {clock, "0", "x"}:
            return False
        for port, bits in links.items():
            _expose(module, f"{port}_{number}", "input" if port == "RD_DATA" else "output", bits)
        widths = {port: len(bits) for port, bits in links.items()}
        sizes = (int(cell["parameters"][of], 2) for of in ("ABITS", "WIDTH"))
        step.memories.append(Memory(widths, *sizes))
    return True


def _expose(module: Any, name: str, direction: str, bits: list[Any]) -> None:
    """Make bits of a module a port of it."""
    module["ports"][f"step_{name}"] = {"direction": direction, "bits": bits}
    net = {"hide_name": 0, "bits": bits, "attributes": {}}
    module["netnames"][f"step_{name}"] = net
