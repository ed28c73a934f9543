"""BuildModule: a build's Verilog as a module of LiteX: its clock, its reset, its registers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from litex.gen import LiteXModule
from litex.soc.integration.soc import SoCRegion
from litex.soc.interconnect import axi
from migen import ClockSignal, Instance, ResetSignal, Signal

from golden.inputs.errors import ParameterError
from hw.emit.product import Built, load_product

_PAGE = 0x1000
"""Bytes of addresses that registers are given."""
_LITE = ("addr", "prot")
_REGISTERS = {
    "s_axi_aw": _LITE,
    "s_axi_w": ("data", "strb"),
    "s_axi_b": ("resp",),
    "s_axi_ar": _LITE,
    "s_axi_r": ("data", "resp"),
}
"""Channels of registers, each with its wires."""
Pins = dict[str, Any]
"""What an instance is joined to, by ``i_`` or ``o_`` and the port."""


class BuildModule(LiteXModule):
    """What all builds with registers have in a SoC.

    Parameters
    ----------
    platform
        Of LiteX: the Verilog is added to its sources.
    manifest
        NAME.json; NAME.v lies beside it.
    product
        What `load_product` has of it, where it was asked before.

    Attributes
    ----------
    product : Built
        The build's files.
    manifest : dict
        What it says of itself.
    folder : Path
        Where it lies.
    registers : axi.AXILiteInterface
        A slave of 32 bits.

    Raises
    ------
    ParameterError
        Where the manifest is of something else, or the Verilog is not the one it describes.
    """

    TAKES = ""
    """What the manifest must be of."""

    def __init__(
        self, platform: Any, manifest: str | Path, *, product: Built | None = None
    ) -> None:
        path = Path(manifest)
        self.product: Built = product or load_product(path)
        self.manifest: dict[str, Any] = self.product.manifest
        self.folder = path.parent
        if not self.takes(self.manifest):
            raise ParameterError("manifest", self.TAKES, path)
        for name in self.product.sources:
            platform.add_source(str(path.parent / name))
        self.registers = axi.AXILiteInterface(data_width=32, address_width=32)

    @staticmethod
    def takes(manifest: Mapping[str, Any]) -> bool:
        """Whether a manifest is of what the class is for."""
        raise NotImplementedError

    def _instantiate(self, **pins: Any) -> None:
        """Join the build to its clock, its reset, `registers` and ``pins``."""
        reset = self.manifest["reset"]
        active = ResetSignal("sys") if reset["active"] == "high" else ~ResetSignal("sys")
        own = {f"i_{self.manifest['clock']}": ClockSignal("sys"), f"i_{reset['name']}": active}
        registers = pins_of(self.registers, _REGISTERS)
        self.specials += Instance(self.manifest["top"], **own, **registers, **pins)

    def _put_into(self, soc: Any, name: str, origin: int | None) -> None:
        """Put it into ``soc``, and registers on the bus."""
        soc.add_module(name=name, module=self)
        region = SoCRegion(origin=origin, size=_PAGE, cached=False)
        soc.bus.add_slave(name=name, slave=self.registers, region=region)


def pins_of(bus: Any, channels: Mapping[str, tuple[str, ...]]) -> Pins:
    """Return an instance's pins of an AXI port, joined to ``bus`` of LiteX.

    Parameters
    ----------
    bus
        An interface of `litex.soc.interconnect.axi`.
    channels
        Wires of each channel, but valid and ready.
    """
    pins: Pins = {}
    for prefix, fields in channels.items():
        master, name = prefix.startswith("m_"), prefix.rpartition("_")[2]
        channel = getattr(bus, name)
        answer = master == (name in ("r", "b"))
        for field in (*fields, "valid", "ready"):
            signal = channel.last if field == "last" else getattr(channel, field, None)
            inward = answer == (field != "ready")
            if signal is None:  # AXI4-Lite of LiteX has no prot
                signal = Signal(3)
            pins[f"{'i' if inward else 'o'}_{prefix}{field}"] = signal
    return pins
