"""``python -m hw.run``: images through a built accelerator, compared with its integer model."""

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np

from golden.accelerator.external.program import ExternalProgram, ExternalRun, Writes
from golden.accelerator.sizes import Sizes
from golden.accelerator.words import frames_of, maps_of
from golden.inputs.errors import ParameterError, check_range
from golden.inputs.read import read_arrays
from golden.network.network import Network
from golden.numbers.interval import Integers
from golden.operator.parc import Floats
from hw.accelerator.built import external_program_of, network_of, program_of
from hw.accelerator.external.layers import cycles_by_layer
from hw.command import run_command, table
from hw.emit.files import to_json, write_files
from hw.emit.product import Built, load_product
from hw.simulate.external import Moved, unheard
from hw.simulate.external_frames import IDEAL, ExternalFrames, MemoryModel
from hw.simulate.frames import Frames
from hw.simulate.verilator import SimulationError
from hw.simulate.watch import words_of

CACHE = Path("build") / "run"
_IDEAL = "ideal"
Different = dict[str, int]


@dataclass(frozen=True)
class RunOptions:
    """How a build is run.

    Parameters
    ----------
    layers
        Whether every map is compared, not outputs alone.
    memory
        How memory outside behaves.
    program
        Which one, counted from 0.
    """

    layers: bool = False
    memory: MemoryModel = IDEAL
    program: int = 0


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
    waiting
        Cycles that were spent waiting for memory.
    read_bytes, written_bytes
        From memory and to it.
    layers
        Cycles that each layer took, where all maps were compared and memory is outside.
    """

    outputs: dict[str, Integers]
    maps: dict[str, Integers]
    cycles: int
    different: Different
    waiting: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    layers: Mapping[str, int] = field(default_factory=dict)

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
            "waiting": self.waiting,
            "read_bytes": self.read_bytes,
            "written_bytes": self.written_bytes,
        }


class Accelerated(ABC):
    """A network on an accelerator that was built, in simulation: see `accelerated`.

    Attributes
    ----------
    described
        What the manifest says of its program.
    network
        What it computes.
    layered
        Whether every map is compared, not outputs alone.
    """

    described: Mapping[str, Any]
    network: Network
    layered: bool

    @abstractmethod
    def run(self, images: Floats, moved: Moved = unheard) -> Iterator[Ran]:
        """Yield what comes of each of ``images`` ``[n, channels, height, width]``.

        ``moved`` hears of cycles that have gone by.
        """

    def _compare(self, made: Mapping[str, Integers], golden: Mapping[str, Integers]) -> Different:
        return {
            name: int(np.count_nonzero(values != golden[name])) for name, values in made.items()
        }


class _Inside(Accelerated):
    """With all memory inside: frames on streams, one behind the other."""

    def __init__(self, product: Built, folder: Path, cache: Path, *, layered: bool) -> None:
        facts = product.manifest
        self.network = network_of(facts, folder)
        (self.described,) = facts["programs"]
        self.layered = layered
        self._program = program_of(facts, self.network)
        self._frames = Frames(product, self._program, cache, watched=layered)

    def run(self, images: Floats, moved: Moved = unheard) -> Iterator[Ran]:
        """See `Accelerated`."""
        network, sizes = self.network, self._program.sizes
        maps = network.quantize(images)
        for x, frame in zip(maps, self._frames.run(frames_of(maps, sizes)), strict=True):
            golden = network.trace({network.input: x[None]})
            outputs = _split(frame.words, network, sizes)
            found = self._program.written(frame.written) if self.layered else {}
            made = outputs | {
                name: maps_of(words[None], network.maps[name], sizes)[0]
                for name, words in found.items()
            }
            wanted = {name: values[0] for name, values in golden.items()}
            moved(frame.cycles)
            yield Ran(outputs, made, frame.cycles, self._compare(made, wanted))


class Outside(Accelerated):
    """With memory outside: one frame after the other, as a driver does it.

    Words inside are compared with those that the program's model writes, at each address of the
    buffer of maps in their order, which is not that of maps; outputs with the network's.

    Parameters
    ----------
    product
        What was built.
    network
        That is run.
    program
        Of it, for what was built.
    described
        What the manifest says of it, or would.
    cache
        Where simulators are kept.
    request
        How it is run.
    """

    def __init__(
        self,
        product: Built,
        network: Network,
        program: ExternalProgram,
        described: Mapping[str, Any],
        cache: Path,
        request: RunOptions,
    ) -> None:
        self.network, self.described, self.layered = network, described, request.layers
        self._program = program
        memory = request.memory
        self._frames = ExternalFrames(product, program, cache, memory, watched=self.layered)

    def run(self, images: Floats, moved: Moved = unheard) -> Iterator[Ran]:
        """See `Accelerated`."""
        network, program = self.network, self._program
        sizes = program.capacity.sizes
        maps = network.quantize(images)
        sent = program.frames(maps)
        for x, frame, ran in zip(maps, sent, self._frames.run(sent, moved), strict=True):
            golden = network.run({network.input: x[None]})
            outputs = _split(words_of(ran.output, sizes.tile), network, sizes)
            different = self._compare(outputs, {name: y[0] for name, y in golden.items()})
            if self.layered:
                different |= _differences(program, frame, ran.written)
            o = ran.outcome
            layers: Mapping[str, int] = {}
            if self.layered:
                layers = cycles_by_layer(program, [*ran.begins.tolist(), o.cycles])
            counts = (o.waiting, o.read_bytes, o.written_bytes)
            yield Ran(outputs, outputs, o.cycles, different, *counts, layers)


def _differences(program: ExternalProgram, frame: bytes, found: Writes) -> Different:
    """Return how many samples of words differ from the model's, by what they are of.

    Units do not write in the order of the program; what they write to an address is.
    """
    model = ExternalRun(program, frame)
    model.output()
    numbers: dict[str, int] = {}
    of_each = [numbers.setdefault(name, len(numbers)) for name, _ in model.written]
    layers = np.repeat(of_each, [len(one.places) for _, one in model.written])
    places = np.concatenate([one.places for _, one in model.written])
    words = np.concatenate([one.words for _, one in model.written])
    wanted, made = _turns(places), _turns(found.places)
    common, golden, ours = np.intersect1d(wanted, made, assume_unique=True, return_indices=True)
    # Words that are missing, or that nothing asked for, are wrong in all their samples.
    wrong = np.full(len(words), words.shape[1])
    wrong[golden] = np.count_nonzero(words[golden] != found.words[ours], axis=1)
    counts = np.bincount(layers, weights=wrong, minlength=len(numbers)).astype(np.int64)
    counts[-1] += (len(made) - len(common)) * words.shape[1]
    return dict(zip(numbers, counts.tolist(), strict=True))


def _turns(places: Integers) -> Integers:
    """Return a number for each of ``places``, which says how often it was there before, too."""
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    first = np.searchsorted(ordered, ordered)
    turns = np.empty_like(places)
    turns[order] = ordered + ((np.arange(len(places)) - first) << 32)
    return turns


def accelerated(manifest: Path, cache: Path, request: RunOptions) -> Accelerated:
    """Return what was built, ready to run.

    Parameters
    ----------
    manifest
        Of `hw.build network`.
    cache
        Where simulators are kept.
    request
        How it is run.

    Raises
    ------
    ParameterError
        Where it is no accelerator's manifest, its files are others, or it has no memory outside.
    """
    product = load_product(manifest)
    facts = product.manifest
    if facts.get("parameters", {}).get("memory") == "axi":
        number = request.program
        network = network_of(facts, manifest.parent, number)
        program = external_program_of(facts, network, manifest.parent, number)
        return Outside(product, network, program, facts["programs"][number], cache, request)
    if facts.get("kind") == "network" and request.memory != IDEAL:
        raise ParameterError("memory", f"{_IDEAL} where all memory is inside", request.memory.told)
    return _Inside(product, manifest.parent, cache, layered=request.layers)


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
        "layers": [
            {**layer, "measured": ran[-1].layers[layer["name"]]}
            if ran and layer["name"] in ran[-1].layers
            else dict(layer)
            for layer in layers
        ],
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


def parse_memory(text: str) -> MemoryModel:
    """Return the memory that ``ideal`` or ``LATENCY,BYTES_A_CYCLE`` describes.

    Raises
    ------
    ParameterError
        Where it is neither.
    """
    if text == _IDEAL:
        return IDEAL
    found = re.fullmatch(r"(\d{1,6}),(\d{1,3}(?:\.\d{1,3})?)", text)
    if found is None or not float(found[2]):
        rule = f"{_IDEAL}, or cycles of latency and bytes a cycle with a comma between"
        raise ParameterError("memory", rule, repr(text))
    return MemoryModel(int(found[1]), round(1000 * float(found[2])))


def _layers(ran: list[Ran], layers: list[Mapping[str, Any]]) -> str:
    """Return a table a layer: cycles as predicted, and as measured where they were."""
    rows = [["layer", "cycles", "measured", "products", "limit", "mismatches"]]
    for layer in layers:
        name = layer["name"]
        differ = [one.different[name] for one in ran if name in one.different]
        found = f"{sum(differ)}" if differ else "-"
        cycles = [f"{layer.get(key, '-')}" for key in ("cycles", "measured", "products", "limit")]
        rows.append([name, *cycles, found])
    return table(rows)


def _say(ran: list[Ran], labels: Integers | None, ready: Accelerated) -> None:
    classes = [one.chosen for one in ran]
    cycles = sorted({one.cycles for one in ran})
    several = f"{cycles[0]} to {cycles[-1]}" if len(cycles) > 1 else f"{cycles[0]}"
    shown = " ".join(map(str, classes[:20])) + (" ..." if len(classes) > 20 else "")
    click.echo(f"classes: {shown}")
    if labels is not None:
        right = int(np.count_nonzero(np.array(classes) == labels))
        click.echo(f"right: {right} of {len(ran)}")
    predicted = ready.described.get("cycles")
    promised = "" if predicted is None else f" (the manifest: {predicted})"
    click.echo(f"cycles a frame: {several}{promised}")
    one = ran[-1]
    if one.read_bytes:
        traffic = f"{one.read_bytes:,} bytes read, {one.written_bytes:,} written"
        click.echo(f"the last one: {one.waiting:,} cycles waiting for memory, {traffic}")
    compared = "samples of all maps" if ready.layered else "samples of outputs"
    click.echo(f"mismatches with the integer model: {report_of(ran, [])['mismatches']}, {compared}")


@click.command()
@click.argument("manifest", type=Path, metavar="NAME.json")
@click.option("--images", type=Path, required=True, help="An .npz file with x [n, C, H, W].")
@click.option("--count", type=int, help="The first ones of it.  [all]")
@click.option(
    "--memory",
    default=_IDEAL,
    help=f"Outside: {_IDEAL}, or LATENCY,BYTES: cycles, and bytes a cycle.  [{_IDEAL}]",
)
@click.option("--program", default=0, help="Which network, of several: its number.  [0]")
@click.option("--layers", is_flag=True, help="Compare every map, not outputs alone.")
@click.option("--cache", type=Path, default=CACHE, help=f"Kept simulators.  [{CACHE}]")
@click.option("-o", "--out", type=Path, help="JSON file to write.")
def main(
    manifest: Path,
    images: Path,
    count: int | None,
    memory: str,
    layers: bool,
    program: int,
    cache: Path,
    out: Path | None,
) -> int:
    """Run images through the Verilog of hw.build network, and compare with its integer model.

    Prints classes and cycles; ends with 1 where anything differs. x holds real numbers, as for
    hw.convert's --calibration; y, if there, what each image shows.
    """
    if count is not None:
        check_range("count", count, 1, 10**9)
    ready = accelerated(manifest, cache, RunOptions(layers, parse_memory(memory), program))
    x, labels = load_images(images, ready.network, count)
    ran: list[Ran] = []
    try:
        cycles = len(x) * ready.described.get("cycles", 1)
        with click.progressbar(length=cycles, label="running", file=sys.stderr) as bar:
            ran += ready.run(x, bar.update)
    except SimulationError as reason:
        raise click.ClickException(str(reason)) from None
    report = report_of(ran, ready.described["layers"])
    if layers:
        click.echo(_layers(ran, report["layers"]))
    _say(ran, labels, ready)
    if out is not None:
        write_files({out.name: to_json(report)}, out.parent)
    return 1 if report["mismatches"] else 0


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status, 2 with one line on stderr for bad input."""
    return run_command(main, f"{__package__}.run", arguments)


if __name__ == "__main__":
    sys.exit(run())
