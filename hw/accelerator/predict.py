"""What an accelerator takes of a device: multipliers and block RAMs, exactly."""

from golden.accelerator.abilities import Abilities
from golden.accelerator.program import Program
from golden.accelerator.sizes import CENTRED_BITS, DATA_BITS, SUM_BITS, Sizes
from golden.network.rescale import SIGNIFICAND_BITS
from hw.accelerator.constants import shift_bits
from hw.accelerator.layout import layouts_of
from hw.accelerator.scaler import factor_bits
from hw.accelerator.statistics import statistics_layout
from hw.matrix.predict import predict as predict_matrix
from hw.predict import product, ram, rom
from hw.targets.cost import Cost


def predict(program: Program) -> Cost:
    """Return the multipliers and block RAMs of an `Accelerator`; its LUTs are not predicted."""
    sizes, roms, layouts = program.sizes, program.rom, layouts_of(program)
    scale = sizes.scalers * (program.abilities.factor_bits + shift_bits(layouts.shifts))
    parts = [
        predict_matrix(sizes.matrix),
        post(sizes, program.abilities),
        ram(depth=layouts.map_words, width=DATA_BITS * sizes.tile),
        rom(depth=len(roms.weights), width=CENTRED_BITS * sizes.tile),
        rom(depth=len(roms.bias), width=SUM_BITS * sizes.scalers),
        rom(depth=len(roms.multiplier), width=scale),
        rom(depth=roms.tables.size, width=DATA_BITS).times(sizes.scalers),
        rom(depth=len(program.descriptors), width=layouts.whole.size),
    ]
    if channels := program.abilities.norm:
        parts.append(ram(depth=sizes.positions, width=statistics_layout(channels).size))
    total = sum(parts, Cost())
    return Cost(multipliers=total.multipliers, block_rams=total.block_rams)


def post(sizes: Sizes, abilities: Abilities) -> Cost:
    """Return the multipliers of a `PostUnit`."""
    scaled = product(lanes=1, a_bits=SUM_BITS, b_bits=factor_bits(sizes, abilities))
    total = scaled.times(sizes.scalers - sizes.logic_scalers)
    if abilities.single:
        half = product(lanes=1, a_bits=SIGNIFICAND_BITS + 2, b_bits=SIGNIFICAND_BITS // 2 + 1)
        total += half.times(2 * sizes.scalers)
    return total
