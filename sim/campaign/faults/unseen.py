"""Proofs that mutants are never seen outside a module, whatever goes in, from its beginning on.

Without and with a mutant, which is any of some, a module has the same registers. Most are taken to
be equal; bits that are found to differ are there twice. That the next values of all others, and
outputs, are the same is shown by reachability: since they begin as equals they stay so. A
multiplier may be any function, and a large memory too, of what goes in.

It begins with a cycle of reset. Registers begin with what makes mutants differ least, all with 1 or
with 0: `sim.campaign.unknown` shows that nothing hangs on what they begin with.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from hw.emit.yosys import YosysTimeoutError, run_yosys
from sim.campaign.faults.netlist import FAULT, in_cells, option_of
from sim.campaign.faults.step import RESET, YOSYS_S, Memory, Step, looked_at, step_of
from sim.prove import NoEndError, drawn_highs, first_high, highs

_PROOF_S, _ROUND_S = 15, 8
"""At most for a proof, and for what differs where there is none."""
_WIDE = 300
"""Bits that differ from which on no proof ends."""
_RARE = 6
"""Bits that are drawn for a reset, of which all are to be 1."""
_DRAWN, _DRAWN_S = "-F 300 -W 8 -B 16 -R 20", 10
"""Cycles, 64 runs a time, and turns of simulation; seconds at most."""
_SIDES = {"gold": "0", "gate": "chosen"}
"""Without and with a mutant: its number."""
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
    end: float = float("inf"),
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
        Whether of outputs that another says are not looked at nothing is seen; see `looked_at`.
    end
        From when on, by `time.monotonic`, no proof is begun.
    """
    if time.monotonic() >= end:
        return []
    alive = list(faults)
    with suppress(YosysTimeoutError, NoEndError), in_cells(verilog) as folder:
        step = step_of(folder, module, faults)
        if step is not None:
            return _proved(folder, step, alive, limit_s, streams=streams)
    half = len(alive) // 2
    if not (half and halvings):
        return []
    again = partial(
        unseen, verilog, module, limit_s=limit_s, halvings=halvings - 1, streams=streams, end=end
    )
    return again(alive[:half]) + again(alive[half:])


def _proved(
    folder: Path, step: Step, alive: list[str], limit_s: int, *, streams: bool
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


def _drawn(folder: Path, step: Step, alive: list[str], *, streams: bool) -> set[int]:
    """Return bits that differ as inputs are drawn at random; take what is seen from ``alive``."""
    n_bits = len(step.init)
    while alive:
        _map(folder, _twice(step, set(range(n_bits)), set(), alive, streams=streams))
        found = drawn_highs(folder, _DRAWN, _DRAWN_S)
        seen = [alive[place - n_bits] for place in found if place >= n_bits]
        if not seen:
            return {place for place in found if place < n_bits}
        for fault in seen:
            alive.remove(fault)
    return set()


def _map(folder: Path, text: str) -> None:
    """Write what `first_high` reads."""
    (folder / "twice.v").write_text(text, encoding="utf-8")
    run_yosys(_MAP, folder, limit_s=YOSYS_S)


def _twice(
    step: Step, different: set[int], allowed: set[int], alive: Sequence[str], *, streams: bool
) -> str:
    """Return a module with both sides, whose outputs say what differs that is not ``allowed`` to.

    First bits of registers, those that are ``different`` there twice, then, for each mutant that is
    ``alive``, what is seen of it.
    """
    n_bits, width = len(step.init), step.fault_bits
    ports, body, links = links_of(step)
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
            f"wire seen = {' | '.join(seen_of(step, streams=streams)) or 0};",
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


def links_of(step: Step) -> tuple[list[str], list[str], dict[str, list[str]]]:
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


def _port_links(step: Step, links: dict[str, list[str]]) -> tuple[list[str], list[str]]:
    """Return what `links_of` does for the module's own ports."""
    ports: list[str] = []
    body: list[str] = []
    for name, port in step.ports.items():
        width = f"[{len(port['bits']) - 1}:0]"
        is_output = port["direction"] == "output"
        if is_output:
            body += [f"wire {width} \\{side}.{name} ;" for side in links]
        elif name == RESET:  # not in every other cycle, where inputs are drawn
            ports.append(f"input [{_RARE - 1}:0] resets,")
            body.append(f"wire \\in.{name} = begins | &resets;")
        else:
            ports.append(f"input {width} \\in.{name} ,")
        for side, own in links.items():
            own.append(f".\\{name} (\\{side if is_output else 'in'}.{name} )")
    return ports, body


def _memory(number: int, memory: Memory, links: dict[str, list[str]]) -> list[str]:
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


def seen_of(step: Step, *, streams: bool) -> Iterator[str]:
    """Yield whether an output differs, of streams' payloads while they are valid.

    What goes into a memory that is outside counts as seen, so that what comes out is the same.
    """
    yield from (memory.fed(number) for number, memory in enumerate(step.memories))
    # Of the cycle of reset that all begins with nothing is seen, where there is one.
    later = ["!begins"] if RESET in step.ports else []
    outputs = [name for name, port in step.ports.items() if port["direction"] == "output"]
    for name in outputs:
        differs = f"(\\gold.{name} != \\gate.{name} )"
        by = looked_at(name, outputs) if streams else []
        terms = " & ".join([*later, differs, *(f"\\gold.{gate} " for gate in by)])
        yield f"({terms})"
