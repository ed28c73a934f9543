"""cocotb tests of a build that begins unknown: what reset makes of it, at whatever cycle it comes.

Under a simulator of four states, on Verilog without initial values: registers and memories are X.
"""

from typing import Any

import cocotb

from sim.bench_layer import give_weights as give_layer_weights
from sim.bench_line import give_weights as give_line_weights
from sim.bench_reset import AnyBench, beats_per_unit, bench_of, stimulus, unit_cycles
from sim.line import LineBench
from sim.stream import always, evenly, random_gaps, randomly


async def give_weights(bench: AnyBench) -> None:
    """Load some weights where the build has none in ROM."""
    if isinstance(bench, LineBench):
        await give_line_weights(bench)
    else:
        await give_layer_weights(bench)


@cocotb.test()
async def reset_once(dut: Any) -> None:
    """Reset a build that is unknown for one cycle: it is as any other."""
    bench = bench_of(dut)
    await bench.start_unknown()
    await give_weights(bench)
    await bench.exchange(bench.stimulus(bench.job.groups), evenly(0), always)


@cocotb.test()
async def reset_at_every_cycle(dut: Any) -> None:
    """Reset at each cycle of two frames whose data are X: nothing of them is left."""
    bench = bench_of(dut)
    await bench.start_unknown()
    n_cycles = bench.latency + 2 * unit_cycles(bench) + beats_per_unit(bench)
    for cycle in range(n_cycles):
        await give_weights(bench)
        bench.offer_weights(2 if cycle % 2 else 0)
        for source in (bench.i, *bench.loads.values()):
            source.hides = True
        bench.o.blind = True
        # Full pace by turns, for which no handshake may wait for what is unknown.
        bench.o.set_pace(randomly(0.8, cycle) if cycle % 3 else always)
        gaps = random_gaps(0.8, cycle) if cycle % 3 else evenly(0)
        bench.i.send(bench.beats(stimulus(bench, 3)), gaps)
        await bench.run(cycle)
        await bench.reset()
        await give_weights(bench)
        await bench.exchange(bench.stimulus(1), evenly(0), always)
