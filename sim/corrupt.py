"""Programs that are wrong in one place, or anywhere, and what must come of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from golden.accelerator.descriptor import Descriptor, Kind, Norm, Region, Space, Turning
from golden.accelerator.external.capacity import HEADER_WORDS, KERNEL_WORDS, Capacity
from golden.accelerator.external.format import pack_descriptor
from golden.accelerator.external.program import ExternalProgram
from golden.accelerator.external.registers import Stop
from golden.network.network import Network
from hw.simulate.external import Outcome
from sim.external import Session
from sim.networks import Builder

ABORTED = 200_000
"""Cycles after which a program that goes on, as one may that has many more windows, is stopped."""


def small(height: int = 23, width: int = 21) -> tuple[Builder, Network]:
    """Return what loads, computes with tables and gains, goes to memory and back, and stores."""
    b = Builder((3, height, width), seed=5)
    x = b.convolution("image", 12, 3)
    y = b.convolution(b.pointwise(b.convolution(x, 20, 1)), 12, 3)
    z = b.times(y, b.convolution(b.average(y, (height, width)), 12))
    return b, b.network(b.plus(x, z))


def tiny() -> tuple[Builder, Network]:
    """Return so little that all cycles of its frame are tried."""
    b = Builder((3, 4, 3), seed=6)
    x = b.pointwise(b.convolution("image", 9, 3))
    return b, b.network(b.plus(x, b.layer_norm(x)))


@dataclass(frozen=True)
class Wrong:
    """A field of the first descriptor of a kind, and why it cannot be.

    Parameters
    ----------
    stop
        Why.
    kind
        Of the descriptor.
    part
        `source`, `windows`, `finish`, `transfer` or nothing, for the descriptor itself.
    fields
        And what is in them.
    """

    stop: Stop
    kind: Kind
    part: str
    fields: dict[str, Any]


def wrong_descriptors(capacity: Capacity) -> list[Wrong]:
    """Return a descriptor for each rule that one can break."""
    words, constants = capacity.map_words, capacity.constants
    compute, load, store = Kind.COMPUTE, Kind.LOAD, Kind.STORE
    return [
        Wrong(Stop.KIND, compute, "", {"kind": Kind.TAKE}),
        Wrong(Stop.KIND, store, "", {"kind": Kind.GIVE}),
        Wrong(Stop.POSITIONS, compute, "windows", {"rows": capacity.sizes.positions + 1}),
        Wrong(Stop.POSITIONS, compute, "source", {"height": 0}),
        Wrong(Stop.POSITIONS, compute, "source", {"width": 0}),
        Wrong(Stop.POSITIONS, compute, "windows", {"kernel_rows": 256, "kernel_columns": 256}),
        Wrong(Stop.SOURCE, compute, "source", {"base": words - 1}),
        Wrong(Stop.SOURCE, compute, "source", {"pitch": -words // 2}),
        Wrong(Stop.SOURCE, compute, "windows", {"tiles": 200}),
        Wrong(Stop.TARGET, compute, "finish", {"target": words - 1}),
        Wrong(Stop.TARGET, compute, "finish", {"target": 3, "target_column": -1}),
        Wrong(Stop.CONSTANTS, compute, "finish", {"bias": constants - 1}),
        Wrong(Stop.CONSTANTS, compute, "finish", {"bias_row": constants // 2}),
        Wrong(Stop.CONSTANTS, compute, "finish", {"scale": constants - 1}),
        Wrong(Stop.WEIGHTS, compute, "windows", {"kernel_rows": 255, "kernel_columns": 255}),
        Wrong(Stop.SUMS, compute, "", {"first": False}),
        Wrong(Stop.NORM, compute, "finish", {"norm": 3, "channels": 1}),
        Wrong(Stop.NORM, compute, "finish", {"norm": Norm.STATISTICS}),
        Wrong(Stop.NORM, compute, "finish", {"norm": Norm.NORMAL, "channels": 129}),
        Wrong(Stop.POSITIONS, load, "transfer", {"words": 0}),
        Wrong(Stop.TARGET, load, "transfer", {"near": constants - 1, "space": Space.SCALES}),
        Wrong(Stop.TARGET, load, "transfer", {"near_stride": words - 1, "blocks": 3}),
        Wrong(Stop.TARGET, store, "transfer", {"near": words - 1}),
        Wrong(Stop.REGION, load, "transfer", {"far": 1 << 28}),
        Wrong(Stop.REGION, load, "transfer", {"far": (1 << 30) - 1, "blocks": 2}),
        Wrong(Stop.REGION, store, "transfer", {"far": 1 << 20}),
        Wrong(Stop.REGION, store, "transfer", {"blocks": 2, "far_stride": 1 << 28}),
        Wrong(Stop.REGION, store, "transfer", {"region": Region.INPUT}),
        Wrong(Stop.REGION, store, "transfer", {"region": Region.PROGRAM}),
        Wrong(Stop.REGION, store, "transfer", {"space": Space.BIASES, "near": 0, "words": 1}),
    ]


def wrong_kernels(capacity: Capacity) -> list[Wrong]:
    """Return likewise what the depthwise unit cannot do."""
    words, apart = capacity.map_words, Kind.DEPTHWISE
    return [
        Wrong(Stop.POSITIONS, apart, "windows", {"kernel_rows": 8}),
        Wrong(Stop.POSITIONS, apart, "windows", {"kernel_columns": 8}),
        Wrong(Stop.POSITIONS, apart, "windows", {"row_stride": 0}),
        Wrong(Stop.POSITIONS, apart, "windows", {"column_stride": -1}),
        Wrong(Stop.POSITIONS, apart, "windows", {"largest": True}),
        Wrong(Stop.POSITIONS, apart, "windows", {"tiles": 2}),
        Wrong(Stop.POSITIONS, apart, "windows", {"columns": 1 << capacity.side_bits}),
        Wrong(Stop.POSITIONS, apart, "source", {"width": 0}),
        Wrong(Stop.SOURCE, apart, "source", {"base": words - 1}),
        Wrong(Stop.TARGET, apart, "finish", {"target": words - 1}),
        Wrong(Stop.CONSTANTS, apart, "", {"weight_address": KERNEL_WORDS - 3}),
        Wrong(
            Stop.TARGET,
            Kind.LOAD,
            "transfer",
            {"space": Space.KERNELS, "near": KERNEL_WORDS - 1, "words": 2},
        ),
    ]


def wrong_turns(capacity: Capacity) -> list[Wrong]:
    """Return likewise what it cannot turn."""
    words, tile, apart = capacity.map_words, capacity.sizes.tile, Kind.DEPTHWISE
    return [
        Wrong(Stop.POSITIONS, apart, "", {"turn": 3}),
        Wrong(Stop.POSITIONS, apart, "windows", {"columns": tile + 1}),
        Wrong(Stop.POSITIONS, apart, "windows", {"tiles": 2}),
        Wrong(Stop.SOURCE, apart, "source", {"base": words - 1}),
        Wrong(Stop.TARGET, apart, "finish", {"target": words - 1}),
        Wrong(Stop.TARGET, apart, "finish", {"target_row": -words // 2}),
    ]


def wrong_lines(capacity: Capacity) -> list[Wrong]:
    """Return likewise what line engines cannot do."""
    assert capacity.lines is not None
    words, length, apart = capacity.map_words, capacity.lines.length, Kind.DEPTHWISE
    return [
        Wrong(Stop.POSITIONS, apart, "", {"turn": Turning.NONE}),
        Wrong(Stop.POSITIONS, apart, "", {"turn": 3}),
        Wrong(Stop.POSITIONS, apart, "", {"skips": 1}),
        Wrong(Stop.POSITIONS, apart, "source", {"height": length + 1}),
        Wrong(Stop.POSITIONS, apart, "windows", {"columns": length + 1}),
        Wrong(Stop.POSITIONS, apart, "windows", {"tiles": 2}),
        Wrong(Stop.SOURCE, apart, "source", {"base": words - 1}),
        Wrong(Stop.TARGET, apart, "finish", {"target": words - 1}),
        Wrong(
            Stop.CONSTANTS, apart, "", {"weight_address": KERNEL_WORDS - capacity.line_words + 1}
        ),
    ]


def broken(program: ExternalProgram, wrong: Wrong) -> tuple[bytes, int]:
    """Return an image with one wrong descriptor, and its number."""
    good = program.descriptors
    number = next(n for n, one in enumerate(good) if one.kind == wrong.kind and _whole(one))
    one = good[number]
    if wrong.part:
        one = replace(one, **{wrong.part: replace(getattr(one, wrong.part), **wrong.fields)})
    else:
        one = replace(one, **wrong.fields)
    capacity = program.capacity
    size = capacity.descriptor_bytes
    at = descriptors_at(program.image, capacity)
    packed = pack_descriptor(one, capacity)
    first = at + number * size
    return program.image[:first] + packed + program.image[first + size :], number


def _whole(one: Descriptor) -> bool:
    """Whether all rules of a kind are broken by it: it finishes sums of more than a row."""
    return one.kind != Kind.COMPUTE or (one.final and one.first and one.windows.rows > 1)


def descriptors_at(image: bytes, capacity: Capacity) -> int:
    """Return the byte at which descriptors begin."""
    return int(np.frombuffer(image[: 4 * HEADER_WORDS], "<u4")[5]) * capacity.beat_bytes


def with_header(image: bytes, word: int, value: int, *, mended: bool = True) -> bytes:
    """Return an image with another word in its header, whose sum is right where it is mended."""
    words = np.frombuffer(image[: 4 * HEADER_WORDS], "<u4").astype(np.int64)
    words[word] = value & 0xFFFFFFFF
    if mended:
        words[-1] = -int(words[:-1].sum()) & 0xFFFFFFFF
    return words.astype("<u4").tobytes() + image[4 * HEADER_WORDS :]


def scrambled(program: ExternalProgram, generator: np.random.Generator) -> bytes:
    """Return an image with bits, bytes or whole descriptors that are anything."""
    image = np.frombuffer(program.image, np.uint8).copy()
    capacity = program.capacity
    first = descriptors_at(program.image, capacity)
    size = capacity.descriptor_bytes
    count = len(program.descriptors)
    form = generator.integers(4)
    for _ in range(generator.integers(1, 4)):
        at = first + int(generator.integers(count)) * size
        if form == 0:
            image[at + generator.integers(size)] ^= 1 << generator.integers(8)
        elif form == 1:
            image[at + generator.integers(size)] = generator.integers(256)
        elif form == 2:
            image[at : at + size] = generator.integers(0, 256, size)
        else:
            other = first + int(generator.integers(count)) * size
            image[at : at + size] = image[other : other + size]
    return image.tobytes()


WRONG_HEADERS = [
    (0, 0, Stop.MAGIC),
    (1, 2, Stop.VERSION),
    (2, 1, Stop.HASH),
    (3, 1, Stop.HASH),
    (4, 0, Stop.SIZE),
    (4, 1 << 24, Stop.SIZE),
    (5, 0xFFFFFFF0, Stop.SIZE),
    (7, 1 << 31, Stop.SIZE),
    (8, 1 << 30, Stop.SIZE),
    (9, 1 << 20, Stop.SIZE),
    (10, 1 << 20, Stop.SIZE),
    (11, 1 << 20, Stop.SIZE),
    (12, 0xFFFFFFFF, Stop.SIZE),
]
"""A word of the header, what it cannot be, and the code that tells."""


def with_bits_of_sizes(image: bytes, first: int = 0) -> Iterator[bytes]:
    """Yield an image with a bit turned over, each in turn, of sizes and places in its header.

    Those of the words' bits from ``first`` on.
    """
    words = np.frombuffer(image, "<u4", HEADER_WORDS)
    for word in sorted({word for word, _, stop in WRONG_HEADERS if stop == Stop.SIZE}):
        for bit in range(first, 32):
            yield with_header(image, word, int(words[word]) ^ 1 << bit)


def ends_far_apart(session: Session, beats: int, frames: int) -> Outcome:
    """Run the first frame again and again, each so many beats behind the one before.

    Memory repeats itself, so that they are all the same where ``beats`` are of its size.
    """
    bench, beat = session.bench, session.program.capacity.beat_bytes
    image = session.program.image
    for word in (9, 10):  # of input and output
        image = with_header(image, word, beats)
    bench.tell("set", "repeats", 1)
    for region in ("INPUT", "OUTPUT"):
        bench.write(f"{region}_SIZE", frames * beats * beat)
    bench.tell("allow", session.bases["OUTPUT"], frames * beats * beat)
    bench.poke(session.bases["PROGRAM"], image)
    bench.poke(session.bases["OUTPUT"], bytes(len(session.expected)))
    bench.start(frames)
    return bench.wait(ABORTED)


def wrong_regions(session: Session, region: str) -> list[tuple[str, int, Stop]]:
    """Return likewise registers of a region."""
    return [
        (f"{region}_SIZE", session.sizes[region] - session.program.capacity.beat_bytes, Stop.SIZE),
        (f"{region}_SIZE", 0, Stop.SIZE),
        (f"{region}_BASE", session.bases[region] + 1, Stop.ALIGNMENT),
        (f"{region}_BASE_HIGH", 1, Stop.ALIGNMENT),
    ]


def with_bits_of_descriptors(program: ExternalProgram, step: int) -> Iterator[bytes]:
    """Yield an image with a bit turned over, each ``step``-th in turn, of a descriptor.

    Of the first of each kind; kinds begin with bits behind each other's.
    """
    capacity = program.capacity
    size = capacity.descriptor_bytes
    kinds = [one.kind for one in program.descriptors]
    for turn, kind in enumerate(sorted(set(kinds))):
        first = descriptors_at(program.image, capacity) + kinds.index(kind) * size
        for bit in range(turn % step, 8 * size, step):
            image = bytearray(program.image)
            image[first + bit // 8] ^= 1 << bit % 8
            yield bytes(image)


def ends_with(session: Session, register: str, value: int) -> Outcome:
    """Run the good program with a register that is another, which is put back."""
    before = session.bench.read(register)
    session.bench.write(register, value)
    outcome = ends(session, session.program.image)
    session.bench.write(register, before)
    return outcome


def ends(session: Session, image: bytes, most: int = ABORTED) -> Outcome:
    """Run a program that may be anything; it ends, or can be stopped, and stays in its regions.

    It is stopped after ``most`` cycles.
    """
    bench = session.bench
    bench.poke(session.bases["PROGRAM"], image)
    bench.start(1)
    ended, _ = bench.tell("run", most)
    if not ended:
        bench.abort()
    return bench.wait(10_000) if not ended else bench.outcome()


def recovers(session: Session) -> bool:
    """Whether the next good program is right."""
    session.bench.poke(session.bases["PROGRAM"], session.program.image)
    return session.run().code == Stop.NONE and session.right
