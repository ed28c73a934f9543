"""The accelerator with its memory outside: wrong programs, faults, operators, whole networks.

Part of ``make soak``. One small Verilog takes programs that are wrong anywhere, an error in every
answer, an abort and a reset in every cycle of a frame, and operators drawn at random; another runs
converted networks, on ideal and on slow memory. What was done is kept: the same again goes on where
it was stopped.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.registers import Stop
from golden.accelerator.sizes import Sizes
from golden.network.files import read_network
from golden.network.network import Network
from hw.simulate.external import ExternalBench
from sim.accelerator import KINDS
from sim.corrupt import ends, recovers, scrambled, small, tiny
from sim.external import (
    CAPACITY,
    LINED,
    MEMORY,
    Session,
    built,
    frames_as_bytes,
    run_case,
)
from sim.networks import Builder, squares

WIDEST = replace(
    CAPACITY,
    sizes=Sizes(tile=32, scalers=2, positions=64),
    data_bits=256,
    map_bytes=1 << 14,
    constants=1024,
    weight_bytes=1 << 12,
)
"""Its Verilog takes too long to compile for a test."""
KEPT = Path("build") / "soak" / "external.json"

MEMORIES = {
    "ideal": {},
    "40 cycles, 85 % of 8 bytes": {"latency": 40, "rate": 6800},
    "wild": {"latency": 9, "stall": 250, "reorder": 1},
}
_MOST = 1 << 26
_CHUNK = 50
_STEP = 11
"""Of cycles of a frame through line engines, which is long, one in so many."""

Work = Callable[[Session, int], str]


class Kept:
    """What came of each piece of work, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done: dict[str, str] = {}
        if path.exists():
            self._done = json.loads(path.read_text(encoding="utf-8"))

    def all(self, name: str, session: Session, work: Work, count: int) -> None:
        """Do ``work`` for the numbers below ``count``, in chunks; tell what came of it."""
        told: Counter[str] = Counter()
        for first in tqdm(range(0, count, _CHUNK), unit="chunk", desc=name):
            numbers = range(first, min(first + _CHUNK, count))
            key = f"{name} {numbers.start} {numbers.stop}"
            if key not in self._done:
                outcomes = Counter(work(session, number) for number in numbers)
                assert recovers(session), key
                self._done[key] = json.dumps(outcomes)
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.write_text(json.dumps(self._done, indent=1), encoding="utf-8")
            told.update(json.loads(self._done[key]))
        click.echo(f"{name}: {', '.join(f'{what} {n}' for what, n in sorted(told.items()))}")


def fuzz(session: Session, number: int) -> str:
    """Run a program that is anything, and tell how it ends."""
    generator = np.random.default_rng([14, number])
    return ends(session, scrambled(session.program, generator)).code.name


def fault(setting: str, stop: Stop) -> Work:
    """Return what answers a beat read, or a burst written, with an error."""

    def run(session: Session, number: int) -> str:
        bench = session.bench
        bench.tell("set", "error", 2 + number % 2)
        bench.tell("set", setting, number)
        bench.start()
        outcome = bench.wait(1_000_000)
        bench.tell("set", setting, -1)
        assert outcome.code == stop, (setting, number)
        return outcome.code.name

    return run


def abort(session: Session, number: int) -> str:
    """Abort in a cycle."""
    session.bench.start()
    session.bench.tell("run", number)
    session.bench.abort()
    outcome = session.bench.wait(5_000)
    assert outcome.code in (Stop.ABORT, Stop.NONE), number
    return outcome.code.name


def reset(session: Session, number: int) -> str:
    """Reset in a cycle; the frame after it is right."""
    session.bench.start()
    session.bench.tell("run", number)
    session.bench.tell("reset", 2)
    session.bases = session.bench.name_regions(session.sizes)
    assert recovers(session), number
    return "right"


def every(work: Work, step: int) -> Work:
    """Return work that is done for each ``step``-th number."""
    return lambda session, number: work(session, step * number)


def operators(session: Session, number: int) -> str:
    """Run an operator drawn at random, every third with scales of others."""
    run_case(session.bench, 1000 + number, own=number % 3 < 2)
    session.place()
    return "right"


def session_of(
    bench: ExternalBench, made: tuple[Builder, Network], capacity: Capacity = CAPACITY
) -> Session:
    """Return a network's program in memory."""
    builder, network = made
    program = compile_external(network, capacity)
    images = frames_as_bytes(builder.images(1, network), capacity.sizes)
    session = Session(bench, program, images)
    session.set(latency=3, reorder=1)
    return session


def networks(configs: tuple[Path, ...], frames: int) -> None:
    """Run networks on one Verilog."""
    capacity = Capacity()
    with ExternalBench(built(capacity), _MOST) as bench:
        for config in configs:
            network = read_network(config)
            program = compile_external(network, capacity)
            data = network.maps[network.input]
            shape = (frames, *data.shape)
            generator = np.random.default_rng(1)
            x = generator.integers(data.range.low, data.range.high, shape, endpoint=True)
            session = Session(bench, program, frames_as_bytes(x, capacity.sizes))
            for name, settings in MEMORIES.items():
                session.set(**settings)
                outcome = session.run()
                assert outcome.code == Stop.NONE
                assert session.right, (config, name)
                click.echo(f"{config}, {name}: {outcome}")


@click.command()
@click.option("--programs", default=2000, show_default=True, help="That are wrong somewhere.")
@click.option("--cases", default=168, show_default=True, help="Of operators, over all kinds.")
@click.option("--config", multiple=True, type=Path, help="Of networks to run as well.")
@click.option("--frames", default=1, show_default=True, help="Of each.")
@click.option("--kept", default=KEPT, type=Path, show_default=True, help="What came of each.")
def main(programs: int, cases: int, config: tuple[Path, ...], frames: int, kept: Path) -> None:
    """End with the first thing that is wrong."""
    done = Kept(kept)
    with ExternalBench(built(), MEMORY) as bench:
        done.all("wrong programs", session_of(bench, small()), fuzz, programs)
        done.all("operators", session_of(bench, tiny()), operators, cases)
        session = session_of(bench, tiny())
        before = bench.tell("traffic")
        length = session.run().cycles
        reads, _, _, writes, _ = (
            after - old for after, old in zip(bench.tell("traffic"), before, strict=True)
        )
        click.echo(f"a frame: {length} cycles, {reads} beats read, {writes} bursts written")
        done.all("errors read", session, fault("read_error", Stop.READ), reads)
        done.all("errors written", session, fault("write_error", Stop.WRITE), writes)
        done.all("aborts", session, abort, length)
        done.all("resets", session, reset, length)
    with ExternalBench(built(LINED), MEMORY) as bench:
        session = session_of(bench, squares(20), LINED)
        done.all("wrong programs, line engines", session, fuzz, programs)
        length = session.run().cycles
        for name, work in (("aborts", abort), ("resets", reset)):
            some = every(work, _STEP)
            done.all(f"{name}, line engines", session, some, length // _STEP)
    with ExternalBench(built(WIDEST), MEMORY) as bench:
        for number in tqdm(range(len(KINDS)), unit="operator on 256 bits"):
            run_case(bench, 2000 + number, own=True, capacity=WIDEST)
    networks(config, frames)


if __name__ == "__main__":
    main()
