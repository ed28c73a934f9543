"""ParC from the first stage on: write docs/early-stages.md: ``python scripts/early_stages.py``.

Networks with every depthwise layer replaced are converted, compiled for the accelerator of
docs/published.md, and their cycles predicted, beside those of the networks as they are.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flow.converted import converted
from flow.early import cost_rows, costs, plot
from flow.markdown import table_lines
from flow.published import CAPACITY, CLOCK, foreseen
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.line_engines import LineEngines
from golden.inputs.errors import ParameterError
from golden.network.network import Network
from hw.accelerator.external.timing import MemoryPace
from hw.emit.files import write_files
from hw.plan.memories import MEMORIES, memory_named
from hw.plan.whole import Planned, lines_for, whole_plan
from hw.targets.registry import device_named
from nets import zoo
from nets.settle import images
from nets.zoo import Size

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "early"
NETWORKS = {
    (zoo.mobilenetv2, zoo.mobilenetv2_parc, zoo.mobilenetv2_all_parc): (
        (224, 224),
        (112, 112),
        (64, 64),
    ),
    (zoo.convnext_xt, zoo.convnext_xt_parc, zoo.convnext_xt_all_parc): ((224, 224), (112, 112)),
    (zoo.mobilenetv2_parc,): ((800, 1280),),
}
"""Without ParC, with it where it was published, and with it everywhere; height and width."""
_PACE = MemoryPace(40, 9.1)
_BUFFERS = tuple(CAPACITY.map_bytes << more for more in range(4))
_COLUMNS = (
    *("network", "size", "products", "cycles", "of them ParC", "frames/s", "MB"),
    *("with line engines", "cycles with them", "of them ParC", "MB"),
)

PLANNED = ("mobilenetv2_all_parc", (112, 112))
_DEVICES = ("lfe5u-85f-6", "xc7a200t")
_PLANNED_COLUMNS = ("device", "memory", "cycles without", "with", "cycles with", "change")

_HEAD = f"""\
# ParC in early stages

<!-- Written by scripts/early_stages.py. -->

Global kernels where maps are large are what a fast transform is for. What a sample of a depthwise
layer costs, multipliers times cycles, by the predictions of the line engines at ECP5 (their best
options, kernels loaded), by the array and by the depthwise unit of the accelerator of
[published.md](published.md); height and width of the map are the line's length:

![multipliers and LUTs against the length of a line](early-stages.svg)

{{costs}}

- On the array's diagonal each channel keeps to itself: one of 16 products is of use. As a
  circulant, a line's samples as channels, all are but for lengths that 16 does not divide. The
  compiler takes what is done sooner, with what memory brings: the circulant from 14 samples on,
  where there are no line engines.
  Beside its products the depthwise unit turns lines, two words a position and tile of channels.
- The depthwise unit's products are in carry chains: it has multipliers for scaling alone, and the
  look-up tables that docs/benchmarks.md says.
- A direct engine's chain takes half a multiplier a tap and sample, a transform's logarithm hardly
  grows, and modulo 2^b + 1 only the products of spectra take multipliers: from 14 samples on the
  fast ones are cheaper in multipliers; in LUTs too fft is from 56 on, Fermat at 224.

## Whole networks

Random parameters; cycles predicted with a memory of 40 cycles and 9.1 bytes a cycle, frames a
second at {CLOCK / 1e6:g} MHz, which is given (`python scripts/early_stages.py`). `all_parc` has
ParC in the place of every depthwise layer; where that had a stride, every other result goes on.

The last columns are the same accelerator with line engines in its depthwise unit (`--lines`,
[accelerator.md](accelerator.md)), which take some of its memory and multipliers more, and more than
an LFE5U-85F has. Lines below each other are read whole, so large maps need a larger buffer, which
the first column says. An engine does lines of its length and of half of it and less; of the lengths
of a network's lines, and of one that does all of them, the one that takes the fewest cycles is
named. The last line is a backbone at a size of detection, 1280 wide: lines of 80, 50, 40 and 25.

{{networks}}

Simulated whole, every sample of all maps the model's: `mobilenetv2_all_parc` at 112 x 112 on a
small one, `--tile 8 --scalers 4 --depthwise 3 --lines fermat:56`, 2,111,147 cycles on that memory
(2,108,905 predicted; 2,329,214 without line engines):

    python -m hw.build network --memory axi --tile 8 --scalers 4 --depthwise 3 --lines fermat:56 \\
        --config build/early/mobilenetv2_all_parc_112x112/network.toml --name lined -o build/lined
    python -m hw.run build/lined/lined.json --memory 40,9.1 --layers \\
        --images build/early/mobilenetv2_all_parc_112x112/images.npz

## On a device

What `hw.plan --memory` finds for {PLANNED[0]} on images of 112 x 112: the largest
accelerator that fits without line engines, and with those of the length that takes the fewest
cycles. They take the place of scalers and of half of the buffer of maps, and save what rows of
circulants take of memory's time.

{{planned}}
"""


def _place(name: str, size: Size) -> Path:
    """Return the folder of a network on images of a size; what is foreseen lies beside it."""
    return FOLDER / f"{name}_{size[0]}x{size[1]}"


def kept(name: str, size: Size) -> dict[str, Any]:
    """Return what is foreseen of a network, found unless it was before."""
    place = _place(name, size)
    path = place.with_suffix(".json")
    if not path.exists():
        shown = images(size, 2).numpy()
        network = converted(place, f"nets.zoo:{name}", shown)
        found: dict[str, Any] = {"name": name, "size": size, "products": network.products}
        found |= _in_a_buffer(network)
        write_files({path.name: json.dumps(found, indent=1).encode()}, path.parent)
    kept_before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept_before


def _in_a_buffer(network: Network) -> dict[str, Any]:
    """Return what is foreseen with the least buffer of maps that does it, the published one first.

    A line below each other is read whole, a tile of channels of all its neighbours too.
    """
    engines = [str(one) for one in lines_for(network, CAPACITY.sizes.target)]
    data = network.maps[network.input]
    side_bits = max(CAPACITY.side_bits, max(data.height, data.width).bit_length())
    for map_bytes in _BUFFERS:
        capacity = replace(CAPACITY, map_bytes=map_bytes, side_bits=side_bits)
        with suppress(ParameterError):
            plain = _foreseen(network, capacity)
            lined = {text: _foreseen(network, capacity, text) for text in engines}
            return plain | {"lined": lined, "map_bytes": map_bytes}
    raise RuntimeError(
        f"No buffer of {_BUFFERS} bytes does a network of {network.products} products"
    )


def _foreseen(network: Network, capacity: Capacity, lines: str | None = None) -> dict[str, Any]:
    """Return what is foreseen of a network, with line engines or without."""
    engines = None if lines is None else LineEngines.parse(lines)
    program = compile_external(network, replace(capacity, lines=engines), packs=True)
    return dict(foreseen(network, program, _PACE)[0])


def row(one: Mapping[str, Any]) -> Sequence[str]:
    """Return a network's line of the table."""
    name, size, products = one["name"], " x ".join(map(str, one["size"])), f"{one['products']:,}"
    if one["map_bytes"] != CAPACITY.map_bytes:
        name += f", {one['map_bytes'] >> 10} kB of maps"
    plain = [
        f"{one['predicted']:,}",
        _share(one),
        f"{CLOCK / one['predicted']:,.1f}",
        _traffic(one),
    ]
    lined = min(one["lined"].items(), key=lambda item: item[1]["predicted"], default=None)
    if lined is None:
        return [name, size, products, *plain, "-", "", "", ""]
    engines, other = lined
    own = [engines, f"{other['predicted']:,}", _share(other), _traffic(other)]
    return [name, size, products, *plain, *own]


def _share(one: Mapping[str, Any]) -> str:
    """Return the share of cycles of layers in which ParC is done."""
    taken = one.get("circular_cycles")
    return f"{taken / one['predicted']:.0%}" if taken else "-"


def _traffic(one: Mapping[str, Any]) -> str:
    """Return what goes to and from memory, in MB."""
    return f"{(one['read_bytes'] + one['written_bytes']) / 1e6:.1f}"


def _table(rows: Iterator[Sequence[str]]) -> str:
    return "\n".join(table_lines(next(rows), rows))


def networks(*, again: bool) -> Iterator[Sequence[str]]:
    """Yield the table of networks, heads first; if ``again``, of those that are kept."""
    yield _COLUMNS
    for factories, sizes in NETWORKS.items():
        for size in sizes:
            for factory in factories:
                name = factory.__name__
                if not again or _place(name, size).with_suffix(".json").exists():
                    yield row(kept(name, size))


def planned() -> Iterator[Sequence[str]]:
    """Yield the table of what is planned for devices and memories, heads first."""
    yield _PLANNED_COLUMNS
    name, size = PLANNED
    for device in _DEVICES:
        for memory in MEMORIES:
            pace = memory_named(memory, CLOCK)
            plan = whole_plan(_place(name, size), Planned(device_named(device), CLOCK, pace))
            without, tried = plan["without_lines"], plan["with_lines"]
            engines, cycles = min(tried.items(), key=itemgetter(1))
            change = f"{100 * (cycles / without - 1):+.1f} %"
            yield device, memory, f"{without:,}", engines, f"{cycles:,}", change


@click.command()
@click.option("--again", is_flag=True, help="Only write anew what is kept.")
def main(again: bool) -> None:
    """Write docs/early-stages.md and its plot."""
    found = costs()
    tables = {"costs": cost_rows(found), "networks": networks(again=again), "planned": planned()}
    text = _HEAD
    for name, rows in tables.items():
        text = text.replace(f"{{{name}}}", _table(iter(rows)))
    files = {"early-stages.md": text.encode(), "early-stages.svg": plot(found)}
    write_files(files, ROOT / "docs")


if __name__ == "__main__":
    main()
