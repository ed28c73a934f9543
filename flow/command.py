"""The command line of synthesis, place and route: ``python scripts/implement.py NAME.json``."""

import os
from pathlib import Path
from typing import Any

import click

from flow import asic
from flow.bitstream import (
    N_STEPS,
    bitstream,
    board_device,
    classified,
    golden_design,
    self_tested,
)
from flow.cache import Cache
from flow.families import part_named, parts
from flow.implement import Means, implement, n_steps
from flow.progress import progress
from golden.inputs.errors import ParameterError, check_range
from hw.accelerator.built import network_of
from hw.command import run_command
from hw.emit.files import write_files
from hw.emit.product import Built, load_product
from hw.run import load_images


@click.command()
@click.argument("manifest", type=Path, metavar="NAME.json")
@click.option("--device", default="lfe5u-85f-6", help=f"{', '.join(parts())}.  [lfe5u-85f-6]")
@click.option("--liberty", type=Path, help="Cell library: synthesis for an ASIC instead.")
@click.option("--seeds", type=int, default=3, help="Placements; Fmax is their median.  [3]")
@click.option("--first-seed", type=int, default=1, help="Of the placements' seeds.  [1]")
@click.option("--no-placement", is_flag=True, help="Synthesis alone.")
@click.option("--jobs", type=int, default=os.cpu_count(), help="Placements at a time.  [all cores]")
@click.option("--copies", type=int, default=1, help="Of the build, placed together.  [1]")
@click.option("--floorplan", is_flag=True, help="Tell where cells are too.")
@click.option("--board", help="A self-test's bitstream for a board instead: ulx3s-12f to -85f.")
@click.option("--weights", type=Path, help="With --board: what was built in.  [NAME.npz]")
@click.option("--images", type=Path, help="With --board and a network: an .npz file with x.")
@click.option("--wrong-weight", is_flag=True, help="With --board: a test that must fail.")
@click.option("--yosys", type=Path, metavar="PATH", help="A Yosys >= 0.40.  [the pyosys wheel]")
@click.option("--nextpnr", type=Path, metavar="PATH", help="A native nextpnr.  [the wheel]")
@click.option("--cache", type=Path, default=Path("build/cache"), help="Kept steps.  [build/cache]")
@click.option("--no-cache", is_flag=True, help="Run every step, keep none.")
@click.option("-o", "--out", type=Path, help="File to write.  [NAME.DEVICE.json or NAME.BOARD.bit]")
def main(manifest: Path, cache: Path, no_cache: bool, **options: Any) -> None:
    """Synthesise, place and route a build out of context, every port registered.

    Prints the figures and writes them as JSON. Steps are kept by the content of all that goes into
    them, so a second run of the same build takes a second.

    With --board, stored lines are sent through the engine on the board and its results compared
    with stored golden ones: LED 0 lights when done, 1 for pass, 2 for fail. A network shows the
    classes of eight stored images in turn, on LEDs 0 to 3; 4 lights once all outputs were right, 5
    as soon as one was not.
    """
    product = load_product(manifest)
    kept = Cache(None if no_cache else cache)
    if options["board"] is not None:
        _self_test(manifest, product, kept, options)
    elif options["liberty"] is not None:
        _map_to_cells(manifest, product, kept, options)
    else:
        _measure(manifest, product, kept, options)


def _measure(manifest: Path, product: Built, cache: Cache, options: dict[str, Any]) -> None:
    check_range("seeds", options["seeds"], 1, 99)
    check_range("jobs", options["jobs"], 1, 99)
    check_range("copies", options["copies"], 1, 99)
    check_range("first_seed", options["first_seed"], 1, 2**31 - 99)
    device = part_named(options["device"])
    seeds = 0 if options["no_placement"] else options["seeds"]
    with progress("implementing", n_steps(device, seeds)) as step:
        means = Means(
            seeds=seeds,
            first_seed=options["first_seed"],
            jobs=options["jobs"],
            cache=cache,
            progress=step,
            yosys=options["yosys"],
            nextpnr=options["nextpnr"],
            copies=options["copies"],
            floorplan=options["floorplan"],
        )
        report = implement(product, device, means)
    click.echo(report.table())
    _write(options["out"] or manifest.with_suffix(f".{device.name}.json"), report.json())


def _map_to_cells(manifest: Path, product: Built, cache: Cache, options: dict[str, Any]) -> None:
    with progress("synthesising", asic.N_STEPS) as step:
        report = asic.estimate(
            product, options["liberty"], yosys=options["yosys"], cache=cache, progress=step
        )
    click.echo(report.table())
    _write(options["out"] or manifest.with_suffix(f".{asic.DEVICE}.json"), report.json())


def _self_test(manifest: Path, product: Built, cache: Cache, options: dict[str, Any]) -> None:
    board = options["board"]
    board_device(board)
    test = _test_of(manifest, product, options)
    with progress("implementing", N_STEPS) as step:
        bits = bitstream(
            test,
            board,
            cache=cache,
            progress=step,
            yosys=options["yosys"],
            native=options["nextpnr"],
        )
    _write(options["out"] or manifest.with_suffix(f".{board}.bit"), bits)


def _test_of(manifest: Path, product: Built, options: dict[str, Any]) -> Built:
    """Return a build in what goes onto a board around it."""
    wrong, given = options["wrong_weight"], options["weights"]
    if product.manifest.get("kind") != "network":
        if options["images"] is not None:
            raise ParameterError("images", "left out but for a network on a board", "given")
        design = golden_design(product, given or manifest.with_suffix(".npz"))
        return self_tested(product, design, wrong_weight=wrong)
    if options["images"] is None:
        raise ParameterError("images", "given for a network on a board", "left out")
    network = network_of(product.manifest, manifest.parent)
    images, _ = load_images(options["images"], network)
    return classified(product, network, images, wrong=wrong)


def _write(path: Path, content: bytes) -> None:
    write_files({path.name: content}, path.parent)
    click.echo(path)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status, 2 with one line on stderr for bad input."""
    return run_command(main, "implement", arguments)
