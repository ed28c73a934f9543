"""About when the depthwise unit is done with what: as if nobody else read or wrote maps."""

from dataclasses import dataclass, field

from golden.accelerator.descriptor import Descriptor
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.depthwise import groups_of
from golden.accelerator.external.lines import fed_cycles, loading_cycles
from hw.accelerator import reader
from hw.accelerator.external import turn
from hw.accelerator.external.depthwise import WORDS, DepthwisePost
from hw.line.engine import line_latency
from hw.parts.streams import OutputBuffer

TASKS = 3
"""Descriptors that wait for the one before."""
_TOLD = 7
"""Cycles from a descriptor's beginning to the unit's first address."""
_ALONE = 5
"""From the last word written to the first address of what waits for that."""
_SLID = 12
"""From a window's last word to its first sum that is scaled."""
_KERNELS = 13
"""From a line's first address to the first kernel's word, and from the last one until it counts."""
_GATHERED = 10
"""From the engines' last sum to the first one that is scaled."""
_WRITTEN = turn.LATENCY + OutputBuffer.latency_of(WORDS)
"""From a word's step out of the corner turn until it is written."""


@dataclass
class DepthwiseTiming:
    """Follows the unit: windows are read while those before are scaled.

    Parameters
    ----------
    capacity
        Of the accelerator.

    Attributes
    ----------
    begun, done
        When each descriptor began, and its last word is written.
    """

    capacity: Capacity
    begun: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    _taken: list[int] = field(default_factory=list)
    _free: int = 0
    _turned: int = 0
    _scaled: int = 0

    @property
    def room_from(self) -> int:
        """When the next one may be given to it."""
        return self._taken[-TASKS] + 1 if len(self._taken) >= TASKS else 0

    def begin(self, begins: int, one: Descriptor) -> None:
        """Follow a descriptor."""
        capacity, windows = self.capacity, one.windows
        if one.turns:
            self._turn(begins, one)
            return
        if one.line:
            self._line(begins, one)
            return
        start = max(begins + _TOLD, self._free, self._turned)
        positions = windows.positions * (capacity.sizes.tile // capacity.depthwise_scalers)
        read = start + reader.LATENCY + steps_of(one, capacity)
        last = max(read + _SLID, max(start + reader.LATENCY, self._scaled) + positions)
        self._taken.append(start)
        # What is kept of a tile has one place beside that which is at work.
        self._free = max(read, self._scaled) + 1
        self._scaled = last
        self.begun.append(begins)
        self.done.append(last + DepthwisePost.latency_on(capacity.sizes.target))

    def _alone(self, begins: int) -> int:
        """Return when what waits until all before is written asks for its first word."""
        over = self.done[-1] + _ALONE if self.done else 0
        return max(begins + _TOLD, over)

    def _line(self, begins: int, one: Descriptor) -> None:
        """Follow lines through the engines, which take kernels first."""
        capacity, windows = self.capacity, one.windows
        design = capacity.line_design
        start = self._alone(begins)
        first = reader.LATENCY + design.channels * one.line_length
        fed = start + max(_KERNELS + loading_cycles(capacity), first)
        taken = fed + fed_cycles(windows.rows, capacity)
        gathered = taken + line_latency(design) + _GATHERED
        last = gathered + windows.columns * (capacity.sizes.tile // capacity.depthwise_scalers)
        done = last + DepthwisePost.latency_on(capacity.sizes.target)
        self._taken.append(start)
        self._turned = done + 1
        self.begun.append(begins)
        self.done.append(done)

    def _turn(self, begins: int, one: Descriptor) -> None:
        """Follow words that are turned: when all before are written, until all of them are."""
        start = self._alone(begins)
        read = start + reader.LATENCY + steps_of(one, self.capacity)
        self._taken.append(start)
        written = read - 1 + one.windows.columns + _WRITTEN
        self._turned = written + 1
        self.begun.append(begins)
        self.done.append(written)


def steps_of(one: Descriptor, capacity: Capacity) -> int:
    """Return how many words the unit reads for a descriptor, or as many cycles as it takes."""
    windows = one.windows
    if one.turns:
        return windows.rows * capacity.sizes.tile
    if one.line:
        return fed_cycles(windows.rows, capacity)
    walked = (windows.columns - 1) * windows.column_stride + windows.kernel_columns
    column = windows.kernel_rows * groups_of(windows.kernel_columns, capacity.depthwise)
    return windows.rows * walked * column
