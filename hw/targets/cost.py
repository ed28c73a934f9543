"""What a design takes of a device, and how a target counts it."""

from dataclasses import dataclass

from golden.layer.design import LayerDesign
from golden.line.design import LineDesign

BLOCK_KBITS = 18
"""Size of the block RAMs that costs count: 1024 x 18, as in ECP5 and half a RAMB36."""


@dataclass(frozen=True)
class Cost:
    """Multipliers, block RAMs and LUT4-equivalents of a part."""

    multipliers: int = 0
    block_rams: int = 0
    luts: float = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.multipliers + other.multipliers,
            self.block_rams + other.block_rams,
            self.luts + other.luts,
        )

    def __sub__(self, other: "Cost") -> "Cost":
        return self + Cost(-other.multipliers, -other.block_rams, -other.luts)

    def times(self, count: int) -> "Cost":
        """Return the cost of ``count`` of it."""
        return Cost(count * self.multipliers, count * self.block_rams, count * self.luts)


@dataclass(frozen=True)
class Working(Cost):
    """A cost, and the work that it does.

    Parameters
    ----------
    work
        Multiply-accumulates of the operator's definition a cycle. A multiplier of a direct engine
        does one at most.
    """

    work: float = 0

    @classmethod
    def of(cls, cost: Cost, work: float) -> "Working":
        """Return ``cost`` with ``work`` beside it."""
        return cls(cost.multipliers, cost.block_rams, cost.luts, work)


@dataclass(frozen=True, kw_only=True)
class CellPrices:
    """What plain parts take of a target's logic cells, in its LUTs as synthesis has them.

    Parameters
    ----------
    carry_bits, carry_luts
        Bits of a sum that a carry cell makes, and what it takes.
    ram_words, ram_bits, ram_luts
        Words of a cell of distributed RAM, bits of a word, and what it takes.
    rom_words
        Words of one bit of a table of constants that a LUT holds.
    digit_bits
        Of the digits that counters count in, which foresee their ends.
    counted_bit, carried_bit
        What a bit of a counter takes in the first digit, and in others.
    block_address
        What drives a block RAM's pins, on the average.
    row_choice
        What a bit costs for each row of blocks but one, where a memory is several rows deep.
    limb_bits
        Bits of a wide operand that a multiplier after the first one takes.
    """

    carry_bits: int
    carry_luts: int
    ram_words: int
    ram_bits: int
    ram_luts: int
    rom_words: int
    digit_bits: int
    counted_bit: float
    carried_bit: float
    block_address: float
    row_choice: float
    limb_bits: int


@dataclass(frozen=True)
class CostModel:
    """How a target makes its own figures of what `hw.predict` counted in the reference's cells.

    This one takes them as they are. A target whose cells differ has a class of its own, fitted to
    its own synthesis, or no model: then nothing is predicted for it.

    Parameters
    ----------
    cells
        Name of the target whose cells its figures count.
    """

    cells: str

    def of(self, design: LineDesign | LayerDesign, counted: Cost) -> Cost:
        """Return what ``design`` takes, for which ``counted`` was counted."""
        del design
        return counted
