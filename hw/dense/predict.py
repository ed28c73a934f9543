"""What dense engines take of a device, from their parameters alone."""

from golden.dense.design import DenseDesign, DenseDirectDesign, DenseFermatDesign, DenseFftDesign
from hw.dense.direct import in_flight
from hw.dense.fermat import latency_behind as fermat_latency
from hw.dense.fft import latency_behind as fft_latency
from hw.direct.predict import chain
from hw.fermat.predict import products, transforms
from hw.fft import predict as fft
from hw.predict import accumulation, adder, counter, output_stage, ram, table, weights_port
from hw.targets.cost import Cost

_CONTROL = 40
"""Control of the store and of the order of products, beside counters and addresses."""


def predict_direct(design: DenseDirectDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    samples = design.lanes * design.data_bits
    y = design.core_bits
    cost = _shared(design, held=samples, coefficient=design.weight_bits)
    cost += output_stage(design, in_flight=in_flight(design))
    cost += chain(design).times(design.products)
    cost += _tree(design, width=y, words=design.lanes)
    if design.taps > 1:
        cost += ram(depth=design.taps - 1, width=design.products * samples)
        cost += counter(design.taps - 1)
    if design.turns > 1:
        cost += accumulation(length=design.length, width=y, words=design.lanes)
    return cost


def predict_fermat(design: DenseFermatDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    cost = _shared(
        design,
        held=design.lanes * design.fold.o.bits,
        coefficient=design.product.h.bits,
    )
    cost += output_stage(design, in_flight=fermat_latency(design))
    cost += transforms(design, design.fold, design.bin_sum)
    cost += products(design).times(design.products)
    bins = design.bin_sum.i.bits
    cost += _tree(design, width=bins, words=design.lanes)
    cost += accumulation(length=design.length, width=bins, words=design.lanes)
    if design.n_parts > 1:
        y = design.sum_range.bits
        cost += accumulation(length=design.length, width=y, words=design.lanes)
    return cost


def predict_fft(design: DenseFftDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    parts = 2 * design.pairs
    cost = _shared(
        design,
        held=parts * design.operand.width,
        coefficient=2 * design.spectrum_bits,
    )
    cost += output_stage(design, in_flight=fft_latency(design))
    cost += fft.transforms(design) + fft.door(design)
    total = design.total.width
    unit = fft.multipliers(
        design, design.formats.sections[design.flow.middle], design.spectrum_bits
    )
    unit += fft.spectrum_sums(design) + adder(total).times(parts)
    cost += unit.times(design.products)
    cost += _tree(design, width=total, words=parts)
    return cost + accumulation(length=design.size, width=total, words=parts)


def _shared(design: DenseDesign, *, held: int, coefficient: int) -> Cost:
    """Cost of the held lines, of the coefficients, and of what steps through both."""
    words = design.cycles_of_input // design.products
    depth = design.stored_channels * design.coefficient_stride // design.products
    unit = ram(depth=2 * words, width=held) + table(design, depth=depth, width=coefficient)
    cost = unit.times(design.products) + weights_port(design)
    address = 4 * words.bit_length() + 2.5 * depth.bit_length()
    for size in (
        *(design.input_words, design.turns, design.groups_per_channel, design.channels),
        *(words, design.products, words * design.products),
    ):
        cost += counter(size)
    return cost + Cost(luts=address + _CONTROL)


def _tree(design: DenseDesign, *, width: int, words: int) -> Cost:
    """Cost of the sum over units."""
    return adder(width).times(words * (design.products - 1))
