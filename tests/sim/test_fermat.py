"""The Fermat engine's Verilog against its model, bit for bit and cycle for cycle."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, Signal

import hw.fermat.butterfly
import hw.fermat.core
import hw.fermat.rotation
from golden.direct.design import DirectDesign
from golden.fermat.design import FermatDesign
from golden.line.design import Requantization
from golden.line.example import example_weights
from golden.numbers.interval import Interval
from hw.fermat.words import rotation
from hw.parts.counter import Odometer
from hw.parts.operands import ONE, Bit, Operands
from hw.simulate.verilator import SimulationError
from sim.engine import simulate
from sim.runner import simulators
from tests.sim.under import runs

CYCLES = {"verilator": 600, "icarus": 100}
"""About how long each experiment of a bench lasts, unstalled."""
RESETS = {"verilator": 30, "icarus": 4}

PORT = "port"
Case = dict[str, Any]

NARROW = Requantization(bits=5, low=-11, high=6)
RELU = Requantization(low=3)

CASES: dict[str, Case] = {
    "2": {"length": 2, "channels": 3},
    "3-lanes-2": {"length": 3, "lanes": 2, "channels": 2},
    "5-in-10-bits": {"length": 5, "data_bits": 10, "weight_bits": 9},
    "7": {"length": 7, "channels": 4, "rows": 7},
    "8-in-4-bits": {"length": 8, "data_bits": 4, "weight_bits": 4, "lanes": 4},
    "9": {"length": 9, "channels": 2, "rows": 2},
    "12-requantized": {"length": 12, "channels": 2, "requantization": RELU},
    "14": {"length": 14, "channels": 2, "lanes": 2, "rows": 4},
    "16": {"length": 16, "channels": 2},
    "16-narrow": {"length": 16, "requantization": NARROW, "lanes": 2},
    "16-in-18-bits": {"length": 16, "data_bits": 18, "weight_bits": 18},
    "25": {"length": 25},
    "28": {"length": 28, "channels": 3},
    "36": {"length": 36},
    "56": {"length": 56, "channels": 2, "rows": 2},
    "64": {"length": 64, "channels": 2},
    "112": {"length": 112},
    "256-split": {"length": 256, "channels": 2},
    "no-start": {"length": 7, "plain": True},
    "port": {"length": 8, "channels": 2, PORT: True},
    "port-2": {"length": 2, PORT: True, "lanes": 2, "requantization": NARROW},
    "port-14": {"length": 14, "channels": 2, "rows": 3, PORT: True},
    "port-28": {"length": 28, "channels": 2, PORT: True, "requantization": RELU},
    "port-few-start-bits": {"length": 7, "start_bits": 9, "weight_bits": 6, PORT: True},
}
LATER = ("12-requantized", "16-in-18-bits", "25", "28", "36", "112", "port-28")
UNDER_ICARUS = ("2", "7", "9", "16", "port-2", "port")
# The others take Icarus too long even for `make bench`: words are many.
RUNS = [
    run
    for run in runs(CASES, UNDER_ICARUS, LATER)
    if run.values[1] == "verilator" or run.values[0] in UNDER_ICARUS
]


def design_of(case: Case) -> FermatDesign:
    options = dict(case)
    port, plain = (options.pop(key, None) for key in (PORT, "plain"))
    design = FermatDesign(name="engine", weights=None, **options)
    requantization = design.requantization
    if port:
        if requantization is None:
            return design
        zero_point = requantization.clip.low + 2
        return replace(design, requantization=replace(requantization, zero_point=zero_point))
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
    return replace(design, weights=weights)


@pytest.mark.parametrize(("name", "simulator"), RUNS)
def test_engine_equals_model(name: str, simulator: str, tmp_path: Path) -> None:
    design = design_of(CASES[name])
    benches = {"sim.bench_line": 5} | ({} if design.weights else {"sim.bench_weights": 4})
    for bench, count in benches.items():
        passed = simulate(
            design,
            bench,
            simulator=simulator,
            folder=tmp_path,
            groups=max(3, CYCLES[simulator] // design.cycles_per_group),
            resets=RESETS[simulator],
        )
        assert len(passed) == count


@pytest.mark.parametrize("length", [7, 16])
def test_cells_of_ecp5_equal_model(length: int, tmp_path: Path) -> None:
    design = replace(design_of({"length": length, "channels": 2}), target="ecp5")
    passed = simulate(
        design,
        "sim.bench_line",
        simulator=simulators()[-1],
        folder=tmp_path,
        tests=["latency_and_rate", "accumulator_ends"],
    )
    assert len(passed) == 2


def test_equals_the_direct_engine() -> None:
    options: dict[str, Any] = {"name": "engine", "length": 56, "channels": 2, "rows": 10}
    weights = example_weights(
        length=56, channels=2, data_bits=8, weight_bits=8, requantized=Requantization().clip
    )
    options |= {"weights": weights, "requantization": Requantization()}
    lines = np.random.default_rng(2).integers(-128, 128, (20, 56))
    models = [engine(**options).model(lines) for engine in (DirectDesign, FermatDesign)]
    assert np.array_equal(*models)


def no_rounding(word: Sequence[Bit], words: Interval, shift: int, bits: int) -> Operands:
    return replace(rotation(word, words, shift, bits), carry=ONE)


def one_channel(m: Module, address: Signal, place: Odometer) -> None:
    with m.If(place.step):
        m.d.sync += address.eq(address + 1)
        with m.If(place.last_position):
            m.d.sync += address.eq(0)


MUTANTS: dict[str, tuple[ModuleType, str, object]] = {
    "rotations of the word after": (hw.fermat.rotation, "LEAD", 1),
    "differences for sums": (hw.fermat.butterfly, "LEAD", 3),
    "rotations that forget to round": (hw.fermat.rotation, "rotation", no_rounding),
    "a spectrum for all channels": (hw.fermat.core, "walk_channels", one_channel),
}
"""Where the hardware is broken, but not its model: module, name, and what stands for it."""


@pytest.mark.parametrize("name", MUTANTS)
def test_broken_hardware_is_found(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*MUTANTS[name])
    design = design_of({"length": 8, "channels": 2, "rows": 2})
    with pytest.raises(SimulationError, match=r"^all_paces failed"):
        simulate(
            design,
            "sim.bench_line",
            simulator=simulators()[-1],
            folder=tmp_path,
            tests=["all_paces"],
        )
