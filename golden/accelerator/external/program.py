"""A program in external memory: its bytes, and what they do, bit for bit."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from golden.accelerator.descriptor import Descriptor, Kind, Region, Space, Transfer, Turning
from golden.accelerator.external.capacity import (
    KERNEL_WORDS,
    SLOT_BYTES,
    TABLE,
    Capacity,
)
from golden.accelerator.external.depthwise import Record, record_of
from golden.accelerator.external.format import Header, pack_descriptor, pack_rows, padded, scales_of
from golden.accelerator.external.hazards import beats_of
from golden.accelerator.external.lines import LineRecord
from golden.accelerator.external.packing import Packing
from golden.accelerator.program import Program, ProgramRun, Rom, exactly, finishes, places_of
from golden.accelerator.sizes import BIASED_BITS
from golden.accelerator.words import bytes_of, frames_of
from golden.numbers.interval import Integers, wrap

Octets = npt.NDArray[np.uint8]
Words = npt.NDArray[np.int8]


class Traffic(NamedTuple):
    """Bytes read and written: of maps, weights, constants and descriptors."""

    read: int
    written: int


class Writes(NamedTuple):
    """Words of the buffer of maps, in the order in which they are written.

    Parameters
    ----------
    places
        int64 ``[n]``: their addresses.
    words
        int8 ``[n, tile]``.
    """

    places: Integers
    words: Words


@dataclass(frozen=True, eq=False)
class ExternalProgram:
    """What an accelerator of a capacity does, frame after frame.

    Parameters
    ----------
    capacity
        Of the accelerator.
    descriptors
        In order; a weight address is that of a row of ``rows``.
    rows
        int64 ``[n, tile]``: rows and diagonals as they are taken.
    constants
        Behind the header.
    names
        What each descriptor works for: a map of the network.
    input, output, scratch
        Sizes of regions, a frame's, in beats.
    packing
        How images lie in memory.
    """

    capacity: Capacity
    descriptors: tuple[Descriptor, ...]
    rows: Integers
    constants: bytes
    names: tuple[str, ...]
    input: int
    output: int
    scratch: int
    packing: Packing

    def frames(self, images: Integers) -> list[bytes]:
        """Return images ``[F, C, H, W]`` as they lie in memory."""
        words = frames_of(self.packing.maps(images), self.capacity.sizes)
        return [bytes_of(frame) for frame in words]

    @cached_property
    def image(self) -> bytes:
        """All bytes of the program: header, constants, descriptors, weights."""
        capacity, beat = self.capacity, self.capacity.beat_bytes
        packed, weights = [], []
        for one in self.descriptors:
            rows = self.rows[one.weight_address :][: rows_of(one, capacity)]
            content, large = pack_rows(one, rows)
            packed.append(pack_descriptor(one, capacity, large=large))
            weights.append(content)
        descriptors, all_weights = (padded(parts, beat) for parts in (packed, weights))
        constants_beats = capacity.header_beats + len(self.constants) // beat
        descriptor_beats = len(descriptors) // beat
        weight_beats = len(all_weights) // beat
        header = Header(
            descriptors=len(self.descriptors),
            descriptors_at=constants_beats,
            weights_at=constants_beats + descriptor_beats,
            weights=weight_beats,
            program=constants_beats + descriptor_beats + weight_beats,
            input=self.input,
            output=self.output,
            scratch=self.scratch,
            rows=len(self.rows),
        )
        return b"".join([header.pack(capacity), self.constants, descriptors, all_weights])

    @property
    def finished(self) -> tuple[str, ...]:
        """What each descriptor that `finishes` works for."""
        pairs = zip(self.names, self.descriptors, strict=True)
        return tuple(name for name, one in pairs if finishes(one))

    @cached_property
    def traffic(self) -> dict[str, Traffic]:
        """What goes over the bus for each map that is worked for, the header left out."""
        capacity = self.capacity
        found: dict[str, Traffic] = {}
        for name, one in zip(self.names, self.descriptors, strict=True):
            beats = capacity.descriptor_beats + rows_of(one, capacity) * capacity.word_beats
            moves = one.transfer
            written = 0
            if one.kind == Kind.LOAD:
                beats += beats_of(moves, capacity) * moves.blocks
            elif one.kind == Kind.STORE:
                written = beats_of(moves, capacity) * moves.blocks
            had = found.get(name, Traffic(0, 0))
            more = (count * capacity.beat_bytes for count in (beats, written))
            found[name] = Traffic(*(a + b for a, b in zip(had, more, strict=True)))
        return found

    @property
    def written_bytes(self) -> int:
        """Bytes that a frame writes to memory."""
        return sum(each.written for each in self.traffic.values())

    @property
    def read_bytes(self) -> int:
        """Bytes that a frame reads, its header left out."""
        return sum(each.read for each in self.traffic.values())

    def run(self, frame: bytes) -> bytes:
        """Return a frame's output, byte for byte as it lies in memory."""
        return ExternalRun(self, frame).output()


def rows_of(one: Descriptor, capacity: Capacity) -> int:
    """Return how many rows of weights a descriptor takes."""
    if one.kind != Kind.COMPUTE:
        return 0
    return one.windows.passes * (capacity.sizes.tile, 1, 0)[one.weights]


class ExternalRun(ProgramRun):
    """A frame on its way through a program, with memories that are filled.

    Attributes
    ----------
    written
        What each descriptor works for that wrote words of maps, and these, so far.
    """

    def __init__(self, program: ExternalProgram, frame: bytes) -> None:
        capacity = program.capacity
        sizes = capacity.sizes
        steps = (capacity.constants, sizes.scalers)
        rom = Rom(
            program.rows,
            np.zeros(steps, np.int64),
            np.zeros(steps, np.int64),
            np.full(steps, capacity.scales.shifts.high, np.int64),
            np.zeros((capacity.tables, TABLE), np.int64),
            np.zeros((KERNEL_WORDS, capacity.depthwise * sizes.tile), np.int64),
        )
        inside = Program(sizes, program.descriptors, rom, capacity.map_words, program.names)
        super().__init__(inside, np.zeros((0, sizes.tile), np.int64))
        self._capacity = capacity
        self._name = ""
        self.written: list[tuple[str, Writes]] = []
        beat = capacity.beat_bytes
        self.memory = {
            Region.PROGRAM: np.frombuffer(program.image, np.uint8).copy(),
            Region.INPUT: np.frombuffer(frame, np.uint8).copy(),
            Region.OUTPUT: np.zeros(program.output * beat, np.uint8),
            Region.SCRATCH: np.zeros(program.scratch * beat, np.uint8),
        }

    def output(self) -> bytes:
        """Run, and return the region of output."""
        does = {
            Kind.COMPUTE: self._compute,
            Kind.GAIN: self._keep_gain,
            Kind.DEPTHWISE: self._depthwise,
            Kind.LOAD: self._load,
            Kind.STORE: self._store,
        }
        pairs = zip(self._program.names, self._program.descriptors, strict=True)
        for self._name, one in pairs:
            does[one.kind](one)
        return self.memory[Region.OUTPUT].tobytes()

    def _load(self, one: Descriptor) -> None:
        moves = one.transfer
        beats = beats_of(moves, self._capacity)
        fill = {
            Space.MAPS: self._fill_maps,
            Space.BIASES: self._fill_biases,
            Space.SCALES: self._fill_scales,
            Space.TABLES: self._fill_tables,
            Space.KERNELS: self._fill_kernels,
        }[moves.space]
        for near, content in self._blocks(moves, beats):
            fill(near, content)

    def _depthwise(self, one: Descriptor) -> None:
        if one.turns:
            self._turn(one)
            return
        if one.line:
            self._line(one)
            return
        rows = self._rom.kernels[one.weight_address :][: len(record_of(one, self._capacity))]
        record = Record.unpacked(rows, one.windows, self._capacity)
        kernel = record.kernel.reshape(self._tile, -1)
        total = sum(x * kernel[:, tap] for tap, x in enumerate(self._taps(one)))
        sums = wrap(total + record.bias, BIASED_BITS)
        self._write(one, exactly(sums, record.multiplier, record.shift, one.finish))

    def _lines(self, one: Descriptor, length: int) -> Integers:
        """Return so many samples ``[lines, length, tile]`` of each line of a descriptor."""
        w, rows = one.windows, one.turn == Turning.ROWS
        lines = replace(
            w,
            rows=1 if rows else w.rows,
            columns=w.rows if rows else 1,
            kernel_rows=length if rows else 1,
            kernel_columns=1 if rows else length,
        )
        return np.stack(list(self._taps(replace(one, windows=lines))), axis=1)

    def _line(self, one: Descriptor) -> None:
        """Add up circular lines, each channel's under its own kernel."""
        rows = self._rom.kernels[one.weight_address :][: len(record_of(one, self._capacity))]
        record = LineRecord.unpacked(rows, self._capacity)
        x = self._lines(one, one.line_length)
        sums = record.sums(x, self._capacity)[:, one.skips : one.skips + one.windows.columns]
        flat = sums.reshape(-1, self._tile)
        self._write(one, exactly(flat, record.multiplier, record.shift, one.finish))

    def _turn(self, one: Descriptor) -> None:
        """Write channels of a tile of positions of each line, one behind the other."""
        read = self._lines(one, self._tile)
        words = np.swapaxes(read, 1, 2)[:, : one.windows.columns].reshape(-1, self._tile) & 255
        self._maps[places_of(one)] = words
        self.made.append(wrap(words, 8))
        self._note(places_of(one), self.made[-1])

    def _write(self, one: Descriptor, y: Integers) -> None:
        super()._write(one, y)
        self._note(places_of(one), self.made[-1])

    def _note(self, places: Integers, words: Integers | Octets) -> None:
        self.written.append((self._name, Writes(places, words.astype(np.int8))))

    def _store(self, one: Descriptor) -> None:
        moves = one.transfer
        for near, content in self._blocks(moves, moves.words * self._capacity.word_beats):
            content[:] = (self._maps[near : near + moves.words] & 255).reshape(-1)

    def _blocks(self, moves: Transfer, beats: int) -> list[tuple[int, Octets]]:
        """Return where blocks are inside, and what is outside: a view of it."""
        beat = self._capacity.beat_bytes
        blocks = []
        for block in range(moves.blocks):
            first = (moves.far + block * moves.far_stride) * beat
            content = self.memory[moves.region][first : first + beats * beat]
            assert len(content) == beats * beat, "Transfers must stay within their regions"
            blocks.append((moves.near + block * moves.near_stride, content))
        return blocks

    def _fill_maps(self, near: int, content: Octets) -> None:
        words = content.reshape(-1, self._tile)
        self._maps[near : near + len(words)] = words
        self._note(np.arange(near, near + len(words)), words)

    def _slots(self, content: Octets) -> Integers:
        words = content.view("<u4").astype(np.int64)
        steps = words.reshape(
            -1, self._capacity.step_beats * self._capacity.beat_bytes // SLOT_BYTES
        )
        return steps[:, : self._capacity.sizes.scalers]

    def _fill_biases(self, near: int, content: Octets) -> None:
        steps = self._slots(content)
        self._rom.bias[near : near + len(steps)] = wrap(steps, 32)

    def _fill_scales(self, near: int, content: Octets) -> None:
        steps = self._slots(content)
        multiplier, shift = scales_of(steps, self._capacity.scales)
        self._rom.multiplier[near : near + len(steps)] = multiplier
        self._rom.shift[near : near + len(steps)] = shift

    def _fill_kernels(self, near: int, content: Octets) -> None:
        words = content.reshape(-1, self._rom.kernels.shape[1])
        self._rom.kernels[near : near + len(words)] = words

    def _fill_tables(self, near: int, content: Octets) -> None:
        first = near * self._capacity.beat_bytes
        self._rom.tables.reshape(-1)[first : first + len(content)] = content
