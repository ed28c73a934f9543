"""Frames through an accelerator of `hw.build network` whose memory is outside, under Verilator."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from golden.accelerator.external.program import ExternalProgram, Writes
from golden.accelerator.external.registers import Stop
from golden.numbers.interval import Integers
from hw.emit.product import Built
from hw.simulate.external import BETWEEN, ExternalBench, Moved, Outcome, compiled, unheard
from hw.simulate.verilator import SimulationError
from hw.simulate.watch import map_ports, watch, watch_begins

_PATIENCE = 1 << 40
"""Cycles: the accelerator itself stops where nothing moves."""


@dataclass(frozen=True)
class MemoryModel:
    """How external memory behaves.

    Parameters
    ----------
    latency
        Cycles from an address to its first beat.
    thousandths
        Bytes a thousand cycles that it gives and takes at most, or 0: a beat every cycle.
    """

    latency: int = 0
    thousandths: int = 0

    @property
    def told(self) -> str:
        """As the command line has it."""
        return f"{self.latency},{self.thousandths / 1000:g}"


IDEAL = MemoryModel()


@dataclass(frozen=True, eq=False)
class ExternalFrame:
    """What came of a frame.

    Attributes
    ----------
    output
        The region of output.
    outcome
        How it ended, and the counters.
    written
        All words of the buffer of maps, in the order in which they were written; none unless they
        were asked for.
    begins
        int64 ``[n]``: when descriptors began, in cycles of the frame; likewise.
    """

    output: bytes
    outcome: Outcome
    written: Writes
    begins: Integers


class ExternalFrames:
    """An accelerator with memory around it, built to be run.

    Parameters
    ----------
    product
        What was built.
    program
        What it is to do.
    cache
        Where programs of Verilator are kept.
    memory
        How memory behaves.
    watched
        Whether to see all words that are computed.

    Raises
    ------
    SimulationError
        Where Verilator refuses it.
    """

    def __init__(
        self,
        product: Built,
        program: ExternalProgram,
        cache: Path,
        memory: MemoryModel,
        *,
        watched: bool,
    ) -> None:
        self._program, self._memory, self._watched = program, memory, watched
        self._tile = program.capacity.sizes.tile
        verilog = dict(product.sources) | product.models
        if watched:
            text = verilog[f"{product.name}.v"].decode()
            capacity = program.capacity
            halves = 2 if capacity.depthwise else 1
            ports = map_ports(text, [capacity.map_words // halves] * halves)
            verilog |= watch(ports, self._tile) | watch_begins(text)
        self._bench = compiled(product.name, verilog).build(cache)

    def run(self, frames: list[bytes], moved: Moved = unheard) -> Iterator[ExternalFrame]:
        """Run each of ``frames``, and yield what comes of it; ``moved`` hears of cycles.

        Raises
        ------
        SimulationError
            Where it stops.
        """
        program = self._program
        beat = program.capacity.beat_bytes
        sizes = {
            "PROGRAM": len(program.image),
            "INPUT": program.input * beat,
            "OUTPUT": program.output * beat,
            "SCRATCH": program.scratch * beat,
        }
        room = 1 << (sum(sizes.values()) + 2 * BETWEEN * (len(sizes) + 1)).bit_length()
        with tempfile.TemporaryDirectory() as folder, ExternalBench(self._bench, room) as bench:
            seen = Path(folder) / "watched"
            bases = bench.name_regions(sizes)
            bench.tell("set", "latency", self._memory.latency)
            bench.tell("set", "rate", self._memory.thousandths)
            bench.poke(bases["PROGRAM"], program.image)
            for frame in frames:
                bench.poke(bases["INPUT"], frame)
                if self._watched:
                    bench.tell("watch", self._tile, seen)
                bench.start()
                outcome = bench.wait(_PATIENCE, moved)
                if outcome.code != Stop.NONE:
                    raise SimulationError(f"{outcome.code.name} at {outcome.descriptor}")
                written = seen.read_bytes() if self._watched else b""
                began = Path(f"{seen}.begins").read_bytes() if self._watched else b""
                begins = np.frombuffer(began, "<u8").astype(np.int64)
                output = bench.peek(bases["OUTPUT"], sizes["OUTPUT"])
                yield ExternalFrame(output, outcome, self._writes(written), begins)

    def _writes(self, read: bytes) -> Writes:
        """Return what was watched, of its bytes."""
        records = np.frombuffer(read, np.uint8).reshape(-1, 4 + self._tile)
        places = records[:, :4].copy().view("<u4").reshape(-1).astype(np.int64)
        return Writes(places, records[:, 4:].view(np.int8))
