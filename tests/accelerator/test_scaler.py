"""A scaler alone: layer norms pass its multiplier twice, every other cycle; ends and latency."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden.accelerator.abilities import LEAST
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.sizes import CENTRED_BITS, Sizes
from golden.network.layer_norm import NORMAL_F_BITS, LayerNorm, reciprocal_root
from golden.network.map import Map
from golden.numbers.fixed import round_half_even
from golden.numbers.interval import Interval
from hw.accelerator.external.layout import layouts_for
from hw.accelerator.scaler import (
    Scaler,
    multiplied_in,
    normal_bits,
    normalised_in,
    rounded_from,
    scaled_in,
)

CHANNELS = 20
SIZES = Sizes(tile=8, scalers=2, positions=8, logic_scalers=1)
ABILITIES = replace(LEAST, norm=CHANNELS)
CLIP = Interval.signed(CENTRED_BITS)
LARGEST = 255 * (CHANNELS - 1)
"""Of a difference."""
GAINS, OFFSETS, SHIFTS = (-(1 << 17), (1 << 17) - 1), (-(1 << 31), (1 << 31) - 1), (14, 47)


def cases() -> list[dict[str, int]]:
    """Return what a scaler is told of samples, all ends of it and what is drawn between."""
    ends = product((LARGEST, -LARGEST, 1, -1), (1,), GAINS, OFFSETS, SHIFTS)
    draw = np.random.default_rng(5).integers
    drawn = [
        tuple(
            int(draw(low, high, endpoint=True))
            for low, high in ((-LARGEST, LARGEST), (1, CHANNELS - 1), GAINS, OFFSETS, SHIFTS)
        )
        for _ in range(60)
    ]
    found = []
    for number, (y, alike, gain, offset, shift) in enumerate([*ends, *drawn]):
        # The steepest sample of a position has a spread of its square over all others.
        spread = y * y * alike // (CHANNELS - 1) + 1
        (root,), (exponent,) = reciprocal_root(np.array([spread]))
        told = {"y": y, "root": int(root), "exponent": int(exponent), "multiplier": gain}
        told |= {"offset": offset, "shift": shift, "zero_point": number - 50}
        found.append(told)
    return found


def result(case: dict[str, int]) -> int:
    """Return what comes of a case."""
    normal = (case["y"] * case["root"]) >> (19 + case["exponent"])
    assert abs(normal) < 1 << normal_bits(CHANNELS) - 1
    total = np.array(normal * case["multiplier"] + case["offset"])
    rounded = int(round_half_even(total, case["shift"])) + case["zero_point"]
    return min(max(rounded, CLIP.low), CLIP.high)


@pytest.mark.parametrize("logic", [False, True])
def test_layer_norm_at_its_ends(logic: bool) -> None:
    layouts = layouts_for(Capacity(sizes=SIZES, data_bits=32, abilities=ABILITIES))
    dut = Scaler(layouts, CLIP, logic=logic)
    again = normalised_in(SIZES, ABILITIES)
    assert again % 2 == 1
    due = dict.fromkeys(("y", "root", "exponent"), 0)
    due |= dict.fromkeys(("multiplier", "shift"), again)
    due["offset"] = again + multiplied_in(SIZES, ABILITIES)
    due["zero_point"] = again + rounded_from(SIZES, ABILITIES)
    end = again + scaled_in(SIZES, ABILITIES)
    given = [{**case, "shift": layouts.own_shifts.high - case["shift"]} for case in cases()]
    found: list[int] = []

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.norm, 1)
        for cycle in range(2 * len(given) + end):
            ctx.set(dut.again, (cycle - again) % 2 == 0)
            for name, late in due.items():
                number, between = divmod(cycle - late, 2)
                if not between and 0 <= number < len(given):
                    ctx.set(getattr(dut, name), given[number][name])
            if cycle >= end and (cycle - end) % 2 == 0:
                found.append(ctx.get(dut.o))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert found == [result(case) for case in cases()]


@pytest.mark.parametrize("channels", [2, 20, 768, 1024, 1025, 8192])
def test_what_is_normalised_is_as_wide_as_told(channels: int) -> None:
    """All samples are alike but one."""
    data = Map.of((channels, 1, 1), 1.0, 0)
    x = np.full((1, channels, 1, 1), data.range.high)
    x[:, 0] = data.range.low
    ones = np.ones(channels, np.int64)
    stage = LayerNorm(
        takes=(data,),
        gives=data,
        gain=ones,
        offset=0 * ones,
        shift=0,
        epsilon=1,
        clip=Interval.signed(32),
    )
    least = int(stage.value(x).min())
    assert (-least).bit_length() + 1 <= normal_bits(channels)
    assert -least > (1 << NORMAL_F_BITS) * (channels - 1) ** 0.5 * 0.999
