"""Layers of linear convolutions: their Verilog against their models, bit for bit."""

from pathlib import Path

import pytest

from hw.layer.config import read_layer
from sim.engine import simulate
from sim.runner import simulators

SIMULATOR = simulators()[-1]
"""Icarus where it is: it compiles faster."""

CASES = {
    "direct": """
        order = ["height", "width"]
        channels = 2
        height = 7
        width = 10
        kernels.height.taps = 5
        kernels.width = {taps = 4, origin = 0, stride = 2}
        between.bits = 8
        output.bits = 8
        engines.height.engine = "direct"
        engines.width = {engine = "direct", macs = 3}
    """,
    "direct-long": """
        order = ["width"]
        channels = 2
        height = 3
        width = 6
        kernels.width = {taps = 13, origin = 12}
        engines.width.engine = "direct"
    """,
    "fermat": """
        order = ["height"]
        channels = 2
        height = 14
        width = 4
        lanes = 1
        kernels.height = {taps = 13, stride = 2}
        engines.height.engine = "fermat"
    """,
    "fft": """
        order = ["width", "height"]
        channels = 2
        height = 12
        width = 8
        lanes = 2
        kernels.height = {taps = 7, stride = 2}
        kernels.width = {taps = 9, origin = 3, stride = 2}
        between.bits = 8
        engines.height.engine = "fft"
        engines.width.engine = "fft"
    """,
    "port": """
        weights_port = true
        channels = 2
        height = 5
        width = 6
        kernels.height = {taps = 3, stride = 2}
        kernels.width.taps = 4
        between.bits = 8
        output = {bits = 8, zero_point = -3}
        engines.height.engine = "direct"
        engines.width.engine = "fermat"
    """,
    "samples of fewer bits between": """
        order = ["width", "height"]
        channels = 1
        height = 5
        width = 3
        kernels.width = {taps = 2, origin = 1}
        kernels.height = {taps = 3, origin = 2, stride = 2}
        between = {bits = 8, low = -30, high = 52}
        engines.width = {engine = "direct", macs = 1}
        engines.height.engine = "fermat"
    """,
    "samples that zeros are not among": """
        channels = 2
        height = 4
        width = 5
        kernels.height.taps = 2
        kernels.width.taps = 3
        between = {bits = 8, low = 100, high = 120}
        engines.height.engine = "direct"
        engines.width.engine = "direct"
    """,
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_layer_equals_model(case: str, tmp_path: Path) -> None:
    (tmp_path / "layer.toml").write_text(f'form = "linear"\n{case}')
    design = read_layer(tmp_path / "layer.toml")
    passed = simulate(
        design, "sim.bench_layer", simulator=SIMULATOR, folder=tmp_path, groups=1, resets=2
    )
    assert len(passed) == 5
