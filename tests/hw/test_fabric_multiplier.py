"""Products in carry chains are products."""

from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.parts.fabric_multiplier import FabricMultiplier


@pytest.mark.parametrize(("a_bits", "b_bits"), [(9, 8), (18, 7), (5, 3), (4, 2)])
def test_products(a_bits: int, b_bits: int) -> None:
    unit = FabricMultiplier(lanes=2, a_bits=a_bits, b_bits=b_bits, target="generic")
    generator = np.random.default_rng(a_bits)
    low, high = ([-(1 << b - 1), (1 << b - 1) - 1] for b in (a_bits, b_bits))
    a = [*generator.integers(low[0], low[1], 300, endpoint=True), *low, *low]
    b = [*generator.integers(high[0], high[1], (300, 2), endpoint=True)]
    b += [np.array(pair) for pair in (high, high, high[::-1], high[::-1])]

    async def run(ctx: Any) -> None:
        for cycle in range(len(a) + unit.latency):
            if cycle < len(a):
                ctx.set(unit.a, int(a[cycle]))
                for lane in range(2):
                    ctx.set(unit.b[lane], int(b[cycle][lane]))
            began = cycle - unit.latency
            if began >= 0:
                for lane in range(2):
                    assert ctx.get(unit.p[lane]) == a[began] * b[began][lane]
            await ctx.tick()

    simulator = Simulator(unit)
    simulator.add_clock(1e-8)
    simulator.add_testbench(run)
    simulator.run()
