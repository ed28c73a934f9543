"""Netlists after synthesis: the benches' vectors pass on them as they do on the RTL."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flow.cache import Cache
from flow.families import FAMILIES, Family
from flow.netlist import Netlist
from flow.product import Product
from flow.simulation import simulated
from flow.synthesis import synthesise
from flow.tools import Yosys
from golden.design import Requantization
from golden.direct import DirectDesign
from golden.example import example_weights
from sim.engine import simulate
from sim.runner import simulators

CASES = {
    # Every bit of y comes out; and requantised, which hides the low ones.
    ("ecp5", "ecp5"): {"length": 4, "channels": 2},
    ("generic", "ecp5"): {"length": 3, "macs": 2, "requantization": Requantization()},
    ("generic", "ice40"): {"length": 3, "channels": 2},
    ("generic", "xc7"): {"length": 3, "channels": 2},
}


def synthesised(family: Family, top: str) -> Callable[[str], str]:
    def edit(verilog: str) -> str:
        product = Product(top, "clk", {f"{top}.v": verilog.encode()}, {})
        yosys, cache = Yosys(), Cache(None)
        netlist = synthesise(product, family, yosys, cache)
        assert Netlist(netlist, top).count(family.cells["dsp"])
        return simulated(netlist, top, family, yosys, cache)

    return edit


def design_of(target: str, **options: object) -> DirectDesign:
    design = DirectDesign(name="engine", weights=None, target=target, **options)
    requantization = design.requantization
    weights = example_weights(
        length=design.length,
        channels=design.channels,
        data_bits=design.data_bits,
        weight_bits=design.weight_bits,
        requantized=requantization.clip if requantization else None,
    )
    return DirectDesign(name="engine", weights=weights, target=target, **options)


@pytest.mark.parametrize(("target", "family"), CASES, ids="-".join)
def test_netlist_equals_model(target: str, family: str, tmp_path: Path) -> None:
    design = design_of(target, **CASES[target, family])
    passed = simulate(
        design,
        "sim.bench_line",
        simulator=simulators()[-1],
        folder=tmp_path,
        edit=synthesised(FAMILIES[family], design.name),
    )
    assert len(passed) == 5
