"""What a design will take of a device, from its parameters alone: the parts that engines share.

All are counted in the cells of `REFERENCE`, whose file has their prices, and of which a target's
cost model makes its own figures. Counts of multipliers and block RAMs are exact. LUTs are
LUT4-equivalents, as nextpnr places them without the registers around the ports;
`tests/flow/test_predict.py` holds them to 10 %.
"""

from golden.layer.design import LayerDesign
from golden.line.design import LineDesign
from golden.numbers.quantize import MULTIPLIER_BITS
from hw.line.output import buffer_depth, has_start, scale_bits, shift_range
from hw.parts.streams import OutputBuffer
from hw.primitives.memory import blocks_on, levels_on
from hw.primitives.multiplier import multipliers_on
from hw.targets.cost import Cost, Working
from hw.targets.registry import PRICES, REFERENCE, TARGETS

NO_PREDICTION = "no prediction for this target"


def is_predicted(target: str) -> bool:
    """Return whether there is a cost model of ``target``."""
    return TARGETS[target].cost_model is not None


def own_figures(design: LineDesign | LayerDesign, counted: Cost) -> Cost:
    """Return what the cost model of a design's target makes of what was counted for it."""
    model = TARGETS[design.target].cost_model
    assert model is not None
    return model.of(design, counted)


def reservation(target: str) -> str:
    """Return what is to be said behind figures for ``target``: nothing where they are its own."""
    if is_predicted(target):
        return ""
    return f", counted as {REFERENCE.name.upper()}'s: no prediction for {target}"


def prediction(design: LineDesign | LayerDesign, cost: Cost) -> dict[str, int | float | str]:
    """Return the manifest's entry for ``design``, for which ``cost`` was counted.

    The target's own model makes its figures of it; without one there are none.
    """
    model = TARGETS[design.target].cost_model
    work: dict[str, int | float | str] = {}
    if isinstance(cost, Working):
        work["macs_per_cycle"] = round(cost.work, 2)
    if model is None:
        return {"target": design.target, "remark": NO_PREDICTION} | work
    own = own_figures(design, cost)
    if isinstance(cost, Working):
        work["macs_per_cycle_and_multiplier"] = round(cost.work / max(own.multipliers, 1), 2)
    return figures(model.cells, own) | work


def figures(cells: str, cost: Cost) -> dict[str, int | float | str]:
    """Return the entry of a cost in the cells of a target."""
    return {
        "target": cells,
        "multipliers": cost.multipliers,
        "block_rams": cost.block_rams,
        "lut4_equivalents": round(cost.luts),
    }


def adder(bits: int) -> Cost:
    """Cost of an adder in carry cells."""
    return Cost(luts=PRICES.carry_luts * -(-bits // PRICES.carry_bits))


def counter(size: int) -> Cost:
    """Cost of a counter with its end foreseen."""
    bits = (size - 1).bit_length()
    digit = min(bits, PRICES.digit_bits)
    return Cost(luts=PRICES.counted_bit * digit + PRICES.carried_bit * (bits - digit))


def _in_blocks(*, depth: int, width: int, writable: bool) -> Cost | None:
    """Cost of a memory in block RAMs, or None where it is in LUTs."""
    blocks = blocks_on(REFERENCE.name, depth=depth, width=width, writable=writable)
    if not blocks:
        return None
    choice = PRICES.row_choice * width * (levels_on(REFERENCE.name, depth=depth) - 1)
    return Cost(block_rams=blocks, luts=PRICES.block_address + choice)


def ram(*, depth: int, width: int) -> Cost:
    """Cost of a writable memory."""
    if in_blocks := _in_blocks(depth=depth, width=width, writable=True):
        return in_blocks
    rows, columns = -(-depth // PRICES.ram_words), -(-width // PRICES.ram_bits)
    return Cost(luts=PRICES.ram_luts * rows * columns + (width + 4 if rows > 1 else 0))


def rom(*, depth: int, width: int) -> Cost:
    """Cost of a table of constants."""
    if in_blocks := _in_blocks(depth=depth, width=width, writable=False):
        return in_blocks
    return Cost(luts=width * max(depth / PRICES.rom_words, 0.5) if depth > 1 else 0)


def table(design: LineDesign, *, depth: int, width: int) -> Cost:
    """Cost of a table in ROM, or in two banks where weights are loaded."""
    if design.weights is None:
        return ram(depth=2 * depth, width=width)
    return rom(depth=depth, width=width)


def accumulation(*, length: int, width: int, words: int) -> Cost:
    """Cost of `accumulate_turns`: the words' adders, and the delay of a line."""
    cost = Cost(luts=words * (adder(width).luts + width)) + counter(length)
    return cost + ram(depth=max(length - 2, 1), width=words * width)


def product(*, lanes: int, a_bits: int, b_bits: int) -> Cost:
    """Cost of a `SharedMultiplier`: blocks, and the adders between limbs."""
    blocks = multipliers_on(REFERENCE.name, a_bits=a_bits)
    joins = sum(
        (adder(a_bits + b_bits - PRICES.limb_bits * limb) for limb in range(1, blocks)), Cost()
    )
    return Cost(multipliers=lanes * blocks, luts=lanes * joins.luts)


def buffer(*, depth: int, width: int) -> Cost:
    """Cost of an `OutputBuffer`."""
    if depth <= OutputBuffer.SHALLOW:
        return ram(depth=depth - 1, width=width) + Cost(luts=36)
    ahead = buffer(depth=OutputBuffer.depth_for(2), width=width)
    return ram(depth=depth, width=width) + ahead + counter(depth) + counter(depth) + Cost(luts=40)


def output_stage(design: LineDesign, *, in_flight: int) -> Cost:
    """Cost of the `OutputStage`."""
    depth = design.stored_channels * design.start_words
    y = design.accumulator.bits
    beats = buffer_depth(design, in_flight=in_flight)
    cost = buffer(depth=beats, width=design.lanes * design.output_bits + 1)
    for size in (design.length, design.groups_per_channel, design.stored_channels):
        cost += counter(size)
    if has_start(design):
        cost += table(design, depth=depth, width=design.added_bits)
        walk = 2.5 * depth.bit_length() if design.start_words > 1 else 0
        cost += Cost(luts=design.lanes * adder(y).luts + walk)
    if design.requantization is None:
        return cost
    shifts = shift_range(design)
    spread = shifts.high - shifts.low
    aligned = y + MULTIPLIER_BITS + spread
    whole = max(aligned - shifts.high, 1) + 1
    lane = Cost(luts=aligned * spread.bit_length() + shifts.high / 3)
    lane += adder(whole) + Cost(luts=1.5 * whole + 2 * design.output_bits)
    if design.zero_points_vary:
        ends = design.output_bits + 1
        lane += Cost(luts=design.output_bits)
        cost += adder(ends) + adder(ends)
    cost += Cost(luts=design.lanes * lane.luts)
    cost += product(lanes=design.lanes, a_bits=y, b_bits=MULTIPLIER_BITS + 1)
    return cost + table(design, depth=design.stored_channels, width=scale_bits(design))


def weights_port(design: LineDesign) -> Cost:
    """Cost of the `WeightsPort`, where there is one."""
    if design.weights is not None:
        return Cost()
    return counter(design.coefficient_words) + counter(design.stored_channels) + Cost(luts=95)


def saved_by_rom(design: LineDesign) -> Cost:
    """Return what a design with a weights port could do without if its weights were in ROM.

    Whatever they are: widths are taken to stay, though those of known weights are often narrower.
    """
    n_units = getattr(design, "products", 1)
    depth = design.channels * design.coefficient_stride // n_units
    stored = [(depth, sum(design.coefficient_fields.values()))] * n_units
    if has_start(design):
        stored.append((design.channels * design.start_words, design.added_bits))
    if design.requantization is not None:
        stored.append((design.channels, scale_bits(design)))
    saved = weights_port(design)
    for words, width in stored:
        saved += ram(depth=2 * words, width=width) - rom(depth=words, width=width)
    return saved
