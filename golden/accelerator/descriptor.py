"""Descriptors: what the accelerator is told to do, one after the other.

A `Compute` makes one tile of ``outputs`` channels of a map, or adds to it, from any number of tiles
of another; docs/accelerator.md says how operators are made of them.
"""

from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """What a descriptor does."""

    TAKE = 0
    """Take words from the stream of pixels into a map."""
    COMPUTE = 1
    """Add up windows of a map, weights in ROM."""
    GAIN = 2
    """Keep a word of a map, less its zero point: the diagonal of the next weights."""
    GIVE = 3
    """Give a map's words to the stream of results."""
    LOAD = 4
    """Bring words from external memory, while others compute."""
    STORE = 5
    """Take words of maps to external memory, while others compute."""
    DEPTHWISE = 6
    """Add up windows of a tile of channels, each with a kernel of its own, while others compute."""


class Weights(IntEnum):
    """Where a tile of weights comes from."""

    FULL = 0
    """A row of the ROM an output, the last output's first."""
    DIAGONAL = 1
    """A word of the ROM: each output has its own input's weight only."""
    GAIN = 2
    """The word that `Kind.GAIN` kept, likewise."""


class Lanes(IntEnum):
    """Which lanes of a word are read."""

    ALL = 0
    """Each."""
    LOWER = 1
    """The first half of them, each twice."""
    UPPER = 2
    """The other half, each twice."""


class Norm(IntEnum):
    """What a layer norm wants of the post unit."""

    NONE = 0
    """Nothing."""
    STATISTICS = 1
    """To keep each position's sum and the root of its spread, found in the first two sums."""
    NORMAL = 2
    """To bring sums to their position's mean and deviation, and scale them by gains."""


class Turning(IntEnum):
    """Whether the depthwise unit swaps channels with positions of lines, and along what these lie.

    Of each window's row, a line, a tile of positions is read: the channels of those become the
    lanes of the first ``columns`` words, one a channel, that are written.
    """

    NONE = 0
    """It does not: it adds up windows."""
    COLUMNS = 1
    """Positions lie in a row, and lines below each other."""
    ROWS = 2
    """Positions lie below each other, and lines beside each other."""


@dataclass(frozen=True)
class Source:
    """Where windows are read.

    Parameters
    ----------
    base
        Address of the map's first word; a word is a tile of channels of a position.
    height, width
        Of the map.
    signed, zero_point
        Of its samples, which are computed with less their zero point; outside the map they are 0.
    pitch, plane
        Words from a row to the next, and from a tile of channels: those of a whole map where they
        are not given.
    lanes
        How many of a word's count: others are 0; 0 is all.
    """

    base: int
    height: int
    width: int
    signed: bool
    zero_point: int
    pitch: int | None = None
    plane: int | None = None
    lanes: int = 0

    @property
    def row_words(self) -> int:
        """Words from a row to the next."""
        return self.width if self.pitch is None else self.pitch

    @property
    def tile_words(self) -> int:
        """Words from a tile of channels to the next."""
        return self.height * self.width if self.plane is None else self.plane


@dataclass(frozen=True)
class Windows:
    """Which windows are read, of how many tiles of channels.

    Parameters
    ----------
    row, column
        Where the first window begins: outside the map where there is padding.
    rows, columns
        How many windows.
    row_stride, column_stride
        From one to the next.
    kernel_rows, kernel_columns
        Of a window.
    tiles
        Of channels.
    around
        Whether the map goes on at its other end.
    row_tap, column_tap
        From a tap of the kernel to the next.
    largest
        Whether a window gives its taps' largest samples, once, and not a pass for each tap; what is
        outside the map is none. Of one tile.
    """

    row: int = 0
    column: int = 0
    rows: int = 1
    columns: int = 1
    row_stride: int = 1
    column_stride: int = 1
    kernel_rows: int = 1
    kernel_columns: int = 1
    tiles: int = 1
    around: bool = False
    row_tap: int = 1
    column_tap: int = 1
    largest: bool = False

    @property
    def positions(self) -> int:
        """Windows in all: positions of a pass."""
        return self.rows * self.columns

    @property
    def passes(self) -> int:
        """Tiles of weights."""
        return 1 if self.largest else self.tiles * self.taps

    @property
    def taps(self) -> int:
        """Of the kernel."""
        return self.kernel_rows * self.kernel_columns


@dataclass(frozen=True)
class Finish:
    """What is done with the sums of a tile of outputs.

    Parameters
    ----------
    bias
        Address in the ROM of biases.
    bias_row, bias_column
        Words from one row's biases to the next's, and one column's: 0 where they are the same.
    scale
        Address in the ROM of multipliers and shifts.
    zero_point
        Added after rounding.
    low, high
        Clip.
    table
        Which table of 256 entries follows; the first changes nothing.
    target
        Address of the first word written.
    product
        Whether sums hold two samples, ``2^9 * a + b`` or less that, and their product is meant.
    single, early
        Whether to round as float32 does, and whether the zero point is added before that. A product
        whose zero point is not is no product but a sum, see `adds`.
    norm
        What a layer norm wants.
    channels, epsilon
        Of a layer norm: see `LayerNorm`.
    target_row, target_column
        Words from a row's first to the next one's, and from a word to the next of a row.
    """

    bias: int = 0
    bias_row: int = 0
    bias_column: int = 0
    scale: int = 0
    zero_point: int = 0
    low: int = -128
    high: int = 127
    table: int = 0
    target: int = 0
    product: bool = False
    single: bool = False
    early: bool = False
    norm: Norm = Norm.NONE
    channels: int = 0
    epsilon: int = 0
    target_row: int = 0
    target_column: int = 1

    @property
    def pace(self) -> int:
        """Cycles from sums that are scaled to the next: a layer norm's are multiplied twice."""
        return 2 if self.norm == Norm.NORMAL else 1

    @property
    def adds(self) -> bool:
        """Whether two samples are scaled and added in float32: see `Addition`."""
        return self.single and self.product and not self.early


class Region(IntEnum):
    """A part of external memory, which the driver names."""

    PROGRAM = 0
    INPUT = 1
    OUTPUT = 2
    SCRATCH = 3


class Space(IntEnum):
    """A memory of the accelerator's that is filled."""

    MAPS = 0
    BIASES = 1
    SCALES = 2
    TABLES = 3
    KERNELS = 4


@dataclass(frozen=True)
class Transfer:
    """What `Kind.LOAD` and `Kind.STORE` bring: blocks of words, each block without gaps.

    Parameters
    ----------
    space
        Memory of the accelerator's; `Kind.STORE` knows that of maps alone.
    near
        Address of the first word there; among tables, in beats of the bus.
    region
        Part of external memory.
    far
        The first block's place there, in beats of the bus from the region's beginning.
    words
        Of a block; of tables, beats.
    blocks
        How many.
    near_stride, far_stride
        From a block's first word, and beat, to the next one's.
    """

    space: Space = Space.MAPS
    near: int = 0
    region: Region = Region.PROGRAM
    far: int = 0
    words: int = 1
    blocks: int = 1
    near_stride: int = 0
    far_stride: int = 0


ANY = 15
"""Transfers, or kernels, under way that hold nobody up."""


@dataclass(frozen=True)
class Descriptor:
    """One step of a program.

    Parameters
    ----------
    kind
        What is done.
    waits
        Whether all that was computed must be written before it begins.
    source
        Of `COMPUTE`, `DEPTHWISE`, `GAIN` (the first word) and `GIVE`; of `TAKE` the map that is
        written.
    windows
        Of `COMPUTE` and `DEPTHWISE`; `TAKE` and `GIVE` pass as many words as there are positions.
    weights, weight_address
        Of `COMPUTE`; of `DEPTHWISE`, where its kernels are in `Space.KERNELS`.
    first, final
        Whether sums begin with it; whether they are finished.
    raised
        Whether sums that go on are multiplied by 2^8 first: weights are wider than a pass takes.
    squares
        Whether neighbouring lanes' products stay in the sums, with `lanes` each lane's square.
    lanes
        Which are read.
    turn
        Of `DEPTHWISE`, whether words are turned: nothing is added up then.
    line, skips
        Of `DEPTHWISE`, whether kernels are as long as a line, which lies as `turn` says: windows'
        rows are lines then, and their columns as many sums of each, behind so many that are left
        out.
    finish
        How; where they are finished.
    last
        Whether it ends the program: it begins again.
    transfer
        Of `LOAD` and `STORE`.
    loads, stores, depthwise
        It begins when at most so many are under way of those before it.
    """

    kind: Kind
    waits: bool
    source: Source
    windows: Windows
    weights: Weights = Weights.FULL
    weight_address: int = 0
    first: bool = True
    final: bool = True
    finish: Finish = Finish()
    last: bool = False
    transfer: Transfer = Transfer()
    loads: int = ANY
    stores: int = ANY
    depthwise: int = ANY
    raised: bool = False
    squares: bool = False
    lanes: Lanes = Lanes.ALL
    turn: Turning = Turning.NONE
    line: bool = False
    skips: int = 0

    @property
    def turns(self) -> bool:
        """Whether words are turned."""
        return self.turn != Turning.NONE and not self.line

    @property
    def line_length(self) -> int:
        """Samples of a line of its source."""
        return self.source.height if self.turn == Turning.ROWS else self.source.width
