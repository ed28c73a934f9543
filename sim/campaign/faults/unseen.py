"""Proofs that mutants are never seen outside a module, whatever goes in, from its beginning on.

Without and with a mutant, which is any of some, a module has the same registers. Most are taken to
be equal; bits that are found to differ are there twice. That the next values of all others, and
outputs, are the same is shown by reachability: since they begin as equals they stay so. A
multiplier may be any function, and a large memory too, of what goes in.

It begins with a cycle of reset. Registers begin with what makes mutants differ least, all with 1 or
with 0: `sim.campaign.unknown` shows that nothing hangs on what they begin with.
"""

import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from hw.emit.yosys import YosysTimeoutError, run_yosys
from sim.campaign.faults.netlist import FAULT, alone, free_bit, in_cells, option_of
from sim.prove import NoEndError, drawn_highs, first_high, highs

_YOSYS_S, _PROOF_S, _ROUND_S = 120, 15, 8
"""For Yosys; at most for a proof; and for what differs where there is none."""
_WIDE = 300
"""Bits that differ from which on no proof ends."""
_RESET, _RARE = "rst", 6
"""An input, and how many bits are drawn for it, of which all are to be 1."""
_WORD = re.compile(r"\[\d+\]$")
"""End of the name of what holds a word of a memory."""
_DRAWN = "-F 300 -W 8 -B 16 -R 20 -T 10"
"""Cycles, 64 runs a time, and turns of simulation, seconds at most."""
_SIDES = {"gold": "0", "gate": "chosen"}
"""Without and with a mutant: its number."""
_MEMORIES = "memory_map t:$mem_v2 r:SIZE>=256 %d"
"""To registers, but for those of so many words."""
_MAP = [
    *("read_json step.json", "read_verilog twice.v", "hierarchy -top twice", "proc", "flatten"),
    *("opt_expr", "opt_clean", "techmap", "opt_expr", "opt_clean -purge", "setundef -anyseq"),
    *("aigmap", "write_aiger -zinit design.aig"),
]


def unseen(
    verilog: str,
    module: str,
    faults: Sequence[str],
    *,
    limit_s: int,
    halvings: int,
    streams: bool = False,
) -> list[str]:
    """Return those of some mutants of which it is proved that nothing is seen outside a module.

    They are proved together, and apart where that does not end. A clock that never comes is a
    register that holds; of others that are not the module's nothing is proved.

    Parameters
    ----------
    verilog, module, faults
        The design, which of its modules, and mutants that are in it or inside.
    limit_s
        After which no round begins, and at most of the last search.
    halvings
        How often those that no end is come to with are tried by halves.
    streams
        Whether of outputs beside one named valid nothing is seen while that is low.
    """
    alive = list(faults)
    with suppress(YosysTimeoutError, NoEndError), in_cells(verilog) as folder:
        step = _step(folder, module, faults)
        if step is not None:
            return _proved(folder, step, alive, limit_s, streams=streams)
    half = len(alive) // 2
    if not (half and halvings):
        return []
    again = partial(
        unseen, verilog, module, limit_s=limit_s, halvings=halvings - 1, streams=streams
    )
    return again(alive[:half]) + again(alive[half:])


@dataclass(frozen=True)
class _Memory:
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


@dataclass
class _Step:
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
    unknown
        Bits that Verilog leaves unknown, which are the same on both sides.
    faults
        By their numbers, from 1 on.
    """

    ports: dict[str, Any]
    init: list[str] = field(default_factory=list)
    products: list[tuple[int, int, int]] = field(default_factory=list)
    memories: list[_Memory] = field(default_factory=list)
    unknown: int = 0
    faults: dict[str, int] = field(default_factory=dict)

    @property
    def fault_bits(self) -> int:
        """Of a fault's number."""
        return len(self.faults).bit_length()


def _step(folder: Path, top: str, faults: Sequence[str]) -> _Step | None:
    """Take registers and multipliers out of a top, flat, that `FAULT` puts a mutant into."""
    numbers = {fault: number for number, fault in enumerate(faults, start=1)}
    width = len(numbers).bit_length()
    chosen = [alone(fault, f"-ctrl {FAULT} {width} {n}") for fault, n in numbers.items()]
    mapped = ["flatten", "opt_clean", _MEMORIES, "opt_expr -keepdc", "opt_clean", "dffunmap"]
    commands = ["read_rtlil cells.il", f"hierarchy -top {top}", *chosen, *mapped]
    commands += ["setundef -undriven -anyseq", "write_json flat.json"]
    run_yosys(commands, folder, limit_s=_YOSYS_S)
    module = json.loads((folder / "flat.json").read_bytes())["modules"][top]
    ports = {name: p for name, p in module["ports"].items() if name not in ("clk", FAULT)}
    step = _Step(ports, faults=numbers)
    if not (_take_registers(module, step) and _take_memories(module, step)):
        return None
    _take_products(module, step)
    _take_unknown(module, step)
    (folder / "step.json").write_text(json.dumps({"modules": {"step": module}}), encoding="utf-8")
    return step


def _take_registers(module: Any, step: _Step) -> bool:
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
    for name in [name for name, cell in cells.items() if cell["type"] == "$dff"]:
        links = cells.pop(name)["connections"]
        own = links["CLK"][0]
        if own != clock and own not in stopped:
            return False
        now += links["Q"]
        then += links["D"] if own == clock else _held(module, links, stopped[own], len(now))
    step.init = [init.get(bit, "x") for bit in now]
    _expose(module, "now", "input", now)
    _expose(module, "then", "output", then)
    return True


def _inits(module: Any) -> dict[Any, str]:
    """Return what bits begin with: with a reset, of words of memories alone.

    A mutant of an output of a register stands between it and the bit that says so.
    """
    init: dict[Any, str] = {}
    resets = _RESET in module["ports"]
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


def _take_products(module: Any, step: _Step) -> None:
    """Make operands of multipliers outputs, and products inputs."""
    cells = module["cells"]
    for name in [name for name, cell in cells.items() if cell["type"] == "$mul"]:
        links, number = cells.pop(name)["connections"], len(step.products)
        for port, direction in (("A", "output"), ("B", "output"), ("Y", "input")):
            _expose(module, f"{port}_{number}", direction, links[port])
        step.products.append((len(links["A"]), len(links["B"]), len(links["Y"])))


def _take_unknown(module: Any, step: _Step) -> None:
    """Make bits that may be anything inputs."""
    cells = module["cells"]
    names = [name for name, cell in cells.items() if cell["type"] == "$anyseq"]
    bits = [bit for name in names for bit in cells.pop(name)["connections"]["Y"]]
    step.unknown = len(bits)
    if bits:
        _expose(module, "unknown", "input", bits)


def _take_memories(module: Any, step: _Step) -> bool:
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
        step.memories.append(_Memory(widths, *sizes))
    return True


def _expose(module: Any, name: str, direction: str, bits: list[Any]) -> None:
    """Make bits of a module a port of it."""
    module["ports"][f"step_{name}"] = {"direction": direction, "bits": bits}
    net = {"hide_name": 0, "bits": bits, "attributes": {}}
    module["netnames"][f"step_{name}"] = net


def _proved(
    folder: Path, step: _Step, alive: list[str], limit_s: int, *, streams: bool
) -> list[str]:
    """Find bits that differ and mutants that are seen, until it is shown that no more are.

    ``alive`` loses those that are seen. Raises `NoEndError` after the limit.
    """
    n_bits, different = len(step.init), _drawn(folder, step, alive, streams=streams)
    end = time.monotonic() + limit_s
    while alive:
        if time.monotonic() >= end or len(different) >= _WIDE:
            raise NoEndError(f"{len(different)} bits differ")
        _map(folder, _twice(step, different, different, alive, streams=streams))
        cycle = first_high(folder, min(_PROOF_S, limit_s))
        if cycle is None:
            return alive
        found = highs(folder, _ROUND_S, cycle + 1)
        more = {place for place in found if place < n_bits}
        first = min((found[bit] for bit in more), default=None)
        # Before any bit differs that is taken to be equal, what is seen is so.
        seen = [
            fault
            for place, fault in enumerate(list(alive), start=n_bits)
            if place in found and (first is None or found[place] <= first)
        ]
        if not (seen or more):
            raise NoEndError("something differs, and it is not found what")
        for fault in seen:
            alive.remove(fault)
        different |= more
    return []


def rests_at_1(fault: str) -> bool:
    """Whether a mutant does nothing where all registers hold 1, rather than 0."""
    return option_of(fault, "-mode") in ("const1", "cnot0")


def _drawn(folder: Path, step: _Step, alive: list[str], *, streams: bool) -> set[int]:
    """Return bits that differ as inputs are drawn at random; take what is seen from ``alive``."""
    n_bits = len(step.init)
    while alive:
        _map(folder, _twice(step, set(range(n_bits)), set(), alive, streams=streams))
        found = drawn_highs(folder, _DRAWN)
        seen = [alive[place - n_bits] for place in found if place >= n_bits]
        if not seen:
            return {place for place in found if place < n_bits}
        for fault in seen:
            alive.remove(fault)
    return set()


def _map(folder: Path, text: str) -> None:
    """Write what `first_high` reads."""
    (folder / "twice.v").write_text(text, encoding="utf-8")
    run_yosys(_MAP, folder, limit_s=_YOSYS_S)


def _twice(
    step: _Step, different: set[int], allowed: set[int], alive: Sequence[str], *, streams: bool
) -> str:
    """Return a module with both sides, whose outputs say what differs that is not ``allowed`` to.

    First bits of registers, those that are ``different`` there twice, then, for each mutant that is
    ``alive``, what is seen of it.
    """
    n_bits, width = len(step.init), step.fault_bits
    ports, body, links = _links(step)
    order = range(n_bits - 1, -1, -1)
    unknown = str(int(all(map(rests_at_1, alive))))
    init = "".join(step.init[bit] for bit in order).replace("x", unknown)
    mask = "".join(str(int(bit in allowed)) for bit in order)
    mixed = ", ".join(f"{'had' if bit in different else 'now'}[{bit}]" for bit in order)
    numbers = [step.faults[fault] for fault in reversed(alive)]
    told = "".join(f"seen & chosen == {number}, " for number in numbers)
    return "\n".join(
        [
            f"module twice(input clk, {' '.join(ports)} output [{n_bits + len(alive) - 1}:0] bad);",
            f"reg [{n_bits - 1}:0] now = {n_bits}'b{init};",
            f"reg [{n_bits - 1}:0] own;",
            "reg begins = 1'b1;",
            f"wire [{n_bits - 1}:0] had = begins ? now : own;",
            f"wire [{n_bits - 1}:0] gold_then, gate_then;",
            f"wire [{n_bits - 1}:0] mixed = {{{mixed}}};",
            *_choice(width, numbers),
            *body,
            "always @(posedge clk) now <= gold_then;",
            "always @(posedge clk) begin own <= gate_then; begins <= 1'b0; end",
            f"step gold_({', '.join(links['gold'])}, .step_now(now));",
            f"step gate_({', '.join(links['gate'])}, .step_now(mixed));",
            f"wire seen = {' | '.join(_seen(step, streams=streams)) or 0};",
            f"assign bad = {{{told}(gold_then ^ gate_then) & ~{n_bits}'b{mask}}};",
            "endmodule",
        ]
    )


def _choice(width: int, numbers: Sequence[int]) -> list[str]:
    """Return lines that choose one of ``numbers`` once and for all, or none where more are left."""
    if len(numbers) == 1:
        return [f"wire [{width - 1}:0] chosen = {numbers[0]};"]
    known = " | ".join(f"any == {number}" for number in numbers)
    return [
        f"reg [{width - 1}:0] any;",
        "always @(posedge clk) any <= any;",
        f"wire [{width - 1}:0] chosen = {known} ? any : 0;",
    ]


def _links(step: _Step) -> tuple[list[str], list[str], dict[str, list[str]]]:
    """Return the inputs of both sides, lines of what they give, and what each is linked to."""
    links = {
        side: [".clk(clk)", f".{FAULT}({chosen})", f".step_then({side}_then)"]
        for side, chosen in _SIDES.items()
    }
    ports, body = _port_links(step, links)
    for number, widths in enumerate(step.products):
        ports.append(f"input [{widths[2] - 1}:0] free_{number}, other_{number},")
        body += _product(number, widths, links)
    for number, memory in enumerate(step.memories):
        ports.append(f"input [{memory.widths['RD_DATA'] - 1}:0] read_{number},")
        body += _memory(number, memory, links)
    if step.unknown:
        ports.append(f"input [{step.unknown - 1}:0] unknown,")
        for own in links.values():
            own.append(".step_unknown(unknown)")
    return ports, body, links


def _port_links(step: _Step, links: dict[str, list[str]]) -> tuple[list[str], list[str]]:
    """Return what `_links` does for the module's own ports."""
    ports: list[str] = []
    body: list[str] = []
    for name, port in step.ports.items():
        width = f"[{len(port['bits']) - 1}:0]"
        is_output = port["direction"] == "output"
        if is_output:
            body += [f"wire {width} \\{side}.{name} ;" for side in links]
        elif name == _RESET:  # not in every other cycle, where inputs are drawn
            ports.append(f"input [{_RARE - 1}:0] resets,")
            body.append(f"wire \\in.{name} = begins | &resets;")
        else:
            ports.append(f"input {width} \\in.{name} ,")
        for side, own in links.items():
            own.append(f".\\{name} (\\{side if is_output else 'in'}.{name} )")
    return ports, body


def _memory(number: int, memory: _Memory, links: dict[str, list[str]]) -> list[str]:
    """Return lines for a memory that gives both sides the same."""
    lines: list[str] = []
    for side, own in links.items():
        for port, width in memory.widths.items():
            wire = f"{side}_{port}_{number}"
            own.append(f".step_{port}_{number}({wire})")
            given = f" = read_{number}" if port == "RD_DATA" else ""
            lines.append(f"wire [{width - 1}:0] {wire}{given};")
    return lines


def _product(number: int, widths: tuple[int, int, int], links: dict[str, list[str]]) -> list[str]:
    """Return lines for a multiplier, of which it is known that equals make equals."""
    lines: list[str] = []
    for side, own in links.items():
        for port, width in zip("ABY", widths, strict=True):
            lines.append(f"wire [{width - 1}:0] {side}_{port}_{number};")
            own.append(f".step_{port}_{number}({side}_{port}_{number})")
    same = " & ".join(f"gold_{port}_{number} == gate_{port}_{number}" for port in "AB")
    return [
        *lines,
        f"assign gold_Y_{number} = free_{number};",
        f"assign gate_Y_{number} = {same} ? free_{number} : other_{number};",
    ]


def _seen(step: _Step, *, streams: bool) -> Iterator[str]:
    """Yield whether an output differs, of streams' payloads while they are valid.

    What goes into a memory that is outside counts as seen, so that what comes out is the same.
    """
    yield from (memory.fed(number) for number, memory in enumerate(step.memories))
    # Of the cycle of reset that all begins with nothing is seen, where there is one.
    later = ["!begins"] if _RESET in step.ports else []
    outputs = [name for name, port in step.ports.items() if port["direction"] == "output"]
    for name in outputs:
        differs = f"(\\gold.{name} != \\gate.{name} )"
        valids = [v for v in outputs if streams and v.endswith("valid") and v != name]
        valid = [v for v in valids if name.startswith(v.removesuffix("valid"))]
        terms = " & ".join([*later, differs, *(f"\\gold.{v} " for v in valid)])
        yield f"({terms})"
