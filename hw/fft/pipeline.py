"""Where the FFT engine has registers that it could do without, and its latency."""

from dataclasses import dataclass

from golden.fft.design import FftDesign
from hw.fft.bands import bands_latency
from hw.fft.door import door_latency
from hw.fft.odd import OddStage
from hw.line.output import stage_latency
from hw.parts.streams import OutputBuffer
from hw.primitives.multiplier import SharedMultiplier

LATENCY_LIMIT = 80
"""Cycles that a whole engine may take besides two blocks."""
SPECTRUM_STAGE = 1
"""Cycles for the sums of a spectrum's word."""

Place = tuple[str, int, int]
"""What a register belongs to, the number of its product or section, and the rank's place there."""


@dataclass(frozen=True)
class Registers:
    """Registers that are not needed but for speed: as many as the latency allows.

    Each is a cycle, and a large engine has many stages. What is slowest without comes first: the
    36-bit sums of products, what the operands of multipliers are made of, the carries that round
    products, the results of a section's ranks before the last, and what multipliers' operands are
    rounded to. A plane has them all.

    Parameters
    ----------
    places
        Where there are registers.
    """

    places: frozenset[Place]

    @classmethod
    def everywhere(cls, design: FftDesign) -> "Registers":
        """Leave none out."""
        return cls(frozenset(cls._wanted(design)))

    @staticmethod
    def _wanted(design: FftDesign) -> list[Place]:
        products = [n for n in range(design.flow.n_products) if not design.flow.odd_transform(n)]
        sections = [n for n, section in enumerate(design.flow.sections) if section.ranks]
        last = {number: len(design.flow.sections[number].ranks) - 1 for number in sections}
        wanted = [("total", number, 0) for number in products]
        wanted += [("rank", number, last[number]) for number in sections]
        wanted += [("carry", number, 0) for number in products]
        # The first section's are the narrowest, and so the first to do without.
        wanted += [("rank", n, place) for n in reversed(sections) for place in range(last[n])]
        # Bins that wait for others are held as operands, and leave from a register anyway.
        held = [design.flow.middle] if design.banded else []
        wanted += [("operand", number, 0) for number in products if number not in held]
        return wanted

    @classmethod
    def of(cls, design: FftDesign) -> "Registers":
        """Choose for ``design``."""
        if design.flow.row is not None:
            return cls.everywhere(design)
        wanted = cls._wanted(design)
        output = stage_latency(design) + OutputBuffer.latency_of(2 * design.size)
        spare = 2 * design.size + LATENCY_LIMIT - output - _least_latency(design)
        return cls(frozenset(wanted[: max(spare, 0)]))

    def rank(self, section: int, place: int) -> bool:
        """Whether the results of a rank of ``section`` leave from a register."""
        return ("rank", section, place) in self.places

    def operand(self, product: int) -> bool:
        """Whether a product's samples have a register when they are rounded."""
        return ("operand", product, 0) in self.places

    def total(self, product: int) -> bool:
        """Whether a product's sums have a register before they are rounded."""
        return ("total", product, 0) in self.places

    def carry(self, product: int) -> bool:
        """Whether products leave from a register, with their carries."""
        return ("carry", product, 0) in self.places


def transform_latency(design: FftDesign, registers: Registers, numbers: range) -> int:
    """Cycles from a block's first sample to the first that leaves section ``numbers[-1]``.

    ``numbers`` are the sections of a whole transform. A rank's first result waits for `span`
    samples: all together one less than a block.
    """
    cycles = design.size - 1
    for number in numbers:
        n_ranks = len(design.flow.sections[number].ranks)
        cycles += sum(1 + registers.rank(number, p) for p in range(n_ranks))
    for number in numbers[:-1]:
        cycles += _multiplying(design, number)
        cycles += registers.operand(number) + registers.total(number) + registers.carry(number)
    return cycles


def _multiplying(design: FftDesign, number: int) -> int:
    """Cycles that what stands behind a section takes at the least."""
    before, after = design.formats.sections[number : number + 2]
    if odd := design.flow.odd_transform(number):
        return OddStage.latency_on(design.target, odd, before, after)
    return SharedMultiplier.latency_on(design.target, a_bits=before.operand.width)


def _least_latency(design: FftDesign) -> int:
    # A rank's first result waits for `span` samples: all together one less than a block each way.
    cycles = door_latency(design) + 2 * (design.size - 1) + SPECTRUM_STAGE
    for shapes in design.formats.sections:
        cycles += len(shapes.ranks)
    cycles += design.held
    if design.banded:
        cycles += bands_latency(design.flow)
    return cycles + sum(_multiplying(design, n) for n in range(design.flow.n_products))


def pipeline_latency(design: FftDesign) -> int:
    """Most cycles from a sample taken to its sum: those of a line's first, unstalled."""
    return _least_latency(design) + len(Registers.of(design).places)
