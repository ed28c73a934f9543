"""From an Amaranth component to Verilog, the same to the byte every time."""

import re
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any
from unittest.mock import patch

from amaranth.back import rtlil  # type: ignore[attr-defined] # not in the stubs
from amaranth.hdl import Elaboratable, Value
from amaranth.hdl import _ir as ir

from hw.emit.yosys import YosysError, run_yosys

Ports = dict[str, tuple[Value, "ir.PortDirection"]]


def _emit_contents(emitter: Any, index: int, cell: Any) -> None:
    """Write a memory's contents as `rtlil.ModuleEmitter.emit_memory` does, but a word at a time.

    Amaranth 0.5 makes an object of every bit: two minutes for the kernels of a large layer.
    """
    words = "".join(f"{word:0{cell.width}b}" for word in reversed(cell.init))
    facts = {"ABITS": 0, "WIDTH": cell.width, "WORDS": cell.depth, "PRIORITY": 0}
    emitter.builder.cell(
        "$meminit_v2",
        ports={
            "ADDR": emitter.sigspec(),
            "DATA": f"{cell.width * cell.depth}'{words}",
            "EN": f"{cell.width}'{'1' * cell.width}",
        },
        parameters={"MEMID": emitter.memories[index].memid, **facts},
        src_loc=cell.src_loc,
    )


def to_rtlil(component: Elaboratable, name: str, ports: Ports) -> str:
    """Return ``component`` as RTLIL, without source lines: they would name a machine's folders."""
    fragment = ir.Fragment.get(component, None)  # type: ignore[no-untyped-call] # not in the stubs
    with patch.object(rtlil.ModuleEmitter, "emit_memory", _emit_contents):
        text, _ = rtlil.convert_fragment(fragment, ports, name, emit_src=False)
    return str(text)


def to_verilog(component: Elaboratable, name: str, ports: Ports) -> str:
    """Return ``component`` as a Verilog-2001 module ``name`` with its submodules.

    Raises
    ------
    YosysError
        Where a part is missing of what Yosys wrote.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "design.il").write_text(to_rtlil(component, name, ports), encoding="utf-8")
        attributes = " ".join(
            f"-remove {attribute}"
            for attribute in ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")
        )
        run_yosys(
            [
                "read_rtlil design.il",
                # Multiplexers rather than always @* blocks: Icarus 11 does not run those at time
                # zero, so that registers would take X through a reset that never changes.
                "proc",
                # Multiplexers of more ways become functions, which Icarus 11 takes for system ones.
                "pmuxtree",
                "opt_clean",
                # Modules whose instances nothing needed any more would be further tops.
                f"hierarchy -top {name}",
                "memory_collect",
                f"attrmap {attributes}",
                f"attrmap -modattr {attributes}",
                "write_verilog -norename design.v",
            ],
            path,
        )
        verilog = _with_plain_names((path / "design.v").read_text(encoding="utf-8"))
    check_whole(verilog, name, ports)
    return verilog


def _with_plain_names(verilog: str) -> str:
    """Return ``verilog`` with ``x.3`` for what Amaranth calls ``x[3]``: a part of an array.

    As a name of its own it looks like a bit of ``x``, whose wire stands beside it. In a large
    design Yosys 0.70 takes one for the other: ``abc9`` ends with an assertion on wires' sizes.
    """
    return re.sub(r"\\\S+ ", lambda name: re.sub(r"\[(\d+)\]", r".\1", name[0]), verilog)


def check_whole(verilog: str, name: str, ports: Collection[str]) -> None:
    """Raise `YosysError` unless ``verilog`` ends well and its module ``name`` has all ``ports``.

    Yosys does not tell of a disk that is full.
    """
    top = re.search(rf"^module {name}\((.*?)\);", verilog, re.MULTILINE | re.DOTALL)
    found = {port.strip() for port in top[1].split(",")} if top else set()
    # Amaranth adds a clock and a reset where a component makes no domain of its own.
    if not set(ports) <= found <= {*ports, "clk", "rst"} or not verilog.endswith("endmodule\n"):
        raise YosysError(f"Yosys must write all of {name}, not a part: the disk may be full")
