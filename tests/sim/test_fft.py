"""The FFT engine's Verilog against its model, bit for bit and cycle for cycle."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from amaranth.hdl import Value

import hw.fft.product
from golden.fft.design import FftDesign
from golden.fft.format import SectionFormat
from golden.line.design import Requantization
from golden.line.example import example_weights
from hw.fft.pipeline import pipeline_latency
from hw.line.output import buffer_depth, stage_latency
from hw.parts.streams import OutputBuffer
from hw.simulate.verilator import SimulationError
from sim.engine import simulate
from sim.runner import simulators
from tests.later import cases
from tests.sim.under import runs

CYCLES = {"verilator": 600, "icarus": 200}
"""About how long each experiment of a bench lasts, unstalled."""
RESETS = {"verilator": 20, "icarus": 3}

PORT = "port"
Case = dict[str, Any]

REQUANTIZED = Requantization()

CASES: dict[str, Case] = {
    "3": {"length": 3, "channels": 2},
    "4": {"length": 4, "channels": 3, "rows": 4},
    "4-lane": {"length": 4, "lanes": 1, "channels": 2, "rows": 3},
    "5-lanes-3": {"length": 5, "lanes": 3, "rows": 6},
    "7-requantized": {"length": 7, "rows": 14, "requantization": REQUANTIZED, "channels": 2},
    "8": {"length": 8, "channels": 4},
    "8-lanes-4": {"length": 8, "lanes": 4, "channels": 2, "rows": 8},
    "11": {"length": 11, "rows": 4},
    "12": {"length": 12, "channels": 2, "rows": 4},
    "13-lane": {"length": 13, "lanes": 1, "channels": 2},
    "14-lane": {"length": 14, "lanes": 1, "channels": 3, "rows": 2},
    "16": {"length": 16, "channels": 2},
    "16-in-16-bits": {"length": 16, "data_bits": 16, "weight_bits": 16},
    "16-no-guard": {"length": 16, "guard_bits": 0},
    "16-narrow": {"length": 16, "operand_bits": 12, "twiddle_bits": 9, "spectrum_bits": 11},
    "16-fractions": {"length": 16, "guard_bits": 1, "result_f_bits": 3, "data_bits": 5},
    "16-wide": {"length": 16, "operand_bits": 30, "twiddle_bits": 29, "spectrum_bits": 30},
    "32-requantized": {"length": 32, "lanes": 4, "requantization": Requantization(low=3)},
    "56": {"length": 56},
    "64": {"length": 64, "rows": 4, "channels": 2},
    "128-lane": {"length": 128, "lanes": 1},
    "256": {"length": 256},
    "14-wide-on-ecp5": {"length": 14, "operand_bits": 24, "target": "ecp5"},
    "16-on-ecp5": {"length": 16, "channels": 2, "target": "ecp5"},
    "64-on-ecp5": {"length": 64, "target": "ecp5"},
    "port-4": {"length": 4, PORT: True, "channels": 2},
    "port-6": {"length": 6, PORT: True, "lanes": 1, "requantization": REQUANTIZED},
    "port-11": {"length": 11, PORT: True},
    "port-16": {"length": 16, PORT: True, "channels": 3, "rows": 4},
    "port-8-start": {"length": 8, PORT: True, "start_bits": 9, "weight_bits": 5, "lanes": 4},
}


def design_of(case: Case) -> FftDesign:
    options = dict(case)
    port = options.pop(PORT, False)
    design = FftDesign(name="engine", weights=None, **options)
    clip = design.requantization and design.requantization.clip
    if port:
        if design.requantization is None or clip is None:
            return design
        return replace(design, requantization=replace(design.requantization, zero_point=clip.low))
    weights = example_weights(
        length=design.length,
        channels=design.channels,
        data_bits=design.data_bits,
        weight_bits=design.weight_bits,
        requantized=clip,
    )
    return replace(design, weights=weights)


LATER = (
    *("4", "11", "13-lane", "16-fractions", "32-requantized", "128-lane", "256", "64-on-ecp5"),
    "port-11",
)
UNDER_ICARUS = ("3", "4-lane", "5-lanes-3", "7-requantized", "8", "16-narrow", "port-4")


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


@pytest.mark.parametrize("length", cases((512, 1024, 2048), (1024, 2048)))
def test_engines_with_fewer_registers_equal_the_model(length: int, tmp_path: Path) -> None:
    tests = ["latency_and_rate"]
    simulator = simulators()[0]
    design = design_of({"length": length})
    simulate(design, "sim.bench_line", simulator=simulator, folder=tmp_path, groups=3, tests=tests)


@pytest.mark.parametrize("length", [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096])
@pytest.mark.parametrize("target", ["generic", "ecp5"])
def test_latency_is_within_two_blocks_and_80(length: int, target: str) -> None:
    design = design_of({"length": length, "target": target, PORT: True})
    cycles = pipeline_latency(design)
    depth = buffer_depth(design, in_flight=cycles)
    cycles += stage_latency(design) + OutputBuffer.latency_of(depth)
    assert cycles <= 2 * length + 80


def test_cases_are_as_wide_as_they_say() -> None:
    designs = [design_of(case) for case in CASES.values()]
    assert {1, 2, 3, 4} == {design.lanes for design in designs}
    assert {design.size > design.length for design in designs} == {True, False}
    log = {design.size.bit_length() % 2 for design in designs}
    assert log == {0, 1}
    dropped = {s.dropped for design in designs for s in design.formats.sections}
    assert {0, 1, 2, 3} <= dropped


SIMULATOR = simulators()[-1]
"""Icarus where it is: it compiles faster."""

MUTANTS = {
    "a product rounds down": r"(assign carry = ).*;",
    "what waits leaves with the next block": r"(assign leaves = .* \| )(left\S*;)",
    "a turn without its unit": r"(kept_carry_0_im <= )turns_2;",
}
"""What is replaced wherever it stands."""
REPLACEMENTS = {
    "a product rounds down": r"\1 1'h0;",
    "what waits leaves with the next block": r"\1 i__early & \2",
    "a turn without its unit": r"\1 1'h0;",
}


def run_all_paces(folder: Path, edit: Callable[[str], str] | None = None) -> None:
    design = design_of({"length": 16, "channels": 2, "data_bits": 5})
    simulate(
        design,
        "sim.bench_line",
        simulator=SIMULATOR,
        folder=folder,
        groups=12,
        tests=["all_paces"],
        edit=edit,
    )


@pytest.mark.parametrize("name", MUTANTS)
def test_broken_verilog_is_found(name: str, tmp_path: Path) -> None:
    def edit(verilog: str) -> str:
        text, count = re.subn(MUTANTS[name], REPLACEMENTS[name], verilog)
        assert count, name
        return text

    with pytest.raises(SimulationError, match=r"^all_paces failed"):
        run_all_paces(tmp_path, edit)


def test_operands_rounded_half_up_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half_up(value: Value, section: SectionFormat) -> Value:
        return value >> section.dropped

    monkeypatch.setattr(hw.fft.product, "rounded", half_up)
    with pytest.raises(SimulationError, match=r"^all_paces failed"):
        run_all_paces(tmp_path)
