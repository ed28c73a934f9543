"""Binary points and widths of an FFT engine, chosen so that no input can leave them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from golden.fft.flow import Rank, TransformFlow
from golden.fft.odd import OddTransform
from golden.inputs.errors import ParameterError
from golden.numbers.fixed import SQ
from golden.numbers.interval import Integers, Interval

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reach:
    """Least and greatest values of a level's nodes, their roundings left aside.

    ``[3, size]`` each: of the real part, the imaginary part, and the sum of the two.
    """

    low: Floats
    high: Floats

    def union(self, other: "Reach") -> "Reach":
        """Return the smallest reach that contains both."""
        return Reach(np.minimum(self.low, other.low), np.maximum(self.high, other.high))


@dataclass(frozen=True, eq=False)
class Factor:
    """What is known of a product's factors, place by place.

    Parameters
    ----------
    magnitude
        ``[size]``, the greatest over all channels; of the sum, where products are added up.
    zeros
        ``[size]``, zeros that the words of all channels end in.
    f_bits
        Fraction bits of the words.
    """

    magnitude: Floats
    zeros: Integers
    f_bits: int

    @classmethod
    def of(cls, words: Integers, f_bits: int) -> "Factor":
        """Return what is known of ``words``, raw integers ``[C, T, 2, size]``.

        T products are added up before they are rounded.
        """
        moduli = np.hypot(words[..., 0, :], words[..., 1, :])
        magnitude = moduli.sum(axis=1).max(axis=0) / 2.0**f_bits
        bits = np.bitwise_or.reduce(words.reshape(-1, words.shape[-1]), axis=0)
        return cls(magnitude, trailing_zeros(bits), f_bits)

    growth: ClassVar[int | None] = None
    """The operands of a complex product are a part, the other, and the sum of both."""

    def magnitudes(self, off: Floats) -> Floats:
        """Return how far products can be off, where operands are off by ``off`` ``[size]``."""
        return off * self.magnitude

    def grains(self, grain: Integers) -> Integers:
        """Return exponents of which products are multiples, given those of the operands."""
        return grain - self.f_bits + self.zeros


@dataclass(frozen=True, eq=False)
class MirroredFactor(Factor):
    """What is known of factors of bins, and of others of the bins at ``mirror``, added up.

    Parameters
    ----------
    mirror
        ``[size]``, the place whose bin joins that of each place.
    """

    mirror: Integers

    def magnitudes(self, off: Floats) -> Floats:
        """See `Factor`."""
        return super().magnitudes(np.maximum(off, off[self.mirror]))

    def grains(self, grain: Integers) -> Integers:
        """See `Factor`."""
        return super().grains(np.minimum(grain, grain[self.mirror]))


def trailing_zeros(words: Integers) -> Integers:
    """Return how many zeros the integers end in; 62 for 0."""
    lowest = (words & -words).astype(np.float64)
    return np.where(words == 0, 62, np.log2(np.maximum(lowest, 1)).astype(np.int64))


@dataclass(frozen=True, eq=False)
class Rounding:
    """A rounding of all nodes of a level.

    Parameters
    ----------
    bound
        ``[size]``, half a unit; 0 where the value always fits.
    power
        ``[size]``, the mean square of a part's error.
    """

    bound: Floats
    power: Floats

    @classmethod
    def to(cls, f_bits: int, grain: Integers) -> "Rounding":
        """Round values that are multiples of ``2**grain`` to multiples of ``2**-f_bits``."""
        dropped = np.maximum(-f_bits - grain, 0)
        unit = 2.0**-f_bits
        # The error is uniform over the 2**dropped values from -1/2 to 1/2, ties to either end.
        power = unit**2 * (1 / 12 + 2.0 ** (-2 * dropped) / 6) * (dropped > 0)
        return cls(np.where(dropped > 0, unit / 2, 0.0), np.asarray(power, dtype=np.float64))


@dataclass(frozen=True, eq=False)
class SectionFormat:
    """Shapes within a section; all its nodes have the same binary point.

    Parameters
    ----------
    entry
        Of the parts of what enters.
    ranks
        Of the parts behind each rank; the last has room for the half unit that rounding adds.
    operand
        What leaves is rounded to it: the operands of the multiplier behind, or the results.
    entering, leaving
        The roundings in front of the section and behind it, None where there is none. That of
        results to integers is not among them.
    """

    entry: SQ
    ranks: tuple[SQ, ...]
    operand: SQ
    entering: Rounding | None
    leaving: Rounding | None

    @property
    def leaves(self) -> SQ:
        """Shape behind the last rank, or of what entered where there is none."""
        return self.ranks[-1] if self.ranks else self.entry

    @property
    def dropped(self) -> int:
        """Bits that rounding drops behind the last rank."""
        return self.leaves.f_bits - self.operand.f_bits


@dataclass(frozen=True, eq=False)
class NodeFormats:
    """Shapes of every node."""

    sections: tuple[SectionFormat, ...]

    @property
    def rounds_last(self) -> bool:
        """Whether results are rounded to integers."""
        last = self.sections[-1]
        return last.dropped > 0 or not last.ranks


@dataclass(frozen=True, kw_only=True)
class Widths:
    """What decides the binary points.

    Parameters
    ----------
    operand_bits
        Of a multiplier's data operand: real part, imaginary part and their sum fit it.
    guard_bits
        Fraction bits that adders and delays have below the operand behind them.
    result_f_bits
        Fraction bits of a result before it is rounded to an integer.
    """

    operand_bits: int
    guard_bits: int
    result_f_bits: int


class _Nodes:
    """What is known of a level's roundings: how far values are off, and how coarse they are."""

    def __init__(self, size: int) -> None:
        self.off = np.zeros(size)
        self.grain = np.zeros(size, dtype=np.int64)

    def meet(self, rank: Rank) -> None:
        """Go through a rank of butterflies."""
        shape = (-1, 2, rank.span)
        off = self.off.reshape(shape).sum(axis=1, keepdims=True)
        grain = self.grain.reshape(shape).min(axis=1, keepdims=True)
        self.off = np.broadcast_to(off, (off.shape[0], *shape[1:])).reshape(-1)
        self.grain = np.broadcast_to(grain, (grain.shape[0], *shape[1:])).reshape(-1)

    def multiply(self, factor: Factor | OddTransform) -> None:
        """Go through a product, not rounded yet."""
        self.off = factor.magnitudes(self.off)
        self.grain = factor.grains(self.grain)

    def round(self, f_bits: int) -> Rounding:
        """Go through a rounding."""
        rounding = Rounding.to(f_bits, self.grain)
        self.off = self.off + 2**0.5 * rounding.bound
        self.grain = np.maximum(self.grain, -f_bits)
        return rounding


def _raw(reach: Reach, off: Floats, f_bits: int, rows: slice, extra: int = 0) -> Interval:
    """Range of raw integers of ``f_bits``; ``extra`` units are added on both sides."""
    # The sum of parts is off by the root of two more than the modulus.
    off = off * np.array([1, 1, 2**0.5])[rows, None]
    low = np.ceil((reach.low[rows] - off) * 2.0**f_bits).min() - extra
    high = np.floor((reach.high[rows] + off) * 2.0**f_bits).max() + extra
    return Interval(int(low), int(high))


_PARTS, _ALL = slice(0, 2), slice(0, 3)


def _both_ways(raw: Interval) -> Interval:
    """Return the range of ``raw`` and its negatives: samples may turn by a right angle."""
    return Interval(-raw.max_abs, raw.max_abs)


def _finest(reach: Reach, nodes: _Nodes, bits: int, most: int, growth: int | None) -> int:
    """Return the most fraction bits, up to ``most``, with which operands fit ``bits``.

    Operands are the parts and their sum, or what has ``growth`` bits more than a part.
    """
    largest = max(np.abs(reach.low).max(), np.abs(reach.high).max(), 2.0**-62)
    f_bits = min(most, bits - int(np.floor(np.log2(largest))))
    while True:
        off = nodes.off + 2**0.5 * Rounding.to(f_bits, nodes.grain).bound
        if _operand_bits(reach, off, f_bits, growth) <= bits:
            return f_bits
        f_bits -= 1


def _operand_bits(reach: Reach, off: Floats, f_bits: int, growth: int | None) -> int:
    """Return what operands of `_finest` take, that are ``off`` and have ``f_bits``."""
    if growth is None:
        return _raw(reach, off, f_bits, _ALL).bits
    return _both_ways(_raw(reach, off, f_bits, _PARTS)).bits + growth


def _halves(n_ranks: int, bits: int) -> list[int]:
    """Return what is added behind each rank, so that ``bits`` cut off behind the last round."""
    return [0] * (n_ranks - 1) + [1 << bits - 1 if bits > 0 else 0] if n_ranks else []


def choose_formats(
    flow: TransformFlow,
    reaches: list[list[Reach]],
    factors: Sequence[Factor | OddTransform],
    widths: Widths,
) -> NodeFormats:
    """Choose the finest binary points that no input can leave.

    Parameters
    ----------
    flow
        What the engine does.
    reaches
        Of every section: in front of its first rank, and behind each.
    factors
        Of every product.
    widths
        What to keep to.

    Raises
    ------
    ParameterError
        Where samples meet the first product without an adder, wider than its operands.
    """
    nodes = _Nodes(flow.size)
    sections: list[SectionFormat] = []
    f_bits = 0
    entering = None
    for number, (section, levels) in enumerate(zip(flow.sections, reaches, strict=True)):
        # Products are rounded down first and put right one adder later: hence one unit more.
        room = 0 if entering is None else 1
        entry = SQ.holding(_raw(levels[0], nodes.off, f_bits, _PARTS, room), f_bits)
        offs = []
        for rank in section.ranks:
            nodes.meet(rank)
            offs.append(nodes.off)
        last = number == flow.n_products
        growth = None if last else factors[number].growth
        operand_f_bits = 0
        if not last:
            bits = widths.operand_bits
            operand_f_bits = _finest(levels[-1], nodes, bits, f_bits, growth)
        if operand_f_bits < f_bits and not section.ranks:
            # No adder rounds samples; behind a product, all is rounded to operands at once.
            rule = f"at least {_operand_bits(levels[-1], nodes.off, f_bits, growth)} here"
            raise ParameterError("operand_bits", rule, widths.operand_bits)
        half = _halves(len(section.ranks), f_bits - operand_f_bits)
        shapes = tuple(
            SQ.holding(_raw(reach, off, f_bits, _PARTS, extra), f_bits)
            for reach, off, extra in zip(levels[1:], offs, half, strict=True)
        )
        rounds = not last and operand_f_bits < f_bits
        leaving = nodes.round(operand_f_bits) if rounds else None
        rows = _ALL if growth is None and not last else _PARTS
        operand_range = _raw(levels[-1], nodes.off, operand_f_bits, rows)
        if growth is not None:
            operand_range = _both_ways(operand_range)
        operand = SQ.holding(operand_range, operand_f_bits)
        sections.append(SectionFormat(entry, shapes, operand, entering, leaving))
        if last:
            sections[-1] = _counted(sections[-1])
            break
        nodes.multiply(factors[number])
        product_f_bits = operand_f_bits + factors[number].f_bits
        ranks = flow.sections[number + 1].ranks
        if number + 1 == flow.n_products:
            # Without an adder behind them, results are rounded to integers at once.
            f_bits = widths.result_f_bits if ranks else 0
        else:
            # Likewise to operands; else those are rounded to behind the ranks.
            following = _Nodes(flow.size) if ranks else nodes
            growth = factors[number + 1].growth
            reach = reaches[number + 1][-1]
            f_bits = _finest(reach, following, widths.operand_bits, 62, growth)
            f_bits += widths.guard_bits if ranks else 0
        f_bits = min(f_bits, product_f_bits)
        entering = nodes.round(f_bits)
    return NodeFormats(tuple(sections))


def _counted(section: SectionFormat) -> SectionFormat:
    """Leave out the rounding of results to integers, where it is the one in front."""
    return section if section.ranks else replace(section, entering=None)
