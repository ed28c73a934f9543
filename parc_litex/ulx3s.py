"""The ULX3S of litex-boards with an accelerator on its SDRAM: a SoC, and its bitstream."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from litex.soc.integration.builder import Builder
from litex_boards.targets.radiona_ulx3s import BaseSoC

from flow.bitstream import board_device, on_pins
from flow.cache import Cache
from flow.families import part_named
from flow.netlist import Netlist
from flow.progress import Progress
from flow.report import Report
from flow.synthesis import synthesise
from flow.tools import FlowError, Yosys, nextpnr
from hw.emit.product import Built
from parc_litex.accelerator import ParcAccelerator
from parc_litex.software import classifying, firmware, tools_on_path

CLOCK_MHZ = 50
N_STEPS = 4
_TOP = "ulx3s"
_ROM = 1 << 16
_FAMILY = "ecp5"
_COMMENTS = re.MULTILINE | re.DOTALL


@dataclass(frozen=True)
class BoardFiles:
    """What a flow needs of a SoC, and a processor on it.

    Attributes
    ----------
    product
        Its Verilog, contents of memories among it.
    pins
        Where ports are, as nextpnr reads it (LPF).
    program
        Firmware for main memory; None where there are no images to run.
    """

    product: Built
    pins: bytes
    program: bytes | None


class Ulx3sSoC(BaseSoC):
    """VexRiscv at 50 MHz, LiteX's BIOS, SDRAM, UART, and an accelerator on a port of the SDRAM.

    There is no cache between processor and SDRAM but the processor's own.

    Parameters
    ----------
    manifest
        Of the accelerator.
    board
        ``ulx3s-12f``, -25f, -45f or -85f.
    """

    def __init__(self, manifest: Path, board: str = "ulx3s-85f") -> None:
        device = board_device(board).rpartition("-")[0].upper()
        super().__init__(
            device=device,
            sys_clk_freq=CLOCK_MHZ * 1e6,
            l2_size=0,
            integrated_rom_size=_ROM,
            # No time of day, nor in the BIOS, so that the same is built again.
            ident_version=False,
        )
        ParcAccelerator(self.platform, manifest).attach(self)  # as self.parc


def board_files(soc: Ulx3sSoC, out: Path, frames: Sequence[bytes] = ()) -> BoardFiles:
    """Return the files of a SoC, with LiteX's BIOS compiled; ``out`` is LiteX's folder.

    The BIOS brings the SDRAM up, and loads firmware by the UART: ``litex_term --kernel``.

    Parameters
    ----------
    soc
        The SoC.
    out
        LiteX's folder.
    frames
        Bytes of each frame's input, for firmware that runs them.
    """
    builder = Builder(soc, output_dir=str(out))
    with tools_on_path():
        builder.build(build_name=_TOP, run=False)
    folder, accelerator = Path(builder.gateware_dir), soc.parc
    sources = {Path(path).name: Path(path).read_bytes() for path, *_ in soc.platform.sources}
    # LiteX's comments have the time of day, and are not in the same order each time.
    verilog = (folder / f"{_TOP}.v").read_bytes()
    sources[f"{_TOP}.v"] = re.sub(rb"^//[^\n]*|/\*.*?\*/", b"", verilog, flags=_COMMENTS)
    program = None
    if frames:
        does = classifying(accelerator.folder, accelerator.manifest, frames)
        generated, made = Path(builder.include_dir), out.resolve() / "firmware"
        program = firmware(generated, soc.cpu, does, made, script="ram.ld").read_bytes()
    return BoardFiles(
        Built(
            name=_TOP,
            clock="clk25",
            sources=sources,
            manifest=accelerator.manifest,
            contents={path.name: path.read_bytes() for path in sorted(folder.glob("*.init"))},
        ),
        (folder / f"{_TOP}.lpf").read_bytes(),
        program,
    )


def implemented(
    files: BoardFiles,
    board: str,
    *,
    cache: Cache,
    progress: Progress,
    seed: int = 1,
    yosys: Path | None = None,
    native: Path | None = None,
) -> tuple[Report, bytes]:
    """Synthesise, place and route a SoC; return the figures and the bitstream.

    Parameters
    ----------
    files
        Of `board_files`.
    board
        ``ulx3s-85f``, say.
    cache, progress
        Of steps; it is called ``N_STEPS`` - 1 times.
    seed
        Of the placement.
    yosys, native
        Programs in place of the wheels', Yosys and nextpnr.

    Raises
    ------
    FlowError
        Where a clock is slower than it runs.
    """
    device, tool = part_named(board_device(board)), Yosys(yosys)
    family = device.family
    netlist = synthesise(files.product, family, tool, cache, placed=True)
    progress("synthesis")
    clocks, bits = on_pins(
        netlist, files.pins, device, cache=cache, progress=progress, native=native, seed=seed
    )
    for net, clock in clocks.items():
        if clock.mhz < clock.asked_mhz:
            raise FlowError(f"{net} runs at {clock.asked_mhz:.1f} MHz, and can at {clock.mhz:.1f}")
    counted = Netlist(netlist, files.product.name)
    tools = [tool.version, nextpnr(_FAMILY, native).version]
    slowest = min(clocks.values(), key=lambda clock: clock.mhz / clock.asked_mhz)
    report = Report(
        name=f"{files.product.manifest['name']} in a SoC",
        device=board,
        how=f"placed and routed onto pins ({', '.join(tools)})",
        tools=tools,
        resources={kind: counted.count(cells) for kind, cells in family.cells.items()},
        fmax_mhz=round(slowest.mhz, 2),
        seeds={seed: round(slowest.mhz, 2)},
        remarks=[f"its clock runs at {slowest.asked_mhz:.1f} MHz"],
    )
    return report, bits
