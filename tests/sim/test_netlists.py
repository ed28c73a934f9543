"""Netlists after synthesis: the benches' vectors pass on them as they do on the RTL."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flow import icestorm, placed
from flow.cache import Cache
from flow.families import families, part_named
from flow.netlist import Netlist
from flow.simulation import simulated
from flow.synthesis import synthesise
from flow.tools import Yosys, nextpnr
from golden.line.design import LineDesign, Requantization
from golden.line.example import example_weights
from hw.emit.product import Built
from hw.engines import ENGINES
from hw.targets.models import model_texts
from hw.targets.synthesis import Family, PlacedFamily
from sim.engine import simulate
from sim.runner import simulators

Case = tuple[str, str, str, dict[str, Any]]
CASES: list[Case] = [
    # Every bit of y comes out; and requantised, which hides the low ones.
    ("direct", "ecp5", "ecp5", {"length": 4, "channels": 2}),
    ("direct", "generic", "ecp5", {"length": 3, "macs": 2, "requantization": Requantization()}),
    ("direct", "xc7", "xc7", {"length": 3, "channels": 2, "lanes": 2}),
    # Two lanes' pairs in a DSP48E2.
    ("direct", "xcup", "xcup", {"length": 4, "lanes": 2, "data_bits": 4, "weight_bits": 4}),
]
_MODELS_OF = {"xcup": model_texts("DSP48E2").values()}
"""Of cells that synthesis infers."""
AFTER = {"ecp5": placed.placed_and_simulated, "ice40": icestorm.placed_and_simulated}
"""Netlists after place and route, by nextpnr's kind."""
LENGTHS = {"direct": 8, "fft": 8, "fermat": 7}
EVERY: list[Case] = [
    ("direct", "ice40", "ice40", {"length": 3, "channels": 2}),
    *(
        (engine, family, family, {"length": length, "channels": 2})
        for engine, length in LENGTHS.items()
        for family in ("ecp5", "ice40", "xc7")
    ),
]


def synthesised(family: Family, top: str) -> Callable[[str], str]:
    def edit(verilog: str) -> str:
        product = Built(top, "clk", {f"{top}.v": verilog.encode()}, {})
        yosys, cache = Yosys(), Cache(None)
        netlist = synthesise(product, family, yosys, cache)
        assert Netlist(netlist, top).count(family.cells["dsp"])
        cells = simulated(netlist, top, family, yosys, cache)
        return cells + "".join(_MODELS_OF.get(family.name, ()))

    return edit


def design_of(engine: str, target: str, **options: Any) -> LineDesign:
    design = ENGINES[engine].design(name="engine", weights=None, target=target, **options)
    requantization = design.requantization
    weights = example_weights(
        length=design.length,
        channels=design.channels,
        data_bits=design.data_bits,
        weight_bits=design.weight_bits,
        requantized=requantization.clip if requantization else None,
    )
    return replace(design, weights=weights)


def case_id(case: object) -> str:
    return case if isinstance(case, str) else ""


@pytest.mark.parametrize(
    ("engine", "target", "family", "options"),
    [*CASES, *(pytest.param(*case, marks=pytest.mark.bench) for case in EVERY)],
    ids=case_id,
)
def test_netlist_equals_model(
    engine: str, target: str, family: str, options: dict[str, Any], tmp_path: Path
) -> None:
    design = design_of(engine, target, **options)
    passed = simulate(
        design,
        "sim.bench_line",
        simulator=simulators()[-1],
        folder=tmp_path,
        edit=synthesised(families()[family], design.name),
    )
    assert len(passed) == 5


def routed(name: str) -> Callable[[str], str]:
    """Return what synthesises a build's Verilog for a part, and places and routes it."""

    def edit(verilog: str) -> str:
        device, yosys, cache = part_named(name), Yosys(), Cache(None)
        family = device.family
        assert isinstance(family, PlacedFamily)
        product = Built("engine", "clk", {"engine.v": verilog.encode()}, {})
        netlist = synthesise(product, family, yosys, cache, placed=True)
        program = nextpnr(family.nextpnr)
        after = AFTER[family.nextpnr]
        return after(netlist, "engine", device, program, yosys, cache)

    return edit


@pytest.mark.bench
@pytest.mark.parametrize(
    ("target", "part", "engine", "length"),
    [
        *(("ecp5", "lfe5u-25f-6", *case) for case in LENGTHS.items()),
        # An fft of eight samples takes more than the UP5K's multipliers.
        *(("ice40", "up5k", *case) for case in (LENGTHS | {"fft": 4}).items()),
    ],
)
def test_placed_netlist_equals_model(
    target: str, part: str, engine: str, length: int, tmp_path: Path
) -> None:
    passed = simulate(
        design_of(engine, target, length=length, channels=2),
        "sim.bench_line",
        simulator=simulators()[-1],
        folder=tmp_path,
        edit=routed(part),
    )
    assert len(passed) == 5


def test_every_engine_is_among_the_cases() -> None:
    assert LENGTHS.keys() == ENGINES.keys()
