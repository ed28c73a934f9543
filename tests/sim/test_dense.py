"""Dense layers' Verilog against their models, bit for bit and cycle for cycle."""

from pathlib import Path

import pytest

from hw.layer.config import read_layer
from sim.engine import simulate
from sim.runner import simulators

SIMULATOR = simulators()[-1]
"""Icarus where it is: it compiles faster."""

CASES = {
    "direct-halves": """
        channels = 4
        out_channels = 6
        height = 7
        width = 7
        output.bits = 8
        engines.height.engine = "direct"
        engines.width.engine = "direct"
    """,
    "direct-folded": """
        axis = "height"
        channels = 4
        out_channels = 3
        height = 8
        width = 14
        lanes = 2
        engines.height = {engine = "direct", macs = 3, products = 2}
    """,
    "fermat-halves": """
        channels = 4
        out_channels = 6
        height = 14
        width = 14
        lanes = 2
        engines.height = {engine = "fermat", products = 2}
        engines.width = {engine = "fermat", products = 2}
    """,
    "fermat-parts": """
        axis = "width"
        channels = 6
        out_channels = 4
        height = 3
        width = 7
        output = {bits = 8, low = 0}
        engines.width = {engine = "fermat", parts = 3}
    """,
    "fft": """
        channels = 4
        out_channels = 6
        height = 8
        width = 8
        lanes = 2
        engines.height.engine = "fft"
        engines.width.engine = "fft"
    """,
    "fft-one-lane": """
        axis = "width"
        channels = 4
        out_channels = 4
        height = 5
        width = 7
        output.bits = 8
        engines.width = {engine = "fft", products = 2}
    """,
    "direct-port": """
        weights_port = true
        axis = "height"
        channels = 4
        out_channels = 2
        height = 5
        width = 3
        output = {bits = 8, zero_point = 3}
        engines.height = {engine = "direct", macs = 3, products = 2}
    """,
    "fermat-port": """
        weights_port = true
        channels = 4
        out_channels = 4
        height = 8
        width = 8
        engines.height = {engine = "fermat", products = 2}
        engines.width = {engine = "fermat", products = 2}
    """,
    "fft-port": """
        weights_port = true
        axis = "width"
        channels = 3
        out_channels = 4
        height = 4
        width = 7
        lanes = 1
        output.bits = 8
        engines.width = {engine = "fft", products = 3}
    """,
    "direct-streamed": """
        weights_port = true
        streamed = true
        axis = "width"
        channels = 4
        out_channels = 3
        height = 5
        width = 4
        output = {bits = 8, zero_point = 3}
        engines.width = {engine = "direct"}
    """,
    "fermat-streamed": """
        weights_port = true
        streamed = true
        channels = 4
        out_channels = 6
        height = 7
        width = 7
        output = {bits = 8, zero_point = 3}
        engines.height = {engine = "fermat", parts = 2}
        engines.width = {engine = "fermat", parts = 2}
    """,
    "fft-streamed": """
        weights_port = true
        streamed = true
        axis = "width"
        channels = 8
        out_channels = 4
        height = 16
        width = 8
        lanes = 2
        engines.width = {engine = "fft", products = 2}
    """,
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_layer_equals_model(case: str, tmp_path: Path) -> None:
    (tmp_path / "layer.toml").write_text(f'form = "dense"\n{case}')
    design = read_layer(tmp_path / "layer.toml")
    passed = simulate(
        design, "sim.bench_layer", simulator=SIMULATOR, folder=tmp_path, groups=2, resets=3
    )
    assert len(passed) == 5
