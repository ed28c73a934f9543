"""A lane with float32's roundings against the model: ties of each of them, ends, nothing."""

from types import SimpleNamespace
from typing import cast

import numpy as np

from golden.accelerator.descriptor import Finish
from golden.accelerator.program import in_float32
from golden.accelerator.sizes import Sizes
from golden.network.arithmetic import FAINT
from golden.numbers.interval import Integers, Interval
from hw.accelerator.layout import Layouts
from hw.accelerator.single import SingleLane, latency_of

_CLIP = Interval(-256, 255)
_SHIFTS = Interval(0, 62)


def vectors(generator: np.random.Generator, count: int) -> tuple[Integers, Integers, Integers]:
    """Return sums, factors and shifts: of every size, and such that results are close to ties."""
    bits = generator.integers(0, 32, count)
    sums = generator.integers(-(1 << bits), (1 << bits) + (bits < 31))
    multiplier = generator.integers(1 << 23, 1 << 24, count)
    near = np.array([1 << 23, (1 << 24) - 1, 3 << 22, 0])
    multiplier = np.where(generator.random(count) < 0.4, generator.choice(near, count), multiplier)
    # Results of up to nine bits, most of them.
    wanted = bits + 24 - generator.integers(-3, 11, count)
    return sums, multiplier, np.clip(wanted, _SHIFTS.low, _SHIFTS.high)


def ties(generator: np.random.Generator, count: int) -> tuple[Integers, Integers, Integers]:
    """Return sums that are halves of steps, and off them by about half of what a float32 shows."""
    halves = 2 * generator.integers(-300, 300, count) + 1
    shift = generator.integers(1, 22, count)
    exact = halves << (shift - 1)
    shown = 1 << np.maximum(np.frexp(np.abs(exact).astype(float))[1] - 24, 0)
    off = generator.integers(-1, 2, count) * (shown // 2) + generator.integers(-1, 2, count)
    sums = exact + off
    return sums, np.full(count, 1 << 23), shift + 23


def test_lane_equals_the_model(simulate) -> None:
    generator = np.random.default_rng(3)
    parts = [vectors(generator, 900), ties(generator, 300)]
    sums, multiplier, shift = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    layouts = SimpleNamespace(sizes=Sizes(), shifts=_SHIFTS, offsets=Interval(-128, 255))
    dut = SingleLane(cast(Layouts, layouts), _CLIP)
    latency = latency_of("generic")

    async def testbench(ctx):
        for early, zero_point in ((0, 0), (1, 0), (0, -77), (1, 255), (1, -128), (1, 3)):
            finish = Finish(zero_point=zero_point, low=-256, high=255, early=bool(early))
            # Before a larger one a product of samples is nothing: its factor is 0.
            shifts = np.minimum(shift, FAINT) if early else shift
            expected = in_float32(sums, multiplier, shifts, finish).tolist()
            ctx.set(dut.zero_point, zero_point)
            ctx.set(dut.early, early)
            for cycle in range(len(sums) + latency):
                if cycle < len(sums):
                    ctx.set(dut.y, int(sums[cycle]))
                    ctx.set(dut.multiplier, int(multiplier[cycle]))
                    ctx.set(dut.shift, _SHIFTS.high - int(shifts[cycle]))
                at = cycle - latency
                if at >= 0:
                    case = (early, zero_point, sums[at], multiplier[at], shifts[at])
                    assert ctx.get(dut.o) == expected[at], case
                await ctx.tick()

    simulate(dut, testbench)
