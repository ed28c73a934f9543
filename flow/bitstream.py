"""A bitstream for a board: a build and what tests or feeds it, placed onto the pins."""

import json
from dataclasses import dataclass
from pathlib import Path

from boards import ulx3s
from boards.classifier import TOP as CLASSIFIER
from boards.classifier import classifier, stored_images
from boards.selftest import TOP, self_test
from flow.cache import Cache, Step
from flow.families import Part, part_named
from flow.place import NETLIST, REPORT, effort_for
from flow.progress import Progress
from flow.synthesis import synthesise
from flow.tools import FlowError, Yosys, ecppack, nextpnr
from golden.inputs.errors import ParameterError
from golden.inputs.read import read_arrays
from golden.line.design import LineDesign
from golden.network.network import Network
from golden.operator.parc import Floats
from hw.emit.axi import PortNames
from hw.emit.generate import generate
from hw.emit.manifest import design_of, integers_of
from hw.emit.product import Built
from hw.emit.template import command_of

_WITHOUT_PINS = ("--out-of-context", "--lpf-allow-unconstrained")
"""What nextpnr is told of builds that are measured: they have no pins."""
N_STEPS = 3
SHOWN_S = 1
"""Seconds for which the class of an image is shown."""
PINS = "board.lpf"
CONFIGURATION = "board.config"
BITSTREAM = "board.bit"


def golden_design(product: Built, weights: Path) -> LineDesign:
    """Return the design that ``product`` is a build of, with the weights that it was given.

    Raises
    ------
    ParameterError
        Where it has a weights port, or was built from other weights.
    """
    manifest = product.manifest
    if manifest["parameters"]["weights"] != "rom":
        raise ParameterError("board", "left out for a build with --weights-port", "given")
    integers = integers_of(manifest, read_arrays(weights, "weights"))
    design = design_of(manifest, integers)
    reset = manifest["reset"]
    names = PortNames(manifest["clock"], reset["name"], reset["active"])
    verilog = product.sources[f"{product.name}.v"].decode()
    built = generate(design, names, command=command_of(verilog))
    if any(built[name] != content for name, content in product.sources.items()):
        raise ParameterError("weights", f"those that {product.name} was built from", weights)
    return design


def self_tested(product: Built, design: LineDesign, *, wrong_weight: bool) -> Built:
    """Return the self-test around ``product`` as something to be implemented itself."""
    verilog = self_test(product.manifest, design, wrong_weight=wrong_weight)
    return _around(product, TOP, verilog)


def classified(product: Built, network: Network, images: Floats, *, wrong: bool) -> Built:
    """Return what shows the classes of stored images on a board as something to be implemented."""
    stored = stored_images(network, product.manifest, images, wrong=wrong)
    verilog = classifier(product.manifest, stored, SHOWN_S * ulx3s.CLOCK_MHZ * 10**6)
    return _around(product, CLASSIFIER, verilog)


def _around(product: Built, top: str, verilog: str) -> Built:
    return Built(
        name=top,
        clock="clock",
        sources=product.sources | {f"{top}.v": verilog.encode()},
        manifest=product.manifest,
    )


def bitstream(
    test: Built,
    board: str,
    *,
    cache: Cache,
    progress: Progress,
    yosys: Path | None = None,
    native: Path | None = None,
) -> bytes:
    """Return the bitstream of a self-test, as `self_tested` makes it, for ``board``.

    Raises
    ------
    FlowError
        Where the placed design is slower than the board's clock.
    """
    device = part_named(board_device(board))
    netlist = synthesise(test, device.family, Yosys(yosys), cache, placed=True)
    progress("synthesis")
    pins = ulx3s.constraints().encode()
    clocks, bits = on_pins(netlist, pins, device, cache=cache, progress=progress, native=native)
    for clock in clocks.values():
        if clock.mhz < ulx3s.CLOCK_MHZ:
            raise FlowError(f"{clock.mhz:.1f} MHz is under the board's {ulx3s.CLOCK_MHZ}")
    return bits


@dataclass(frozen=True)
class PlacedClock:
    """A clock of what was placed.

    Parameters
    ----------
    mhz
        What it can run at.
    asked_mhz
        What it runs at.
    """

    mhz: float
    asked_mhz: float


def on_pins(
    netlist: bytes,
    pins: bytes,
    device: Part,
    *,
    cache: Cache,
    progress: Progress,
    native: Path | None = None,
    seed: int = 1,
) -> tuple[dict[str, PlacedClock], bytes]:
    """Place and route ``netlist`` onto pins, and return clocks by their nets, and the bitstream.

    Parameters
    ----------
    netlist
        As `synthesise` leaves it.
    pins
        Where ports are, as nextpnr reads it (LPF).
    device
        Of a family with `ecppack`.
    cache, progress
        Of steps; it is called twice.
    native
        A native nextpnr.
    seed
        Of the placement.
    """
    placer, packer = nextpnr("ecp5", native), ecppack(native)
    effort = effort_for(netlist, device, pins=True)
    arguments = [
        *(word for word in device.arguments if word not in _WITHOUT_PINS),
        *effort.arguments,
        *("--lpf", PINS, "--json", NETLIST, "--report", REPORT, "--textcfg", CONFIGURATION),
        *("--seed", str(seed), "--timing-allow-fail"),
    ]
    placed = cache.run(
        Step(
            {NETLIST: netlist, PINS: pins},
            (placer.version, *arguments),
            lambda folder: placer.run(arguments, folder),
            (REPORT, CONFIGURATION),
        )
    )
    progress("place and route")
    pack = ["--compress", "--input", CONFIGURATION, "--bit", BITSTREAM]
    packed = cache.run(
        Step(
            {CONFIGURATION: placed[CONFIGURATION]},
            (packer.version, *pack),
            lambda folder: packer.run(pack, folder),
            (BITSTREAM,),
        )
    )
    progress("bitstream")
    clocks = {
        net: PlacedClock(clock["achieved"], clock["constraint"])
        for net, clock in json.loads(placed[REPORT])["fmax"].items()
    }
    return clocks, packed[BITSTREAM]


def board_device(board: str) -> str:
    """Return the device on ``board``.

    Raises
    ------
    ParameterError
        Where there is no such board.
    """
    if board not in ulx3s.DEVICES:
        raise ParameterError("board", f"one of {', '.join(ulx3s.DEVICES)}", repr(board))
    return ulx3s.DEVICES[board]
