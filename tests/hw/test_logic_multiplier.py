"""Products of look-up tables against plain ones."""

import numpy as np
import pytest

from hw.primitives.logic_multiplier import LogicMultiplier


@pytest.mark.parametrize(("a_bits", "b_bits"), [(32, 17), (32, 12), (9, 1), (3, 2), (5, 3), (4, 8)])
def test_product_of_every_corner(simulate, a_bits: int, b_bits: int) -> None:
    generator = np.random.default_rng(a_bits)
    low, high, most = -(1 << a_bits - 1), (1 << a_bits - 1) - 1, (1 << b_bits) - 1
    pairs = [(a, b) for a in (low, low + 1, -1, 0, 1, high) for b in (0, 1, most // 2, most)]
    pairs += zip(
        generator.integers(low, high, 50, endpoint=True).tolist(),
        generator.integers(0, most, 50, endpoint=True).tolist(),
        strict=True,
    )
    dut = LogicMultiplier(a_bits=a_bits, b_bits=b_bits, target="generic")
    latency = dut.latency_of(b_bits)

    async def testbench(ctx):
        for cycle in range(len(pairs) + latency):
            a, b = pairs[min(cycle, len(pairs) - 1)]
            ctx.set(dut.a, a)
            ctx.set(dut.b, b)
            await ctx.tick()
            source = cycle + 1 - latency
            if 0 <= source < len(pairs):
                a, b = pairs[source]
                assert ctx.get(dut.p) == a * b, pairs[source]

    simulate(dut, testbench)
