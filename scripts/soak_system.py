"""A built network behind its drivers: in C, in Python, and on a simulated SoC with a processor.

Every byte of every output is compared with the model's.
"""

import importlib.util
import shutil
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

from golden.inputs.read import read_arrays
from golden.inputs.write import arrays_archive
from hw.accelerator.built import external_program_of, network_of
from hw.accelerator.external.driver import c_header
from hw.accelerator.external.drivers import parc
from hw.emit.product import Built, load_product
from hw.simulate.driven import SimulatedBus, driven
from hw.simulate.external import ExternalBench, compiled

ROOT = Path(__file__).resolve().parent.parent
_HOST = ROOT / "tests" / "accelerator" / "external" / "host.c"
_COMPILER = "riscv64-unknown-elf-gcc"
_SIZE, _IMAGES, _TILE = 16, 200, 8
_OPTIONS = ("--memory=axi", "--scalers=2", "--map-bytes=16384")
_WIDTHS = (32, 64, 128)
"""Of the bus of the digits' builds: as wide as LiteX's, and such as are converted."""
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


def digits_built(folder: Path) -> tuple[list[Path], Path]:
    """Convert the digits' ParC-MetaFormer, and build it for each width of a bus.

    Returns
    -------
    The manifests, and images.
    """
    # Here, for a build of one's own needs no torch.
    from nets.digits import digits

    folder.mkdir(parents=True, exist_ok=True)
    images = folder / "images.npz"
    x, y = digits(_SIZE, test=True)
    images.write_bytes(arrays_archive({"x": x[:_IMAGES], "y": y[:_IMAGES]}))
    network = ("nets.digits:trained_metaformer", "--whole", f"--input-size={_SIZE}x{_SIZE}")
    _call("hw.convert", *network, f"--calibration={images}", f"--out={folder}")
    names = []
    for bits in _WIDTHS:
        tile = max(_TILE, bits // 8)
        own = (f"--data-bits={bits}", f"--tile={tile}", f"--name=digits_{bits}", f"--out={folder}")
        _call("hw.build", "network", f"--config={folder / 'network.toml'}", *_OPTIONS, *own)
        names.append(folder / f"digits_{bits}.json")
    return names, images


def _call(module: str, *arguments: str) -> None:
    command = [sys.executable, "-m", module, *arguments]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def on_processors(
    manifest: Path, frames: Sequence[bytes], expected: Sequence[bytes], cache: Path
) -> None:
    """Run frames on LiteX's SoC with its memory inside, and with SDRAM behind LiteDRAM."""
    # Here, for LiteX may be absent.
    from parc_litex.simulation import simulate

    for sdram in (False, True):
        with tempfile.TemporaryDirectory() as made:
            text, found = simulate(manifest, frames, Path(made), cache, sdram=sdram)
        click.echo("".join(line for line in text.splitlines(True) if line.startswith("PARC")))
        assert [one.output for one in found] == expected
        # What LiteDRAM's model of the chip says of commands too early and refresh too late.
        assert "violation" not in text, text
        memory = "SDRAM" if sdram else "memory inside"
        click.echo(f"processor, {memory}: {len(frames)} outputs are the model's")


@click.command()
@click.argument("manifest", type=Path, required=False)
@click.option("--images", type=Path, help="With a manifest: array x.")
@click.option("--count", default=2, show_default=True, help="Of images.")
@click.option("--processor/--no-processor", default=None, help="Whether LiteX's SoCs run as well.")
@click.option("--cache", type=Path, default=Path("build") / "run", help="Of programs.")
def main(
    manifest: Path | None, images: Path | None, count: int, processor: bool | None, cache: Path
) -> None:
    """Run a build's first program, and end with the first thing that is wrong.

    Without a manifest the digits' ParC-MetaFormer is built, for buses of 32, 64 and 128 bits.
    LiteX's SoCs run where their compiler is installed.
    """
    if manifest is None or images is None:
        manifests, images = digits_built(ROOT / "build" / "soak" / "system")
    else:
        manifests = [manifest]
    if processor is None:
        processor = shutil.which(_COMPILER) is not None
        if not processor:
            click.echo(f"no processor: {_COMPILER} is not installed")
    for one in manifests:
        check(one, images, count, cache, processor=processor)


def check(manifest: Path, images: Path, count: int, cache: Path, *, processor: bool) -> None:
    """Run the first images through a build, behind each driver and if asked each SoC."""
    product, folder = load_product(manifest), manifest.resolve().parent
    facts = product.manifest
    click.echo(f"{product.name}: a bus of {facts['parameters']['data_bits']} bits")
    network = network_of(facts, folder)
    arrays = read_arrays(images, "images")
    maps = network.quantize(arrays["x"][:count].astype(np.float64))
    program = external_program_of(facts, network, folder, 0)
    frames = program.frames(maps)
    expected = [program.run(frame) for frame in frames]
    assert in_c(product, folder, frames, cache) == 2 * expected
    click.echo(f"parc.c: {2 * count} outputs are the model's")
    assert in_python(product, folder, frames, cache) == expected
    click.echo(f"parc.py: {count} outputs are the model's")
    if processor:
        on_processors(manifest, frames, expected, cache)


if __name__ == "__main__":
    main()
