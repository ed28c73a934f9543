"""Stages of the Fermat engine: words as their models make them, and latency cycle for cycle."""

import random
from dataclasses import replace

import numpy as np
import pytest

import hw.fermat.core
from golden.fermat import plan
from golden.fermat.design import FermatDesign, supported_lengths
from golden.fermat.ring import Ring, SplitRing
from golden.line.example import example_weights
from golden.line.weights import LineWeights, correlate
from golden.numbers.interval import Interval
from hw.fermat.butterfly import Butterfly, PointTransform
from hw.fermat.core import FermatCore, pipeline_latency
from hw.fermat.product import Product
from hw.fermat.reduction import Reduction
from hw.fermat.rotation import Fold, Rotation
from hw.fermat.words import LEAD

LANES = 2
BLOCKS = 6
OPTIONS = {"lanes": LANES, "target": "generic"}
WORDS = Interval.signed(33)
RING = Ring(32, 64)
SEVENS = Ring(28, 56)
NINES = Ring(36, 72)
ROOTS = Ring(32, 128)
SUMS = Interval(-900_000, 800_000)
FAR = 20_000
"""Of sums from 0, which take more bits than a word of a small ring."""


SPLITS = [SplitRing(16, 8, 2), SplitRing(32, 16, 8), SplitRing(28, 14, 2)]


def rotations(ring: Ring, words: Interval) -> list[plan.Rotation]:
    steps = plan.inverse_transform(ring, words).steps
    return [step for step in steps if isinstance(step, plan.Rotation)]


def wide(step: plan.Rotation) -> plan.Rotation:
    """The same rotation of words that must be folded."""
    first = replace(step.levels[0], i=Interval.signed(36), folds=True)
    levels = [first]
    for level in step.levels[1:]:
        levels.append(replace(level, i=levels[-1].o, folds=False))
    return replace(step, levels=tuple(levels))


def butterfly(radix: int, delay: int, bits: int, words: Interval) -> plan.Butterfly:
    return plan.Butterfly(radix, delay, bits, 2 * bits // radix, words)


STAGES = {
    **{
        f"radix-2-delay-{delay}": (Butterfly, butterfly(2, delay, 32, WORDS), 2 * delay)
        for delay in (1, 2, 3, 4, 5, 16)
    },
    **{
        f"radix-{radix}-delay-{delay}": (
            PointTransform,
            butterfly(radix, delay, 36 if radix == 3 else 35, Interval.signed(37)),
            radix * delay,
        )
        for radix, delay in ((3, 1), (3, 3), (3, 4), (5, 1), (5, 5), (7, 1), (7, 2))
    },
    **{
        f"rotation-{number}": (Rotation, step, step.block)
        for number, step in enumerate(rotations(RING, WORDS) + rotations(ROOTS, WORDS))
    },
    "rotation-wide": (Rotation, wide(rotations(ROOTS, WORDS)[1]), 128),
    "fold": (Fold, plan.Fold(32, Interval.signed(40)), 8),
    **{
        f"reduction-{ring.bits}": (
            Reduction,
            plan.reductions(ring, Interval.signed(ring.bits + 3), SUMS)[0],
            8,
        )
        for ring in (RING, SEVENS, NINES)
    },
    **{
        f"reduction-to-{low}-and-{spread}-more": (
            Reduction,
            plan.reductions(Ring(8, 16), Interval(-290, 274), Interval(low, low + spread))[-1],
            8,
        )
        for low in (FAR, -FAR)
        for spread in (0, 100)
    },
}


def blocks_of(words: Interval, n_blocks: int, block: int) -> np.ndarray:
    chance = random.Random(block)
    ends = [words.low, words.high, 0, -1, words.low + 1, words.high - 1]

    def word() -> int:
        return chance.choice([chance.choice(ends), chance.randint(words.low, words.high)])

    total = LANES * n_blocks * block
    return np.array([word() for _ in range(total)], dtype=object).reshape(LANES, n_blocks, block)


def congruent_to_sums(words: np.ndarray, step: plan.Reduction) -> np.ndarray:
    """Replace words by ones near them that some sum is congruent to, as a reduction meets them."""
    sums = words % (step.o.high - step.o.low + 1) + step.o.low
    congruent = step.i.low + (sums - step.i.low) % step.modulus
    multiples = (words - congruent) // step.modulus
    return congruent + np.where(multiples < 0, 0, multiples) * step.modulus


def starts_of(n_blocks: int, block: int, gaps: float) -> list[int]:
    """Cycles that valid bits come in: the first three blocks and the fourth without gaps."""
    chance = random.Random(n_blocks)
    cycles, cycle = [], 5
    for number in range(n_blocks):
        for _ in range(block):
            while number > 3 and chance.random() < gaps:
                cycle += 1
            cycles.append(cycle)
            cycle += 1
    return cycles


async def drive(ctx, dut, words: np.ndarray, valid: list[int]) -> list[tuple[int, list[int]]]:
    """Send ``words`` ``[LANES, n]`` and return what comes, with its cycles."""
    flat = words.reshape(LANES, -1)
    given = {cycle + LEAD: number for number, cycle in enumerate(valid)}
    announced: list[bool] = []
    got = []
    for cycle in range(valid[-1] + 4 * words.shape[-1] + 60):
        ctx.set(dut.i.valid, cycle in valid)
        for lane in range(LANES):
            number = given.get(cycle)
            # What stands on the wires of no word must not matter.
            ctx.set(dut.i.payload[lane], 1 if number is None else int(flat[lane, number]))
        announced.append(bool(ctx.get(dut.o.valid)))
        if cycle >= LEAD and announced[cycle - LEAD]:
            got.append((cycle, [ctx.get(dut.o.payload[lane]) for lane in range(LANES)]))
        await ctx.tick()
    return got


@pytest.mark.parametrize("gaps", [0.0, 0.6])
@pytest.mark.parametrize("stage", STAGES)
def test_stage_equals_model(simulate, stage: str, gaps: float) -> None:
    component, step, block = STAGES[stage]
    dut = component(step, **OPTIONS)
    words = blocks_of(step.i, BLOCKS, block)
    if component is Reduction:
        words = congruent_to_sums(words, step)
    expected = step.apply(words).reshape(LANES, -1)
    valid = starts_of(BLOCKS, block, gaps)

    async def testbench(ctx):
        got = await drive(ctx, dut, words, valid)
        assert [word for _, word in got] == expected.T.tolist()
        assert got[0][0] == valid[0] + LEAD + dut.latency
        # Without gaps there are none in what leaves.
        leaves = [cycle for cycle, _ in got[: 3 * block]]
        assert leaves == list(range(leaves[0], leaves[0] + 3 * block))

    simulate(dut, testbench)


@pytest.mark.parametrize("bits", [8, 16, 21, 28, 32, 36, 48, 64])
def test_product_equals_model(simulate, bits: int) -> None:
    x = plan.Fold(bits, Interval.signed(bits + 2)).o
    limit = (1 << bits) // 2
    step = plan.Product(bits, x, Interval(-limit, limit))
    dut = Product(step, **OPTIONS)
    words, spectrum = blocks_of(step.x, 1, 60)[:, 0], blocks_of(step.h, 1, 60)[0, 0]
    expected = step.apply(words, spectrum[None, :].repeat(LANES, axis=0))

    async def testbench(ctx):
        for cycle in range(60 + dut.latency):
            number = min(cycle, 59)
            ctx.set(dut.h, int(spectrum[number]))
            for lane in range(LANES):
                ctx.set(dut.i.payload[lane], int(words[lane, number]))
            if cycle >= dut.latency:
                done = cycle - dut.latency
                have = [ctx.get(dut.o.payload[lane]) for lane in range(LANES)]
                assert have == expected[:, done].tolist()
            await ctx.tick()

    simulate(dut, testbench)


async def correlate_in(ctx, core, lines: np.ndarray, gaps: float) -> list[tuple[int, list[int]]]:
    """Send ``lines`` ``[n, N]`` to a core, `LANES` at a time; return sums, with their cycles."""
    chance = random.Random(1)
    beats = lines.reshape(-1, LANES, lines.shape[-1]).swapaxes(1, 2).reshape(-1, LANES).tolist()
    got: list[tuple[int, list[int]]] = []
    ctx.set(core.credit, 1)
    ctx.set(core.available, 1)
    wanted = len(beats)
    for cycle in range(8 * wanted + core.latency):
        sends = bool(beats) and (cycle < 2 * lines.shape[-1] or chance.random() >= gaps)
        ctx.set(core.i.valid, sends)
        for lane, sample in enumerate(beats.pop(0) if sends else [1] * LANES):
            ctx.set(core.i.payload.samples[lane], sample)
        if ctx.get(core.o.valid):
            got.append((cycle, [ctx.get(core.o.payload[lane]) for lane in range(LANES)]))
        await ctx.tick()
        if len(got) == wanted:
            break
    return got


@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize("ring", SPLITS, ids=str)
def test_split_lines_equal_their_definition(simulate, monkeypatch, ring: SplitRing, far) -> None:
    """Rings that the engine would not take for lines as short as these."""
    if far:
        monkeypatch.setattr(hw.fermat.core, "FAR", 1)
    length = ring.length
    generator = np.random.default_rng(ring.bits)
    kernels = generator.integers(-8, 8, (2, length))
    weights = LineWeights(kernels, 0 * kernels, np.zeros(2, dtype=np.int64))
    design = FermatDesign(
        name="dut", length=length, channels=2, lanes=LANES, data_bits=6, weights=weights
    )
    design.__dict__["transform_ring"] = ring
    assert ring.holds(design.sum_range)
    lines = generator.integers(-32, 32, (4 * LANES, length))
    lines[:4] = [[31] * length, [-32] * length, [0] * length, [-32, 31] * (length // 2)]
    sums = design.accumulate(lines, weights.of(np.repeat([0, 1] * 2, LANES)))
    assert np.array_equal(sums, correlate(lines, np.repeat([*kernels] * 2, LANES, axis=0)))
    core = FermatCore(design)

    async def testbench(ctx):
        for gaps in (0.0, 0.5):
            got = await correlate_in(ctx, core, lines, gaps)
            beats = sums.reshape(-1, LANES, length).swapaxes(1, 2).reshape(-1, LANES)
            assert [words for _, words in got] == beats.tolist()
            assert got[0][0] == core.latency == pipeline_latency(design)
            # Lines that come without gaps leave without any.
            assert got[2 * length - 1][0] == core.latency + 2 * length - 1

    simulate(core, testbench)


@pytest.mark.parametrize("target", ["generic", "ecp5"])
@pytest.mark.parametrize("length", supported_lengths())
def test_latency_is_at_most_two_lines_and_little_more(length: int, target: str) -> None:
    weights = example_weights(
        length=length, channels=1, data_bits=8, weight_bits=8, requantized=None
    )
    design = FermatDesign(name="dut", length=length, weights=weights, target=target)
    output = 4
    most = 100 if length <= 256 else 120
    assert pipeline_latency(design) + output <= 2 * length + most
