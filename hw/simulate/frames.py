"""Frames through an accelerator of `hw.build network`, whose memory is inside, under Verilator."""

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from golden.accelerator.program import Program
from golden.accelerator.words import bytes_of
from golden.numbers.interval import Integers
from hw.accelerator.timing import Timeline
from hw.emit.product import Built
from hw.simulate.verilator import Compiled, SimulationError
from hw.simulate.watch import Port, watch, words_of

_MAIN = Path(__file__).with_name("frames.cpp")


@dataclass(frozen=True, eq=False)
class Frame:
    """What came of a frame.

    Attributes
    ----------
    words
        int64 ``[given, tile]``: words given.
    cycles
        From the first word taken to the next frame's.
    written
        int64 ``[n, tile]``: words of maps, the one taken first, in the order in which they were
        written; none unless they were asked for.
    """

    words: Integers
    cycles: int
    written: Integers


class Frames:
    """An accelerator, built to be run.

    Parameters
    ----------
    product
        What was built.
    program
        What it does.
    cache
        Where programs are kept.
    watched
        Whether to see all maps.

    Raises
    ------
    SimulationError
        Where Verilator refuses it.
    """

    def __init__(self, product: Built, program: Program, cache: Path, *, watched: bool) -> None:
        self._program = program
        self._tile = program.sizes.tile
        verilog = dict(product.sources) | product.models
        if watched:
            maps = Port(f"{product.name}__accelerator", "w_en", "w_addr", "w_data")
            verilog |= watch([maps], self._tile)
        self._watched = sum(len(places) for _, places in program.writes) if watched else 0
        self._bench = Compiled(product.name, verilog, _MAIN).build(cache)

    def run(self, frames: Integers) -> Iterator[Frame]:
        """Send ``frames`` ``[F, taken, tile]``, one behind the other, and yield what comes of each.

        Raises
        ------
        SimulationError
            Where the simulation stops.
        """
        program, tile = self._program, self._tile
        patience = 1000 + 4 * Timeline(program).cycles_per_frame
        numbers = (program.taken, program.given, tile, len(frames), patience)
        size = 8 + program.given * tile
        with tempfile.TemporaryDirectory() as folder:
            sent, seen = Path(folder) / "frames", Path(folder) / "watched"
            sent.write_bytes(bytes_of(frames))
            command = [str(self._bench), *map(str, numbers), str(seen)]
            with (
                sent.open("rb") as given,
                subprocess.Popen(
                    command, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE
                ) as bench,
            ):
                assert bench.stdout is not None
                assert bench.stderr is not None
                for index in range(len(frames)):
                    read = bench.stdout.read(size)
                    if len(read) < size:
                        raise SimulationError(bench.stderr.read().decode().strip() or "It ended")
                    cycles = int(np.frombuffer(read[:8], "<u8")[0])
                    yield Frame(words_of(read[8:], tile), cycles, self._seen(seen, index))

    def _seen(self, path: Path, index: int) -> Integers:
        """Return the words watched of a frame, which is over."""
        size = self._watched * self._tile
        with path.open("rb") as file:
            file.seek(index * size)
            return words_of(file.read(size), self._tile)
