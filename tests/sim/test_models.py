"""Models of primitives that Yosys has none of, against inferred arithmetic and memory."""

import random

import pytest
from amaranth.hdl import _ir as ir
from amaranth.lib.wiring import In

from hw.emit.verilog import to_verilog
from hw.targets.models import MODELS
from sim.pairs import MemoryPair, MultiplierPair, MultiplierRegisters
from sim.runner import build, simulators

REGISTERS = {
    "none": MultiplierRegisters(False, False, False),
    "operands_product": MultiplierRegisters(True, False, True),
    "all": MultiplierRegisters(True, True, True),
    "pipeline": MultiplierRegisters(False, True, False),
    "unsigned": MultiplierRegisters(True, False, True, False, False),
    "mixed": MultiplierRegisters(True, False, True, True, False),
}

DEPTHS = {1: 16384, 2: 8192, 4: 4096, 9: 2048, 18: 1024, 36: 512}


def compare(pair, test, simulator, folder, model):
    ports = {
        name: (
            getattr(pair, name),
            ir.PortDirection.Input if member.flow is In else ir.PortDirection.Output,
        )
        for name, member in pair.signature.members.items()
    }
    source = folder / "pair.v"
    source.write_text(to_verilog(pair, "pair", ports))
    sources = [source, MODELS[model]]
    cache = folder / "build"
    built = build(sources, "pair", simulator=simulator, cache=cache)
    assert built.run("sim.bench_models", folder=folder / "run", tests=[test]) == [test]


# Every case runs under the simulator that builds fastest, one under the other too.
FAST = simulators()[-1]


@pytest.mark.parametrize(
    ("case", "simulator"), [*((case, FAST) for case in REGISTERS), ("all", "verilator")]
)
def test_multiplier(case, simulator, tmp_path):
    compare(MultiplierPair(REGISTERS[case]), "products", simulator, tmp_path, "MULT18X18D")


@pytest.mark.parametrize(
    ("width", "registered", "simulator"),
    [
        *((width, registered, FAST) for width in DEPTHS for registered in (False, True)),
        (18, True, "verilator"),
    ],
)
def test_block_ram(width, registered, simulator, tmp_path):
    generator = random.Random(3)
    depth = DEPTHS[width]
    contents = [generator.getrandbits(width) for _ in range(depth)]
    pair = MemoryPair(width=width, registered=registered, contents=contents)
    compare(pair, "words", simulator, tmp_path, "DP16KD")
