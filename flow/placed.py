"""A netlist after place and route as Verilog that any simulator takes."""

import json
import re
from pathlib import Path
from typing import Any

from flow.cache import Cache, Step
from flow.families import Part
from flow.floorplan import PLACED
from flow.place import placed_netlist
from flow.simulation import SIMULATED, WAIVERS
from flow.tools import Program, Yosys
from hw.targets.models import MODELS

_SLICES = Path(__file__).with_name("trellis.v")
"""Models of the cells that nextpnr makes of an ECP5's; Yosys's own leave out the way into them."""
_OPEN = {"TRELLIS_COMB": "1", "TRELLIS_FF": "0"}
"""What open inputs of cells are; of others' a parameter may say it."""
_PARAMETER = re.compile(r"parameter\s+(?:\[[^\]]*\]\s*)?(\w+)")


def placed_and_simulated(
    netlist: bytes, top: str, device: Part, nextpnr: Program, yosys: Yosys, cache: Cache
) -> str:
    """Return an ECP5's netlist, placed and routed, with models of its slices.

    Cells with a model in `hw.targets.models` stay instances, as in `flow.simulation.simulated`.

    Parameters
    ----------
    netlist
        Of `flow.synthesis.synthesise`, with ``placed``.
    """
    slices = _SLICES.read_text(encoding="utf-8")
    placed = _plain(placed_netlist(netlist, device, nextpnr, cache), slices)
    commands = [f"read_json {PLACED}", f"rename -top {top}", f"write_verilog -noattr {SIMULATED}"]

    def write(folder: Path) -> None:
        yosys.run(commands, folder)

    written = cache.run(Step({PLACED: placed}, (yosys.version, *commands), write, (SIMULATED,)))
    return WAIVERS + written[SIMULATED].decode() + slices


def _plain(placed: bytes, slices: str) -> bytes:
    """Return nextpnr's netlist with parameters that models have, and no input open."""
    design = json.loads(placed)
    (module,) = design["modules"].values()
    cells = module["cells"].values()
    known = {kind: _parameters(kind, slices) for kind in {cell["type"] for cell in cells}}
    for cell in cells:
        _tie(cell)
        own, names = cell["parameters"].items(), known[cell["type"]]
        cell["parameters"] = {name: value for name, value in own if name in names}
    return json.dumps(design).encode()


def _parameters(kind: str, slices: str) -> set[str]:
    """Return the names of a model's parameters."""
    text = MODELS[kind].read_text(encoding="utf-8") if kind in MODELS else slices
    begin = re.search(rf"module {kind}\b", text)
    assert begin, f"no model of {kind}"
    return set(_PARAMETER.findall(text[begin.start() : text.index("endmodule", begin.start())]))


def _tie(cell: dict[str, Any]) -> None:
    """Give each open input its constant, and drop open outputs.

    A parameter names it, or is ``INV`` where an input that is high when open is turned over.
    """
    parameters, wires = cell["parameters"], cell["connections"]
    if wires.get("FXA"):
        parameters["WIDER"] = "1 "
    for port in [port for port, bits in wires.items() if not bits]:
        if cell["port_directions"][port] == "input":
            told = parameters.get(f"{port}MUX", "INV").strip()
            wires[port] = [_OPEN.get(cell["type"], {"INV": "0", port: "1"}.get(told, told))]
        else:
            del wires[port]
