"""Synthesis: from a build's Verilog to a netlist of a family's cells."""

from pathlib import Path

from flow.cache import Cache, Step
from flow.families import Family
from flow.netlist import Netlist
from flow.product import Product
from flow.tools import Yosys
from flow.wrapper import INSTANCE, TOP, registered


def read_commands(product: Product) -> list[str]:
    """Return the commands that read ``product``'s Verilog.

    A parametrised instance of a device's cell makes `hierarchy` read its module from the source
    again, at the end of synthesis too, where the modules inside are gone (Yosys 0.70). All of them
    are known after the first reading, so the note that asks for another is taken off.
    """
    return [
        *(f"read_verilog {name}" for name in product.sources),
        f"hierarchy -top {product.name}",
        "setattr -unset reprocess_after t:*",
    ]


def synthesise(product: Product, family: Family, yosys: Yosys, cache: Cache) -> bytes:
    """Return the netlist of ``product``, flat, as `write_json` writes it."""
    commands = [
        *read_commands(product),
        *(command.format(top=product.name) for command in family.synthesis),
        "write_json netlist.json",
    ]
    return _run(dict(product.sources), commands, yosys, cache)


def wrap(product: Product, netlist: bytes, family: Family, yosys: Yosys, cache: Cache) -> bytes:
    """Return ``netlist`` with a register in every port."""
    ports = Netlist(netlist, product.name).ports
    verilog = registered(product.name, ports, product.clock, family)
    commands = [
        "read_json design.json",
        "read_verilog wrapper.v",
        f"hierarchy -top {TOP}",
        "flatten",
        f"rename -top {TOP}",
        "write_json netlist.json",
    ]
    files = {"design.json": netlist, "wrapper.v": verilog.encode()}
    return _run(files, commands, yosys, cache)


def _run(files: dict[str, bytes], commands: list[str], yosys: Yosys, cache: Cache) -> bytes:
    def run(folder: Path) -> None:
        yosys.run(commands, folder)

    step = Step(files, (yosys.version, *commands), run, ("netlist.json",))
    return cache.run(step)["netlist.json"]


def own_name(name: str) -> str:
    """Return a name inside the wrapper as the design has it."""
    return name.removeprefix(f"{INSTANCE}.")
