"""What an accelerator with its memory outside takes of a device."""

from golden.accelerator.external.capacity import KERNEL_WORDS, TABLE, Capacity
from golden.accelerator.sizes import BIASED_BITS, CENTRED_BITS, DATA_BITS, SUM_BITS
from golden.numbers.quantize import MULTIPLIER_BITS
from hw.accelerator.constants import shift_bits
from hw.accelerator.external.core import LOADS_DEPTH, program_depth
from hw.accelerator.external.depthwise import LOW_BITS
from hw.accelerator.external.lines import kept_words
from hw.accelerator.predict import post
from hw.accelerator.statistics import statistics_layout
from hw.engines import predict_line
from hw.matrix.predict import predict as predict_matrix
from hw.predict import buffer, product, ram
from hw.targets.cost import Cost


def predict_external(capacity: Capacity) -> Cost:
    """Return the cost of an `ExternalAccelerator`: multipliers and block RAMs, not LUTs."""
    sizes, abilities = capacity.sizes, capacity.abilities
    factors = sizes.scalers * (capacity.scales.bits + shift_bits(capacity.scales.shifts))
    word = DATA_BITS * sizes.tile
    weights = capacity.weight_bytes // capacity.beat_bytes
    parts = [
        predict_matrix(sizes.matrix),
        post(sizes, abilities),
        ram(depth=capacity.map_words, width=word),
        ram(depth=capacity.constants, width=SUM_BITS * sizes.scalers),
        ram(depth=capacity.constants, width=factors),
        ram(depth=capacity.tables * TABLE, width=DATA_BITS).times(sizes.scalers),
        *(
            buffer(depth=depth, width=capacity.data_bits)
            for depth in (program_depth(capacity), weights, LOADS_DEPTH)
        ),
    ]
    if capacity.depthwise:
        scaled = product(lanes=1, a_bits=LOW_BITS + 1, b_bits=MULTIPLIER_BITS + 1)
        table = ram(depth=capacity.tables * TABLE, width=DATA_BITS)
        parts += [
            ram(depth=KERNEL_WORDS, width=capacity.depthwise * word),
            *(one.times(capacity.depthwise_scalers) for one in (scaled, table)),
        ]
    if capacity.lines is not None:
        parts.append(_lines(capacity))
    if abilities.norm:
        parts.append(ram(depth=sizes.positions, width=statistics_layout(abilities.norm).size))
    total = sum(parts, Cost())
    return Cost(multipliers=total.multipliers, block_rams=total.block_rams)


def _lines(capacity: Capacity) -> Cost:
    """Return the cost of the line engines, and of lines before and behind them."""
    count, depth = capacity.depthwise_scalers, kept_words(capacity)
    kept = (ram(depth=depth, width=bits * count) for bits in (CENTRED_BITS, BIASED_BITS))
    return sum(kept, predict_line(capacity.line_design).times(count))
