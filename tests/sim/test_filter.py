"""Two-dimensional filters' Verilog against their models, bit for bit and cycle for cycle."""

import re
from pathlib import Path
from typing import cast

import pytest

import hw.fft.bands
from golden.fermat.plane import PlaneFermat
from golden.layer.filter import FilterDesign
from hw.layer.config import read_layer
from hw.simulate.verilator import SimulationError
from sim.engine import simulate
from sim.runner import simulators

SIMULATOR = simulators()[-1]
"""Icarus where it is: it compiles faster."""
LARGEST_INTERPRETED = 128
"""Points of a transform up to which Icarus is the faster one."""

CASES = {
    "global fft 4 x 8": "channels = 3, engine = fft, output.bits = 8",
    "global fft 16 x 4": "channels = 2, engine = fft, weights_port = true, output.bits = 6",
    "global fft 5 x 4": "channels = 1, engine = fft, kernel_f_bits = 2, target = ecp5",
    "global fft 7 x 7": "channels = 2, engine = fft, weights_port = true",
    "global fft 8 x 4": "channels = 3, engine = fft, lanes = 2, output.bits = 8",
    "global fft 4 x 6": "channels = 2, engine = fft, lanes = 2, weights_port = true",
    "global fft 6 x 5": "channels = 2, engine = fft, weights_port = true, output.bits = 8",
    "global fft 4 x 3": "channels = 2, engine = fft",
    "depthwise fft 3 x 4": "kernel = 9, channels = 3, engine = fft",
    "global fermat 8 x 4": "channels = 2, engine = fermat, weights_port = true, "
    "output.zero_point_port = true",
    "global fermat 7 x 7": "channels = 3, engine = fermat, weight_bits = 12, output.low = -3",
    "global fermat 14 x 14": "channels = 1, engine = fermat, kernel_f_bits = 1, target = ecp5",
    "global fermat 3 x 11": "channels = 2, engine = fermat",
    "depthwise fft 5 x 6": "kernel = 4, origin = 2, channels = 2, engine = fft, output.low = 0",
    "depthwise fft 6 x 3": "kernel = 3, channels = 2, engine = fft, exact = true",
    "depthwise fft 4 x 5": "kernel = 9, channels = 2, engine = fft, weights_port = true",
    "depthwise fermat 7 x 8": "kernel = 5, channels = 2, engine = fermat, output.bits = 8",
    "depthwise fermat 6 x 5": "kernel = 2, channels = 3, engine = fermat, weights_port = true",
}


def design_of(name: str, folder: Path, **changes: str) -> FilterDesign:
    """Read the configuration that a case stands for."""
    form, engine, height, _, width = name.split()
    entries = {"form": "global_filter" if form == "global" else form}
    entries |= {"height": height, "width": width}
    entries |= dict(entry.split(" = ") for entry in CASES[name].split(", "))
    assert entries.pop("engine") == engine
    entries["engines.plane.engine"] = engine
    if "exact" in entries:
        entries["engines.plane.exact"] = entries.pop("exact")
    lines = [
        f"{key} = {value if re.fullmatch(r'-?[0-9]+|true', value) else repr(value)}"
        for key, value in (entries | changes).items()
    ]
    (folder / "layer.toml").write_text("\n".join(lines))
    return cast(FilterDesign, read_layer(folder / "layer.toml"))


@pytest.mark.parametrize("case", CASES)
def test_layer_equals_model(case: str, tmp_path: Path) -> None:
    design = design_of(case, tmp_path)
    large = design.engine.size > LARGEST_INTERPRETED
    simulator = "verilator" if large else SIMULATOR
    passed = simulate(
        design, "sim.bench_layer", simulator=simulator, folder=tmp_path, groups=2 - large, resets=2
    )
    assert len(passed) == 5


def test_cases_are_as_wide_as_they_say(tmp_path: Path) -> None:
    designs = [design_of(case, tmp_path) for case in CASES]
    facts = {
        (d.form, type(d.engine), d.loaded, d.output is not None, d.engine.size > d.engine.length)
        for d in designs
    }
    for place, values in enumerate(zip(*facts, strict=True)):
        assert len(set(values)) == 2, place
    radices = {
        step.radix
        for d in designs
        if isinstance(d.engine, PlaneFermat)
        for step in d.engine.forward.steps
        if hasattr(step, "radix")
    }
    assert {2, 5, 7} <= radices


MUTANTS = {
    "zeros where the map repeats": (
        "global fft 5 x 4",
        r"(= own_2 \? fresh_0_2 : )\S+;",
        r"\g<1>0;",
    ),
    "a row too many leaves": ("depthwise fermat 7 x 8", r"(row <) 3'h7", r"\1 4'h8"),
    "factors of rows for columns": (
        "global fft 16 x 4",
        r"(\.r_addr\(twiddle_0)\[5:2\]",
        r"\1[3:0]",
    ),
    "a cell's word a beat late": (
        "global fermat 14 x 14",
        r"(assign _\d+_ = _\d+_ \? 5'h0)0( : _\d+_;)",
        r"\g<1>1\2",
    ),
    "one bias for all": (
        "global fermat 7 x 7",
        r"(__table\w* starts \([^;]*\.r_addr\()addr",
        r"\g<1>2'h0",
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_broken_verilog_is_found(mutant: str, tmp_path: Path) -> None:
    case, pattern, replacement = MUTANTS[mutant]

    def edit(verilog: str) -> str:
        edited, count = re.subn(pattern, replacement, verilog)
        assert count, "The pattern must be in the Verilog"
        return edited

    design = design_of(case, tmp_path)
    with pytest.raises(SimulationError, match=r"all_paces failed"):
        simulate(
            design,
            "sim.bench_layer",
            simulator=SIMULATOR,
            folder=tmp_path,
            groups=2,
            tests=["all_paces"],
            edit=edit,
        )


@pytest.mark.parametrize(
    ("name", "broken"),
    [("_flipped", lambda place: place), ("MIRRORING", hw.fft.bands.MIRRORING - 1)],
    ids=["bins met by themselves", "bins read before they are there"],
)
def test_broken_bands_are_found(
    name: str, broken: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = design_of("global fft 8 x 4", tmp_path)
    monkeypatch.setattr(hw.fft.bands, name, broken)
    with pytest.raises(SimulationError, match=r"all_paces failed"):
        simulate(
            design,
            "sim.bench_layer",
            simulator=SIMULATOR,
            folder=tmp_path,
            groups=2,
            tests=["all_paces"],
        )


def test_words_of_large_tables_are_there_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hw.fermat.core.FAR", 1)
    design = design_of("global fermat 8 x 4", tmp_path)
    tests = ["latency_and_rate", "all_paces", "sets_between_frames"]
    passed = simulate(
        design, "sim.bench_layer", simulator=SIMULATOR, folder=tmp_path, groups=1, tests=tests
    )
    assert passed == tests
