"""Line engines in the depthwise unit: what they give is what the network's integers are."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from golden.accelerator.descriptor import Turning
from golden.accelerator.external.capacity import KERNEL_WORDS, Capacity
from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.line_engines import LineEngines, exact_engines
from golden.accelerator.external.lines import LineRecord
from golden.accelerator.external.program import ExternalProgram
from golden.accelerator.external.registers import Stop
from golden.accelerator.sizes import BIASED_BITS, Sizes
from golden.inputs.errors import ParameterError
from golden.line.weights import correlate
from golden.network.network import Network
from hw.accelerator.external.predict import predict_external
from hw.accelerator.external.timing import ExternalTimeline
from hw.simulate.external import ExternalBench
from sim.corrupt import wrong_lines
from sim.external import LINED, MEMORY, Session, built, frames_as_bytes
from sim.networks import Builder, squares
from tests.accelerator.external.test_depthwise import assert_refused, assert_right, assert_survives
from tests.accelerator.external.test_stacks import halves

EXACT = exact_engines()
LARGE = Capacity(sizes=Sizes(tile=16, scalers=4), map_bytes=1 << 16, depthwise=4)


def wide(height: int, width: int) -> tuple[Builder, Network]:
    """Return a circular kernel along the height between others, of more channels than fit."""
    b = Builder((8, height, width), seed=4, signed=False)
    x = b.circular(b.convolution("image", 64), 0, embedding=(height, 1))
    return b, b.network(b.convolution(x, 8))


def lined(program: ExternalProgram) -> list[Turning]:
    """Return how lines lie that engines do."""
    return [one.turn for one in program.descriptors if one.line]


@pytest.mark.parametrize("engine", EXACT)
@pytest.mark.parametrize(
    ("capacity", "length", "side"), [(LINED, 20, 20), (LINED, 40, 20), (LARGE, 56, 56)]
)
def test_program_does_what_the_network_does(
    engine: str, capacity: Capacity, length: int, side: int
) -> None:
    builder, network = squares(side)
    program = compile_external(network, replace(capacity, lines=LineEngines(engine, length)))
    assert set(lined(program)) == {Turning.ROWS, Turning.COLUMNS}
    assert_right(builder, network, program)


@pytest.mark.parametrize("map_bytes", [1 << 13, 1 << 15])
def test_some_rows_of_lines_below_each_other(map_bytes: int) -> None:
    """All of a line is taken, and some of its sums are given."""
    builder, network = wide(20, 30)
    program = compile_external(network, replace(LINED, map_bytes=map_bytes))
    assert any(one.skips for one in program.descriptors)
    assert_right(builder, network, program)


def test_halves_of_channels() -> None:
    builder, network = halves(8, (20, 20))
    program = compile_external(network, LINED)
    assert set(lined(program)) == {Turning.ROWS, Turning.COLUMNS}
    assert_right(builder, network, program)


@pytest.mark.parametrize(("length", "side"), [(32, 20), (20, 30)])
def test_lines_of_other_lengths_are_left_to_the_matrix_unit(length: int, side: int) -> None:
    builder, network = squares(side)
    capacity = replace(LINED, lines=LineEngines(EXACT[1], length))
    program = compile_external(network, capacity)
    assert not lined(program)
    assert_right(builder, network, program)


def test_short_lines_are_left_to_the_matrix_unit() -> None:
    _, network = squares(8)
    assert not lined(compile_external(network, replace(LARGE, lines=LineEngines(EXACT[1], 56))))


@pytest.mark.parametrize("engine", EXACT)
@pytest.mark.parametrize("taps", [3, 5])
@pytest.mark.parametrize("side", [20, 7])
def test_record_is_what_was_packed(engine: str, taps: int, side: int) -> None:
    generator = np.random.default_rng(side)
    capacity = replace(LINED, depthwise=taps, lines=LineEngines(engine, 20))
    tile, high = capacity.sizes.tile, 1 << (BIASED_BITS - 2)
    kernel = generator.integers(-128, 128, (tile, side))
    start = generator.integers(-high, high, (tile, side))
    multiplier, shift = generator.integers(1, 1 << 17, tile), generator.integers(14, 46, tile)
    words = LineRecord.of(kernel, start, multiplier, shift, capacity=capacity).packed(capacity)
    assert words.shape == (capacity.line_words, tile * taps)
    assert 0 <= words.min() <= words.max() <= 255
    record = LineRecord.unpacked(words, capacity)
    np.testing.assert_array_equal(record.multiplier, multiplier)
    np.testing.assert_array_equal(record.shift, shift)
    lines = generator.integers(-255, 256, (3, side, tile))
    sums = correlate(np.moveaxis(lines, 2, 1), kernel) + start
    found = np.moveaxis(record.sums(lines, capacity)[:, :side], 2, 1)
    np.testing.assert_array_equal(found, sums)


@pytest.fixture(scope="module")
def bench() -> Iterator[ExternalBench]:
    """One Verilog for all programs."""
    with ExternalBench(built(LINED), MEMORY) as bench:
        yield bench


def session_of(bench: ExternalBench, builder: Builder, network: Network) -> Session:
    """Put a program that has lines into memory."""
    program = compile_external(network, LINED)
    assert lined(program)
    return Session(bench, program, frames_as_bytes(builder.images(2, network), LINED.sizes))


@pytest.mark.parametrize(
    "made", [squares(20), wide(20, 30), wide(20, 3), wide(10, 40), halves(8, (20, 20))]
)
def test_verilog_does_what_the_program_does(
    bench: ExternalBench, made: tuple[Builder, Network]
) -> None:
    session = session_of(bench, *made)
    for settings in ({}, {"latency": 7, "stall": 300, "reorder": 1}):
        session.set(**settings)
        assert session.run().code == Stop.NONE
        assert session.right, settings


@pytest.mark.parametrize("sides", [(20, 20), (20, 9), (10, 60)])
@pytest.mark.parametrize("axis", [0, 1])
def test_cycles_are_predicted(bench: ExternalBench, axis: int, sides: tuple[int, int]) -> None:
    height, width = sides[::-1] if axis else sides
    b = Builder((16, height, width), seed=3)
    network = b.network(b.circular("image", axis, embedding=((height, 1), (1, width))[axis]))
    program = compile_external(network, LINED)
    assert lined(program)
    session = Session(bench, program, frames_as_bytes(b.images(1, network), LINED.sizes))
    session.set()
    assert session.run().cycles == ExternalTimeline(program).cycles
    assert session.right


def test_wrong_descriptors(bench: ExternalBench) -> None:
    assert_refused(session_of(bench, *squares(20)), wrong_lines(LINED))


def test_anything(bench: ExternalBench) -> None:
    assert_survives(session_of(bench, *squares(20)))


def test_other_programs_are_for_other_accelerators() -> None:
    assert LINED.hash != replace(LINED, lines=None).hash


def test_multipliers_are_counted() -> None:
    more = (
        predict_external(LINED).multipliers
        - predict_external(replace(LINED, lines=None)).multipliers
    )
    assert more > 0
    assert more % LINED.depthwise_scalers == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fft:56", "engine whose sums are exact"),
        ("56", "ENGINE:LENGTH"),
        ("direct:", "ENGINE:LENGTH"),
        ("direct:1", "Length must be"),
        ("direct:1000", f"at most {KERNEL_WORDS // 2} words"),
    ],
)
def test_lines_are_refused(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        replace(LINED, lines=LineEngines.parse(text))


def test_lines_need_the_depthwise_unit() -> None:
    with pytest.raises(ParameterError, match="left out without a depthwise unit"):
        replace(LINED, depthwise=0)
