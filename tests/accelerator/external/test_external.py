"""One Verilog with all in memory runs any program, word for word, whatever memory does."""

from dataclasses import replace

import numpy as np
import pytest

from golden.accelerator.abilities import ALL
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.program import ExternalProgram
from golden.accelerator.external.registers import Stop
from golden.accelerator.sizes import Sizes
from golden.accelerator.words import maps_of
from golden.network.layer_norm import LayerNorm
from golden.numbers.interval import wrap
from hw.simulate.external import BETWEEN, ExternalBench
from sim.accelerator import KINDS
from sim.corrupt import ends_far_apart, small
from sim.external import (
    CAPACITY,
    MEMORY,
    WILD,
    Session,
    built,
    frames_as_bytes,
    run_case,
)
from sim.moves import bytes_for, moving
from sim.networks import grouped, metaformer, normed, pairs, wide

NETWORKS = {"metaformer": metaformer, "grouped": grouped, "wide": wide, "normed": normed}
MEMORIES = {
    "ideal": {},
    "slow": {"latency": 40, "rate": 1500},
    "wild": WILD,
    "one": {"most": 1, "stall": 100},
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "capacity",
    [
        CAPACITY,
        Capacity(
            sizes=Sizes(tile=16, scalers=4, positions=30),
            constants=256,
            tables=2,
            map_bytes=1 << 14,
            abilities=replace(ALL, norm=20),
        ),
    ],
)
def test_program_does_what_the_network_does(name: str, capacity: Capacity) -> None:
    builder, network = NETWORKS[name]()
    program = compile_external(network, capacity)
    images = builder.images(2, network)
    expected = network.run({network.input: images})
    tile = capacity.sizes.tile
    for index, frame in enumerate(frames_as_bytes(images, capacity.sizes)):
        given = np.frombuffer(program.run(frame), np.uint8).astype(np.int64)
        words, first = wrap(given, 8).reshape(1, -1, tile), 0
        for output in network.outputs:
            data = network.maps[output]
            count = -(-data.channels // tile) * data.height * data.width
            result = maps_of(words[:, first : first + count], data, capacity.sizes)
            np.testing.assert_array_equal(result[0], expected[output][index])
            first += count


def _check(program: ExternalProgram, frames: list[bytes], settings: dict[str, int]) -> None:
    with ExternalBench(built(), MEMORY) as bench:
        session = Session(bench, program, frames)
        session.set(**settings)
        assert session.run().code == Stop.NONE
        assert session.right


@pytest.mark.parametrize("settings", [{}, WILD], ids=["ideal", "wild"])
def test_blocks_lie_at_any_distance(settings: dict[str, int]) -> None:
    """Inside and outside, as they do in no program that is compiled."""
    generator = np.random.default_rng(8)
    program = moving(CAPACITY, generator, 24)
    _check(program, [bytes_for(program, generator)], settings)


@pytest.mark.parametrize("signed", [False, True])
def test_the_greater_of_neighbours_hangs_on_any_bit(*, signed: bool) -> None:
    network, frames = pairs(CAPACITY.sizes.tile, signed=signed)
    expected = network.run({network.input: frames})[network.outputs[0]]
    np.testing.assert_array_equal(expected, np.maximum(frames[..., ::2], frames[..., 1::2]))
    _check(compile_external(network, CAPACITY), frames_as_bytes(frames, CAPACITY.sizes), {})


def test_frames_lie_gigabytes_apart() -> None:
    """By numbers of beats whose bits take turns, of a memory that repeats itself."""
    builder, network = small()
    program = compile_external(network, CAPACITY)
    frames = frames_as_bytes(builder.images(1, network), CAPACITY.sizes)
    with ExternalBench(built(), MEMORY) as bench:
        session = Session(bench, program, frames)
        session.set(**WILD)
        memories = (1 << 32) // MEMORY
        for apart in (0x155, 0x0AA):
            assert 2 * apart < memories
            outcome = ends_far_apart(session, apart * MEMORY // CAPACITY.beat_bytes, 2)
            assert (outcome.code, outcome.frames) == (Stop.NONE, 2)
            assert session.right


def test_memory_at_any_address() -> None:
    """At one with other bits, at one with all others, and up to the last byte of 32 bits."""
    builder, network = small()
    program = compile_external(network, CAPACITY)
    frames = frames_as_bytes(builder.images(2, network), CAPACITY.sizes)
    with ExternalBench(built(), MEMORY) as bench:
        session = Session(bench, program, frames)
        session.sizes["SCRATCH"] += -session.sizes["SCRATCH"] % BETWEEN
        whole = session.bases["SCRATCH"] + session.sizes["SCRATCH"]
        session.set(**WILD)
        for origin in (0xA5A5_A000, 0x5A5A_5000, (1 << 32) - whole):
            bench.locate(origin)
            session.place()
            assert session.bases["PROGRAM"] == origin + BETWEEN
            assert session.run().code == Stop.NONE
            assert session.right


def test_programs_on_one_verilog() -> None:
    with ExternalBench(built(), MEMORY) as bench:
        for make in NETWORKS.values():
            builder, network = make()
            program = compile_external(network, CAPACITY)
            frames = frames_as_bytes(builder.images(2, network), CAPACITY.sizes)
            session = Session(bench, program, frames)
            for settings in MEMORIES.values():
                session.set(**settings)
                outcome = session.run()
                assert outcome.code == Stop.NONE
                assert outcome.frames == 2
                assert session.right, settings
                assert outcome.written_bytes == 2 * program.written_bytes


@pytest.mark.parametrize(("data_bits", "tile"), [(64, 8), (128, 16)])
def test_wider_buses(data_bits: int, tile: int) -> None:
    capacity = Capacity(
        sizes=Sizes(tile=tile, scalers=2, positions=16),
        data_bits=data_bits,
        map_bytes=1 << 14,
        constants=1024,
        weight_bytes=1 << 12,
    )
    with ExternalBench(built(capacity), MEMORY) as bench:
        for number, kind in enumerate(KINDS):
            if kind != LayerNorm.kind:
                run_case(bench, 2 * len(KINDS) + number, own=True, capacity=capacity)


def test_operators_drawn_at_random() -> None:
    with ExternalBench(built(), MEMORY) as bench:
        for seed in range(2 * len(KINDS)):
            run_case(bench, 500 + seed, own=seed % 3 < 2)
