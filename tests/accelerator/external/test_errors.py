"""Whatever is wrong, it stops with a code, touches nothing outside, and the next start is right."""

from collections.abc import Iterator

import numpy as np
import pytest

from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.program import rows_of
from golden.accelerator.external.registers import (
    BUSY,
    CODE_SHIFT,
    REGIONS,
    START,
    STOPPED,
    Stop,
)
from hw.simulate.external import ExternalBench
from sim.corrupt import (
    WRONG_HEADERS,
    broken,
    ends,
    ends_with,
    recovers,
    scrambled,
    small,
    with_bits_of_descriptors,
    with_bits_of_sizes,
    with_header,
    wrong_descriptors,
    wrong_regions,
)
from sim.external import CAPACITY, MEMORY, Session, built, frames_as_bytes

FUZZED = 40
"""Programs of this test; `scripts/soak_external.py` has 2,000."""


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """One program in memory, for all that is wrong."""
    b, network = small()
    program = compile_external(network, CAPACITY)
    assert program.scratch
    with ExternalBench(built(), MEMORY) as bench:
        session = Session(bench, program, frames_as_bytes(b.images(1, network), CAPACITY.sizes))
        session.set(latency=3, reorder=1)
        assert recovers(session)
        yield session


@pytest.mark.parametrize(("word", "value", "stop"), WRONG_HEADERS)
def test_headers(session: Session, word: int, value: int, stop: Stop) -> None:
    outcome = ends(session, with_header(session.program.image, word, value))
    assert outcome.code == stop
    assert outcome.written_bytes == 0
    damaged = ends(session, with_header(session.program.image, 6, 77, mended=False))
    assert damaged.code == Stop.HEADER


def test_sizes_beyond_all_memory_by_any_bit(session: Session) -> None:
    images = with_bits_of_sizes(session.program.image, MEMORY.bit_length() - 1)
    assert {ends(session, image).code for image in images} == {Stop.SIZE}
    assert recovers(session)


@pytest.mark.parametrize("region", REGIONS)
def test_regions(session: Session, region: str) -> None:
    for register, value, stop in wrong_regions(session, region):
        outcome = ends_with(session, register, value)
        assert outcome.code == stop
        assert outcome.written_bytes == 0
    assert recovers(session)


def test_frames_beyond_their_regions(session: Session) -> None:
    session.bench.start(2)
    outcome = session.bench.wait(1_000_000)
    assert (outcome.code, outcome.frames) == (Stop.SIZE, 1)
    assert session.right
    assert recovers(session)


@pytest.mark.parametrize("number", range(len(wrong_descriptors(CAPACITY))))
def test_descriptors(session: Session, number: int) -> None:
    wrong = wrong_descriptors(CAPACITY)[number]
    image, at = broken(session.program, wrong)
    outcome = ends(session, image)
    assert (outcome.code, outcome.descriptor) == (wrong.stop, at)


def test_descriptors_with_a_bit_turned_over(session: Session) -> None:
    images = with_bits_of_descriptors(session.program, 31)
    assert Stop.WATCHDOG not in {ends(session, image, 2_000).code for image in images}
    assert recovers(session)


def test_weights_of_all_descriptors_are_counted(session: Session) -> None:
    program = session.program
    takes = [bool(rows_of(one, CAPACITY)) for one in program.descriptors]
    last = max(number for number, one in enumerate(takes) if one)
    outcome = ends(session, with_header(program.image, 12, len(program.rows) - 1))
    assert (outcome.code, outcome.descriptor) == (Stop.WEIGHTS, last)


def test_answers_that_are_errors(session: Session) -> None:
    bench = session.bench
    assert recovers(session)
    program = session.program
    n_reads = (program.read_bytes // CAPACITY.beat_bytes) + CAPACITY.header_beats
    before = bench.tell("traffic")[3]
    assert recovers(session)
    n_writes = bench.tell("traffic")[3] - before
    generator = np.random.default_rng(1)
    reads = {0, CAPACITY.header_beats, n_reads - 1, *generator.integers(0, n_reads, 9).tolist()}
    writes = {0, n_writes - 1, *generator.integers(0, n_writes, 4).tolist()}
    faults = [("read_error", at, Stop.READ) for at in reads]
    faults += [("write_error", at, Stop.WRITE) for at in writes]
    for error, (setting, at, stop) in enumerate(faults):
        bench.tell("set", "error", 2 + error % 2)
        bench.tell("set", setting, at)
        bench.start()
        outcome = bench.wait(1_000_000)
        bench.tell("set", setting, -1)
        assert outcome.code == stop, (setting, at)
        if error % 4 == 0:
            assert recovers(session)
    assert recovers(session)


def test_abort_and_reset_at_any_cycle(session: Session) -> None:
    bench = session.bench
    length = session.run().cycles
    generator = np.random.default_rng(2)
    for cycle in [0, 1, 30, 60, *generator.integers(0, length - 100, 8).tolist()]:
        bench.start()
        bench.tell("run", cycle)
        bench.abort()
        assert bench.wait(2_000).code == Stop.ABORT
    assert recovers(session)
    for cycle in generator.integers(0, length - 100, 4).tolist():
        bench.start()
        bench.tell("run", cycle)
        bench.tell("reset", 2)
        session.bases = bench.name_regions(session.sizes)
        assert recovers(session)


@pytest.mark.parametrize("channel", range(5))
def test_memory_that_goes_silent(session: Session, channel: int) -> None:
    """It stops without memory's answers, takes no start until they come, and then is right."""
    bench, patience = session.bench, 1 << CAPACITY.patience
    length = session.run().cycles
    # What is under way takes some cycles more; from then on nothing moves.
    bound = length + 2 * patience + 8
    codes = set()
    for cycle in (0, 40, length // 3, length * 9 // 10):
        bench.start()
        bench.tell("run", cycle)
        bench.tell("set", "silent", 1 << channel)
        ended, _ = bench.tell("run", bound)
        status = bench.read("STATUS")
        assert (ended, status & (BUSY | STOPPED)) == (1, STOPPED)
        codes.add(Stop(status >> CODE_SHIFT))
        if status >> CODE_SHIFT:
            bench.write("CONTROL", START)
            assert bench.read("STATUS") == status, "No start is taken yet"
        bench.write("INTERRUPT_CAUSE", 3)
        bench.tell("set", "silent", 0)
        bench.tell("run", 1000)
        assert bench.outcome().code == status >> CODE_SHIFT
        assert recovers(session)
    assert Stop.WATCHDOG in codes
    assert codes <= {Stop.WATCHDOG, Stop.NONE}


def test_programs_that_are_anything(session: Session) -> None:
    generator = np.random.default_rng(3)
    stops = []
    for number in range(FUZZED):
        stops.append(ends(session, scrambled(session.program, generator)).code)
        if number % 8 == 0:
            assert recovers(session)
    assert recovers(session)
    assert Stop.WATCHDOG not in stops
    assert len(set(stops)) > 4
