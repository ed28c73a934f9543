"""ParC from the first stage on: write docs/early-stages.md: ``python scripts/early_stages.py``.

Networks with every depthwise layer replaced are converted, compiled for the accelerator of
docs/published.md, and their cycles predicted, beside those of the networks as they are.
"""

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flow.converted import converted
from flow.early import cost_rows, costs, plot
from flow.markdown import table_lines
from flow.published import CAPACITY, CLOCK, foreseen
from golden.accelerator.external.compile import compile_external
from golden.inputs.errors import ParameterError
from golden.network.circular import Circular
from hw.accelerator.external.timing import MemoryPace
from hw.emit.files import write_files
from nets import zoo
from nets.settle import images

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "early"
NETWORKS = {
    (zoo.mobilenetv2, zoo.mobilenetv2_parc, zoo.mobilenetv2_all_parc): (224, 112, 64),
    (zoo.convnext_xt, zoo.convnext_xt_parc, zoo.convnext_xt_all_parc): (224, 112),
}
"""Without ParC, with it where it was published, and with it everywhere; sizes of images."""
_PACE = MemoryPace(40, 9.1)
_COLUMNS = ("network", "size", "products", "cycles", "of them ParC", "frames/s", "with an engine")

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
  compiler takes what is done sooner, with what memory brings: the circulant from 14 samples on.
  Beside its products the depthwise unit turns lines, two words a position and tile of channels.
- The depthwise unit's products are in carry chains: it has multipliers for scaling alone, and the
  look-up tables that docs/benchmarks.md says.
- A direct engine's chain takes half a multiplier a tap and sample, a transform's logarithm hardly
  grows, and modulo 2^b + 1 only the products of spectra take multipliers: from 14 samples on the
  fast ones are cheaper in multipliers; in LUTs too fft is from 56 on, Fermat at 224.

## Whole networks

Random parameters; cycles predicted with a memory of 40 cycles and 9.1 bytes a cycle, frames a
second at {CLOCK / 1e6:g} MHz, which is given (`python scripts/early_stages.py`). `all_parc` has
ParC in the place of every depthwise layer; where that had a stride, every other result goes on. The
last column is what would be left with a Fermat engine of {{lanes}} lanes beside the array, which
does ParC's samples one after the other while nothing else is done; it is not built.
"""
_LANES = 4


def _place(name: str, size: int) -> Path:
    return FOLDER / f"{name}_{size}.json"


def kept(name: str, size: int) -> dict[str, Any]:
    """Return what is foreseen of a network, found unless it was before."""
    path = _place(name, size)
    if not path.exists():
        shown = images((size, size), 2).numpy()
        network = converted(FOLDER / f"{name}_{size}", f"nets.zoo:{name}", shown)
        found: dict[str, Any] = {"name": name, "size": size, "products": network.products}
        operators = network.operators
        circular = (n for n, one in operators.items() if one.kind == Circular.kind)
        found["circular_samples"] = sum(math.prod(network.maps[n].shape) for n in circular)
        try:
            program = compile_external(network, CAPACITY, packs=True)
            found |= foreseen(network, program, _PACE)[0]
        except ParameterError as refused:
            found["refused"] = str(refused)
        write_files({path.name: json.dumps(found, indent=1).encode()}, path.parent)
    kept_before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept_before


def row(one: Mapping[str, Any]) -> Sequence[str]:
    """Return a network's line of the table, or why the compiler has none."""
    name, size, products = one["name"], f"{one['size']} x {one['size']}", f"{one['products']:,}"
    if "refused" in one:
        return name, size, products, f"refused: {one['refused']}", "", "", ""
    cycles, taken = one["predicted"], one.get("circular_cycles")
    left = f"{cycles - taken + one['circular_samples'] // _LANES:,}" if taken else "-"
    share, speed = f"{taken / cycles:.0%}" if taken else "-", f"{CLOCK / cycles:,.1f}"
    return name, size, products, f"{cycles:,}", share, speed, left


def _table(rows: Iterator[Sequence[str]]) -> str:
    return "\n".join(table_lines(next(rows), rows))


def networks(*, again: bool) -> Iterator[Sequence[str]]:
    """Yield the table of networks, heads first; if ``again``, of those that are kept."""
    yield _COLUMNS
    for factories, sizes in NETWORKS.items():
        for size in sizes:
            for factory in factories:
                name = factory.__name__
                if not again or _place(name, size).exists():
                    yield row(kept(name, size))


@click.command()
@click.option("--again", is_flag=True, help="Only write anew what is kept.")
def main(again: bool) -> None:
    """Write docs/early-stages.md and its plot."""
    found = costs()
    head = _HEAD.replace("{costs}", _table(cost_rows(found))).replace("{lanes}", str(_LANES))
    text = f"{head}\n{_table(networks(again=again))}\n"
    files = {"early-stages.md": text.encode(), "early-stages.svg": plot(found)}
    write_files(files, ROOT / "docs")


if __name__ == "__main__":
    main()
