"""What a Yosys netlist in JSON says: ports, counts of cells, and the design's own names."""

import json
from collections import Counter
from collections.abc import Mapping
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
    def _name_of_bit(self) -> dict[int, str]:
        names: dict[int, str] = {}
        for name, net in self._module["netnames"].items():
            if net["hide_name"]:
                continue
            for index, bit in enumerate(net["bits"]):
                label = f"{name}[{index}]" if len(net["bits"]) > 1 else name
                # A wire that crosses modules has a name in each; the one closest to the cell that
                # drives it, deepest in the hierarchy, says most.
                if isinstance(bit, int) and label.count(".") >= names.get(bit, "").count("."):
                    names[bit] = label
        return names

    def register_name(self, cell: str) -> str:
        """Return the design's name of what the register ``cell`` holds; else the cell's own."""
        for bit in self._module["cells"].get(cell, {"connections": {}})["connections"].get("Q", []):
            if bit in self._name_of_bit:
                return self._name_of_bit[bit]
        return cell
