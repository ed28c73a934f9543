"""In which cycles a program does what, where nothing outside stalls it."""

from collections.abc import Iterator
from dataclasses import dataclass

from golden.accelerator.descriptor import Descriptor, Kind, Norm
from golden.accelerator.program import Program
from hw.accelerator import post, reader, statistics, weights
from hw.accelerator.sequencer import MOST_PENDING
from hw.matrix import unit as matrix
from hw.parts.streams import OutputBuffer

_LOAD = 2
"""Cycles from a descriptor's end to the next one's beginning: it is loaded, then looked at."""
_QUEUE = 3
"""Cycles from a descriptor's beginning until the post unit is ready for its sums."""
_TURN = 2
"""Cycles from a descriptor's last word until the post unit is ready for the next one's sums."""
GIVEN = OutputBuffer.latency_of(OutputBuffer.depth_for(1))


@dataclass(frozen=True)
class Step:
    """A descriptor's cycles, counted from the first beginning of the program.

    Parameters
    ----------
    descriptor
        Which one.
    begins
        It begins.
    ends
        It has read its last position.
    written
        Its last word is written, where it finishes sums.
    """

    descriptor: Descriptor
    begins: int
    ends: int
    written: int | None


class Timeline:
    """Cycles of a program, exactly: `tests/accelerator` holds the simulation to them.

    Parameters
    ----------
    program
        The program.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._post = post.latency(program.sizes, program.abilities)
        self._matrix = matrix.latency(program.sizes.matrix)
        self.steps = tuple(self._walk())

    @property
    def cycles_per_frame(self) -> int:
        """From a frame's first word taken to the next one's."""
        return self.steps[-1].ends + _LOAD

    @property
    def latency(self) -> int:
        """From a frame's first word taken to its first one given."""
        first = next(s for s in self.steps if s.descriptor.kind == Kind.GIVE)
        return first.begins + self.given

    @property
    def given(self) -> int:
        """From the beginning of a descriptor that gives words to the first one."""
        return reader.LATENCY + GIVEN

    def _walk(self) -> Iterator[Step]:
        begins, written = 0, list[int]()
        for one in self._program.descriptors:
            # Sums that are neither finished nor written hold up who waits, or comes too soon.
            before = written[-1:] if one.waits else written[: 1 - MOST_PENDING]
            begins = max([begins, *(cycle + 1 for cycle in before[-1:])])
            ends, done = self._last(one, begins, written[-1] if written else None)
            if done is not None:
                written.append(done)
            yield Step(one, begins, ends, done)
            begins = ends + _LOAD

    def _last(self, one: Descriptor, begins: int, written: int | None) -> tuple[int, int | None]:
        """Return when ``one`` has read and written all, given when what came before was written."""
        count = one.windows.positions
        if one.kind == Kind.TAKE:
            return begins + count, None
        first = begins + 1 + reader.LATENCY
        if one.kind != Kind.COMPUTE:
            return first + count - 1, None
        design = self._program.sizes.matrix
        taps = one.windows.taps if one.windows.largest else 1
        loaded = weights.LATENCY + design.outputs
        starts = begins + 1 + max(reader.LATENCY + taps - 1, loaded)
        final = starts + design.begins([count] * one.windows.passes)[-1]
        ends = final + (count - 1) * taps
        if not one.final:
            return ends, None
        ready = begins + _QUEUE if written is None else max(begins + _QUEUE, written + _TURN)
        parts = self._program.sizes.parts
        if one.finish.norm == Norm.STATISTICS:
            each = statistics.cycles_of(self._program.abilities.norm)
            first = max(ready, final + self._matrix)
            return ends, first + count * (each + statistics.INTERVAL) - statistics.INTERVAL
        done = max(
            max(ready, final + self._matrix) + count * parts,
            ends + self._matrix + parts,
        )
        return ends, done - 1 + self._post
