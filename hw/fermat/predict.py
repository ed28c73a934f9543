"""What the Fermat engine takes of a device, from its parameters alone."""

from golden.fermat import plan
from golden.fermat.design import FermatDesign
from golden.fermat.ring import fits
from hw.fermat.butterfly import PointTransform, WordStore
from hw.fermat.core import pipeline_latency
from hw.predict import adder, counter, output_stage, ram, rom, table, weights_port
from hw.primitives.memory import READ_LATENCY
from hw.targets.cost import Cost

_COUNTER_BIT = 1.3
"""A stage's counters are of powers of 2 for the most part, and need not foresee their ends."""
_CONTROL = 4
"""A butterfly's share of control beside its counters."""


def predict(design: FermatDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    cost = transforms(design, *(branch.fold for branch in design.branches)) + products(design)
    depth = design.channels * design.coefficient_words
    cost += table(design, depth=depth, width=sum(design.coefficient_fields.values()))
    for size in (design.coefficient_words, design.groups_per_channel, design.channels):
        cost += counter(size)
    cost += Cost(luts=2.5 * depth.bit_length())
    in_flight = design.beats_within(pipeline_latency(design))
    return cost + output_stage(design, in_flight=in_flight) + weights_port(design)


def transforms(design: FermatDesign, *folds: plan.Fold) -> Cost:
    """Return what the transforms there and back take, the reduction, and ``folds`` beside them."""
    between = [step for branch in design.branches for step in branch.steps]
    steps = (*design.forward.steps, *between, *folds, *design.inverse.steps)
    lane = sum((_words(step) for step in steps), Cost())
    for last in design.reductions:
        lane += rom(depth=len(last.table), width=last.o.bits) + adder(last.o.bits)
    cost = sum((_control(step) for step in steps), lane.times(design.lanes))
    for step in steps:
        if isinstance(step, plan.Butterfly):
            cost += _stores(step, design.lanes)
    return cost


def products(design: FermatDesign) -> Cost:
    """Return what the products of all lanes take, and the sum of the branches'."""
    cost = sum((_product(branch.product) for branch in design.branches), Cost())
    cost += adder(design.inverse_entry.bits).times(len(design.branches) - 1)
    return cost.times(design.lanes)


def _words(step: plan.Step) -> Cost:
    """Cost of a lane's additions in a step."""
    if isinstance(step, plan.Rotation):
        return sum((_level(level) for level in step.levels), Cost())
    if not isinstance(step, plan.Butterfly):
        return adder(step.o.bits)
    if step.radix == 2:
        return adder(step.o.bits) + adder(step.o.bits)
    cells = sum((adder(cell.bits) for cell in step.cells[1:]), Cost(luts=step.i.bits))
    sums = [adder(step.o.bits - 1) for _ in range(step.radix - 1)]
    return sum(sums, cells)


def _level(level: plan.Level) -> Cost:
    if len(level.shifts) == 2:
        return adder(level.o.bits) + adder(level.o.bits) + adder(level.o.bits)
    shift = level.shifts[0]
    if shift < level.bits and fits(level.i, level.bits - shift):
        return Cost(luts=level.o.bits)
    # Cells of a level that folds too have no room for the choice in the bits below the shift.
    return adder(level.o.bits) + Cost(luts=min(shift, level.bits) if level.folds else 0)


def _control(step: plan.Step) -> Cost:
    """Cost of what a step's lanes share."""
    if isinstance(step, plan.Rotation):
        return Cost(luts=_COUNTER_BIT * (step.block - 1).bit_length() + 2 * len(step.levels))
    if not isinstance(step, plan.Butterfly):
        return Cost()
    place = (step.delay - 1).bit_length()
    if step.radix == 2:
        return Cost(luts=3 * _COUNTER_BIT * place + _CONTROL)
    counted = 2 * (place + step.radix.bit_length())
    return Cost(luts=_COUNTER_BIT * counted + step.radix + _CONTROL)


def _stores(step: plan.Butterfly, lanes: int) -> Cost:
    """Cost of a butterfly's stored words."""
    stores, words = (1, step.o) if step.radix == 2 else (step.radix, step.i)
    width = lanes * words.bits
    if WordStore.in_memory(step.delay):
        each = ram(depth=step.delay, width=width)
    else:
        each = Cost(luts=width * (step.delay - 1))
    cost = Cost(0, stores * each.block_rams, stores * each.luts)
    if step.radix > 2 and PointTransform.in_memory(step):
        widest = max(cell.bits for cell in step.cells)
        depth = step.delay - READ_LATENCY
        cost += ram(depth=depth, width=lanes * step.radix * widest) + counter(depth)
    return cost


def _product(step: plan.Product) -> Cost:
    cost = Cost(multipliers=step.n_multiplications)
    wide = 2 * step.limb_bits + 3
    for _ in step.pairs:
        # Differences of x and of h, two squares' sum, and the product of the differences from it.
        cost += adder(step.limb_bits + 2) + adder(step.limb_bits + 2) + adder(wide) + adder(wide)
    rotated = [term for term in step.terms if term.shift % step.bits]
    for term in rotated:
        cost += adder(step.rotated(term).bits) + adder(step.total.bits)
    return cost + adder(wide) + adder(step.o.bits)
