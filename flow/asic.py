"""Synthesis with any cell library: cells, area, and the worst path between registers."""

import json
import re
from pathlib import Path

from flow.cache import Cache, Step
from flow.netlist import Netlist
from flow.progress import Progress
from flow.report import CriticalPath, Report
from flow.synthesis import read_commands
from flow.tools import FlowError, Yosys
from golden.inputs.errors import ParameterError
from hw.emit.product import Built

DEVICE = "asic"
N_STEPS = 1
LIBRARY = "cells.lib"
CONSTRAINTS = "abc.constr"
STATISTICS = "statistics.json"
LOG = "yosys.log"
NETLIST = "netlist.json"

REMARKS = [
    "multipliers and memories are built of gates and flip-flops: there are no blocks",
    "the path is combinational logic only: no set-up, no clock to output, no wires",
]


def estimate(
    product: Built, liberty: Path, *, yosys: Path | None, cache: Cache, progress: Progress
) -> Report:
    """Map ``product`` onto the cells of ``liberty``.

    Raises
    ------
    ParameterError
        Where the library cannot be read.
    """
    try:
        library = liberty.read_bytes()
    except OSError as reason:
        rule = "a readable Liberty file"
        raise ParameterError("liberty", rule, f"{liberty} ({reason.strerror})") from None
    tool = Yosys(yosys)
    commands = [
        *read_commands(product),
        f"synth -flatten -top {product.name}",
        f"dfflibmap -liberty {LIBRARY}",
        # With a file of constraints abc reads the library's timing, sizes gates and times them.
        f"abc -liberty {LIBRARY} -constr {CONSTRAINTS}",
        "opt_clean",
        f"tee -q -o {STATISTICS} stat -json -liberty {LIBRARY}",
        f"write_json {NETLIST}",
    ]

    def run(folder: Path) -> None:
        (folder / LOG).write_text(tool.run(commands, folder), encoding="utf-8")

    inputs = product.sources | {LIBRARY: library, CONSTRAINTS: b"set_load 0.0\n"}
    kept = cache.run(Step(inputs, (tool.version, *commands), run, (STATISTICS, LOG, NETLIST)))
    progress(f"synthesis with {liberty.name}")
    module = json.loads(kept[STATISTICS])["modules"][f"\\{product.name}"]
    netlist = Netlist(kept[NETLIST], product.name)
    cells = {k: n for k, n in netlist.cells.items() if not k.startswith("$")}
    return Report(
        name=product.name,
        device=f"{DEVICE} ({liberty.name})",
        how=f"estimated by synthesis alone ({tool.version}), timed by abc",
        tools=[tool.version],
        resources={"cells": sum(cells.values()), "area": module["area"]},
        critical_path=_worst_path(kept[LOG].decode(), netlist, _registers(library.decode())),
        remarks=REMARKS,
    )


def _registers(liberty: str) -> set[str]:
    """Return the names of a library's flip-flops and latches."""
    cells = re.split(r"\bcell\s*\(\s*\"?", liberty)[1:]
    return {re.split(r"[\"\s)]", c)[0] for c in cells if re.search(r"\b(ff|latch)\s*\(", c)}


def _worst_path(log: str, netlist: Netlist, registers: set[str]) -> CriticalPath:
    delays = re.findall(r"ABC: .*Delay = *([\d.]+) ps", log)
    ends = re.findall(r"ABC: Start-point = \S+ \((.*)\)\.  End-point = \S+ \((.*)\)\.", log)
    if not delays or len(ends) != len(delays):
        raise FlowError("abc timed no path: the library must have timing tables")
    ps, (start, end) = max((float(d), e) for d, e in zip(delays, ends, strict=True))
    start, end = (name.lstrip("\\").replace(" [", "[") for name in (start, end))
    return CriticalPath(start, netlist.held_by(end, registers), round(ps / 1000, 3), 0.0, [])
