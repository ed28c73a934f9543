"""ParC's blocks, small: each as a network of its own, and all of them through one Verilog."""

from pathlib import Path

import numpy as np

from golden.accelerator.sizes import Sizes
from golden.network.files import CONFIG, read_network
from golden.network.network import Network
from golden.numbers.interval import Integers
from hw.command import run_command
from hw.convert import load_command
from nets.single import PUBLISHED, Shape, to_onnx
from sim.accelerator import run_networks
from sim.runner import simulators

SHAPE = Shape(32, 4)


def converted(name: str, folder: Path) -> tuple[Network, Integers]:
    """Return a block in integers, and an image for it."""
    sides = (SHAPE.channels, SHAPE.length, SHAPE.length)
    images = np.random.default_rng(1).normal(size=(2, *sides)).astype(np.float32)
    file, out = folder / f"{name}.onnx", folder / name
    np.savez(folder / "images.npz", x=images)
    to_onnx(name, SHAPE, file)
    size = f"{SHAPE.length}x{SHAPE.length}"
    given = ["--whole", "--input-size", size, "--calibration", str(folder / "images.npz")]
    assert run_command(load_command(), "hw.convert", [str(file), *given, "-o", str(out)]) == 0
    network = read_network(out / CONFIG)
    return network, network.quantize(images[:1].astype(np.float64))


def test_blocks_through_the_verilog(tmp_path: Path) -> None:
    """Every word that leaves, and the cycle in which each map begins to."""
    cases = [converted(name, tmp_path) for name in PUBLISHED]
    sizes = Sizes(tile=8, scalers=4, positions=16)
    run_networks(cases, sizes, tmp_path / "sim", simulator=simulators()[-1])
