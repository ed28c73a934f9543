"""How an engine takes and gives beats, cycle by cycle: counted, and not computed."""

from collections import deque

from golden.line.design import LineDesign
from hw.line.output import buffer_depth, stage_latency
from hw.parts.streams import OutputBuffer
from hw.primitives.memory import READ_LATENCY


class DelayPace:
    """A delay of a bit."""

    def __init__(self, cycles: int) -> None:
        self._bits = deque([False] * cycles)

    def shift(self, bit: bool) -> bool:
        """Go on to the next cycle, and return what came in so many cycles ago."""
        self._bits.append(bit)
        return self._bits.popleft()


class BufferPace:
    """An `OutputBuffer`."""

    def __init__(self, depth: int) -> None:
        self.valid = False
        self._spare, self._change, self._waiting = depth - 2, 0, 0
        self._ahead: BufferPace | None = None
        if depth > OutputBuffer.SHALLOW:
            self._ahead = BufferPace(OutputBuffer.depth_for(READ_LATENCY))
            self._popped = DelayPace(READ_LATENCY)

    @property
    def credit(self) -> bool:
        """Whether there is room for what is not yet on its way."""
        return self._spare >= 0

    def step(self, i_valid: bool, take: bool, o_ready: bool) -> None:
        """Go on to the next cycle."""
        self._spare += self._change
        self._change = (self.valid and o_ready) - take
        if self._ahead is None:
            pop = self._waiting > 0 and (not self.valid or o_ready)
            if pop or o_ready:
                self.valid = pop
        else:
            pop = self._waiting > 0 and self._ahead.credit
            self._ahead.step(self._popped.shift(pop), pop, o_ready)
            self.valid = self._ahead.valid
        self._waiting += i_valid - pop


class LinePace:
    """A line engine: takes a line, then nothing until its block is complete.

    Where another engine does otherwise, `ready` and `advance` say how.

    Parameters
    ----------
    design
        What the engine is told.
    in_flight
        Its core's `pipeline_latency`.
    """

    def __init__(self, design: LineDesign, in_flight: int) -> None:
        depth = buffer_depth(design, in_flight=design.beats_within(in_flight))
        self._delay = DelayPace(in_flight + stage_latency(design))
        self._buffer = BufferPace(depth)
        self._length, self._block, self._place = design.length, design.cycles_per_group, 0

    @property
    def ready(self) -> bool:
        """Whether it takes a beat."""
        return self._buffer.credit and self._place < self._length

    @property
    def valid(self) -> bool:
        """Whether it offers one."""
        return self._buffer.valid

    def step(self, i_valid: bool, o_ready: bool) -> None:
        """Go on to the next cycle."""
        take = self.advance(i_valid)
        self._buffer.step(self._delay.shift(take), take, o_ready)

    def advance(self, i_valid: bool) -> bool:
        """Return whether a step of this cycle will give a result."""
        take = i_valid and self.ready
        if take or self._place >= self._length:
            self._place = (self._place + 1) % self._block
        return take
