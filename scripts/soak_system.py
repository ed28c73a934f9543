"""A built network behind its drivers: in C, in Python, and on a simulated SoC with a processor.

Every byte of every output is compared with the model's. docs/litex.md has a build that it takes.
"""

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from golden.accelerator.words import frames_of
from golden.inputs.read import read_arrays
from hw.accelerator.built import external_program_of, network_of, sizes_of
from hw.accelerator.external.driver import c_header
from hw.accelerator.external.drivers import parc
from hw.emit.product import Built, load_product
from hw.simulate.driven import SimulatedBus, driven
from hw.simulate.external import ExternalBench, compiled

ROOT = Path(__file__).resolve().parent.parent
_HOST = ROOT / "tests" / "accelerator" / "external" / "host.c"
_FIRST = 1 << 16
"""Of memory that a driver is given."""


def in_c(product: Built, folder: Path, frames: Sequence[bytes], cache: Path) -> list[bytes]:
    """Return what the driver in C, under sanitizers, makes of frames: at once, then one by one."""
    with tempfile.TemporaryDirectory() as made:
        here = Path(made)
        for name in ("parc.c", "parc.h", "parc_registers.h"):
            (here / name).write_bytes((folder / name).read_bytes())
        # host.c knows the build by this name.
        (here / "build.h").write_text(c_header("build", product.manifest), encoding="ascii")
        verilog = dict(product.sources) | product.models
        program = driven(product.name, verilog, _HOST, here, cache)
        given, result = here / "input", here / "output"
        given.write_bytes(b"".join(frames))
        image = folder / f"{product.name}.bin"
        words = ["run", str(image), str(given), str(result), str(len(frames))]
        subprocess.run([str(program), str(_room(product, frames)), str(_FIRST), *words], check=True)
        size = product.manifest["programs"][0]["output_bytes"]
        content = result.read_bytes()
    return [content[at : at + size] for at in range(0, len(content), size)]


def in_python(product: Built, folder: Path, frames: Sequence[bytes], cache: Path) -> list[bytes]:
    """Return what the driver in Python makes of frames, one by one."""
    program = compiled(product.name, dict(product.sources) | product.models).build(cache)
    sys.modules["parc"] = parc
    spec = importlib.util.spec_from_file_location("built", folder / f"{product.name}.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    room = _room(product, frames)
    results = []
    with ExternalBench(program, room) as bench:
        acc = module.accelerator(SimulatedBus(bench, address=_FIRST, size=room - _FIRST))
        acc.load()
        for frame in tqdm(frames, unit="frame"):
            acc.put(0, frame)
            acc.run()
            results.append(acc.get(0))
    return results


def _room(product: Built, frames: Sequence[bytes]) -> int:
    """Return bytes of memory that are enough."""
    (*_, last) = product.manifest["programs"]
    sizes = last["bytes"] + last["scratch_bytes"]
    sizes += len(frames) * (last["input_bytes"] + last["output_bytes"])
    return 1 << int(2 * _FIRST + sizes).bit_length()


@click.command()
@click.argument("manifest", type=Path)
@click.option("--images", type=Path, required=True, help="Array x, and y of classes if need be.")
@click.option("--count", default=2, show_default=True, help="Of images.")
@click.option("--processor/--no-processor", default=True, help="Whether LiteX's SoC runs as well.")
@click.option("--cache", type=Path, default=Path("build") / "run", help="Of programs.")
def main(manifest: Path, images: Path, count: int, processor: bool, cache: Path) -> None:
    """Run a build's first program, and end with the first thing that is wrong."""
    product, folder = load_product(manifest), manifest.resolve().parent
    facts = product.manifest
    network = network_of(facts, folder)
    arrays = read_arrays(images, "images")
    maps = network.quantize(arrays["x"][:count].astype(np.float64))
    frames = [
        (frame & 255).astype(np.uint8).tobytes() for frame in frames_of(maps, sizes_of(facts))
    ]
    program = external_program_of(facts, network, folder, 0)
    expected = [program.run(frame) for frame in frames]
    assert in_c(product, folder, frames, cache) == 2 * expected
    click.echo(f"parc.c: {2 * count} outputs are the model's")
    assert in_python(product, folder, frames, cache) == expected
    click.echo(f"parc.py: {count} outputs are the model's")
    if processor:
        # Here, for LiteX may be absent.
        from parc_litex.simulation import simulate

        with tempfile.TemporaryDirectory() as made:
            text, found = simulate(manifest, frames, Path(made), cache)
        click.echo(text)
        assert [one.output for one in found] == expected
        click.echo(f"processor: {count} outputs are the model's")


if __name__ == "__main__":
    main()
