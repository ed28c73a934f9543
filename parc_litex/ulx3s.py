"""The ULX3S of litex-boards with an accelerator on its SDRAM: a SoC, and its files for a flow."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litex.soc.integration.builder import Builder
from litex_boards.targets.radiona_ulx3s import BaseSoC

from parc_litex.accelerator import ParcAccelerator

CLOCK_MHZ = 50
_TOP = "ulx3s"
_ROM = 1 << 16


@dataclass(frozen=True)
class BoardFiles:
    """What a flow needs of a SoC.

    Attributes
    ----------
    top
        Of its Verilog.
    sources
        Verilog by file name.
    memories
        Contents that they read, likewise.
    pins
        Where ports are, as nextpnr reads it (LPF).
    """

    top: str
    sources: dict[str, bytes]
    memories: dict[str, bytes]
    pins: bytes


class Ulx3sSoC(BaseSoC):
    """VexRiscv at 50 MHz, LiteX's BIOS, SDRAM, UART, and an accelerator on a port of the SDRAM.

    There is no cache between processor and SDRAM but the processor's own.

    Parameters
    ----------
    manifest
        Of the accelerator.
    device
        LFE5U-12F, -25F, -45F or -85F.
    """

    def __init__(self, manifest: Path, device: str = "LFE5U-85F") -> None:
        super().__init__(
            device=device, sys_clk_freq=CLOCK_MHZ * 1e6, l2_size=0, integrated_rom_size=_ROM
        )
        ParcAccelerator(self.platform, manifest).attach(self)


def board_files(soc: Any, out: Path) -> BoardFiles:
    """Return the files of a SoC, with LiteX's BIOS compiled; ``out`` is LiteX's folder.

    The BIOS brings the SDRAM up, and loads firmware by the UART: ``litex_term --kernel``.
    """
    builder = Builder(soc, output_dir=str(out))
    with _tools_on_path():
        builder.build(build_name=_TOP, run=False)
    folder = Path(builder.gateware_dir)
    sources = {f"{_TOP}.v": (folder / f"{_TOP}.v").read_bytes()}
    for path, *_ in soc.platform.sources:
        sources[Path(path).name] = Path(path).read_bytes()
    return BoardFiles(
        top=_TOP,
        sources=sources,
        memories={path.name: path.read_bytes() for path in sorted(folder.glob("*.init"))},
        pins=(folder / f"{_TOP}.lpf").read_bytes(),
    )


@contextmanager
def _tools_on_path() -> Iterator[None]:
    """Let LiteX find meson and ninja where they are installed with it, in this environment."""
    before = os.environ["PATH"]
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before
