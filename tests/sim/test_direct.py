"""The direct engine's Verilog against its model, bit for bit and cycle for cycle."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from golden.direct.design import DirectDesign
from golden.line.design import Requantization
from golden.line.example import example_weights
from golden.line.weights import LineWeights
from hw.emit.axi import PortNames
from hw.line.engine import line_latency
from sim.engine import simulate
from sim.runner import simulators
from tests.sim.under import runs

CYCLES = {"verilator": 600, "icarus": 100}
"""About how long each experiment of a bench lasts, unstalled."""
RESETS = {"verilator": 30, "icarus": 5}

PORT = "port"
Case = dict[str, Any]

REQUANTIZED = Requantization()
RELU = Requantization(low=3)
NARROW = Requantization(bits=5, low=-11, high=6)
WIDE = Requantization(bits=24)

CASES: dict[str, Case] = {
    "2": {"length": 2},
    "2-of-1-mac": {"length": 2, "macs": 1, "channels": 3},
    "2-lanes-4": {"length": 2, "lanes": 4, "rows": 8, "channels": 5},
    "3-of-2-macs": {"length": 3, "macs": 2, "channels": 2, "rows": 3},
    "3-in-2-bits": {"length": 3, "data_bits": 2, "weight_bits": 2},
    "5-in-18-bits": {"length": 5, "data_bits": 18, "weight_bits": 18, "macs": 3},
    "7": {"length": 7, "channels": 4, "rows": 7},
    "7-of-1-mac": {"length": 7, "macs": 1, "lanes": 2, "channels": 2},
    "7-of-6-macs": {"length": 7, "macs": 6, "lanes": 4, "rows": 4, "channels": 3},
    "8-of-4-macs": {"length": 8, "macs": 4, "channels": 2, "rows": 6, "lanes": 2},
    "9-odd-widths": {"length": 9, "data_bits": 7, "weight_bits": 5, "lanes": 3, "channels": 2},
    "13": {"length": 13, "channels": 2, "rows": 4, "lanes": 4},
    "13-of-5-macs": {"length": 13, "macs": 5, "data_bits": 11, "weight_bits": 3},
    "13-of-12-macs": {"length": 13, "macs": 12, "channels": 3, "lanes": 2, "data_bits": 9},
    "14-of-7-macs": {"length": 14, "macs": 7, "lanes": 2, "rows": 4, "channels": 3},
    "56": {"length": 56, "channels": 2, "rows": 3},
    "56-of-14-macs": {"length": 56, "macs": 14, "lanes": 2},
    "100": {"length": 100},
    "100-of-30-macs": {"length": 100, "macs": 30, "channels": 2},
    "no-start": {"length": 6, "plain": True, "channels": 2},
    "no-start-folded": {"length": 6, "macs": 4, "plain": True, "requantization": REQUANTIZED},
    "requantized": {"length": 7, "channels": 3, "rows": 2, "requantization": REQUANTIZED},
    "requantized-relu": {"length": 14, "macs": 5, "lanes": 2, "requantization": RELU},
    "requantized-narrow": {"length": 13, "lanes": 4, "channels": 2, "requantization": NARROW},
    "requantized-56": {"length": 56, "macs": 28, "channels": 3, "requantization": WIDE},
    # Half of the results are ties: a channel each of one, two and three bits to round off.
    "ties": {
        "length": 5,
        "channels": 3,
        "rows": 6,
        "lanes": 2,
        "data_bits": 4,
        "weight_bits": 3,
        "requantization": REQUANTIZED,
        "scale": ([1, 3, 1], [1, 2, 3]),
    },
    "shift-0": {
        "length": 3,
        "channels": 2,
        "data_bits": 3,
        "weight_bits": 2,
        "requantization": REQUANTIZED,
        "scale": ([1, 2**17 - 1], [0, 0]),
    },
    "shifts-0-to-47": {
        "length": 7,
        "channels": 3,
        "data_bits": 18,
        "weight_bits": 16,
        "macs": 4,
        "requantization": REQUANTIZED,
        "scale": ([1, 2**17 - 1, 40503], [0, 47, 42]),
    },
    # In pairs by default are those above of 4 macs or more: here what is not, and the corners.
    "single-8": {"length": 8, "paired": False, "channels": 2, "rows": 2, "lanes": 2},
    "single-13-of-5-macs": {"length": 13, "macs": 5, "paired": False},
    "single-port": {"length": 5, "paired": False, PORT: True, "requantization": RELU},
    "paired-2": {"length": 2, "paired": True, "lanes": 2, "channels": 3, "rows": 4},
    "paired-3": {"length": 3, "paired": True, "channels": 2, "data_bits": 2, "weight_bits": 2},
    "paired-3-of-2-macs": {"length": 3, "macs": 2, "paired": True, "rows": 3},
    "paired-4-of-3-macs": {"length": 4, "macs": 3, "paired": True, "channels": 2, "lanes": 2},
    "paired-port-2": {"length": 2, "paired": True, PORT: True, "channels": 2},
    "paired-ecp5": {"length": 20, "channels": 2, "target": "ecp5"},
    "paired-ecp5-odd": {"length": 11, "macs": 9, "lanes": 2, "target": "ecp5"},
    "paired-ice40": {"length": 6, "target": "ice40", "requantization": REQUANTIZED},
    "paired-xcup": {"length": 9, "lanes": 3, "target": "xcup"},
    # Two lanes' pairs share a DSP48, and the third has one to itself.
    "paired-xcup-4-bits": {
        "length": 7,
        "lanes": 3,
        "data_bits": 4,
        "weight_bits": 4,
        "channels": 2,
        "target": "xcup",
    },
    "port": {"length": 5, "channels": 2, PORT: True},
    "port-2": {"length": 2, PORT: True, "lanes": 4, "requantization": NARROW},
    "port-of-1-mac": {"length": 3, "macs": 1, PORT: True, "channels": 2, "rows": 2},
    "port-13-of-5-macs": {
        "length": 13,
        "macs": 5,
        "lanes": 2,
        "channels": 3,
        "rows": 4,
        PORT: True,
    },
    "port-28": {"length": 28, "channels": 3, PORT: True, "requantization": RELU},
    "port-few-start-bits": {"length": 7, "macs": 4, "start_bits": 9, "weight_bits": 6, PORT: True},
}


def design_of(case: Case) -> DirectDesign:
    options = dict(case)
    port, plain, scale = (options.pop(key, None) for key in (PORT, "plain", "scale"))
    design = DirectDesign(name="engine", weights=None, **options)
    if port:
        return replace(design, requantization=with_zero_point(design.requantization))
    requantization = design.requantization
    weights = example_weights(
        length=design.length,
        channels=design.channels,
        data_bits=design.data_bits,
        weight_bits=design.weight_bits,
        requantized=requantization.clip if requantization else None,
    )
    if plain:
        nothing = {"pe": np.zeros_like(weights.pe), "bias": np.zeros_like(weights.bias)}
        weights = replace(weights, **nothing)
    if scale:
        weights = scaled(weights, *scale)
    return replace(design, weights=weights)


def with_zero_point(requantization: Requantization | None) -> Requantization | None:
    if requantization is None:
        return None
    return replace(requantization, zero_point=requantization.clip.low + 2)


def scaled(weights: LineWeights, multiplier: list[int], shift: list[int]) -> LineWeights:
    return replace(weights, multiplier=np.array(multiplier), shift=np.array(shift), zero_point=-3)


LATER = (
    *("2-of-1-mac", "8-of-4-macs", "13", "13-of-12-macs", "56-of-14-macs", "100"),
    *("requantized-relu", "requantized-56", "paired-3-of-2-macs", "paired-ecp5-odd"),
    *("paired-xcup-4-bits", "port-28"),
)
UNDER_ICARUS = (
    *("2-lanes-4", "3-of-2-macs", "7-of-6-macs", "9-odd-widths", "no-start-folded", "ties"),
    *("single-8", "paired-3", "paired-4-of-3-macs", "paired-ice40", "port-of-1-mac"),
    "single-port",
)


@pytest.mark.parametrize(("name", "simulator"), runs(CASES, UNDER_ICARUS, LATER))
def test_engine_equals_model(name: str, simulator: str, tmp_path: Path) -> None:
    design = design_of(CASES[name])
    groups = max(3, CYCLES[simulator] // design.cycles_per_group)
    benches = {"sim.bench_line": 5}
    if design.weights is None:
        benches["sim.bench_weights"] = 4
    for bench, n_tests in benches.items():
        passed = simulate(
            design,
            bench,
            simulator=simulator,
            folder=tmp_path,
            groups=groups,
            resets=RESETS[simulator],
        )
        assert len(passed) == n_tests


@pytest.mark.parametrize("simulator", simulators())
def test_other_names_and_reset(simulator: str, tmp_path: Path) -> None:
    names = PortNames("aclk", "aresetn", "low")
    design = design_of({"length": 3, "channels": 2})
    simulate(design, "sim.bench_line", simulator=simulator, folder=tmp_path, names=names)


def test_cases_are_as_wide_as_they_say() -> None:
    designs = [design_of(case) for case in CASES.values()]
    assert {2, 3, 7, 13, 56, 100} <= {design.length for design in designs}
    assert {1, 2, 4} <= {design.lanes for design in designs}
    folded = [design for design in designs if design.taps < design.length]
    assert {design.length % design.taps == 0 for design in folded} == {True, False}
    assert any(design.taps == 1 for design in folded)


def test_pairs_come_in_every_shape() -> None:
    designs = [design for design in map(design_of, CASES.values()) if design.in_pairs]
    parities = {(d.length % 2, d.taps % 2, d.taps == d.length) for d in designs}
    assert len(parities) == 6  # whole lines have one parity
    assert {design.weights is None for design in designs} == {True, False}
    assert {1, 2, 4} <= {design.lanes for design in designs}
    assert any(d.padded_length > d.length for d in designs)


@pytest.mark.parametrize("length", [5, 6])
@pytest.mark.parametrize("macs", [None, 4])
def test_pairs_add_few_cycles(length: int, macs: int | None) -> None:
    for target in ("generic", "ecp5"):
        paired, single = (
            DirectDesign(
                name="e", length=length, macs=macs, weights=None, target=target, paired=paired
            )
            for paired in (True, False)
        )
        assert 0 < line_latency(paired) - line_latency(single) <= 4
        assert paired.cycles_per_group == single.cycles_per_group


def test_ties_are_there() -> None:
    design = design_of(CASES["ties"])
    assert design.weights is not None
    assert design.weights.multiplier is not None
    assert design.weights.shift is not None
    lines = np.random.default_rng(0).integers(-8, 8, (18, 5))
    y = replace(design, requantization=None).model(lines)
    channel = [design.channel_of(line) for line in range(18)]
    product = y * design.weights.multiplier[channel, None]
    unit = 1 << design.weights.shift[channel, None]
    ties = np.abs(product) % unit == unit // 2
    odd = product // unit % 2 == 1
    assert (ties & odd).sum() > 10
    assert (ties & ~odd).sum() > 10
