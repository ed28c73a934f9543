"""Cycles are those predicted: exactly where memory gives a beat every cycle, about where less."""

from collections.abc import Iterator

import numpy as np
import pytest

from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.program import ExternalProgram
from golden.network.network import Network
from golden.numbers.interval import Integers
from hw.accelerator.external.timing import ExternalTimeline, MemoryPace
from hw.simulate.external import ExternalBench
from sim.accelerator import KINDS, case_of
from sim.corrupt import small
from sim.external import CAPACITY, MEMORY, Session, built, frames_as_bytes
from sim.networks import grouped, metaformer, normed, wide

NETWORKS = {one.__name__: one for one in (metaformer, grouped, wide, small, normed)}
TOLERANCE = 0.03
"""Of cycles, where reads and writes share less than the bus's bandwidth: in which order is not
followed beat by beat. Measured: 0.5 % at most."""


@pytest.fixture(scope="module")
def bench() -> Iterator[ExternalBench]:
    """One Verilog for all programs."""
    with ExternalBench(built(), MEMORY) as bench:
        yield bench


def session_of(
    bench: ExternalBench, network: Network, images: Integers
) -> tuple[Session, ExternalProgram]:
    """Return a network ready to run, and its program."""
    program = compile_external(network, CAPACITY)
    frames = frames_as_bytes(images, CAPACITY.sizes)
    return Session(bench, program, frames), program


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(bench: ExternalBench, name: str) -> None:
    builder, network = NETWORKS[name]()
    session, program = session_of(bench, network, builder.images(1, network))
    for latency in (0, 40):
        session.set(latency=latency)
        assert session.run().cycles == ExternalTimeline(program, MemoryPace(latency)).cycles
    for rate in (1500, 3400):
        session.set(latency=40, rate=rate)
        predicted = ExternalTimeline(program, MemoryPace(40, rate / 1000)).cycles
        assert abs(predicted / session.run().cycles - 1) < TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
def test_operators(bench: ExternalBench, kind: str) -> None:
    for seed in range(KINDS.index(kind), 60, len(KINDS)):
        network, words = case_of(seed)
        session, program = session_of(bench, network, np.asarray(words)[:1])
        session.set()
        assert session.run().cycles == ExternalTimeline(program).cycles, seed
