"""What the FFT engine takes of a device, from its parameters alone."""

from golden.fft.design import FftDesign
from golden.fft.flow import Rank
from golden.fft.format import SectionFormat
from golden.fft.odd import OddTransform
from golden.numbers.fixed import SQ
from hw.fft.bands import own_depth
from hw.fft.pipeline import pipeline_latency
from hw.fft.rank import SHORTEST_MEMORY, rank_parts
from hw.fft.schedule import Schedule
from hw.predict import adder, counter, output_stage, product, ram, rom, table, weights_port
from hw.targets.cost import Cost

_TWIDDLE_TABLE = 0.35
"""Of a table's LUTs, what twiddles take: many of their columns are alike."""
_CHOICE_LUTS = 0.85
"""Of a bit, for another value to choose from."""
_STEPS_LUTS = 60
"""Of the counts and constants of a transform of an odd number of points."""
_ROUNDING_LUTS = 6
"""Whether anything remains below half a unit, for a part."""


def predict(design: FftDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    cost = whole(design) + door(design)
    for size in (design.length, design.groups_per_channel, design.channels, design.size):
        cost += counter(size) + counter(size)
    return cost + Cost(luts=20)


def whole(design: FftDesign) -> Cost:
    """Return what there is from the first rank to the output stage, and the weights port."""
    in_flight = design.beats_within(pipeline_latency(design))
    cost = output_stage(design, in_flight=in_flight) + weights_port(design) + transforms(design)
    before, after = design.formats.sections[design.flow.middle : design.flow.middle + 2]
    spectra = 2 if design.banded else 1
    met = multipliers(design, before, design.spectrum_bits) + spectrum_sums(design)
    cost += met.times(spectra)
    cost += Cost(luts=design.pairs * _adders(before, after, design.spectrum_f_bits, spectra))
    if design.banded:
        cost += _mirror(design, before)
    depth = design.channels * design.size
    cost += table(design, depth=depth, width=2 * spectra * design.spectrum_bits)
    return cost + Cost(luts=2.5 * depth.bit_length())


def _mirror(design: FftDesign, before: SectionFormat) -> Cost:
    """Return what brings a bin together with that of the negative frequency."""
    word = 2 * before.operand.width
    cost = counter(design.size) + counter(design.flow.mirror_span) + Cost(luts=20)
    for depth in (own_depth(design.flow), design.size):
        cost += ram(depth=depth, width=word)
    return cost + Cost(luts=2 * design.size.bit_length())


def transforms(design: FftDesign) -> Cost:
    """Return what the transforms there and back take."""
    cost = Cost()
    sections = zip(design.flow.sections, design.formats.sections, strict=True)
    for number, (section, shapes) in enumerate(sections):
        for place, (rank, shape) in enumerate(zip(section.ranks, shapes.ranks, strict=True)):
            n_parts = len(rank_parts(design, number, place))
            cost += _rank(rank, shape, n_parts * design.pairs)
    for number in range(design.flow.n_products):
        if odd := design.flow.odd_transform(number):
            cost += _odd_stage(design, number, odd)
        elif number != design.flow.middle:
            cost += _twiddle_product(design, number)
    return cost


def _odd_stage(design: FftDesign, number: int, odd: OddTransform) -> Cost:
    before, after = design.formats.sections[number : number + 2]
    schedule = Schedule(odd)
    parts, n_units, side = 2 * design.pairs, schedule.n_units, schedule.n_side_by_side
    entry, operand, leaving = before.operand.width, before.operand.width + odd.growth, after.entry
    width = leaving.width + before.operand.f_bits + odd.f_bits - leaving.f_bits
    cost = product(lanes=parts, a_bits=operand, b_bits=odd.constant_bits).times(n_units)
    # A sample; sum and difference of a pair, and what is left of them; all samples' sum.
    widths = [entry, entry + 1, entry + 1, entry + 2, entry + 3, *[width] * (n_units + 1)]
    widths += [operand] * odd.shares
    if not after.ranks:
        widths.append(leaving.width)
    for bits in widths:
        cost += adder(bits).times(parts)
    # The sum of all samples, or the rows of one of the multipliers.
    chosen = entry + 3 + 2 * _CHOICE_LUTS * width * max(side - 1, 0)
    chosen += operand * (n_units > 2 * side > 0)
    turned = (leaving.width if odd.inverse else entry) * any(odd.turns)
    cost += Cost(luts=parts * (chosen + turned + _ROUNDING_LUTS) + _STEPS_LUTS)
    cost += ram(depth=2 << (odd.half - 1).bit_length(), width=parts * (2 * entry + odd.growth + 2))
    if not odd.inverse:
        return cost + ram(depth=odd.half + 1, width=parts * entry)
    return cost + ram(depth=2 << (odd.points - 1).bit_length(), width=parts * (leaving.width + 1))


def door(design: FftDesign) -> Cost:
    """Return what extends a line to a block, where it must be."""
    if design.size == design.length:
        return Cost()
    samples = design.lanes * design.data_bits
    cost = ram(depth=design.length, width=samples) + Cost(luts=2 * samples)
    return cost + counter(design.size - design.length)


def multipliers(design: FftDesign, before: SectionFormat, factor_bits: int) -> Cost:
    """Return what the multipliers behind a section take, and the sum of an operand's parts."""
    each = product(lanes=design.pairs, a_bits=before.operand.width, b_bits=factor_bits)
    return each.times(3) + adder(before.operand.width).times(design.pairs)


def spectrum_sums(design: FftDesign) -> Cost:
    """Return what the sums of a spectrum's word take."""
    return adder(design.spectrum_bits).times(2)


def _rank(rank: Rank, shape: SQ, parts: int) -> Cost:
    bits = shape.width
    cost = Cost(luts=parts * (2 * adder(bits + 1).luts + (bits if rank.rotates else 0)))
    cost += Cost(luts=2.2 * (2 * rank.span).bit_length())
    if rank.span >= SHORTEST_MEMORY:
        return cost + ram(depth=rank.span, width=parts * bits)
    # With a span of 1 the adders' own cells choose.
    return cost + Cost(luts=parts * bits if rank.span > 1 else 0)


def _twiddle_product(design: FftDesign, number: int) -> Cost:
    before, after = design.formats.sections[number : number + 2]
    factor_bits = design.twiddle_bits + 1
    cost = multipliers(design, before, factor_bits)
    cost += Cost(luts=design.pairs * _adders(before, after, design.flow.twiddle_f_bits))
    depth = design.flow.twiddles(number).shape[-1]
    twiddles = rom(depth=depth, width=3 * factor_bits)
    luts = twiddles.luts if twiddles.block_rams else _TWIDDLE_TABLE * twiddles.luts
    counted = (depth * design.flow.unit(number)).bit_length()
    return cost + Cost(block_rams=twiddles.block_rams, luts=luts + counted)


def _adders(
    before: SectionFormat, after: SectionFormat, factor_f_bits: int, products: int = 1
) -> float:
    """Return LUTs of the adders behind the multipliers of a sum of products, and two roundings."""
    dropped = before.operand.f_bits + factor_f_bits - after.entry.f_bits
    totals = 2 * (2 * products - 1) * adder(after.entry.width + dropped).luts
    return totals + 2 * _ROUNDING_LUTS
