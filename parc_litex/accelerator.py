"""ParcAccelerator: a build's Verilog, its registers on a SoC's bus and its master on memory."""

import hashlib
import json
from pathlib import Path
from typing import Any

from litex.gen import LiteXModule
from litex.soc.integration.soc import SoCRegion
from litex.soc.interconnect import axi
from litex.soc.interconnect.csr_eventmanager import EventManager, EventSourceLevel
from migen import ClockSignal, Instance, ResetSignal, Signal

_PAGE = 0x1000
"""Bytes of addresses that the registers are given."""
_BURST = ("addr", "len", "size", "burst", "cache", "prot", "id")
_LITE = ("addr", "prot")
_CHANNELS = {
    "m_axi_aw": _BURST,
    "m_axi_w": ("data", "strb", "last"),
    "m_axi_b": ("id", "resp"),
    "m_axi_ar": _BURST,
    "m_axi_r": ("id", "data", "resp", "last"),
    "s_axi_aw": _LITE,
    "s_axi_w": ("data", "strb"),
    "s_axi_b": ("resp",),
    "s_axi_ar": _LITE,
    "s_axi_r": ("data", "resp"),
}
_ID_BITS = 2
_MEMORY = "main_ram"


class ParcAccelerator(LiteXModule):
    """An accelerator of ``hw.build network --memory axi``.

    >>> ParcAccelerator(platform, "build/acc/acc.json").attach(soc)

    Parameters
    ----------
    platform
        Of LiteX: the Verilog is added to its sources.
    manifest
        NAME.json; NAME.v lies beside it.

    Attributes
    ----------
    manifest : dict
        What it says.
    registers : axi.AXILiteInterface
        A slave of 32 bits.
    memory : axi.AXIInterface
        A master; its addresses are bytes.
    ev : EventManager
        With one source, `ended`: high while a cause that is enabled stands.

    Raises
    ------
    ValueError
        Where the manifest is of something else, or the Verilog is not the one it describes.
    """

    def __init__(self, platform: Any, manifest: str | Path) -> None:
        path = Path(manifest)
        self.manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        parameters = self.manifest.get("parameters", {})
        if parameters.get("memory") != "axi":
            raise ValueError(f"Manifest must be of hw.build network --memory axi, not {path}")
        for name in self.manifest["files"]:
            source = path.parent / name
            digest = hashlib.sha256(source.read_bytes()).hexdigest()
            if digest != self.manifest["sha256"][name]:
                raise ValueError(f"Verilog must be the one that {path.name} describes: {source}")
            if name not in self.manifest["models"]:
                platform.add_source(str(source))
        self.registers = axi.AXILiteInterface(data_width=32, address_width=32)
        self.memory = axi.AXIInterface(
            data_width=parameters["data_bits"], address_width=32, id_width=_ID_BITS
        )
        self.ev = EventManager()
        self.ev.ended = EventSourceLevel()
        self.ev.finalize()
        self._instantiate(parameters["address_bits"])

    def _instantiate(self, address_bits: int) -> None:
        reset = self.manifest["reset"]
        active = ResetSignal("sys") if reset["active"] == "high" else ~ResetSignal("sys")
        pins: dict[str, Any] = {
            f"i_{self.manifest['clock']}": ClockSignal("sys"),
            f"i_{reset['name']}": active,
            "o_irq": self.ev.ended.trigger,
        }
        for prefix, fields in _CHANNELS.items():
            master, name = prefix.startswith("m_"), prefix.rpartition("_")[2]
            channel = getattr(self.memory if master else self.registers, name)
            answer = master == (name in ("r", "b"))
            for field in (*fields, "valid", "ready"):
                signal = channel.last if field == "last" else getattr(channel, field, None)
                inward = answer == (field != "ready")
                if signal is None:  # AXI4-Lite of LiteX has no prot
                    signal = Signal(3)
                pins[f"{'i' if inward else 'o'}_{prefix}{field}"] = signal
        if address_bits > 32:
            # What a 32-bit bus does not have is 0 in every region that firmware names.
            for name in ("aw", "ar"):
                wide = Signal(address_bits)
                self.comb += getattr(self.memory, name).addr.eq(wide)
                pins[f"o_m_axi_{name}addr"] = wide
        self.specials += Instance(self.manifest["top"], **pins)

    def attach(self, soc: Any, name: str = "parc", origin: int | None = None) -> "ParcAccelerator":
        """Put it into ``soc``, and return it.

        Registers go on the bus, at ``origin`` or where there is room: firmware finds NAME_BASE in
        mem.h. The master goes on a port of its own of the DRAM's controller, past all caches, or
        on the bus where memory is inside. The interrupt is connected where there is one of the
        processor to be had.

        Parameters
        ----------
        soc
            Of LiteX, with its memory.
        name
            Of the region and of the interrupt.
        origin
            Address of the registers.
        """
        soc.add_module(name=name, module=self)
        region = SoCRegion(origin=origin, size=_PAGE, cached=False)
        soc.bus.add_slave(name=name, slave=self.registers, region=region)
        if hasattr(soc, "sdram"):
            from litedram.frontend.axi import LiteDRAMAXI2Native

            port = soc.sdram.crossbar.get_port(data_width=self.memory.data_width)
            base = soc.bus.regions[_MEMORY].origin
            self.port = LiteDRAMAXI2Native(self.memory, port, base_address=base)
        else:
            soc.bus.add_master(name=name, master=self.memory)
        if soc.irq.enabled:
            soc.irq.add(name, use_loc_if_exists=True)
        return self


def add(soc: Any, manifest: str | Path, **options: Any) -> ParcAccelerator:
    """Put a build into ``soc``; ``options`` are those of `ParcAccelerator.attach`."""
    return ParcAccelerator(soc.platform, manifest).attach(soc, **options)
