"""From an Amaranth component to Verilog, the same to the byte every time."""

import gc
import inspect
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from amaranth.back import rtlil  # type: ignore[attr-defined] # not in the stubs
from amaranth.hdl import Elaboratable, Module, Value
from amaranth.hdl import _ir as ir

from hw.emit.harden import harden
from hw.emit.lint import with_waivers
from hw.emit.modules import ModuleKind, with_shared_modules
from hw.emit.yosys import YosysError, run_yosys
from hw.targets.memory import UNFILLED

Ports = dict[str, tuple[Value, "ir.PortDirection"]]


_OWN_ATTRIBUTES = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")
_WIDTHS = r"""
(* techmap_celltype = "$logic_not" *)
module is_zero (A, Y);
    parameter A_SIGNED = 0, A_WIDTH = 1, Y_WIDTH = 1;
    input [A_WIDTH-1:0] A;
    output [Y_WIDTH-1:0] Y;
    wire _TECHMAP_FAIL_ = A_WIDTH == 1 || Y_WIDTH != 1;
    assign Y = A == {A_WIDTH{1'b0}};
endmodule
(* techmap_celltype = "$shr $shift" *)
module shifted (A, B, Y);
    parameter A_SIGNED = 0, A_WIDTH = 1, B_SIGNED = 0, B_WIDTH = 1, Y_WIDTH = 1;
    input [A_WIDTH-1:0] A;
    input [B_WIDTH-1:0] B;
    output [Y_WIDTH-1:0] Y;
    wire _TECHMAP_FAIL_ = A_WIDTH <= Y_WIDTH || A_SIGNED || B_SIGNED;
    wire [A_WIDTH-1:0] whole = A >> B;
    assign Y = whole[Y_WIDTH-1:0];
endmodule
"""
"""Cells that would be written as what cuts bits off without saying so, as Verilator has it."""

_KEPT_APART = ("select -set kept a:keep %ci:+[Q] t:$*dff* %i", "setattr -set keep 1 @kept")
"""Commands that mark flip-flops of kept registers too: Yosys goes by that where they are alike."""


def _emit_contents(emitter: Any, index: int, cell: Any) -> None:
    """Write a memory's contents as `rtlil.ModuleEmitter.emit_memory` does, but a word at a time.

    Amaranth 0.5 makes an object of every bit: two minutes for the kernels of a large layer.

    Nothing is written of a memory that is `UNFILLED`: zeros were four fifths of a layer's Verilog.
    """
    if UNFILLED in cell.attributes:
        return
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
    return _rtlil_of(_fragment(component), name, ports)


def _fragment(component: Elaboratable) -> Any:
    return ir.Fragment.get(component, None)  # type: ignore[no-untyped-call] # not in the stubs


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no cycles of garbage meanwhile.

    A design's nets are millions of objects that stay: to go through them again and again takes a
    third of the time.
    """
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


def _rtlil_of(fragment: Any, name: str, ports: Ports) -> str:
    with patch.object(rtlil.ModuleEmitter, "emit_memory", _emit_contents):
        text, _ = rtlil.convert_fragment(fragment, ports, name, emit_src=False)
    return str(text)


def to_verilog(component: Elaboratable, name: str, ports: Ports, *, hardened: bool = False) -> str:
    """Return ``component`` as a Verilog-2001 module ``name`` with its submodules.

    ``hardened`` puts registers of control in threes: `hw.emit.harden`.

    No name in it is escaped, modules that are the same are one, named after the class of their
    component, and that class's first line of documentation stands above each.

    Raises
    ------
    YosysError
        Where a part is missing of what Yosys wrote.
    """
    with _uncollected():
        fragment = _fragment(component)
        if hardened:
            harden(fragment, ports)
        kinds = dict(_kinds(fragment, (name,)))
        converted = _rtlil_of(fragment, name, ports)
    text, said = with_shared_modules(converted, name, lambda path: _kind_of(path, kinds))
    verilog = _written(text, name)
    check_whole(verilog, name, ports)
    return with_waivers(_commented(verilog, said))


def _written(text: str, name: str) -> str:
    """Return RTLIL with the top module ``name`` as Verilog."""
    attributes = " ".join(f"-remove {attribute}" for attribute in (*_OWN_ATTRIBUTES, UNFILLED))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "design.il").write_text(text, encoding="utf-8")
        (path / "widths.v").write_text(_WIDTHS, encoding="utf-8")
        run_yosys(
            [
                "read_rtlil design.il",
                # Multiplexers rather than always @* blocks: Icarus 11 does not run those at time
                # zero, so that registers would take X through a reset that never changes.
                "proc",
                # Multiplexers of more ways become functions, which Icarus 11 takes for system ones.
                "pmuxtree",
                "techmap -map widths.v",
                "opt_clean -purge",
                # Modules whose instances nothing needed any more would be further tops.
                f"hierarchy -top {name}",
                "memory_collect",
                *_KEPT_APART,
                f"attrmap {attributes}",
                f"attrmap -modattr {attributes}",
                "write_verilog design.v",
            ],
            path,
        )
        return (path / "design.v").read_text(encoding="utf-8")


def _kinds(fragment: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ModuleKind]]:
    """Yield modules' paths and what they are: their components' classes and docstrings."""
    for origin in fragment.origins or ():
        if type(origin) is not Module:
            text = (inspect.getdoc(type(origin)) or "").partition("\n")[0]
            yield ".".join(path), ModuleKind(_in_snake_case(type(origin).__name__), text)
            break
    for inner, name, _ in fragment.subfragments:
        if isinstance(name, str):
            yield from _kinds(inner, (*path, name))


def _kind_of(path: str, kinds: Mapping[str, ModuleKind]) -> ModuleKind:
    # Amaranth numbers a module whose name a signal beside it has.
    known = re.sub(r"\$\d+(?=\.|$)", "", path)
    return kinds.get(known) or ModuleKind(re.sub(r"\W", "_", known.rpartition(".")[2]))


def _in_snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _commented(verilog: str, said: Mapping[str, str]) -> str:
    """Return ``verilog`` with a comment above each module that something is said of."""
    return re.sub(
        r"^module (\w+)\(",
        lambda found: (f"// {text}\n" if (text := said[found[1]]) else "") + found[0],
        verilog,
        flags=re.MULTILINE,
    )


def check_whole(verilog: str, name: str, ports: Collection[str]) -> None:
    """Raise `YosysError` unless ``verilog`` ends well and its module ``name`` has all ``ports``.

    Yosys does not tell of a disk that is full.
    """
    top = re.search(rf"^module {name}\((.*?)\);", verilog, re.MULTILINE | re.DOTALL)
    found = {port.strip() for port in top[1].split(",")} if top else set()
    # Amaranth adds a clock and a reset where a component makes no domain of its own.
    if not set(ports) <= found <= {*ports, "clk", "rst"} or not verilog.endswith("endmodule\n"):
        raise YosysError(f"Yosys must write all of {name}, not a part: the disk may be full")
