"""ParcAccelerator: a network's accelerator, registers on a SoC's bus, its master on memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from litex.soc.interconnect import axi
from litex.soc.interconnect.csr_eventmanager import EventManager, EventSourceLevel
from migen import Signal

from golden.inputs.errors import check_range
from hw.emit.product import Built
from parc_litex.module import BuildModule, pins_of

_BURST = ("addr", "len", "size", "burst", "cache", "prot", "id")
_MEMORY = {
    "m_axi_aw": _BURST,
    "m_axi_w": ("data", "strb", "last"),
    "m_axi_b": ("id", "resp"),
    "m_axi_ar": _BURST,
    "m_axi_r": ("id", "data", "resp", "last"),
}
_ID_BITS = 2
_MAIN = "main_ram"
_MOST_BEATS = 256
"""Of a burst of AXI4."""


class ParcAccelerator(BuildModule):
    """An accelerator of ``hw.build network --memory axi``.

    >>> ParcAccelerator(platform, "build/acc/acc.json").attach(soc)

    Parameters and errors are those of `BuildModule`.

    Attributes
    ----------
    memory : axi.AXIInterface
        A master; its addresses are bytes.
    ev : EventManager
        With one source, `ended`: high while a cause that is enabled stands.
    """

    TAKES = "of hw.build network --memory axi"

    def __init__(
        self, platform: Any, manifest: str | Path, *, product: Built | None = None
    ) -> None:
        super().__init__(platform, manifest, product=product)
        parameters = self.manifest["parameters"]
        self.memory = axi.AXIInterface(
            data_width=parameters["data_bits"], address_width=32, id_width=_ID_BITS
        )
        self.ev = EventManager()
        self.ev.ended = EventSourceLevel()
        self.ev.finalize()
        pins = pins_of(self.memory, _MEMORY) | {"o_irq": self.ev.ended.trigger}
        if parameters["address_bits"] > 32:
            # What a 32-bit bus does not have is 0 in every region that firmware names.
            for name in ("aw", "ar"):
                wide = Signal(parameters["address_bits"])
                self.comb += getattr(self.memory, name).addr.eq(wide)
                pins[f"o_m_axi_{name}addr"] = wide
        self._instantiate(**pins)

    @staticmethod
    def takes(manifest: Mapping[str, Any]) -> bool:
        """Whether a manifest is of an accelerator with memory outside."""
        return bool(manifest["parameters"].get("memory") == "axi")

    def attach(self, soc: Any, name: str = "parc", origin: int | None = None) -> "ParcAccelerator":
        """Put it into ``soc``, and return it.

        Registers go on the bus, at ``origin`` or where there is room: firmware finds NAME_BASE in
        mem.h. The master goes on a port of its own of the DRAM's controller, past all caches, or
        on the bus where memory is inside; LiteDRAM and LiteX convert its width to theirs. The
        interrupt is connected where there is one of the processor to be had.

        Parameters
        ----------
        soc
            Of LiteX, with its memory.
        name
            Of the region and of the interrupt.
        origin
            Address of the registers.

        Raises
        ------
        ParameterError
            Where LiteX cannot convert to the bus.
        """
        if not hasattr(soc, "sdram"):
            self._check_bus(soc.bus.data_width)
        self._put_into(soc, name, origin)
        if hasattr(soc, "sdram"):
            from litedram.frontend.axi import LiteDRAMAXI2Native

            port = soc.sdram.crossbar.get_port(data_width=self.memory.data_width)
            base = soc.bus.regions[_MAIN].origin
            self.port = LiteDRAMAXI2Native(self.memory, port, base_address=base)
        else:
            soc.bus.add_master(name=name, master=self.memory)
        if soc.irq.enabled:
            soc.irq.add(name, use_loc_if_exists=True)
        return self

    def _check_bus(self, bus_bits: int) -> None:
        """Check that LiteX's converter leads from the master's width to the bus's."""
        bits, burst = (self.manifest["parameters"][key] for key in ("data_bits", "burst"))
        # LiteX 2024.12's AXIUpConverter loses the lane of what begins or ends inside a wide beat.
        check_range("data_bits", bits, bus_bits, _MOST_BEATS // burst * bus_bits)
