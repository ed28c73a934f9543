"""``python -m hw.run``: images through a built accelerator, compared with its integer model."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from golden.accelerator.sizes import Sizes
from golden.accelerator.words import frames_of, maps_of
from golden.inputs.errors import ParameterError, check_range
from golden.inputs.read import read_arrays
from golden.network.network import Network
from golden.numbers.interval import Integers
from golden.operator.parc import Floats
from hw.accelerator.built import network_of, program_of
from hw.command import run_command, table
from hw.emit.files import to_json, write_files
from hw.emit.product import load_product
from hw.simulate.frames import Frames
from hw.simulate.verilator import SimulationError

CACHE = Path("build") / "run"
_IDEAL = "ideal"


@dataclass(frozen=True, eq=False)
class Ran:
    """What came of a frame.

    Attributes
    ----------
    outputs
        int64 ``[C, H, W]`` by name.
    maps
        All that were compared, likewise.
    cycles
        Until the next frame could begin.
    different
        Samples that differ from the model's, by map: outputs, or all of them.
    """

    outputs: dict[str, Integers]
    maps: dict[str, Integers]
    cycles: int
    different: dict[str, int]

    @property
    def chosen(self) -> int:
        """Class: index of the greatest sample of the first output."""
        return int(next(iter(self.outputs.values())).argmax())

    @property
    def described(self) -> dict[str, Any]:
        """Entry of a report."""
        return {
            "class": self.chosen,
            "outputs": {name: values.tolist() for name, values in self.outputs.items()},
            "cycles": self.cycles,
            "waiting": 0,
            "read_bytes": 0,
            "written_bytes": 0,
        }


class Accelerated:
    """A network on an accelerator that was built, in simulation.

    Parameters
    ----------
    manifest
        Of `hw.build network`.
    cache
        Where simulators are kept.
    all_maps
        Whether every map is compared, not outputs alone.

    Raises
    ------
    ParameterError
        Where it is no accelerator's manifest, or its files are others.
    """

    def __init__(self, manifest: Path, cache: Path, *, all_maps: bool) -> None:
        self.product = load_product(manifest)
        facts = self.product.manifest
        self.network = network_of(facts, manifest.parent)
        self.program = program_of(facts, self.network)
        (self.described,) = facts["programs"]
        self.layered = all_maps
        self._frames = Frames(self.product, self.program, cache, watched=all_maps)

    def run(self, images: Floats) -> Iterator[Ran]:
        """Yield what comes of each of ``images`` ``[n, channels, height, width]``."""
        network, sizes = self.network, self.program.sizes
        maps = network.quantize(images)
        for x, frame in zip(maps, self._frames.run(frames_of(maps, sizes)), strict=True):
            golden = network.trace({network.input: x[None]})
            outputs = _split(frame.words, network, sizes)
            found = self.program.written(frame.written) if self.layered else {}
            made = outputs | {
                name: maps_of(words[None], network.maps[name], sizes)[0]
                for name, words in found.items()
            }
            different = {
                name: int(np.count_nonzero(values != golden[name][0]))
                for name, values in made.items()
            }
            yield Ran(outputs, made, frame.cycles, different)


def _split(words: Integers, network: Network, sizes: Sizes) -> dict[str, Integers]:
    """Return the outputs of the words that were given."""
    outputs, first = {}, 0
    for name in network.outputs:
        data = network.maps[name]
        count = -(-data.channels // sizes.tile) * data.height * data.width
        outputs[name] = maps_of(words[None, first : first + count], data, sizes)[0]
        first += count
    return outputs


def report_of(ran: list[Ran], layers: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what ``-o`` writes."""
    return {
        "frames": [one.described for one in ran],
        "mismatches": sum(sum(one.different.values()) for one in ran),
        "layers": [dict(layer) for layer in layers],
    }


def load_images(
    path: Path, network: Network, count: int | None = None
) -> tuple[Floats, Integers | None]:
    """Return the first ``count`` images for ``network`` and, where known, what they show.

    Raises
    ------
    ParameterError
        Where they cannot be read, or are of another shape than the network's input.
    """
    arrays = read_arrays(path, "images")
    data = network.maps[network.input]
    x = arrays.get("x")
    rule = f"of an array x [n, {data.channels}, {data.height}, {data.width}] of finite numbers"
    if x is None:
        raise ParameterError("images", rule, ", ".join(arrays) or "nothing")
    if x.dtype.kind not in "fiu" or x.ndim != 4 or x.shape[1:] != data.shape or not len(x):
        raise ParameterError("images", rule, f"{x.dtype} {list(x.shape)}")
    if not np.isfinite(x).all():
        raise ParameterError("images", rule, "some that are not")
    labels = arrays.get("y")
    if labels is not None and (labels.shape != x.shape[:1] or labels.dtype.kind not in "iu"):
        raise ParameterError("images", "of a class y for each image", list(labels.shape))
    known = None if labels is None else labels[:count].astype(np.int64)
    return x[:count].astype(np.float64), known


def _layers(ran: list[Ran], layers: list[Mapping[str, Any]]) -> str:
    """Return a table a layer."""
    rows = [["layer", "cycles", "products", "mismatches"]]
    for layer in layers:
        name = layer["name"]
        differ = [one.different[name] for one in ran if name in one.different]
        found = f"{sum(differ)}" if differ else "-"
        rows.append([name, f"{layer['cycles']}", f"{layer['products']}", found])
    return table(rows)


def _say(ran: list[Ran], labels: Integers | None, accelerated: Accelerated) -> None:
    classes = [one.chosen for one in ran]
    cycles = sorted({one.cycles for one in ran})
    several = f"{cycles[0]} to {cycles[-1]}" if len(cycles) > 1 else f"{cycles[0]}"
    shown = " ".join(map(str, classes[:20])) + (" ..." if len(classes) > 20 else "")
    click.echo(f"classes: {shown}")
    if labels is not None:
        right = int(np.count_nonzero(np.array(classes) == labels))
        click.echo(f"right: {right} of {len(ran)}")
    predicted = accelerated.described["cycles"]
    click.echo(f"cycles a frame: {several} (the manifest: {predicted})")
    compared = "samples of all maps" if accelerated.layered else "samples of outputs"
    click.echo(f"mismatches with the integer model: {report_of(ran, [])['mismatches']}, {compared}")


@click.command()
@click.argument("manifest", type=Path, metavar="NAME.json")
@click.option("--images", type=Path, required=True, help="An .npz file with x [n, C, H, W].")
@click.option("--count", type=int, help="The first ones of it.  [all]")
@click.option("--memory", default=_IDEAL, help=f"{_IDEAL}: nothing is outside.  [{_IDEAL}]")
@click.option("--layers", is_flag=True, help="Compare every map, not outputs alone.")
@click.option("--cache", type=Path, default=CACHE, help=f"Kept simulators.  [{CACHE}]")
@click.option("-o", "--out", type=Path, help="JSON file to write.")
def main(
    manifest: Path,
    images: Path,
    count: int | None,
    memory: str,
    layers: bool,
    cache: Path,
    out: Path | None,
) -> int:
    """Run images through the Verilog of hw.build network, and compare with its integer model.

    Prints classes and cycles; ends with 1 where anything differs. x holds real numbers, as for
    hw.convert's --calibration; y, if there, what each image shows.
    """
    if memory != _IDEAL:
        raise ParameterError("memory", f"{_IDEAL} where all memory is inside", repr(memory))
    if count is not None:
        check_range("count", count, 1, 10**9)
    accelerated = Accelerated(manifest, cache, all_maps=layers)
    x, labels = load_images(images, accelerated.network, count)
    ran: list[Ran] = []
    try:
        with click.progressbar(
            accelerated.run(x), length=len(x), label="running", file=sys.stderr, show_pos=True
        ) as frames:
            ran += frames
    except SimulationError as reason:
        raise click.ClickException(str(reason)) from None
    report = report_of(ran, accelerated.described["layers"])
    if layers:
        click.echo(_layers(ran, report["layers"]))
    _say(ran, labels, accelerated)
    if out is not None:
        write_files({out.name: to_json(report)}, out.parent)
    return 1 if report["mismatches"] else 0


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status, 2 with one line on stderr for bad input."""
    return run_command(main, f"{__package__}.run", arguments)


if __name__ == "__main__":
    sys.exit(run())
