"""Transforms of an odd number of points: the hardware against the model, block by block."""

import numpy as np
import pytest

from golden.fft.design import FftDesign
from golden.line.weights import LineWeights
from golden.numbers.fixed import SQ, Fixed
from hw.fft.beats import AHEAD
from hw.fft.odd import OddStage


def design_of(length):
    kernel = np.random.default_rng(length).integers(-128, 128, (1, length))
    weights = LineWeights(kernel, kernel * 0, np.zeros(1, dtype=np.int64))
    return FftDesign(name="e", length=length, weights=weights)


def stages(length, target):
    """The stages of a line's transforms, and the formats around them."""
    design = design_of(length)
    for number in (design.flow.middle - 1, design.flow.middle + 1):
        odd = design.flow.odd_transform(number)
        before, after = design.formats.sections[number : number + 2]
        stage = OddStage(odd, before=before, after=after, pairs=1, target=target)
        yield odd, before, after, stage


@pytest.mark.parametrize("gap", [0, 1, 9])
@pytest.mark.parametrize("length", [3, 5, 7, 9, 15, 21, 14, 28, 20, 12])
def test_results_are_the_models(simulate, length, gap):
    for odd, before, after, stage in stages(length, "generic"):
        check(simulate, odd, before, after, stage, gap)


def check(simulate, odd, before, after, stage, gap):
    generator = np.random.default_rng(1)
    blocks = 3 * len(odd.turns) // odd.points
    room = before.leaves.raw.high >> before.leaves.f_bits - before.operand.f_bits
    # No result may leave the format behind: parts of a sum of as many complex numbers.
    most = after.entry.raw.high * 2.0 ** (before.operand.f_bits - after.entry.f_bits)
    bound = min(before.operand.raw.high, room, int(most / 2**0.5 / odd.points))
    raw = generator.integers(-bound, bound + 1, (2, blocks * odd.points))
    size = len(odd.turns)
    lines = raw.reshape(2, -1, size).swapaxes(0, 1)
    made = Fixed(odd.apply_raw(lines), SQ(40, before.operand.f_bits + odd.f_bits))
    expected = made.quantize(SQ(40, after.entry.f_bits)).raw.swapaxes(0, 1).reshape(2, -1)
    sent = raw << before.leaves.f_bits - before.operand.f_bits
    places = generator.integers(0, gap + 1, raw.shape[1]) if gap else np.zeros(raw.shape[1], int)
    times = np.cumsum(places + 1) + 2
    results = []
    seen = []

    async def testbench(context):
        early = {int(t) - AHEAD for t in times}
        now = {int(t): k for k, t in enumerate(times)}
        announced = []
        for cycle in range(int(times[-1]) + 6 * odd.points + 40):
            context.set(stage.i.early, cycle in early)
            k = now.get(cycle)
            for part, row in (("re", 0), ("im", 1)):
                value = int(sent[row, k]) if k is not None else int(generator.integers(-9, 9))
                context.set(stage.i.z[0][part], value)
                context.set(stage.i.carry[0][part], 0)
            if cycle - AHEAD in announced:
                results.append(
                    [
                        context.get(stage.o.z[0][p]) + context.get(stage.o.carry[0][p])
                        for p in ("re", "im")
                    ]
                )
                seen.append(cycle)
            if context.get(stage.o.early):
                announced.append(cycle)
            await context.tick()

    simulate(stage, testbench)
    np.testing.assert_array_equal(np.array(results).T, expected)
    lasts = times[odd.points - 1 :: odd.points]
    np.testing.assert_array_equal(seen[:: odd.points], lasts + stage.latency)
