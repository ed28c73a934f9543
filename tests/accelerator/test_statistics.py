"""Statistics of positions, alone: roots of spreads at both ends of every normalising shift."""

from dataclasses import replace

import numpy as np
from amaranth.sim import Simulator

from golden.accelerator.abilities import ALL
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.sizes import Sizes
from golden.network.layer_norm import reciprocal_root
from hw.accelerator.external.layout import layouts_for
from hw.accelerator.statistics import Statistics, cycles_of
from hw.primitives.memory import READ_LATENCY
from sim.stimulus import border_spreads

CHANNELS = 20


def corners() -> list[int]:
    """Return spreads of every size: powers of two, what is beside them, squares, and at borders."""
    spreads = {1 << bits for bits in range(60)}
    spreads |= {near for one in spreads for near in (one - 1, one + 1) if near > 0}
    generator = np.random.default_rng(3)
    roots = generator.integers(1 << 15, 1 << 16, 40)
    spreads |= {-(-(1 << 62) // int(r) ** 2) for r in roots}  # the least of which the root is so
    spreads |= {(1 << 62) // int(r) ** 2 for r in roots}
    return sorted(spreads | set(border_spreads(generator, 4)))


def test_roots() -> None:
    """All of V comes as epsilon: sums are 0."""
    spreads = corners()
    capacity = Capacity(
        sizes=Sizes(tile=8, scalers=4, positions=8),
        data_bits=32,
        abilities=replace(ALL, norm=CHANNELS),
    )
    dut = Statistics(layouts_for(capacity))
    found: list[tuple[int, int]] = []

    async def testbench(ctx):
        for spread in spreads:
            ctx.set(dut.told.epsilon, spread)
            ctx.set(dut.told.channels, CHANNELS)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            await ctx.tick().repeat(cycles_of(CHANNELS) + READ_LATENCY)
            assert ctx.get(dut.ready)
            found.append((ctx.get(dut.kept.root), ctx.get(dut.kept.exponent)))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    roots, exponents = reciprocal_root(np.array(spreads))
    assert found == list(zip(roots.tolist(), exponents.tolist(), strict=True))
