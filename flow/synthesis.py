"""Synthesis: from a build's Verilog to a netlist of a family's cells."""

from pathlib import Path

from flow.cache import Cache, Step
from flow.netlist import Netlist
from flow.tools import Yosys
from flow.wrapper import INSTANCE, TOP, registered
from hw.emit.product import Built
from hw.targets.synthesis import Family, PlacedFamily


def read_commands(product: Built) -> list[str]:
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


def synthesise(
    product: Built, family: Family, yosys: Yosys, cache: Cache, *, placed: bool = False
) -> bytes:
    """Return the netlist of ``product``, flat, as `write_json` writes it.

    Parameters
    ----------
    product
        What is synthesised.
    family
        For which devices.
    yosys
        The tool.
    cache
        Of steps.
    placed
        Whether it is placed as it is: with the family's cells as black boxes, of which nextpnr
        learns the directions of their ports. Others read the cells again.
    """
    black_boxes = [f"select =* %m {product.name} %d", "delete", "select -clear"]
    commands = [
        *read_commands(product),
        *(command.format(top=product.name) for command in family.synthesis),
        *([] if placed else black_boxes),
        "write_json netlist.json",
    ]
    files = product.sources | product.contents | dict(family.maps)
    return _run(files, commands, yosys, cache)


def wrap(
    product: Built,
    netlist: bytes,
    family: PlacedFamily,
    yosys: Yosys,
    cache: Cache,
    copies: int = 1,
) -> tuple[bytes, Netlist]:
    """Return ``copies`` of ``netlist`` with a register in every port, and these alone."""
    ports = Netlist(netlist, product.name).ports
    verilog = registered(product.name, ports, product.clock, copies)
    around = _run(
        {"wrapper.v": verilog.encode()} | dict(family.maps),
        [
            "read_verilog wrapper.v",
            *(command.format(top=TOP) for command in family.pads),
            "write_json netlist.json",
        ],
        yosys,
        cache,
    )
    commands = [
        "read_json wrapper.json",
        f"delete ={product.name}",
        "read_json design.json",
        f"hierarchy -top {TOP}",
        "flatten",
        "write_json netlist.json",
    ]
    files = {"design.json": netlist, "wrapper.json": around}
    return _run(files, commands, yosys, cache), Netlist(around, TOP)


def _run(files: dict[str, bytes], commands: list[str], yosys: Yosys, cache: Cache) -> bytes:
    def run(folder: Path) -> None:
        yosys.run(commands, folder)

    step = Step(files, (yosys.version, *commands), run, ("netlist.json",))
    return cache.run(step)["netlist.json"]


def own_name(name: str) -> str:
    """Return a name inside the wrapper as the design has it."""
    return name.replace(f"{INSTANCE}.", "", 1)
