"""The requantiser against its model: noise, ties, saturation, latency."""

from itertools import product

import numpy as np
import pytest

from golden.numbers.interval import Interval
from golden.numbers.quantize import MAX_MULTIPLIER, requantize
from hw.parts.requantize import Requantizer

LATENCY = 7


def accumulators(
    multiplier: int, shift: int, y: Interval, clip: Interval, zero_point: int
) -> list[int]:
    """Ties and what lies beside them, the ends of y, and where the clip sets in."""
    unit = 1 << shift
    ties = [(2 * k + 1) * unit // 2 for k in (-3, -2, -1, 0, 1, 2)]
    edges = [
        (end - zero_point) * unit + unit // 2 * s
        for end in (clip.low, clip.high)
        for s in (-1, 0, 1)
    ]
    values = [v // multiplier + d for v in ties + edges for d in (-1, 0, 1)]
    values += [y.low, y.low + 1, -1, 0, 1, y.high - 1, y.high]
    return [v for v in values if y.low <= v <= y.high]


def only(value: int) -> Interval:
    return Interval(value, value)


def beats_of(generator, lanes, y, shifts, clip, zero_points):
    """Values of all lanes, multiplier, shift and zero point of every beat."""
    beats = []
    scales = [
        *product([1, 2, 3, 4, 1 << 16, 98304, MAX_MULTIPLIER], range(shifts.low, shifts.high + 1))
    ]
    for index in generator.permutation(len(scales))[:40]:
        multiplier, shift = scales[index]
        zero_point = int(generator.integers(zero_points.low, zero_points.high, endpoint=True))
        values = accumulators(multiplier, shift, y, clip, zero_point)
        values += generator.integers(y.low, y.high, 2 * lanes, endpoint=True).tolist()
        values += values[: -len(values) % lanes]
        for first in range(0, len(values), lanes):
            beats.append((values[first : first + lanes], multiplier, shift, zero_point))
    return beats


@pytest.mark.parametrize(
    ("lanes", "bits", "shifts", "clip", "zero_points"),
    [
        (1, 20, Interval(0, 47), Interval(-128, 127), only(0)),
        (1, 45, Interval(0, 47), Interval(-128, 127), only(-7)),
        (3, 12, Interval(0, 0), Interval(-128, 127), only(3)),
        (2, 9, Interval(1, 1), Interval(-8, 7), only(0)),
        (1, 9, Interval(2, 4), Interval(0, 7), only(0)),
        (1, 3, Interval(5, 47), Interval(-2, 1), only(-2)),
        (4, 24, Interval(6, 20), Interval(5, 100), only(5)),
        (1, 30, Interval(3, 30), Interval(-(1 << 31), (1 << 31) - 1), only(1 << 20)),
        (2, 20, Interval(0, 47), Interval(-128, 127), Interval(-128, 127)),
        (1, 9, Interval(2, 4), Interval(3, 7), Interval(3, 5)),
    ],
)
@pytest.mark.parametrize("right", [False, True])
def test_equals_model(simulate, lanes, bits, shifts, clip, zero_points, right) -> None:
    generator = np.random.default_rng(bits)
    y = Interval.signed(bits)
    beats = beats_of(generator, lanes, y, shifts, clip, zero_points)
    sums = np.array([beat[0] for beat in beats])
    multiplier = np.array([[beat[1]] for beat in beats])
    shift = np.array([[beat[2]] for beat in beats])
    zero_point = np.array([[beat[3]] for beat in beats])
    expected = requantize(
        sums, multiplier, shift, zero_point=zero_point, low=clip.low, high=clip.high
    ).tolist()
    valid = (generator.random(len(beats)) < 0.8).tolist()

    dut = Requantizer(
        lanes=lanes,
        accumulator=y,
        shifts=shifts,
        clip=clip,
        zero_points=zero_points,
        output_bits=clip.bits,
        target="generic",
        right=right,
    )
    assert dut.latency == LATENCY

    async def testbench(ctx):
        for cycle in range(len(beats) + LATENCY):
            if cycle < len(beats):
                values, multiplier, shift, zero_point = beats[cycle]
                if zero_points.low != zero_points.high:
                    ctx.set(dut.zero_point, zero_point)
                for lane, value in enumerate(values):
                    ctx.set(dut.i.payload[lane], value)
                ctx.set(dut.multiplier, multiplier)
                ctx.set(dut.shift, shifts.high - shift)
            ctx.set(dut.i.valid, cycle < len(beats) and valid[cycle])
            source = cycle - LATENCY
            assert ctx.get(dut.o.valid) == (source >= 0 and valid[source])
            if source >= 0:
                result = [ctx.get(dut.o.payload[lane]) for lane in range(lanes)]
                assert result == expected[source], beats[source]
            await ctx.tick()

    simulate(dut, testbench)
