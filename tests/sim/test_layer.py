"""Layers' Verilog against their models, bit for bit and cycle for cycle."""

from pathlib import Path

import pytest

from hw.layer.config import read_layer
from sim.engine import simulate
from sim.runner import simulators

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
    "serial-width-first": """
        form = "serial"
        order = ["width", "height"]
        channels = 3
        height = 6
        width = 14
        lanes = 2
        between = {bits = 6, low = 0}
        engines.height.engine = "fft"
        engines.width = {engine = "direct", macs = 5}
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


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_layer_equals_model(case: str, tmp_path: Path) -> None:
    (tmp_path / "layer.toml").write_text(case)
    design = read_layer(tmp_path / "layer.toml")
    passed = simulate(
        design, "sim.bench_layer", simulator=SIMULATOR, folder=tmp_path, groups=2, resets=3
    )
    assert len(passed) == 4
