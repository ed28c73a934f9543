"""Kernels a channel on a unit of their own: in the model, what the network's integers are."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from golden.accelerator.abilities import ALL
from golden.accelerator.descriptor import ANY, Kind, Space, Turning, Windows
from golden.accelerator.external import search
from golden.accelerator.external.capacity import KERNEL_SIDE, KERNEL_WORDS, Capacity
from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.depthwise import Record
from golden.accelerator.external.program import ExternalProgram
from golden.accelerator.external.registers import Stop
from golden.accelerator.sizes import BIASED_BITS, Sizes
from golden.accelerator.words import maps_of
from golden.inputs.errors import ParameterError
from golden.network.network import Network
from golden.numbers.interval import wrap
from hw.accelerator.external.timing import ExternalTimeline
from hw.simulate.external import ExternalBench
from sim.corrupt import (
    Wrong,
    broken,
    ends,
    recovers,
    scrambled,
    wrong_kernels,
    wrong_turns,
)
from sim.external import CAPACITY, MEMORY, Session, built, frames_as_bytes
from sim.networks import Builder, grouped, metaformer, wide

BUILT = replace(CAPACITY, map_bytes=1 << 15, abilities=ALL, depthwise=3)
TAPS = (3, 4, 5, 7)
CAPACITIES = [
    *(replace(CAPACITY, depthwise=taps) for taps in TAPS),
    Capacity(sizes=Sizes(tile=16, scalers=4), map_bytes=1 << 14, depthwise=3),
]


def windows() -> tuple[Builder, Network]:
    """Return kernels of every side, stride and padding, each a channel's own."""
    b = Builder((10, 29, 23), seed=7, signed=False)
    x = "image"
    for kernel in range(2, KERNEL_SIDE + 1):
        pads = tuple(int(pad) for pad in b.generator.integers(0, kernel, 4))
        stride = 1 + kernel % 3 // 2
        x = b.convolution(x, 10, kernel, groups=10, stride=stride, padding=pads)
        if kernel == 4:
            x = b.pointwise(x)
    pooled = b.average(x, (2, 1), stride=2)
    around = b.circular(b.convolution(x, 10, 3, padding=(2, 1, 0, 0)), 0, embedding=(1, 1))
    return b, b.network(pooled, around)


def many() -> tuple[Builder, Network]:
    """Return more kernels than are kept at a time."""
    channels = KERNEL_WORDS // 2
    b = Builder((channels, 3, 2), seed=8)
    return b, b.network(b.convolution("image", channels, KERNEL_SIDE, groups=channels))


def lines() -> tuple[Builder, Network]:
    """Return circular kernels along lines that are turned: more than a tile of positions."""
    b = Builder((18, 14, 18), seed=9)
    x = b.pointwise(b.circular("image", 0, embedding=(14, 1)))
    return b, b.network(b.circular(x, 1, embedding=(1, 18)))


def bottlenecks() -> tuple[Builder, Network]:
    """Return kernels behind more channels than the buffer holds, with every stride."""
    b = Builder((8, 43, 25), seed=10)
    x = "image"
    for kernel, stride, padding in (
        (3, 1, (1, 1, 1, 1)),
        (5, 2, (2, 1, 2, 2)),
        (2, 1, (0, 1, 1, 0)),
    ):
        wide = b.pointwise(b.convolution(x, 64))
        wide = b.convolution(wide, 64, kernel, groups=64, stride=stride, padding=padding)
        x = b.convolution(wide, 8)
    return b, b.network(x)


NETWORKS = {
    "bottlenecks": bottlenecks,
    "windows": windows,
    "many": many,
    "metaformer": metaformer,
    "grouped": grouped,
    "wide": wide,
}


def outputs_of(network: Network, program: ExternalProgram, output: bytes) -> list[np.ndarray]:
    """Return the maps ``[1, C, H, W]`` that a frame's output holds."""
    sizes = program.capacity.sizes
    given = np.frombuffer(output, np.uint8).astype(np.int64)
    words, first, found = wrap(given, 8).reshape(1, -1, sizes.tile), 0, []
    for name in network.outputs:
        data = network.maps[name]
        count = -(-data.channels // sizes.tile) * data.height * data.width
        found.append(maps_of(words[:, first : first + count], data, sizes))
        first += count
    return found


def assert_right(builder: Builder, network: Network, program: ExternalProgram) -> None:
    """Hold what a program gives for a frame to what the network does."""
    images = builder.images(1, network)
    expected = network.run({network.input: images})
    (frame,) = frames_as_bytes(images, program.capacity.sizes)
    found = outputs_of(network, program, program.run(frame))
    for output, result in zip(network.outputs, found, strict=True):
        np.testing.assert_array_equal(result, expected[output])


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("capacity", CAPACITIES)
def test_program_does_what_the_network_does(name: str, capacity: Capacity) -> None:
    builder, network = NETWORKS[name]()
    program = compile_external(network, capacity)
    assert any(one.kind == Kind.DEPTHWISE for one in program.descriptors)
    assert_right(builder, network, program)


@pytest.mark.parametrize("map_bytes", [1 << bits for bits in (14, 15, 16)])
def test_rows_roll(map_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer rows are made twice, in every size of buffer, than where none are kept."""
    builder, network = bottlenecks()
    capacity = replace(BUILT, map_bytes=map_bytes)
    program = compile_external(network, capacity)
    assert_right(builder, network, program)
    own = [one for one in program.descriptors if one.kind == Kind.DEPTHWISE]
    assert any(one.source.plane is not None for one in own)
    monkeypatch.setattr(search, "SHARES", (0,))
    again = compile_external(network, capacity)
    own = [one for one in again.descriptors if one.kind == Kind.DEPTHWISE]
    assert all(one.source.plane is None for one in own)
    assert _made(program) < _made(again)


def _made(program: ExternalProgram) -> int:
    """Return how many words are computed by the array."""
    finished = (one for one in program.descriptors if one.kind == Kind.COMPUTE and one.final)
    return sum(one.windows.positions for one in finished)


@pytest.mark.parametrize(
    "capacity",
    [
        Capacity(map_bytes=1 << 14, depthwise=3),
        Capacity(map_bytes=1 << 15, depthwise=3),
        Capacity(sizes=Sizes(tile=16, scalers=8), data_bits=128, map_bytes=1 << 16, depthwise=3),
    ],
)
def test_lines_are_turned(capacity: Capacity) -> None:
    builder, network = lines()
    program = compile_external(network, capacity)
    assert_right(builder, network, program)
    assert {one.turn for one in program.descriptors} == set(Turning)


def test_lines_are_not_turned_where_their_diagonal_is_done_sooner() -> None:
    b = Builder((16, 7, 7))
    network = b.network(b.circular("image", 0, embedding=(7, 1)))
    program = compile_external(network, CAPACITIES[-1])
    assert all(one.kind != Kind.DEPTHWISE for one in program.descriptors)


@pytest.mark.parametrize("taps", TAPS)
@pytest.mark.parametrize("rows", [1, 2, KERNEL_SIDE])
@pytest.mark.parametrize("columns", range(1, KERNEL_SIDE + 1))
def test_record_is_what_was_packed(taps: int, rows: int, columns: int) -> None:
    generator = np.random.default_rng(columns)
    tile, high = 8, 1 << (BIASED_BITS - 1)
    capacity = Capacity(depthwise=taps)
    record = Record(
        generator.integers(-128, 128, (tile, rows, columns)),
        generator.integers(-high, high, tile),
        generator.integers(1, 1 << 17, tile),
        generator.integers(14, 46, tile),
    )
    words = record.packed(taps)
    assert words.shape == (rows * -(-columns // taps) + 2, tile * taps)
    assert words.min() >= 0
    assert words.max() <= 255
    taken = Windows(kernel_rows=rows, kernel_columns=columns)
    again = Record.unpacked(words, taken, capacity)
    for part in ("kernel", "bias", "multiplier", "shift"):
        np.testing.assert_array_equal(getattr(again, part), getattr(record, part))


FUZZED = 40
"""Programs of this test; `scripts/soak_external.py` has 2,000."""


@pytest.fixture(scope="module")
def bench() -> Iterator[ExternalBench]:
    """One Verilog for all programs."""
    with ExternalBench(built(BUILT), MEMORY) as bench:
        yield bench


def assert_refused(session: Session, wrong_ones: Sequence[Wrong]) -> None:
    """Hold each wrong descriptor to its code and number; a right program goes on behind them."""
    session.set()
    for wrong in wrong_ones:
        image, number = broken(session.program, wrong)
        outcome = ends(session, image)
        assert (outcome.code, outcome.descriptor) == (wrong.stop, number), wrong
    assert recovers(session)


def assert_survives(session: Session) -> None:
    """Run `FUZZED` programs that are anything, and a right one behind them."""
    session.set(latency=3, reorder=1)
    generator = np.random.default_rng(14)
    for _ in range(FUZZED):
        ends(session, scrambled(session.program, generator))
    assert recovers(session)


def session_of(bench: ExternalBench, name: str) -> Session:
    """Put a program into memory."""
    builder, network = {**NETWORKS, "lines": lines}[name]()
    program = compile_external(network, BUILT)
    return Session(bench, program, frames_as_bytes(builder.images(2, network), BUILT.sizes))


@pytest.mark.parametrize("name", [*NETWORKS, "lines"])
def test_verilog_does_what_the_program_does(bench: ExternalBench, name: str) -> None:
    session = session_of(bench, name)
    for settings in ({}, {"latency": 7, "stall": 300, "reorder": 1}):
        session.set(**settings)
        outcome = session.run()
        assert outcome.code == Stop.NONE
        assert session.right, settings


@pytest.mark.parametrize("axis", [0, 1])
def test_cycles_of_lines_are_predicted(bench: ExternalBench, axis: int) -> None:
    b = Builder((16, 10, 14), seed=3)
    network = b.network(b.circular("image", axis, embedding=((10, 1), (1, 14))[axis]))
    program = compile_external(network, BUILT)
    assert any(one.turn for one in program.descriptors)
    session = Session(bench, program, frames_as_bytes(b.images(1, network), BUILT.sizes))
    session.set()
    assert session.run().cycles == ExternalTimeline(program).cycles
    assert session.right


@pytest.mark.parametrize(
    ("name", "wrong_ones"), [("windows", wrong_kernels), ("lines", wrong_turns)]
)
def test_wrong_descriptors(
    bench: ExternalBench, name: str, wrong_ones: Callable[[Capacity], Sequence[Wrong]]
) -> None:
    assert_refused(session_of(bench, name), wrong_ones(BUILT))


@pytest.mark.parametrize("name", ["windows", "lines"])
def test_anything(bench: ExternalBench, name: str) -> None:
    assert_survives(session_of(bench, name))


def test_who_takes_it_waits() -> None:
    b = Builder((8, 5, 5))
    x = b.convolution("image", 8)
    first = b.convolution(x, 8, 3, groups=8)
    apart = b.convolution(x, 8)
    network = b.network(b.convolution(first, 8), apart)
    program = compile_external(network, replace(CAPACITY, depthwise=3))
    by_name = {
        name: one
        for name, one in zip(program.names, program.descriptors, strict=True)
        if one.kind in (Kind.COMPUTE, Kind.DEPTHWISE)
    }
    assert by_name["map_1"].kind == Kind.DEPTHWISE
    assert by_name["map_1"].waits
    assert by_name["map_2"].depthwise == ANY
    assert by_name["map_3"].depthwise == 0


def test_kernels_are_not_overwritten_while_they_are_used() -> None:
    _, network = many()
    program = compile_external(network, replace(CAPACITY, depthwise=3))
    fills = [
        one
        for one in program.descriptors
        if one.kind == Kind.LOAD and one.transfer.space == Space.KERNELS
    ]
    assert len(fills) > 2
    assert all(one.depthwise < ANY for one in fills[2:])


def test_biases_that_are_too_large_are_left_to_the_matrix_unit() -> None:
    b = Builder((8, 5, 5))
    b.convolution("image", 8, 3, groups=8)
    (node,) = b.nodes
    b.nodes[0] = replace(node, stage=replace(node.stage, bias=np.full(8, 1 << 23)))
    program = compile_external(b.network("map_0"), replace(CAPACITY, depthwise=3))
    assert all(one.kind != Kind.DEPTHWISE for one in program.descriptors)


@pytest.mark.parametrize("taps", [1, 2, 8, -1])
def test_taps_are_refused(taps: int) -> None:
    with pytest.raises(ParameterError, match="Depthwise must be from 3 to 7"):
        Capacity(depthwise=taps)
