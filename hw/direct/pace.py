"""How the direct engine takes and gives beats."""

from golden.direct.design import DirectDesign
from hw.line.pace import LinePace


class ChainPace(LinePace):
    """`hw.direct.sequencer` and, with fewer multipliers, `hw.direct.replay`."""

    def __init__(self, design: DirectDesign, in_flight: int) -> None:
        super().__init__(design, in_flight)
        self._taps, self._passes = design.taps, design.passes
        self._lines, self._filled, self._write_half, self._read_half = [False, False], 0, 0, 0
        self._behind, self._finishing = 0, False

    @property
    def ready(self) -> bool:
        """See `LinePace`."""
        return self._buffer.credit if self._passes == 1 else not self._lines[self._write_half]

    def advance(self, i_valid: bool) -> bool:
        """See `LinePace`."""
        credit = self._buffer.credit
        there = i_valid if self._passes == 1 else self._lines[self._read_half]
        taken = i_valid and self.ready
        new, old = there and credit, self._behind > 0 and credit
        position, turn = self._place % self._length, self._place // self._length
        last_turn = turn == self._passes - 1
        take = (old and self._finishing) or (new and last_turn and position >= self._taps - 1)
        self._behind -= old
        if new:
            self._place = (self._place + 1) % (self._length * self._passes)
            if position == self._length - 1:
                self._behind, self._finishing = self._taps - 1, last_turn
        if self._passes > 1:
            self._replay(taken, played=new and self._place == 0)
        return take

    def _replay(self, taken: bool, *, played: bool) -> None:
        self._filled += taken
        if taken and self._filled % self._length == 0:
            self._lines[self._write_half] = True
            self._write_half ^= 1
        if played:
            self._lines[self._read_half] = False
            self._read_half ^= 1
