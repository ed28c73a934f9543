"""A LiteX SoC with a processor and a build, under Verilator; its UART as text."""

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from litedram.modules import MT48LC16M16
from litedram.phy.model import SDRAMPHYModel
from litex.build.generic_platform import Pins, Subsignal
from litex.build.io import CRG
from litex.build.sim import SimPlatform
from litex.soc.integration.builder import Builder
from litex.soc.integration.common import get_mem_data
from litex.soc.integration.soc_core import SoCCore

from golden.numbers.interval import Integers
from hw.emit.product import load_product
from hw.simulate.verilator import Compiled
from parc_litex.attach import add
from parc_litex.software import Program, classifying, convolving, firmware, tools_on_path

CLOCK = int(1e6)
_TOP = "soc"
_MAIN = Path(__file__).with_name("soc.cpp")
_WARNINGS = ("-Wno-fatal", "-Wno-lint", "-Wno-style")
"""Verilog of LiteX and of the processor is not ours to mend."""
_ROM, _SRAM = 1 << 18, 1 << 13
_ENGINE_RAM = 1 << 16
_SDRAM_CLOCK, _SDRAM_BITS = int(50e6), 16
"""Of the ULX3S: timings in cycles are those of its clock."""
_IO = [
    ("sys_clk", 0, Pins(1)),
    ("sys_rst", 0, Pins(1)),
    (
        "serial",
        0,
        Subsignal("source_valid", Pins(1)),
        Subsignal("source_ready", Pins(1)),
        Subsignal("source_data", Pins(8)),
        Subsignal("sink_valid", Pins(1)),
        Subsignal("sink_ready", Pins(1)),
        Subsignal("sink_data", Pins(8)),
    ),
]
BEGINS, ENDS = "PARC begins", "PARC ends"
_LINE = re.compile(r"PARC image (\d+) class (\d+) cycles (\d+) output((?: \d+)+)")


@dataclass(frozen=True)
class Classified:
    """What the firmware printed of an image.

    Attributes
    ----------
    chosen
        The class.
    cycles
        Of the accelerator.
    output
        All bytes of the output.
    """

    chosen: int
    cycles: int
    output: bytes


class SimulatedSoC(SoCCore):
    """VexRiscv, ROM, RAM and UART of LiteX, and a build.

    Parameters
    ----------
    manifest
        Of the build.
    ram_bytes
        Of main memory; 0 for the ULX3S's SDRAM, behind LiteDRAM and a model of its PHY and chip.
    rom
        Content of the ROM, in words.
    sdram
        Likewise of the SDRAM, which the BIOS goes on to.
    """

    def __init__(
        self, manifest: Path, ram_bytes: int, rom: Sequence[int] = (), sdram: Sequence[int] = ()
    ) -> None:
        platform = SimPlatform("SIM", _IO)
        self.submodules.crg = CRG(platform.request("sys_clk"))
        SoCCore.__init__(
            self,
            platform,
            clk_freq=CLOCK,
            cpu_type="vexriscv",
            uart_name="sim",
            integrated_rom_size=_ROM,
            integrated_rom_init=list(rom),
            integrated_sram_size=_SRAM,
            integrated_main_ram_size=ram_bytes,
        )
        if not ram_bytes:
            self._add_sdram(sdram)
        add(self, manifest)  # as self.parc

    def _add_sdram(self, content: Sequence[int]) -> None:
        chip = MT48LC16M16(_SDRAM_CLOCK, "1:1")
        self.sdrphy = SDRAMPHYModel(
            chip, data_width=_SDRAM_BITS, clk_freq=_SDRAM_CLOCK, init=list(content), verbosity=1
        )
        self.add_sdram("sdram", phy=self.sdrphy, module=chip, l2_cache_size=0)
        # The BIOS brings it up, leaves what lies there, and goes there.
        for told in ("SDRAM_TEST_DISABLE", "CONFIG_BIOS_NO_CRC", "CONFIG_BIOS_NO_DELAYS"):
            self.add_constant(told)
        self.add_constant("ROM_BOOT_ADDRESS", self.bus.regions["main_ram"].origin)


def _verilog(soc: SimulatedSoC) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return a SoC's Verilog by file name, and contents of its memories likewise."""
    soc.finalize()
    made = soc.platform.get_verilog(soc, name=_TOP)
    sources = {f"{_TOP}.v": made.main_source.encode()} | soc.parc.product.models
    for path, *_ in soc.platform.sources:
        sources[Path(path).name] = Path(path).read_bytes()
    return sources, made.data_files


def simulate(
    manifest: Path,
    frames: Sequence[bytes],
    out: Path,
    cache: Path,
    *,
    sdram: bool = False,
    cycles: int = 1 << 28,
) -> tuple[str, list[Classified]]:
    """Run ``frames`` on a simulated SoC with an accelerator, and return what the UART said.

    Parameters
    ----------
    manifest
        Of a build with a bus of 32 bits; of any width with ``sdram``.
    frames
        Bytes of each frame's input.
    out
        Folder to build in.
    cache
        Where programs of Verilator are kept.
    sdram
        Whether memory is SDRAM, which LiteX's BIOS brings up, with a port for the accelerator.
    cycles
        Until it is given up.

    Returns
    -------
    The text, and what it says of each frame.

    Raises
    ------
    RuntimeError
        Where the text does not end as it must.
    """
    product = load_product(manifest)
    facts = product.manifest["programs"][0]
    sizes = ("bytes", "input_bytes", "output_bytes", "scratch_bytes")
    ram_bytes = 1 << (sum(facts[key] for key in sizes) + 4096).bit_length()
    told = _said(
        manifest,
        lambda soc: classifying(soc.parc.folder, soc.parc.manifest, frames),
        (out, cache),
        ram_bytes=0 if sdram else ram_bytes,
        cycles=cycles,
    )
    found = [
        Classified(int(chosen), int(cycles), bytes(map(int, output.split())))
        for _, chosen, cycles, output in _LINE.findall(told)
    ]
    return told, found


def simulate_engine(
    manifest: Path,
    lines: Integers,
    weights: Sequence[int],
    out: Path,
    cache: Path,
    *,
    cycles: int = 1 << 26,
) -> tuple[str, Integers]:
    """Send ``lines`` through an engine on a simulated SoC, and return what the UART said.

    Parameters are those of `convolving` and `simulate`.

    Returns
    -------
    The text, and the lines ``[L, N]`` that it has of the engine.

    Raises
    ------
    RuntimeError
        Where the text does not end as it must.
    """
    told = _said(
        manifest,
        lambda soc: convolving(soc.parc, lines, weights),
        (out, cache),
        ram_bytes=_ENGINE_RAM,
        cycles=cycles,
    )
    (words,) = re.findall(r"PARC output((?: \d+)+)", told)
    parameters = load_product(manifest).manifest["parameters"]
    values = np.array([int(word) for word in words.split()], np.uint32).view(np.int32)
    beats = values.astype(np.int64).reshape(lines.size // parameters["lanes"], -1)
    groups = beats[:, : parameters["lanes"]].reshape(-1, lines.shape[1], parameters["lanes"])
    return told, groups.swapaxes(1, 2).reshape(lines.shape)


def _said(
    manifest: Path,
    program: Callable[[SimulatedSoC], Program],
    folders: tuple[Path, Path],
    *,
    ram_bytes: int,
    cycles: int,
) -> str:
    """Return what the UART of a SoC says whose firmware is ``program``.

    The firmware is in ROM, or, where memory is SDRAM, there, and LiteX's BIOS in ROM.
    """
    out, cache = folders
    manifest, sdram = manifest.resolve(), not ram_bytes
    soc = SimulatedSoC(manifest, ram_bytes)
    builder = Builder(soc, output_dir=str(out), compile_software=sdram, compile_gateware=False)
    with tools_on_path():
        builder.build(build=False, run=False)
    binary = firmware(
        Path(builder.include_dir),
        soc.cpu,
        program(soc),
        out.resolve() / "firmware",
        script="ram.ld" if sdram else "rom.ld",
    )
    bios = Path(builder.software_dir) / "bios" / "bios.bin"
    words = [
        get_mem_data(str(path), endianness="little", data_width=32)
        for path in ((bios, binary) if sdram else (binary,))
    ]
    verilog, contents = _verilog(SimulatedSoC(manifest, ram_bytes, *words))
    simulation = Compiled(_TOP, verilog, _MAIN, verilating=_WARNINGS).build(cache)
    for name, content in contents.items():
        (out / name).write_text(content, encoding="ascii")
    done = subprocess.run(
        [str(simulation), ENDS, str(cycles)],
        cwd=out,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        raise RuntimeError(f"Firmware must end within {cycles} cycles: {done.stdout}{done.stderr}")
    return done.stdout
