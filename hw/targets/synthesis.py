"""How Yosys maps to a family of devices, what its cells count as, how nextpnr is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Family:
    """What the parts of a family have in common.

    Parameters
    ----------
    name
        Of the family.
    synthesis
        Yosys commands from a hierarchy of RTL to a netlist of the family's cells; ``{top}``
        stands for the module.
    models
        Where Yosys keeps simulation models of the cells.
    cells
        For each figure that is counted in the netlist, the cells that count, and for how much.
    remark
        What to know of its figures.
    maps
        Verilog that the commands of ``synthesis`` and ``pads`` name as files.
    """

    name: str
    synthesis: tuple[str, ...]
    models: str
    cells: Mapping[str, Mapping[str, int]]
    remark: str = ""
    maps: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class PlacedFamily(Family):
    """A family that nextpnr places and routes.

    Parameters
    ----------
    nextpnr
        What follows `nextpnr-` in the tool's name.
    pads
        As `synthesis`, of a top module: with what the family wants at pins.
    placed
        For each figure that only placement knows, the kinds of site that count.
    timed
        Whether nextpnr times all that matters.
    large, huge, large_on_pins
        Arguments of nextpnr for large netlists and larger ones, out of context, and onto pins.
    """

    nextpnr: str = ""
    pads: tuple[str, ...] = ()
    placed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    timed: bool = True
    large: tuple[str, ...] = ()
    huge: tuple[str, ...] = ()
    large_on_pins: tuple[str, ...] = ()


@dataclass(frozen=True)
class EdalizeFlow:
    """A flow of Edalize's, by which others synthesise for a target.

    Parameters
    ----------
    name
        Of the flow.
    options
        Its options, a device's among them.
    constraints
        What it reads of constraints: how their file ends.
    """

    name: str
    options: Mapping[str, str | list[str]]
    constraints: str
