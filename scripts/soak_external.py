"""The accelerator with its memory outside: thousands of wrong programs, and whole networks.

Part of ``make soak``. One small Verilog takes the wrong programs, errors at every beat and aborts
at many cycles; another runs converted networks, on ideal and on slow memory.
"""

import sys
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.registers import Stop
from golden.network.files import read_network
from hw.simulate.external import ExternalBench
from tests.accelerator.external.bench import CAPACITY, MEMORY, Session, built, frames_as_bytes
from tests.accelerator.external.corrupt import ends, recovers, scrambled, small

MEMORIES = {
    "ideal": {},
    "40 cycles, 85 % of 8 bytes": {"latency": 40, "rate": 6800},
    "wild": {"latency": 9, "stall": 250, "reorder": 1},
}
_MOST = 1 << 26


def fuzz(session: Session, programs: int) -> None:
    """Run programs that are anything; every tenth time a good one between them."""
    generator = np.random.default_rng(14)
    stops: dict[Stop, int] = {}
    for number in tqdm(range(programs), unit="program"):
        stop = ends(session, scrambled(session.program, generator)).code
        stops[stop] = stops.get(stop, 0) + 1
        assert number % 10 or recovers(session), number
    assert recovers(session)
    click.echo(", ".join(f"{stop.name} {count}" for stop, count in sorted(stops.items())))


def errors(session: Session, step: int) -> None:
    """Answer every ``step``-th beat read, and every burst written, with an error."""
    bench = session.bench
    reads, _, _, writes, _ = bench.tell("traffic")
    assert recovers(session)
    reads, writes = (
        after - before
        for before, after in zip((reads, writes), bench.tell("traffic")[0:4:3], strict=True)
    )
    faults = [("read_error", at, Stop.READ) for at in range(0, reads, step)]
    faults += [("write_error", at, Stop.WRITE) for at in range(writes)]
    for setting, at, stop in tqdm(faults, unit="error"):
        bench.tell("set", setting, at)
        bench.start()
        assert bench.wait(1_000_000).code == stop, (setting, at)
        bench.tell("set", setting, -1)
    assert recovers(session)


def aborts(session: Session, step: int) -> None:
    """Abort at every ``step``-th cycle."""
    length = session.run().cycles
    for cycle in tqdm(range(0, length - 100, step), unit="abort"):
        session.bench.start()
        session.bench.tell("run", cycle)
        session.bench.abort()
        assert session.bench.wait(5_000).code == Stop.ABORT, cycle
    assert recovers(session)


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
@click.option("--step", default=7, show_default=True, help="Between errors, and aborts.")
@click.option("--config", multiple=True, type=Path, help="Of networks to run as well.")
@click.option("--frames", default=1, show_default=True, help="Of each.")
def main(programs: int, step: int, config: tuple[Path, ...], frames: int) -> None:
    """End with the first thing that is wrong."""
    builder, network = small()
    program = compile_external(network, CAPACITY)
    with ExternalBench(built(), MEMORY) as bench:
        images = frames_as_bytes(builder.images(1, network), CAPACITY.sizes)
        session = Session(bench, program, images)
        session.set(latency=3, reorder=1)
        fuzz(session, programs)
        errors(session, step)
        aborts(session, 17 * step)
    networks(config, frames)


if __name__ == "__main__":
    main()
