"""ParC from the first stage on: write docs/early-stages.md: ``python scripts/early_stages.py``.

Networks with every depthwise layer replaced are converted, compiled for the accelerator of
docs/published.md, and their cycles predicted, beside those of the networks as they are.
"""

import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flow.converted import converted
from flow.early import cost_rows, costs, plot
from flow.published import CAPACITY, CLOCK
from golden.accelerator.external.compile import compile_external
from golden.inputs.errors import ParameterError
from hw.accelerator.external.layers import predicted
from hw.accelerator.external.timing import MemoryPace
from hw.emit.files import write_files
from nets import zoo
from nets.settle import images

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "early"
PAIRS = (
    (zoo.mobilenetv2, zoo.mobilenetv2_parc, zoo.mobilenetv2_all_parc),
    (zoo.convnext_xt, zoo.convnext_xt_parc, zoo.convnext_xt_all_parc),
)
"""Without ParC, with it where it was published, and with it everywhere."""
SIZES = (224, 112)
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

- On the array each channel keeps to the diagonal: one of 16 products is of use. That is what the
  compiler does. As a circulant, a line's samples as channels, all would be but for lengths that 16
  does not divide; it is not built.
- The depthwise unit's products are in carry chains: it has multipliers for scaling alone, and the
  look-up tables that docs/benchmarks.md says.
- A direct engine's chain takes half a multiplier a tap and sample, a transform's logarithm hardly
  grows, and modulo 2^b + 1 only the products of spectra take multipliers: from 14 samples on the
  fast ones are cheaper in multipliers, from 56 and 112 on in LUTs too.

## Whole networks

Random parameters; cycles predicted with a memory of 40 cycles and 9.1 bytes a cycle, frames a
second at {CLOCK / 1e6:g} MHz, which is given (`python scripts/early_stages.py`). `all_parc` has
ParC in the place of every depthwise layer; where that had a stride, every other result goes on. The
last column is what would be left with a Fermat engine of {{lanes}} lanes beside the array, which
does ParC's samples one after the other while nothing else is done; it is not built.
"""
_LANES = 4


def row(name: str, size: int) -> Sequence[str]:
    """Return a network's line of the table, or why the compiler has none."""
    shown = images((size, size), 2).numpy()
    network = converted(FOLDER / f"{name}_{size}", f"nets.zoo:{name}", shown)
    square = f"{size} x {size}"
    try:
        program = compile_external(network, CAPACITY, packs=True)
    except ParameterError as refused:
        return name, square, f"{network.products:,}", f"refused: {refused}", "", "", ""
    cycles, layers = predicted(network, program, _PACE)
    operators = network.operators
    circular = {n for n, operator in operators.items() if operator.kind == "circular"}
    taken = sum(layer.cycles for layer in layers if layer.name in circular)
    samples = sum(math.prod(network.maps[n].shape) for n in circular)
    left = cycles - taken + samples // _LANES
    return (
        name,
        square,
        *(f"{number:,}" for number in (network.products, cycles)),
        f"{taken / cycles:.0%}",
        f"{CLOCK / cycles:,.1f}",
        f"{left:,}" if circular else "-",
    )


def _table(rows: Iterator[Sequence[str]]) -> str:
    heads = next(rows)
    lines = [f"| {' | '.join(heads)} |", "|---|" + "--:|" * (len(heads) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(one)} |" for one in rows)])


def networks() -> Iterator[Sequence[str]]:
    """Yield the table of networks, heads first."""
    yield _COLUMNS
    for factories in PAIRS:
        for size in SIZES:
            for factory in factories:
                click.echo(f"{factory.__name__} {size}")
                yield row(factory.__name__, size)


@click.command()
def main() -> None:
    """Write docs/early-stages.md and its plot."""
    found = costs()
    head = _HEAD.replace("{costs}", _table(cost_rows(found))).replace("{lanes}", str(_LANES))
    text = f"{head}\n{_table(networks())}\n"
    files = {"early-stages.md": text.encode(), "early-stages.svg": plot(found)}
    write_files(files, ROOT / "docs")


if __name__ == "__main__":
    main()
