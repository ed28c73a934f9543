"""An iCE40's netlist after place and route as Verilog that any simulator takes.

A package has fewer pins than a design has ports, and nextpnr places no iCE40 out of context: each
port's bits stand at registers, in a chain from one pin, and are ports again afterwards.
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from flow.cache import Cache
from flow.families import Part
from flow.place import placed_netlist
from flow.simulation import simulated
from flow.tools import Program, Yosys

_LOGIC = Path(__file__).with_name("icestorm.v")
_SERIAL = "serial"
_PRIMITIVES = {"ICESTORM_RAM": "SB_RAM40_4K", "ICESTORM_DSP": "SB_MAC16", "SB_GB": "SB_GB"}
"""What cells with a bit a port were before: Yosys has models of those."""
_LC, _PIN = "ICESTORM_LC", "SB_IO"
_HIGH = ("CEN", "CE", "RCLKE", "WCLKE")
"""Inputs that are high when open; others are low."""
_BIT = re.compile(r"(\w+?)_(\d+)$")
_OWN = ("ASYNC_SR", "NEG_CLK_R", "NEG_CLK_W")
"""Parameters that models have not; 0 here."""


def placed_and_simulated(
    netlist: bytes, top: str, device: Part, nextpnr: Program, yosys: Yosys, cache: Cache
) -> str:
    """Return an iCE40's netlist, placed and routed, with models of its cells.

    Parameters
    ----------
    netlist
        Of `flow.synthesis.synthesise`, with ``placed``; its clock is ``clk``.
    """
    ports = json.loads(netlist)["modules"][top]["ports"]
    placed = placed_netlist(_at_registers(netlist, top), device, nextpnr, cache)
    plain = _at_ports(placed, top, ports)
    verilog = simulated(plain, top, device.family, yosys, cache)
    return verilog + _LOGIC.read_text(encoding="utf-8")


def _name(port: str, bit: int) -> str:
    return f"at_{port}_{bit}"


def _at_registers(netlist: bytes, top: str) -> bytes:
    """Return a netlist whose inputs come out of a chain of registers, and outputs end in some.

    In two, so that none becomes one cell with the look-up table before it.
    """
    design = json.loads(netlist)
    module = design["modules"][top]
    cells, ports = module["cells"], module["ports"]
    fresh = _unused(module)
    (clock,) = ports["clk"]["bits"]
    last = serial = next(fresh)
    for name, port in ports.items():
        for place, bit in enumerate(port["bits"] if name != "clk" else []):
            if port["direction"] == "input":
                cells[_name(name, place)] = _register(clock, last, bit)
                last = bit
            else:
                for copy in ("", "_again"):
                    cells[_name(name, place) + copy] = _register(clock, bit, next(fresh))
    module["ports"] = {
        "clk": ports["clk"],
        _SERIAL: {"direction": "input", "bits": [serial]},
    }
    module["netnames"][_SERIAL] = {"hide_name": 0, "bits": [serial], "attributes": {}}
    return json.dumps(design).encode()


def _unused(module: Mapping[str, Any]) -> Iterator[int]:
    """Yield numbers of nets that a module has not."""
    wires = [port["bits"] for port in module["ports"].values()]
    wires += [bits for cell in module["cells"].values() for bits in cell["connections"].values()]
    return count(1 + max(bit for bits in wires for bit in bits if isinstance(bit, int)))


def _register(clock: int, d: object, q: object) -> dict[str, Any]:
    return {
        "type": "SB_DFF",
        "parameters": {},
        "attributes": {},
        "port_directions": {"C": "input", "D": "input", "Q": "output"},
        "connections": {"C": [clock], "D": [d], "Q": [q]},
    }


def _at_ports(placed: bytes, top: str, ports: dict[str, Any]) -> bytes:
    """Return nextpnr's netlist as `simulated` takes it: the design's ports, and cells with models.

    Parameters
    ----------
    ports
        Of the netlist that was placed.
    """
    (module,) = json.loads(placed)["modules"].values()
    cells = module["cells"]
    for name, port in ports.items():
        for place in range(len(port["bits"]) if name != "clk" else 0):
            register = cells.pop(f"{_name(name, place)}_DFFLC")["connections"]
            port["bits"][place] = register["O" if port["direction"] == "input" else "I0"][0]
            cells.pop(f"{_name(name, place)}_again_DFFLC", None)
    pins = [name for name, cell in cells.items() if cell["type"] == _PIN]
    (clock,) = module["ports"]["clk"]["bits"]
    for wires in [cells.pop(name)["connections"] for name in pins]:
        if wires["PACKAGE_PIN"] == [clock]:
            ports["clk"]["bits"] = wires["D_IN_0"]
    own = {"attributes": {}, "ports": ports, "netnames": {}}
    fresh = _unused(module)
    plain = own | {"cells": {name: _plain(cell, fresh) for name, cell in cells.items()}}
    return json.dumps({"modules": {top: plain}}).encode()


def _plain(cell: dict[str, Any], fresh: Iterator[int]) -> dict[str, Any]:
    """Return a cell with words for ports, none open, and parameters that its model has."""
    words: dict[str, dict[int, list[Any]]] = {}
    directions = {}
    for name, bits in cell["connections"].items():
        direction = cell["port_directions"][name]
        port, place = name, 0
        if cell["type"] not in (_LC, "SB_GB") and (found := _BIT.match(name)):
            port, place = found[1], int(found[2])
        if not bits:
            open_input = "1" if port in _HIGH else "0"
            bits = [open_input if direction == "input" else next(fresh)]
        words.setdefault(port, {})[place] = bits
        directions[port] = direction
    parameters = dict(cell["parameters"])
    assert all(int(parameters.pop(name, "0"), 2) == 0 for name in _OWN)
    wired = {
        port: [bit for place in sorted(bits) for bit in bits[place]] for port, bits in words.items()
    }
    kind = "ICESTORM_LOGIC" if cell["type"] == _LC else _PRIMITIVES[cell["type"]]
    return {
        "type": kind,
        "parameters": parameters,
        "attributes": {},
        "port_directions": directions,
        "connections": wired,
    }
