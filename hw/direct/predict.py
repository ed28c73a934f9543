"""What the direct engine takes of a device, from its parameters alone."""

from golden.direct.design import DirectDesign
from hw.direct.core import pipeline_latency
from hw.predict import (
    accumulation,
    adder,
    counter,
    output_stage,
    product,
    ram,
    table,
    weights_port,
)
from hw.targets.cost import Cost

_TAP_LUTS = 2.1
"""A tap's share of control: its enable, and when it takes its weight."""

_LEADING_LUTS = 12
"""Control of what pairs share."""


def predict(design: DirectDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    in_flight = pipeline_latency(design)
    samples = design.lanes * design.data_bits
    cost = chain(design) + output_stage(design, in_flight=in_flight) + weights_port(design)
    cost += table(
        design,
        depth=design.channels * design.coefficient_stride,
        width=design.weight_bits,
    )
    if design.taps > 1:
        cost += ram(depth=design.taps - 1, width=samples) + counter(design.taps - 1)
    for size in (design.length, design.passes, design.groups_per_channel, design.channels):
        cost += counter(size)
    cost += Cost(luts=30)
    if design.passes > 1:
        cost += _folding(design)
    return cost


def chain(design: DirectDesign) -> Cost:
    """Return what a chain of taps takes."""
    if design.in_pairs:
        return _chain_in_pairs(design)
    ranges = design.chain_ranges
    sums = sum((adder(r.bits) for r in ranges[1:]), Cost())
    choice = design.data_bits * design.taps if design.taps > 1 else 0
    cost = Cost(luts=design.lanes * (sums.luts + choice) + _TAP_LUTS * design.taps)
    each = product(lanes=design.lanes, a_bits=design.data_bits, b_bits=design.weight_bits)
    return cost + Cost(each.multipliers * design.taps, 0, each.luts * design.taps)


def bare_chain(design: DirectDesign, *, bits: int) -> Cost:
    """Return what pairs take whose sums, of ``bits``, keep neighbours' products."""
    n_pairs, odd = divmod(design.taps, 2)
    lane = adder(design.pair_bits).times(2 * n_pairs) + adder(bits).times(n_pairs + odd)
    lane += Cost(n_pairs + odd, 0, design.data_bits * odd)
    return lane.times(design.lanes) + Cost(luts=_TAP_LUTS * design.taps)


def middle(design: DirectDesign, *, bits: int, word_bits: int) -> Cost:
    """Return what takes off neighbours' products that come as words."""
    whole = design.taps == design.length and design.length % 2 == 0
    lane = adder(bits).times(1 if whole else 3) + Cost(luts=(0 if whole else bits) + 2 * word_bits)
    cost = lane.times(design.lanes) + Cost(luts=_LEADING_LUTS)
    if whole or design.taps == 2:
        return cost
    return cost + ram(depth=design.taps - 1, width=design.lanes * word_bits)


def _chain_in_pairs(design: DirectDesign) -> Cost:
    n_pairs, odd = divmod(design.taps, 2)
    whole = design.taps == design.length and not odd
    total, operand = adder(design.chain_bits), adder(design.pair_bits)
    # Neighbours' products are added up, and taken off; where they slide, once more for the old
    # wave, and the chain's first sum has something to begin with.
    lane = operand.times(2 * n_pairs) + total.times(n_pairs + odd + (1 if whole else 3))
    lane += Cost(luts=0 if whole else design.chain_bits)
    lane += Cost(n_pairs + odd + 1, 0, design.data_bits * (2 + odd))
    cost = lane.times(design.lanes) + Cost(luts=_TAP_LUTS * design.taps + _LEADING_LUTS)
    if whole or design.taps == 2:
        return cost
    return cost + ram(depth=design.taps - 1, width=2 * design.lanes * design.data_bits)


def _folding(design: DirectDesign) -> Cost:
    y = design.core_bits
    samples = design.lanes * design.data_bits
    cost = ram(depth=2 * design.length, width=samples)
    cost += accumulation(length=design.length, width=y, words=design.lanes)
    for size in (design.length,) * 3:
        cost += counter(size)
    return cost
