"""The command line of systems: ``parc soc NAME.json``."""

import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np

from flow.bitstream import board_device
from flow.cache import Cache
from flow.progress import progress
from golden.inputs.errors import check_range
from hw.accelerator.built import external_program_of, network_of
from hw.emit.files import write_files
from hw.emit.product import load_product
from hw.run import load_images
from parc_litex.ulx3s import N_STEPS, Ulx3sSoC, board_files, implemented


@click.command()
@click.argument("manifest", type=Path, metavar="NAME.json")
@click.option("--board", default="ulx3s-85f", help="ulx3s-12f to -85f.  [ulx3s-85f]")
@click.option("--images", type=Path, help="An .npz file with x: firmware that classifies them.")
@click.option("--count", type=int, default=8, help="Of images.  [8]")
@click.option("--seed", type=int, default=1, help="Of the placement.  [1]")
@click.option("--yosys", type=Path, metavar="PATH", help="A Yosys >= 0.40.  [the pyosys wheel]")
@click.option("--nextpnr", type=Path, metavar="PATH", help="A native nextpnr.  [the wheel]")
@click.option("--cache", type=Path, default=Path("build/cache"), help="Kept steps.  [build/cache]")
@click.option("-o", "--out", type=Path, help="Folder to write to.  [NAME.json's]")
def main(manifest: Path, board: str, cache: Path, **options: Any) -> None:
    """Put an accelerator with memory outside into a LiteX SoC for a ULX3S, and implement it.

    Writes NAME.BOARD.bit, the figures NAME.BOARD.json, and with --images NAME.BOARD.bin, firmware
    that LiteX's BIOS loads by the UART: litex_term --kernel.
    """
    board_device(board)
    check_range("count", options["count"], 1, 1000)
    check_range("seed", options["seed"], 1, 1 << 31)
    frames = [] if options["images"] is None else _frames(manifest, options)
    name = load_product(manifest).name
    with progress("implementing", N_STEPS) as step, tempfile.TemporaryDirectory() as folder:
        files = board_files(Ulx3sSoC(manifest, board), Path(folder), frames)
        step("BIOS")
        report, bits = implemented(
            files,
            board,
            cache=Cache(cache),
            progress=step,
            seed=options["seed"],
            yosys=options["yosys"],
            native=options["nextpnr"],
        )
    click.echo(report.table())
    made = {f"{name}.{board}.bit": bits, f"{name}.{board}.json": report.json()}
    if files.program is not None:
        made[f"{name}.{board}.bin"] = files.program
    out = options["out"] or manifest.parent
    write_files(made, out)
    for file in made:
        click.echo(out / file)


def _frames(manifest: Path, options: dict[str, Any]) -> list[bytes]:
    """Return the bytes of the first images' frames."""
    facts = load_product(manifest).manifest
    network = network_of(facts, manifest.parent)
    images, _ = load_images(options["images"], network)
    maps = network.quantize(images[: options["count"]].astype(np.float64))
    return external_program_of(facts, network, manifest.parent, 0).frames(maps)
