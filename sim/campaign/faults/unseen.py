"""Proofs that mutants are never seen outside a module, whatever goes in, from its beginning on.

Without and with a mutant, which is any of some, a module has the same registers. Most are taken to
be equal; bits that are found to differ are there twice. That the next values of all others, and
outputs, are the same is shown by reachability: since they begin as equals they stay so. A
multiplier may be any function.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hw.emit.yosys import YosysTimeoutError, run_yosys
from sim.campaign.faults.netlist import BASE, DESIGN, FAULT, READ_ONCE, alone, free_bit, written
from sim.prove import NoEndError, first_high, highs

_YOSYS_S, _ROUND_S, _LAST_S = 120, 8, 30
"""For Yosys; for a round, in which bits are found that differ; and for what shows the rest."""
_NEAR, _FAR = 40, 400
"""Cycles of a round, and where it is known that more bits differ."""
_WIDE = 300
"""Bits that differ from which on no proof ends."""
_SIDES = {"gold": "0", "gate": "chosen"}
"""Without and with a mutant: its number."""
_MAP = [
    *("read_json step.json", "read_verilog twice.v", "hierarchy -top twice", "proc", "flatten"),
    *("opt_expr", "opt_clean", "techmap", "opt_expr", "opt_clean -purge", "setundef -anyseq"),
    *("aigmap", "write_aiger -zinit design.aig"),
]


def unseen(
    verilog: str, module: str, faults: Sequence[str], *, limit_s: float, streams: bool = False
) -> list[str]:
    """Return those of some mutants of which it is proved that nothing is seen outside a module.

    They are proved together, and apart where that does not end. A clock that never comes is a
    register that holds; of others that are not the module's nothing is proved.

    Parameters
    ----------
    verilog, module, faults
        The design, which of its modules, and mutants that are in it or inside.
    limit_s
        After which no round begins; the last may take a minute.
    streams
        Whether of outputs beside one named valid nothing is seen while that is low.
    """
    alive = list(faults)
    try:
        with written(verilog) as folder:
            step = _step(folder, module, faults)
            if step is not None:
                return _proved(folder, step, alive, limit_s, streams=streams)
    except (YosysTimeoutError, NoEndError):
        pass
    half = len(alive) // 2
    parts = (alive[:half], alive[half:]) if half else ()
    return [f for p in parts for f in unseen(verilog, module, p, limit_s=limit_s, streams=streams)]


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
    faults
        By their numbers, from 1 on.
    """

    ports: dict[str, Any]
    init: list[str] = field(default_factory=list)
    products: list[tuple[int, int, int]] = field(default_factory=list)
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
    mapped = ["flatten", "memory_map", "opt_expr -keepdc", "opt_clean", "dffunmap"]
    commands = [*DESIGN, *READ_ONCE, *BASE, f"hierarchy -top {top}", *chosen, *mapped]
    run_yosys([*commands, "setundef -anyseq", "write_json flat.json"], folder, limit_s=_YOSYS_S)
    module = json.loads((folder / "flat.json").read_bytes())["modules"][top]
    ports = {name: p for name, p in module["ports"].items() if name not in ("clk", FAULT)}
    step = _Step(ports, faults=numbers)
    if not _take_registers(module, step):
        return None
    _take_products(module, step)
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
    """Return what bits begin with.

    A mutant of an output of a register stands between it and the bit that says so.
    """
    init: dict[Any, str] = {}
    for net in module["netnames"].values():
        init |= zip(net["bits"], reversed(net["attributes"].pop("init", "")), strict=False)
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


def _expose(module: Any, name: str, direction: str, bits: list[Any]) -> None:
    """Make bits of a module a port of it."""
    module["ports"][f"step_{name}"] = {"direction": direction, "bits": bits}
    net = {"hide_name": 0, "bits": bits, "attributes": {}}
    module["netnames"][f"step_{name}"] = net


def _proved(
    folder: Path, step: _Step, alive: list[str], limit_s: float, *, streams: bool
) -> list[str]:
    """Find bits that differ and mutants that are seen, until it is shown that no more are.

    ``alive`` loses those that are seen. Raises `NoEndError` after the limit.
    """
    different: set[int] = set()
    n_bits, end = len(step.init), time.monotonic() + limit_s
    while alive:
        if time.monotonic() >= end or len(different) >= _WIDE:
            raise NoEndError(f"{len(different)} bits differ")
        text = _twice(step, different, alive, streams=streams)
        (folder / "twice.v").write_text(text, encoding="utf-8")
        run_yosys(_MAP, folder, limit_s=_YOSYS_S)
        found = highs(folder, _ROUND_S, _NEAR)
        if not found:
            if first_high(folder, _LAST_S) is None:
                return alive
            found = highs(folder, _LAST_S, _FAR)
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


def _twice(step: _Step, different: set[int], alive: Sequence[str], *, streams: bool) -> str:
    """Return a module with both sides, whose outputs say what differs that is to be equal.

    First bits of registers, then, for each mutant that is ``alive``, what is seen of it.
    """
    n_bits, width = len(step.init), step.fault_bits
    ports, body, links = _links(step)
    order = range(n_bits - 1, -1, -1)
    init = "".join(step.init[bit] for bit in order)
    own = "".join(step.init[bit] if bit in different else "x" for bit in order)
    mask = "".join(str(int(bit in different)) for bit in order)
    mixed = ", ".join(f"{'own' if bit in different else 'now'}[{bit}]" for bit in order)
    numbers = [step.faults[fault] for fault in reversed(alive)]
    told = "".join(f"seen & chosen == {number}, " for number in numbers)
    return "\n".join(
        [
            f"module twice(input clk, {' '.join(ports)} output [{n_bits + len(alive) - 1}:0] bad);",
            f"reg [{n_bits - 1}:0] now = {n_bits}'b{init};",
            f"reg [{n_bits - 1}:0] own = {n_bits}'b{own};",
            f"wire [{n_bits - 1}:0] gold_then, gate_then;",
            f"wire [{n_bits - 1}:0] mixed = {{{mixed}}};",
            *_choice(width, numbers),
            *body,
            "always @(posedge clk) now <= gold_then;",
            "always @(posedge clk) own <= gate_then;",
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
    ports: list[str] = []
    body: list[str] = []
    links = {
        side: [".clk(clk)", f".{FAULT}({chosen})", f".step_then({side}_then)"]
        for side, chosen in _SIDES.items()
    }
    for name, port in step.ports.items():
        width = f"[{len(port['bits']) - 1}:0]"
        is_input = port["direction"] == "input"
        if is_input:
            ports.append(f"input {width} \\{name} ,")
        for side, own in links.items():
            wire = f"\\{name} " if is_input else f"\\{side}_{name} "
            own.append(f".\\{name} ({wire})")
            if not is_input:
                body.append(f"wire {width} {wire};")
    for number, widths in enumerate(step.products):
        ports.append(f"input [{widths[2] - 1}:0] free_{number}, other_{number},")
        body += _product(number, widths, links)
    return ports, body, links


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
    """Yield whether an output differs, of streams' payloads while they are valid."""
    outputs = [name for name, port in step.ports.items() if port["direction"] == "output"]
    for name in outputs:
        differs = f"(\\gold_{name} != \\gate_{name} )"
        valids = [v for v in outputs if streams and v.endswith("valid") and v != name]
        valid = [v for v in valids if name.startswith(v.removesuffix("valid"))]
        terms = " & ".join([differs, *(f"\\gold_{v} " for v in valid)])
        yield f"({terms})"
