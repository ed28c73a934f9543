"""What is packaged: a finished build, as its files say it is."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from golden.accelerator.external.registers import REGISTER_MAP
from golden.registers import RegisterMap
from hw.emit.axi import AxiBus, buses_of
from hw.emit.manifest import line_registers
from hw.package.clock import ClockRate

VENDOR, LIBRARY = "parc-hdl", "parc"
INTERRUPT = "irq"

_DECLARED = re.compile(r"^  (input|output) (?:\[(\d+):0\] )?(\w+);$", re.MULTILINE)


@dataclass(frozen=True)
class TopPort:
    """A port of the top module.

    Parameters
    ----------
    name
        Of the port.
    width
        In bits.
    given
        Whether the module drives it.
    """

    name: str
    width: int
    given: bool


@dataclass(frozen=True)
class FinishedCore:
    """A build, and the clock that it is to reach.

    Parameters
    ----------
    manifest
        As it was written.
    verilog
        Of the file with the top module.
    rate
        Of the clock.
    version
        Of the generator.
    """

    manifest: Mapping[str, Any]
    verilog: str
    rate: ClockRate
    version: str

    @property
    def name(self) -> str:
        """Of the build and of its top module."""
        return str(self.manifest["name"])

    @property
    def clock(self) -> str:
        """Name of the clock's port."""
        return str(self.manifest["clock"])

    @property
    def reset(self) -> str:
        """Name of the reset's port."""
        return str(self.manifest["reset"]["name"])

    @property
    def target(self) -> str:
        """What its multipliers and memories map to."""
        return str(self.manifest["parameters"]["target"])

    @property
    def active_low(self) -> bool:
        """Whether reset is active while its port is low."""
        return bool(self.manifest["reset"]["active"] == "low")

    @property
    def sources(self) -> list[str]:
        """Verilog files to synthesise."""
        return [name for name in self.manifest["files"] if name not in self.models]

    @property
    def models(self) -> list[str]:
        """Verilog files of a device's primitives, for simulation."""
        return list(self.manifest["models"])

    @cached_property
    def ports(self) -> list[TopPort]:
        """Ports of the top module, as its Verilog declares them."""
        begin = self.verilog.index(f"\nmodule {self.name}(")
        module = self.verilog[begin : self.verilog.index("\nendmodule", begin)]
        return [
            TopPort(name, int(high or 0) + 1, direction == "output")
            for direction, high, name in _DECLARED.findall(module)
        ]

    @cached_property
    def port(self) -> Mapping[str, TopPort]:
        """The same by name."""
        return {port.name: port for port in self.ports}

    @property
    def buses(self) -> list[AxiBus]:
        """Interfaces of the top module, by name."""
        return sorted(buses_of(self.port), key=lambda bus: bus.name)

    @property
    def others(self) -> list[TopPort]:
        """Ports of no interface, clock and reset left out: events, the interrupt."""
        known = {self.clock, self.reset, *(w for bus in self.buses for w in bus.wires.values())}
        return [port for port in self.ports if port.name not in known]

    @property
    def about(self) -> str:
        """One line of what it is."""
        facts = self.manifest
        if "engine" in facts:
            parameters = facts["parameters"]
            return f"Circular convolution, {facts['engine']} engine, {parameters['length']} samples"
        if facts["kind"] == "layer":
            return f"Layer of circular convolutions, {facts['form']}"
        return f"Network accelerator, memory {facts['parameters']['memory']}"

    def registers(self, bus: AxiBus) -> RegisterMap | None:
        """Return what a driver sees behind ``bus``; None of a stream, or of memory."""
        if bus.protocol != "axi4lite":
            return None
        if "engine" in self.manifest:
            return line_registers(self.manifest)
        key = int(self.manifest["hash"], 16)
        return REGISTER_MAP.built({"HASH_LOW": key & 0xFFFFFFFF, "HASH_HIGH": key >> 32})


def finished(files: Mapping[str, bytes], name: str, rate: ClockRate, version: str) -> FinishedCore:
    """Return the build ``name`` among ``files``."""
    manifest = json.loads(files[f"{name}.json"])
    return FinishedCore(manifest, files[f"{name}.v"].decode(), rate, version)
