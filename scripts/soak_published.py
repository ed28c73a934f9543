"""Published and trained networks, whole, on one accelerator under Verilator: part of ``make soak``.

Each is converted, compiled for the same Verilog, and one frame of it simulated from pixels to what
the network gives, at its own size, at another and at one that is not square; every word that is
written to the buffer of maps is compared with the model's, outputs with the network's. What came of
a frame is kept in a file of its own: the same again goes on where it was stopped. Figures for
docs/published.md are written with ``--figures``.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flow.converted import Images, converted
from flow.published import (
    CAPACITY,
    FIGURES,
    MEMORY,
    NAME,
    PAGES,
    Frame,
    Page,
    foreseen,
    options,
    pages_of,
)
from golden.accelerator.external.compile import compile_external
from golden.inputs.errors import ParameterError
from golden.network.files import CONFIG
from golden.network.network import Network
from hw import build
from hw.accelerator.external.layers import spent
from hw.accelerator.external.timing import MemoryPace
from hw.command import table
from hw.emit.files import write_files
from hw.emit.product import Built, load_product
from hw.run import CACHE, Outside, RunOptions, parse_memory
from nets.photographs import centre, crops, photographs
from nets.settle import images
from nets.texts import text_directions, texts
from nets.zoo import FACTORIES, gfnet_xs

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "published"
PLACES = ("own", "other", "wide")
_OTHER, _WIDE = 256, (320, 192)
_SEED = 7

Size = tuple[int, int]


@dataclass(frozen=True)
class Published:
    """A network.

    Parameters
    ----------
    size
        Height and width of the images that it was published for.
    model
        What hw.convert reads, given a size.
    shown
        Images of a size: the first is simulated, all choose formats.
    options
        Of hw.convert.
    """

    size: Size
    model: Callable[[Size], str]
    shown: Callable[[Size], Images]
    options: Sequence[str] = ()

    def sizes(self) -> dict[str, Size]:
        """Return sizes by what they are: its own, another, one that is not square."""
        other = _OTHER if self.size != (_OTHER, _OTHER) else _OTHER + 32
        return dict(zip(PLACES, (self.size, (other, other), _WIDE), strict=True))


def _noise(size: Size) -> Images:
    found: Images = images(size, 2, seed=_SEED).numpy()
    return found


def _pictures(size: Size) -> Images:
    """Return photographs and parts of them, the middle where they are not square."""
    side = max(size)
    whole = np.stack([centre(pixels, side) for pixels in photographs().values()])
    square = np.concatenate([whole, crops(9, side)])
    top, left = ((side - length) // 2 for length in size)
    return square[:, :, top : top + size[0], left : left + size[1]]


def _written(size: Size) -> Images:
    """Return texts, as often as they fit."""
    shown, _ = texts(24, seed=1)
    times = [-(-length // side) for length, side in zip(size, shown.shape[2:], strict=True)]
    return np.tile(shown, (1, 1, *times))[:, :, : size[0], : size[1]]


def _filters(size: Size) -> str:
    """Return a file of GFNet-XS, whose filters are of one size."""
    path = FOLDER / f"gfnet-xs_{_told(size)}.pt2"
    if not path.exists():
        image = torch.zeros(1, 3, *size)
        torch.export.save(torch.export.export(gfnet_xs(size=size), (image,)), path)
    return str(path)


def _zoo(name: str, size: Size = (224, 224)) -> Published:
    place = f"nets.zoo:{FACTORIES[name].__name__}"
    return Published(size, lambda _: place, _noise)


NETWORKS: Mapping[str, Published] = {
    # The chances' softmax stays outside.
    "text-directions": Published(
        (48, 192), lambda _: str(text_directions()), _written, ["--until=linear_1.tmp_1"]
    ),
    **{name: _zoo(name) for name in ("mobilenetv2", "mobilenetv2-parc")},
    "efficientnet-lite0": Published(
        (224, 224),
        lambda _: "nets.efficientnet:trained",
        _pictures,
        ["--observer=mse", "--equalise"],
    ),
    "convnext-xt-parc": _zoo("convnext-xt-parc"),
    "parcnet-s": _zoo("parcnet-s", (256, 256)),
    "gfnet-xs": Published((224, 224), _filters, _noise),
    **{name: _zoo(name) for name in ("resnet50-parc", "resnet50", "convnext-t-parc")},
}
"""The smallest first."""


def _told(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


def integers(name: str, size: Size) -> tuple[Network, Images]:
    """Return a network in integers, and the image that it gets."""
    one = NETWORKS[name]
    shown = one.shown(size)
    network = converted(_folder(name, size), one.model(size), shown, one.options)
    return network, shown[:1]


def _folder(name: str, size: Size) -> Path:
    return FOLDER / f"{name}_{_told(size)}"


def accelerator() -> Built:
    """Return the accelerator, built unless it was before; one program is in its files."""
    manifest = FOLDER / "accelerator" / f"{NAME}.json"
    if not manifest.exists():
        first, one = next(iter(NETWORKS.items()))
        integers(first, one.size)
        config = _folder(first, one.size) / CONFIG
        given = ["--config", str(config), "--name", NAME]
        if build.run(["network", *given, *options(), "-o", str(manifest.parent)]):
            sys.exit("The accelerator must be built")
    return load_product(manifest)


def frame(
    product: Built, network: Network, image: Images, memory: str, *, simulate: bool
) -> dict[str, Any]:
    """Return what comes of a frame: cycles, traffic, what differs."""
    program = compile_external(network, CAPACITY, packs=True)
    model = parse_memory(memory)
    known, layers = foreseen(network, program, MemoryPace(model.latency, model.thousandths / 1000))
    found = {**known, "memory": memory, "program": hashlib.sha256(program.image).hexdigest()[:16]}
    if not simulate:
        return found
    entries = [layer.described(known["multipliers"]) for layer in layers]
    request = RunOptions(layers=True, memory=model)
    run = Outside(product, network, program, {"layers": entries}, CACHE, request)
    with click.progressbar(length=known["predicted"], label="running", file=sys.stderr) as bar:
        (ran,) = run.run(image.astype(np.float64), bar.update)
    return {
        **found,
        "cycles": ran.cycles,
        "waiting": ran.waiting,
        "read_bytes": ran.read_bytes,
        "written_bytes": ran.written_bytes,
        **spent(network, ran.layers, layers),
        "mismatches": sum(ran.different.values()),
        "class": ran.chosen,
        "layers": [{**one, "measured": ran.layers[one["name"]]} for one in entries],
    }


def kept(name: str, place: str, memory: str, *, simulate: bool) -> dict[str, Any]:
    """Return what comes of a network's frame, unless it was before."""
    size = NETWORKS[name].sizes()[place]
    product = accelerator()
    digest = hashlib.sha256(product.sources[f"{NAME}.v"]).hexdigest()[:16]
    path = _path(name, place, memory)
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if found["verilog"] == digest and (found.keys() & {"cycles", "refused"} or not simulate):
            return found
    click.echo(f"{name}, {_told(size)}, {memory}")
    network, image = integers(name, size)
    found = {"network": name, "size": _told(size), "place": place, "verilog": digest}
    try:
        found |= frame(product, network, image, memory, simulate=simulate)
    except ParameterError as reason:
        found["refused"] = str(reason)
    write_files({path.name: json.dumps(found, indent=1).encode()}, path.parent)
    return found


def _path(name: str, place: str, memory: str) -> Path:
    return FOLDER / "frames" / f"{name}_{_told(NETWORKS[name].sizes()[place])}_{memory}.json"


def pages(one: Frame) -> list[Page]:
    """Return what a network's program is predicted to take with other memories; it is kept."""
    path = FOLDER / "frames" / f"{one['network']}_pages.json"
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if found["program"] == one["program"]:
            known: list[Page] = found["pages"]
            return known
    network, _ = integers(one["network"], NETWORKS[one["network"]].size)
    made = pages_of(network, compile_external(network, CAPACITY, packs=True))
    text = json.dumps({"program": one["program"], "pages": made})
    write_files({path.name: text.encode()}, path.parent)
    return made


def rows(frames: Sequence[Frame]) -> Iterator[list[str]]:
    """Yield the table of frames."""
    yield ["network", "predicted", "cycles", "waiting", "differ"]
    for one in frames:
        name = f"{one['network']} {one['size']}"
        keys = ("predicted", "cycles", "waiting", "mismatches")
        yield [name, *(f"{one[key]:,}" if key in one else "-" for key in keys)]


@click.command()
@click.option("--network", "names", multiple=True, type=click.Choice(list(NETWORKS)))
@click.option("--at", multiple=True, type=click.Choice(PLACES), help="Which sizes.  [all]")
@click.option("--memory", default=MEMORY, show_default=True, help="As hw.run has it.")
@click.option("--foresee", is_flag=True, help="Only predict.")
@click.option("--known", is_flag=True, help="Only what was done before.")
@click.option("--figures", is_flag=True, help=f"Write {FIGURES.name} in docs.")
def main(
    names: Sequence[str],
    at: Sequence[str],
    memory: str,
    foresee: bool,
    known: bool,
    figures: bool,
) -> None:
    """Simulate a frame of each network at each size; exit where a sample differs."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    one_frame = partial(kept, memory=memory, simulate=not foresee)
    frames = [
        one_frame(name, place)
        for place in at or PLACES
        for name in names or NETWORKS
        if not known or _path(name, place, memory).exists()
    ]
    click.echo(table(list(rows(frames))))
    if figures:
        told = [{key: one[key] for key in one if key != "layers"} for one in frames]
        text = json.dumps({"frames": told}, indent=1)
        found = {one["network"]: pages(one) for one in frames if one["place"] == "own"}
        # A network a line.
        lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(one)}" for key, one in found.items())
        written = {FIGURES.name: f"{text}\n", PAGES.name: f"{{\n{lines}\n}}\n"}
        write_files({name: text.encode() for name, text in written.items()}, FIGURES.parent)
    if any(one.get("mismatches") for one in frames):
        sys.exit(1)


if __name__ == "__main__":
    main()
