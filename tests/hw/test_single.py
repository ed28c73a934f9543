"""A lane with float32's roundings against the model: ties of each of them, ends, nothing."""

from types import SimpleNamespace
from typing import cast

import numpy as np

from golden.accelerator.abilities import Abilities
from golden.accelerator.descriptor import Finish
from golden.accelerator.operators.arithmetic import ADDED_SHIFTS, add
from golden.accelerator.program import added, in_float32
from golden.accelerator.sizes import Sizes
from golden.network.arithmetic import FAINT, Add
from golden.network.map import Map
from golden.network.rescale import Rescale
from golden.numbers.interval import Integers, Interval
from hw.accelerator.layout import Layouts
from hw.accelerator.single import SingleLane, latency_of

_CLIP = Interval(-256, 255)
_SHIFTS = Interval(0, 62)


def layouts_of(abilities: Abilities) -> Layouts:
    """Return as much of layouts as a lane looks at."""
    offsets = Interval(-128, 255)
    known = SimpleNamespace(sizes=Sizes(), shifts=_SHIFTS, offsets=offsets, abilities=abilities)
    return cast(Layouts, known)


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
    layouts = layouts_of(Abilities(single=True))
    dut = SingleLane(layouts, _CLIP)
    latency = latency_of("generic", addition=False)

    async def testbench(ctx):
        for early, zero_point in ((0, 0), (1, 0), (0, -77), (1, 255), (1, -128), (1, 3)):
            finish = Finish(zero_point=zero_point, low=-256, high=255, early=bool(early))
            # Before a larger one a product of samples is nothing: its factor is 0.
            shifts = np.minimum(shift, FAINT) if early else shift
            expected = in_float32(sums, multiplier, shifts, finish).tolist()
            ctx.set(dut.early, zero_point * early)
            ctx.set(dut.late, zero_point * (1 - early))
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


def addition(generator: np.random.Generator, *, halves: bool) -> Add:
    """Return an addition with scales of others; ``halves`` makes ties of most of its results."""
    low, high = ADDED_SHIFTS.low, ADDED_SHIFTS.high
    first = int(generator.integers(low + 3, high - 12))
    shift = np.array([first, np.clip(first + generator.integers(-20, 21), low, high)])
    if generator.random() < 0.7:
        shift = generator.integers(22, 27, 2)
    multiplier = np.full(2, 1 << 23) if halves else generator.integers(1 << 23, 1 << 24, 2)
    zeros = generator.integers(-128, 128, 3)
    takes = tuple(Map.of((1, 1, 1), 0.1, int(zero), signed=True) for zero in zeros[:2])
    gives = Map.of((1, 1, 1), 0.1, int(zeros[2]), signed=True)
    rescale = Rescale(multiplier, shift, single=True)
    return Add(takes=takes, gives=gives, rescale=rescale, clip=gives.range)


def test_additions_equal_the_model(simulate) -> None:
    generator = np.random.default_rng(4)
    dut = SingleLane(layouts_of(Abilities(single=True, product=True, addition=True)), _CLIP)
    latency = latency_of("generic", addition=True)
    count = 90

    async def testbench(ctx):
        seen = set()
        for number in range(18):
            op = addition(generator, halves=number % 3 == 0)
            sums = add(op, ("a", "b"))
            other = sums.addition
            assert other is not None
            (factor,), (shift,) = sums.rescale.multiplier.tolist(), sums.rescale.shift.tolist()
            a, b = generator.integers(-128, 128, (2, 1, count, 1, 1))
            y = (512 * a + b).reshape(-1)
            expected = added(y, np.array(factor), np.array(shift), other, Finish()).tolist()
            assert op.value(a, b).reshape(-1).tolist() == expected
            seen |= set(expected)
            most = max(shift, other.shift)
            told = dut.addition
            for field, value in (
                (told.adds, 1),
                (told.fixed, other.fixed << other.exponent),
                (told.second, other.multiplier),
                (told.up, most - shift),
                (told.second_up, most - other.shift),
                (told.most, _SHIFTS.high - most),
                (dut.multiplier, factor),
                (dut.shift, _SHIFTS.high - shift),
                (dut.late, 77),
            ):
                ctx.set(field, value)
            for cycle in range(count + latency):
                ctx.set(dut.y, int(y[min(cycle, count - 1)]))
                if (at := cycle - latency) >= 0:
                    wide = ctx.get(dut.o)
                    assert np.clip(wide, -128, 127) == expected[at], (op.rescale, at, y[at])
                await ctx.tick()
        assert len(seen) > 200

    simulate(dut, testbench)
