"""The part of the campaign that runs long: 10^9 samples an engine, 1,000 frames of a network."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.registers import Stop
from golden.line.example import example_weights
from hw.engines import ENGINES
from hw.simulate.external import BusError, ExternalBench
from hw.simulate.verilator import SimulationError
from sim.bulk import run_bulk
from sim.campaign.part import Outcome
from sim.campaign.small import LONG, SMALL, every
from sim.external import MEMORY, Session, built, frames_as_bytes

_BLOCK, _BLOCKS = 10_000_000, 100
"""Samples that are told together, and how often."""
_FRAMES, _RUNS = 50, 20
"""Of the accelerator, likewise."""
_ACCELERATOR = "accelerator-axi"
_SAMPLE = 20_000
_PACES = (0.0, 0.05, 0.3)
"""Stalls of source and sink, that blocks take in turns."""


def _line(engine: str, samples: int, seed: int) -> Outcome:
    """Send samples through an engine, each result compared with its golden model."""
    options = LONG[engine]
    formats = {"length": options["length"], "channels": options.get("channels", 1)}
    weights = example_weights(**formats, data_bits=8, weight_bits=8, requantized=None)
    design = ENGINES[engine].design(name=engine, weights=weights, **options)
    stalls = _PACES[seed % len(_PACES)], _PACES[seed // len(_PACES) % len(_PACES)]
    try:
        result = run_bulk(design, samples, stalls=stalls, seed=seed)
    except SimulationError as error:
        return {"count": 0, "cycles": 0, "failures": [str(error)]}
    return {"count": result.samples, "cycles": result.cycles, "failures": []}


def _frames(number: int, seed: int) -> Outcome:
    """Run frames one after another, each on a memory of other latency, pace and order."""
    random = np.random.default_rng([seed, number])
    _, network = every()
    program = compile_external(network, SMALL)
    one = network.maps[network.input]
    size = (number, one.channels, one.height, one.width)
    words = random.integers(one.range.low, one.range.high, size, endpoint=True)
    cycles, failures = 0, []
    with ExternalBench(built(SMALL), MEMORY) as bench:
        for index, frame in enumerate(frames_as_bytes(words, SMALL.sizes)):
            session = Session(bench, program, [frame])
            session.set(
                latency=int(random.integers(100)),
                stall=int(random.integers(800)),
                reorder=int(random.integers(2)),
            )
            try:
                outcome = session.run()
            except BusError as error:
                failures.append(f"frame {index}: {error}")
                break
            cycles += outcome.cycles
            if outcome.code is not Stop.NONE or not session.right:
                failures.append(f"frame {index}: {outcome.code.name}, or words differ")
    return {"count": number, "cycles": cycles, "failures": failures}


class Long:
    """Long runs: every result is compared."""

    name = "long"
    head = ("build", "samples, or frames", "cycles", "failures")

    def points(self) -> Iterator[str]:
        """See `Part`."""
        for seed in range(_RUNS):
            yield f"{_ACCELERATOR} {_FRAMES} {seed}"
        for seed in range(_BLOCKS):
            yield from (f"{engine} {_BLOCK} {seed}" for engine in LONG)

    def sample(self) -> Iterator[str]:
        """See `Part`."""
        yield f"{_ACCELERATOR} 2 0"
        yield f"{next(iter(LONG))} {_SAMPLE} 4"

    def run(self, point: str) -> Outcome:
        """See `Part`."""
        build, number, seed = point.split()
        if build == _ACCELERATOR:
            return _frames(int(number), int(seed))
        return _line(build, int(number), int(seed))

    def figures(self, kept: Mapping[str, Outcome]) -> list[Sequence[str]]:
        """See `Part`."""
        rows: list[Sequence[str]] = []
        for build in (*LONG, _ACCELERATOR):
            own = [outcome for point, outcome in kept.items() if point.split()[0] == build]
            counts = [sum(o[key] for o in own) for key in ("count", "cycles")]
            counts.append(sum(len(o["failures"]) for o in own))
            rows.append((build, *(f"{count:,}" for count in counts)))
        return rows
