"""What a Yosys netlist in JSON says: ports, counts of cells, and the design's own names."""

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Port:
    """A port of the top module."""

    name: str
    direction: str
    width: int


class Netlist:
    """The top module of a netlist that `write_json` wrote.

    Parameters
    ----------
    text
        The JSON.
    top
        The module's name.
    """

    def __init__(self, text: bytes, top: str) -> None:
        self._module: dict[str, Any] = json.loads(text)["modules"][top]

    @property
    def ports(self) -> list[Port]:
        """Ports in their order."""
        return [
            Port(name, port["direction"], len(port["bits"]))
            for name, port in self._module["ports"].items()
        ]

    @cached_property
    def cells(self) -> Counter[str]:
        """Number of cells of each type."""
        return Counter(cell["type"] for cell in self._module["cells"].values())

    def count(self, weights: Mapping[str, int]) -> int:
        """Return how many cells there are of the types in ``weights``, each times its weight."""
        return sum(self.cells[kind] * weight for kind, weight in weights.items())

    @cached_property
    def _made_up(self) -> re.Pattern[str]:
        """Where a name that Yosys made from a cell's type, or a number in Verilog, begins."""
        kinds = "|".join(map(re.escape, self.cells))
        return re.compile(rf"_({kinds})_.*|\$.*|(?<![^.])_\d+_.*")

    @cached_property
    def _name_of_bit(self) -> dict[int, str]:
        names: dict[int, str] = {}
        for name, net in self._module["netnames"].items():
            if net["hide_name"] or self._made_up.search(name):
                continue
            for index, bit in enumerate(net["bits"]):
                label = f"{name}[{index}]" if len(net["bits"]) > 1 else name
                # A wire that crosses modules has a name in each: the one deepest in the hierarchy,
                # closest to the cell that drives it, says most.
                if isinstance(bit, int) and label.count(".") >= names.get(bit, "").count("."):
                    names[bit] = label
        return names

    def plain_name(self, net: str) -> str:
        """Return a net's name; for logic that has none, the name of what it is logic of."""
        named = net.removeprefix("$flatten").replace("\\", "")
        plain = self._made_up.sub("", named).rstrip(".")
        return net if plain == net or not plain else f"logic of {plain}"

    def register_name(self, cell: str) -> str:
        """Return the design's name of what the register ``cell`` holds; else the cell's own."""
        # Packing puts a LUT and a register into one cell and adds to its name.
        name = re.sub(r"_(DFF)?LC$", "", cell)
        connections = self._module["cells"].get(name, {"connections": {}})["connections"]
        for bit in connections.get("Q", []):
            if bit in self._name_of_bit:
                return self._name_of_bit[bit]
        return self.plain_name(name)

    def held_by(self, net: str, registers: Collection[str]) -> str:
        """Return ``net``, or where Yosys made it up, the name of what a register takes from it."""
        if not net.startswith("$"):
            return net
        # abc puts a number of its own before the names that Yosys made up.
        names = [name for name in self._module["netnames"] if name.endswith(net)]
        bits = {bit for name in names for bit in self._module["netnames"][name]["bits"]}
        for cell in self._module["cells"].values():
            pins = [bit for pin in cell["connections"].values() for bit in pin]
            if cell["type"] in registers and bits & set(pins):
                named = [self._name_of_bit[bit] for bit in pins if bit in self._name_of_bit]
                return named[-1] if named else net
        return net
