"""One small accelerator with its memory outside, for all tests: programs change, it does not."""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from golden.accelerator.abilities import ALL
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.line_engines import LineEngines, exact_engines
from golden.accelerator.external.program import ExternalProgram
from golden.accelerator.external.registers import Stop
from golden.accelerator.sizes import Sizes
from golden.accelerator.words import bytes_of, frames_of, maps_of
from golden.network.network import Network
from golden.numbers.interval import Integers, wrap
from hw.accelerator.external.accelerator import ExternalAccelerator
from hw.accelerator.external.timing import ExternalTimeline
from hw.emit.axi import MemoryWrapper, PortNames
from hw.emit.verilog import to_verilog
from hw.simulate.external import ExternalBench, Outcome, compiled
from sim.accelerator import case_of
from sim.runner import CACHE, build

CAPACITY = Capacity(
    sizes=Sizes(tile=8, scalers=2, positions=64),
    data_bits=32,
    burst=8,
    map_bytes=1 << 13,
    constants=512,
    tables=4,
    weight_bytes=1 << 11,
    side_bits=8,
    patience=13,
    abilities=replace(ALL, norm=128, single=True, addition=True),
)
MEMORY = 1 << 22
PATIENCE = 3_000_000
"""Cycles."""
IDEAL = dict.fromkeys(("latency", "rate", "stall", "reorder", "silent"), 0)
WILD = {"latency": 7, "stall": 300, "reorder": 1}
IDEAL |= dict.fromkeys(("read_error", "write_error"), -1)


TOP = "external"


LINED = replace(
    CAPACITY,
    map_bytes=1 << 15,
    depthwise=3,
    lines=LineEngines(exact_engines()[-1], 20),
)
"""With line engines, two of them."""


@cache
def verilog_of(capacity: Capacity = CAPACITY, *, hardened: bool = False) -> dict[str, bytes]:
    """Return the accelerator's Verilog, of module `TOP`, by file name."""
    wrapper = MemoryWrapper(
        ExternalAccelerator(capacity),
        PortNames(),
        data_bits=capacity.data_bits,
        address_bits=capacity.address_bits,
    )
    verilog = to_verilog(wrapper, TOP, wrapper.ports, hardened=hardened)
    return {f"{TOP}.v": verilog.encode()}


@cache
def built(capacity: Capacity = CAPACITY) -> Path:
    """Return the bench's program, built unless it was before."""
    return compiled(TOP, verilog_of(capacity)).build(CACHE)


def frames_as_bytes(maps: Integers, sizes: Sizes) -> list[bytes]:
    """Return maps ``[F, C, H, W]`` as they lie in memory."""
    return [bytes_of(frame) for frame in frames_of(maps, sizes)]


def expected_of(program: ExternalProgram, frames: Sequence[bytes]) -> bytes:
    """Return what frames give, one behind the other."""
    return b"".join(program.run(frame) for frame in frames)


def sizes_of(program: ExternalProgram, frames: Sequence[bytes]) -> dict[str, int]:
    """Return the bytes of regions that frames need."""
    beat = program.capacity.beat_bytes
    return {
        "PROGRAM": len(program.image),
        "INPUT": sum(map(len, frames)),
        "OUTPUT": len(frames) * program.output * beat,
        "SCRATCH": program.scratch * beat,
    }


@dataclass
class Session:
    """A program in memory, and the frames that it is to run on."""

    bench: ExternalBench
    program: ExternalProgram
    frames: Sequence[bytes]
    expected: bytes = b""
    """What they give; computed where it is not told."""

    def __post_init__(self) -> None:
        self.expected = self.expected or expected_of(self.program, self.frames)
        self.sizes = sizes_of(self.program, self.frames)
        self.place()

    def place(self) -> None:
        """Name regions, and write what is in them."""
        self.bases = self.bench.name_regions(self.sizes)
        self.bench.poke(self.bases["PROGRAM"], self.program.image)
        self.bench.poke(self.bases["INPUT"], b"".join(self.frames))

    def set(self, **settings: int) -> None:
        """Make memory behave so; ideally where nothing is said."""
        for name, value in {**IDEAL, **settings}.items():
            self.bench.tell("set", name, value)

    def run(self) -> Outcome:
        """Run all frames."""
        self.bench.poke(self.bases["OUTPUT"], bytes(len(self.expected)))
        self.bench.start(len(self.frames))
        return self.bench.wait(PATIENCE)

    @property
    def right(self) -> bool:
        """Whether the output is what it must be."""
        return self.bench.peek(self.bases["OUTPUT"], len(self.expected)) == self.expected


@dataclass(frozen=True)
class ExternalJob:
    """What a run of `sim.bench_external` is about.

    Parameters
    ----------
    image
        Of the program.
    frames, count
        What lies in the region of input, and how many frames that is.
    expected
        What must lie in that of output.
    sizes
        Bytes of regions.
    cycles
        That all frames take.
    step
        Cycles between two in which it is reset, where it is.
    """

    image: bytes
    frames: bytes
    count: int
    expected: bytes
    sizes: dict[str, int]
    cycles: int
    step: int = 1


def run_external(
    capacity: Capacity,
    network: Network,
    frames: Integers,
    folder: Path,
    *,
    test: str,
    simulator: str,
    step: int = 1,
    edit: Callable[[str], str] = lambda verilog: verilog,
) -> None:
    """Run a test of `sim.bench_external` on a network's frames ``[F, C, H, W]``.

    ``step`` is as of `ExternalJob`; ``edit`` changes the Verilog before that.

    Raises
    ------
    sim.runner.SimulationError
        Where it fails.
    """
    program = compile_external(network, capacity)
    images = frames_as_bytes(frames, capacity.sizes)
    expected = expected_of(program, images)
    job = ExternalJob(
        program.image,
        b"".join(images),
        len(images),
        expected,
        sizes_of(program, images),
        len(images) * ExternalTimeline(program).cycles,
        step,
    )
    folder.mkdir(parents=True, exist_ok=True)
    sources = []
    for name, text in verilog_of(capacity).items():
        sources.append(folder / name)
        sources[-1].write_text(edit(text.decode()), encoding="utf-8")
    kept = folder / "external.pickle"
    kept.write_bytes(pickle.dumps(job))
    env = {"EXTERNAL_JOB": str(kept.resolve())}
    build(sources, TOP, simulator=simulator).run(
        "sim.bench_external", folder=folder, tests=(test,), env=env
    )


def run_case(bench: ExternalBench, seed: int, *, own: bool, capacity: Capacity = CAPACITY) -> int:
    """Run the operator that a seed draws on ideal and on wild memory; return its cycles.

    Raises
    ------
    AssertionError
        Where it stops, or a sample is not the network's.
    """
    network, words = case_of(seed, own=own)
    (output,) = network.outputs
    session = Session(
        bench, compile_external(network, capacity), frames_as_bytes(words, capacity.sizes)
    )
    cycles = 0
    for settings in ({}, WILD):
        session.set(**settings)
        outcome = session.run()
        assert outcome.code == Stop.NONE, (seed, own, outcome)
        assert session.right, (seed, own, settings)
        cycles += outcome.cycles
    given = wrap(np.frombuffer(session.expected, np.uint8).astype(np.int64), 8)
    made = maps_of(given.reshape(1, -1, capacity.sizes.tile), network.maps[output], capacity.sizes)
    np.testing.assert_array_equal(made, network.run({network.input: words})[output])
    return cycles
