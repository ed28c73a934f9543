"""A LiteX SoC with a processor and an accelerator, under Verilator; its UART as text."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from litex.build.generic_platform import Pins, Subsignal
from litex.build.io import CRG
from litex.build.sim import SimPlatform
from litex.soc.integration.builder import Builder
from litex.soc.integration.common import get_mem_data
from litex.soc.integration.soc_core import SoCCore

from hw.simulate.verilator import Compiled
from parc_litex.accelerator import ParcAccelerator
from parc_litex.software import firmware, images_header

CLOCK = int(1e6)
_TOP = "soc"
_MAIN = Path(__file__).with_name("soc.cpp")
_WARNINGS = ("-Wno-fatal", "-Wno-lint", "-Wno-style")
"""Verilog of LiteX and of the processor is not ours to mend."""
_ROM, _SRAM = 1 << 18, 1 << 13
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
    """VexRiscv, ROM, RAM and UART of LiteX, and an accelerator.

    Parameters
    ----------
    manifest
        Of the accelerator.
    ram_bytes
        Of main memory.
    rom
        Content of the ROM, in words.
    """

    def __init__(self, manifest: Path, ram_bytes: int, rom: Sequence[int] = ()) -> None:
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
        ParcAccelerator(platform, manifest).attach(self)


def _verilog(soc: SimulatedSoC) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return a SoC's Verilog by file name, and contents of its memories likewise."""
    soc.finalize()
    made = soc.platform.get_verilog(soc, name=_TOP)
    sources = {f"{_TOP}.v": made.main_source.encode()}
    for path, *_ in soc.platform.sources:
        sources[Path(path).name] = Path(path).read_bytes()
    return sources, made.data_files


def simulate(
    manifest: Path, frames: Sequence[bytes], out: Path, cache: Path, *, cycles: int = 1 << 28
) -> tuple[str, list[Classified]]:
    """Run ``frames`` on a simulated SoC, and return what the UART said.

    Parameters
    ----------
    manifest
        Of a build with a bus of 32 bits.
    frames
        Bytes of each frame's input.
    out
        Folder to build in.
    cache
        Where programs of Verilator are kept.
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
    manifest = manifest.resolve()
    facts = ParcAccelerator(SimPlatform("SIM", _IO), manifest).manifest["programs"][0]
    sizes = ("bytes", "input_bytes", "output_bytes", "scratch_bytes")
    ram_bytes = 1 << (sum(facts[key] for key in sizes) + 4096).bit_length()
    soc = SimulatedSoC(manifest, ram_bytes)
    builder = Builder(soc, output_dir=str(out), compile_software=False, compile_gateware=False)
    builder.build(build=False, run=False)
    text = images_header(manifest.parent, soc.parc.manifest, frames)
    generated = Path(builder.include_dir)
    binary = firmware(generated, soc.cpu, manifest.parent, text, out.resolve() / "firmware")
    rom = get_mem_data(str(binary), endianness="little", data_width=32)
    verilog, contents = _verilog(SimulatedSoC(manifest, ram_bytes, rom))
    program = Compiled(_TOP, verilog, _MAIN, verilating=_WARNINGS).build(cache)
    for name, content in contents.items():
        (out / name).write_text(content, encoding="ascii")
    return _listen(program, out, cycles)


def _listen(program: Path, folder: Path, cycles: int) -> tuple[str, list[Classified]]:
    """Run the simulation until the firmware is through."""
    command = [str(program), ENDS, str(cycles)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, encoding="utf-8", errors="replace"
    )
    if done.returncode:
        raise RuntimeError(f"Firmware must end within {cycles} cycles: {done.stdout}{done.stderr}")
    found = [
        Classified(int(chosen), int(cycles), bytes(map(int, output.split())))
        for _, chosen, cycles, output in _LINE.findall(done.stdout)
    ]
    return done.stdout, found
