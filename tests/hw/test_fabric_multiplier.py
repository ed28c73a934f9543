"""Products in carry chains are products."""

from typing import Any

import numpy as np
import pytest

from hw.parts.fabric_multiplier import FabricMultiplier

SIZES = [(9, 8), (18, 7), (5, 3), (4, 2), (32, 17), (3, 5), (4, 8)]


@pytest.mark.parametrize("b_signed", [True, False])
@pytest.mark.parametrize(("a_bits", "b_bits"), SIZES)
def test_products(simulate, a_bits: int, b_bits: int, b_signed: bool) -> None:
    unit = FabricMultiplier(
        lanes=2, a_bits=a_bits, b_bits=b_bits, b_signed=b_signed, target="generic"
    )
    generator = np.random.default_rng(a_bits)
    low, high = -(1 << a_bits - 1), (1 << a_bits - 1) - 1
    least = -(1 << b_bits - 1) if b_signed else 0
    most = least + (1 << b_bits) - 1
    ends = [(a, b) for a in (low, low + 1, -1, 0, 1, high) for b in (least, 0, most // 2, most)]
    a = [*generator.integers(low, high, 100, endpoint=True).tolist(), *(one for one, _ in ends)]
    b = [*generator.integers(least, most, (100, 2), endpoint=True).tolist()]
    b += [[one, least + most - one] for _, one in ends]

    async def run(ctx: Any) -> None:
        for cycle in range(len(a) + unit.latency):
            if cycle < len(a):
                ctx.set(unit.a, a[cycle])
                for lane in range(2):
                    ctx.set(unit.b[lane], b[cycle][lane])
            began = cycle - unit.latency
            if began >= 0:
                for lane in range(2):
                    assert ctx.get(unit.p[lane]) == a[began] * b[began][lane]
            await ctx.tick()

    simulate(unit, run)
