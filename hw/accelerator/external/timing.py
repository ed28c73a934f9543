"""In which cycles a program does what, with a memory outside of some latency and bandwidth.

Each unit follows its own rules, which lie beside it: `port_timing`, `transfer_timing` and
`unit_timing`. What a unit does is a fact once it is known, whatever comes later; the port alone
chooses, so a burst is granted when all units have gone on as far as the beats before allow.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cached_property

from golden.accelerator.descriptor import ANY, Descriptor, Kind, Weights
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.format import common_fields, compute_fields
from golden.accelerator.external.program import ExternalProgram
from hw.accelerator.external.bus import ReadId
from hw.accelerator.external.core import LOADS_DEPTH, program_depth
from hw.accelerator.external.depthwise_timing import DepthwiseTiming
from hw.accelerator.external.port_timing import EVERY_CYCLE, MemoryPace, PortTiming, ReadsTiming
from hw.accelerator.external.transfer_timing import LoadsTiming, StoresTiming
from hw.accelerator.external.unit_timing import LoaderTiming, RowsTiming, UnitsTiming

__all__ = ["EVERY_CYCLE", "ExternalTimeline", "MemoryPace"]

_ASKED = 4
"""Cycles from the beginning to the header's block."""
_HEADER = 7
"""Cycles from the header's last beat to the blocks of descriptors and weights."""
_CHECK = 10
"""Of a descriptor's check, the bits of its factors left out."""
_END = 14
"""From the last unit's rest to the end: it is seen, all answers are awaited, units are reset."""


@dataclass
class CheckTiming:
    """The `DescriptorCheck`: descriptors put together and checked, one ahead.

    Attributes
    ----------
    offered
        By descriptor, from when on the sequencer can load it.
    loaded
        When it did.
    """

    capacity: Capacity
    descriptors: tuple[Descriptor, ...]
    reads: ReadsTiming
    offered: list[int]
    loaded: list[int]

    def run(self) -> Iterator[None]:
        """Go on as far as beats are known, and what the sequencer does."""
        free = 0
        for number, one in enumerate(self.descriptors):
            for _ in range(self.capacity.descriptor_beats):
                while self.reads.waits:
                    yield
                whole = self.reads.take(free)
            self.offered.append(whole + _CHECK + self._bits(one))
            while number >= len(self.loaded):
                yield
            free = self.loaded[number] + 1

    def _bits(self, one: Descriptor) -> int:
        """Return the cycles of a descriptor's products."""
        if one.kind in (Kind.LOAD, Kind.STORE):
            return int(one.transfer.blocks - 1).bit_length()
        said = {**common_fields(one), **compute_fields(one)}
        factors = [said["height"] - 1, said["last_row"], said["last_column"] + 1]
        factors += [said["last_kernel_column"] + 1, said["last_tile"]]
        factors.append(said["pitch"] % (2 << self.capacity.map_bits))
        bits = max(int(factor).bit_length() for factor in factors)
        return bits + int(said["last_tile"] + 1).bit_length()


class ExternalTimeline:
    """Follows a program: exactly with a memory of any latency that gives a beat every cycle.

    What a depthwise unit does is counted as if nobody else read or wrote maps then.

    Regions begin at multiples of a burst, and memory answers in order.

    Parameters
    ----------
    program
        The program.
    memory
        What it runs on.

    Attributes
    ----------
    begins, ends
        By descriptor, when it begins, and the last address of what it reads is made.
    cycles
        Of a frame.
    """

    def __init__(self, program: ExternalProgram, memory: MemoryPace = EVERY_CYCLE) -> None:
        capacity = program.capacity
        self._program = program
        self._capacity = capacity
        weights_depth = capacity.weight_bytes // capacity.beat_bytes
        descriptors, weights, loads = (
            ReadsTiming(capacity, depth)
            for depth in (program_depth(capacity), weights_depth, LOADS_DEPTH)
        )
        self._descriptors = descriptors
        self._weights = weights
        self._rows = RowsTiming(capacity, weights)
        self._loads = LoadsTiming(capacity, reads=loads)
        self._stores = StoresTiming(capacity, memory=memory)
        self._depthwise = DepthwiseTiming(capacity)
        self._loader = LoaderTiming(capacity, self._rows)
        self._units = UnitsTiming(capacity, self._loader, self._stores.holds, self._loads.writes)
        self._check = CheckTiming(capacity, program.descriptors, descriptors, [], [])
        self._port = PortTiming(
            capacity, memory, (descriptors, weights, loads), self._stores.written
        )
        self.begins: list[int] = []
        self.ends: list[int] = []
        self._begin_frame()
        self._run()

    @cached_property
    def cycles(self) -> int:
        """Of a frame."""
        units = (self._loads, self._stores, self._depthwise)
        over = [self.ends[-1], *(when for unit in units for when in unit.done[-1:])]
        return max(over) + 1 + _END

    def _begin_frame(self) -> None:
        """Read the header, then ask for descriptors and weights."""
        capacity, program = self._capacity, self._program
        self._descriptors.add(_ASKED, 0, capacity.header_beats)
        while len(self._descriptors.here) < capacity.header_beats:
            self._port.grant()
        for _ in range(capacity.header_beats):
            last = self._descriptors.take(1)
        begins = last + _HEADER
        at = capacity.header_beats + len(program.constants) // capacity.beat_bytes
        beats = len(program.descriptors) * capacity.descriptor_beats
        self._descriptors.add(begins, at, beats)
        if len(program.rows):
            self._weights.add(begins, at + beats, len(program.rows) * capacity.word_beats)

    def _run(self) -> None:
        """Grant bursts, and let all units go on in between."""
        units = [self._check.run(), self._loader.run(), self._loads.run(), self._walk()]
        granted: ReadId | None = ReadId.PROGRAM
        while granted is not None:
            before = self._known
            self._rows.gather()
            next(units[granted], None)  # they are in the order of `ReadId`
            while before != (before := self._known):
                for unit in units:
                    next(unit, None)
            granted = self._port.grant()
        assert len(self.ends) == len(self._program.descriptors)

    @property
    def _known(self) -> tuple[int, ...]:
        """How many facts are known that one unit waits for another's."""
        of_loads = (len(self._loads.begun), len(self._loads.started), len(self._loads.done))
        loader = self._loader
        of_weights = (len(loader.brought), len(loader.whole), len(loader.changed))
        return (len(self._check.offered), len(self._check.loaded), *of_loads, *of_weights)

    def _walk(self) -> Iterator[None]:
        """Follow the sequencer."""
        held, free = 0, 0
        for number, one in enumerate(self._program.descriptors):
            while number >= len(self._check.offered):
                yield
            loaded = max(self._check.offered[number], held)
            self._check.loaded.append(loaded)
            ready = max(loaded + 2, free)
            if one.kind == Kind.COMPUTE:
                ready = max(ready, 1 + (yield from self._brings(one, loaded + 1)))
            begins = yield from self._may(one, ready)
            self.begins.append(begins)
            ends = begins
            if one.kind == Kind.LOAD:
                self._loads.begin(begins, one)
            elif one.kind == Kind.STORE:
                self._stores.begin(begins, one)
            elif one.kind == Kind.DEPTHWISE:
                self._depthwise.begin(begins, one)
            else:
                if one.kind == Kind.GAIN:
                    self._units.gain(begins)
                else:
                    yield from self._units.compute(one, begins)
                ends = self._units.ends
                free = ends + 1
            self.ends.append(ends)
            held = begins + 1

    def _brings(self, one: Descriptor, earliest: int) -> Generator[None, None, int]:
        """Have weights brought; return when the loader begins with them."""
        loader = self._loader
        if one.weights == Weights.GAIN:
            earliest = max(earliest, self._units.kept + 1)
        loader.asked.append((one, earliest))
        while len(loader.brought) < len(loader.asked):
            yield
        return loader.brought[-1]

    def _may(self, one: Descriptor, earliest: int) -> Generator[None, None, int]:
        """Return when a descriptor may begin: all that it waits for is over."""
        written = self._units.written
        pending = written[-1:] if one.waits else written[:-1][-1:]
        begins = max([earliest, *(when + 2 for when in pending)])
        for kind, unit, left in (
            (Kind.LOAD, self._loads, one.loads),
            (Kind.STORE, self._stores, one.stores),
            (Kind.DEPTHWISE, self._depthwise, one.depthwise),
        ):
            over = len(unit.begun) - left
            if left < ANY and over > 0:
                while len(unit.done) < over:
                    yield
                begins = max(begins, unit.done[over - 1] + 2)
            if one.kind == kind:
                while (room := unit.room_from) is None:
                    yield
                begins = max(begins, room + 1)
        return begins
