"""What dense engines share of what they take of a device."""

from golden.dense.design import DenseDesign
from hw.predict import adder, counter, ram, table, weights_port
from hw.targets.cost import Cost

_CONTROL = 40
"""Control of the store and of the order of products, beside counters and addresses."""


def shared(design: DenseDesign, *, held: int, coefficient: int) -> Cost:
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


def tree(design: DenseDesign, *, width: int, words: int) -> Cost:
    """Cost of the sum over units."""
    return adder(width).times(words * (design.products - 1))
