"""Layers' Verilog against their models, bit for bit and cycle for cycle."""

from collections.abc import Callable
from pathlib import Path

import pytest

from golden.layer.design import LayerDesign
from hw.layer.config import read_layer
from hw.simulate.verilator import SimulationError
from sim.engine import simulate
from sim.runner import simulators
from tests.sim.test_mutants import in_module

SIMULATOR = simulators()[-1]
"""Icarus where it is: it compiles faster."""

CASES = {
    "serial": """
        form = "serial"
        channels = 2
        height = 4
        width = 7
        engines.height.engine = "fermat"
        engines.width.engine = "direct"
        between.bits = 8
        output.bits = 8
    """,
    "serial, width first": """
        form = "serial"
        order = ["width", "height"]
        channels = 3
        height = 6
        width = 8
        lanes = 2
        between = {bits = 6, low = 0}
        engines.height.engine = "fft"
        engines.width = {engine = "direct", macs = 5}
    """,
    "serial on one engine": """
        form = "serial"
        channels = 2
        height = 3
        width = 3
        shared_engine = true
        between = {zero_point = 5}
        output = {zero_point = 5}
        weights_port = true
        engines.height.engine = "fft"
        engines.width.engine = "fft"
    """,
    "parallel": """
        form = "parallel"
        channels = 4
        height = 6
        width = 6
        lanes = 6
        weights_port = true
        engines.height = {engine = "direct", macs = 2}
        engines.width = {engine = "direct", macs = 2}
        output.bits = 8
    """,
    "parallel of two engines": """
        form = "parallel"
        channels = 2
        height = 4
        width = 5
        engines.height = {engine = "direct", macs = 3}
        engines.width.engine = "direct"
    """,
    "metaformer": """
        form = "metaformer"
        channels = 2
        height = 4
        width = 4
        data_bits = 5
        weight_bits = 4
        engines.height.engine = "fermat"
        engines.width.engine = "fermat"
    """,
    "metaformer of two engines a pass": """
        form = "metaformer"
        channels = 4
        height = 4
        width = 8
        lanes = 2
        weights_port = true
        residual = {multiplier = 99999, shift = 17, zero_point = -4}
        between = {}
        output = {bits = 7, low = -60, zero_point = 2}
        engines.height.engine = "direct"
        engines.width.engine = "fft"
    """,
    "zero points and residual's scales loaded": """
        form = "metaformer"
        channels = 4
        height = 4
        width = 4
        lanes = 2
        weights_port = true
        residual.port = true
        between.zero_point_port = true
        output = {bits = 7, low = -60, zero_point_port = true}
        engines.height.engine = "direct"
        engines.width.engine = "direct"
    """,
    "metaformer of halves that take different times": """
        form = "metaformer"
        channels = 2
        height = 10
        width = 8
        lanes = 2
        data_bits = 4
        weight_bits = 4
        residual = true
        between = {bits = 8, high = 114}
        output.bits = 3
        engines.height.engine = "fermat"
        engines.width.engine = "direct"
    """,
    "metaformer of halves shorter than their wait": """
        form = "metaformer"
        channels = 2
        height = 3
        width = 4
        between.bits = 8
        output.bits = 5
        engines.height.engine = "fermat"
        engines.width.engine = "direct"
    """,
    "metaformer on one engine": """
        form = "metaformer"
        channels = 4
        height = 5
        width = 5
        shared_engine = true
        between = {}
        output = {}
        engines.height.engine = "direct"
        engines.width.engine = "direct"
    """,
    "one value between": """
        form = "metaformer"
        channels = 2
        height = 4
        width = 4
        between = {low = -7, high = -7}
        engines.height.engine = "fermat"
        engines.width.engine = "fft"
    """,
    "height-alone": """
        form = "serial"
        order = ["height"]
        channels = 2
        height = 6
        width = 4
        lanes = 2
        output.bits = 8
        engines.height.engine = "direct"
    """,
    "width-alone": """
        form = "serial"
        order = ["width"]
        channels = 2
        height = 3
        width = 4
        engines.width.engine = "direct"
    """,
}


def design_of(case: str, folder: Path) -> LayerDesign:
    (folder / "layer.toml").write_text(CASES[case])
    return read_layer(folder / "layer.toml")


@pytest.mark.parametrize("case", CASES)
def test_layer_equals_model(case: str, tmp_path: Path) -> None:
    design = design_of(case, tmp_path)
    passed = simulate(
        design, "sim.bench_layer", simulator=SIMULATOR, folder=tmp_path, groups=2, resets=3
    )
    assert len(passed) == 5


Edit = Callable[[str], str]
ANY, RESET, LAST = "all_paces", "reset_in_midstream", "wrong_last"
METAFORMER, SPLIT = "metaformer", "parallel of two engines"
RESIDUAL = "metaformer of two engines a pass"
LOADED = "zero points and residual's scales loaded"
MUTANTS = {
    "a corner not turned": (METAFORMER, ANY, "corner_turn_2", r"\+ 3'h4", "+ 3'h1"),
    "a plane overwritten": (METAFORMER, ANY, "corner_turn", r"i__ready = ", "i__ready = 1'h1 | "),
    "a turn without reset": (METAFORMER, RESET, "corner_turn", r"= rst ", "= 1'h0 "),
    "a frame that never ends": (METAFORMER, ANY, "corner_turn_3", r"<= last_1", "<= 1'h0"),
    "halves the wrong way": (SPLIT, ANY, "split_passes", r"joining_half \?", "~ joining_half ?"),
    "a residual too many": (RESIDUAL, ANY, "residual", r" \+ ", " - "),
    "a zero point taken off": (
        *(LOADED, ANY, "requantizer"),
        *(r"\+ \$signed\(zero_point_1\)", "- $signed(zero_point_1)"),
    ),
}
"""Layer, test that must fail, module that is broken, what is replaced in it, and by what."""


@pytest.mark.parametrize("name", MUTANTS)
def test_broken_verilog_is_found(name: str, tmp_path: Path) -> None:
    case, test, module, pattern, replacement = MUTANTS[name]
    design = design_of(case, tmp_path)
    with pytest.raises(SimulationError, match=f"^{test} failed"):
        simulate(
            design,
            "sim.bench_layer",
            simulator=SIMULATOR,
            folder=tmp_path,
            groups=2,
            resets=5,
            tests=[test],
            edit=in_module(module, pattern, replacement),
        )
