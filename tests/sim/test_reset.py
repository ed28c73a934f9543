"""Beats that are offered in reset: no build takes one, so that none vanishes."""

import re
from pathlib import Path

import pytest

from golden.layer.design import LayerDesign
from golden.line.design import LineDesign, Requantization
from golden.line.example import example_weights
from hw.emit.axi import PortNames
from hw.engines import ENGINES
from hw.layer.config import read_layer
from hw.simulate.verilator import SimulationError
from sim.engine import simulate
from sim.runner import simulators

SIMULATOR = simulators()[-1]
"""Icarus where it is: it compiles faster."""
ACTIVE_LOW = PortNames("aclk", "aresetn", "low")

LINES = {
    "direct": {"length": 3, "channels": 2},
    "direct-folded-requantized": {"length": 5, "macs": 2, "lanes": 2, "requantized": True},
    "direct-loaded": {"length": 3, "channels": 2, "port": True, "target": "ecp5"},
    "direct-folded-loaded": {"length": 4, "macs": 3, "port": True, "requantized": True},
    "fft": {"length": 4, "lanes": 2, "target": "ecp5"},
    "fft-of-other-length": {"length": 3, "lanes": 2},
    "fft-loaded": {"length": 4, "lanes": 2, "port": True},
    "fermat": {"length": 4, "channels": 2, "target": "ecp5"},
    "fermat-loaded": {"length": 4, "port": True, "requantized": True},
}
AXES = """
    channels = 2
    height = 3
    width = 4
    engines.height.engine = "direct"
    engines.width.engine = "direct"
"""
LAYERS = {
    "serial": f'form = "serial"\ntarget = "ecp5"\n{AXES}',
    "parallel": f'form = "parallel"\n{AXES}',
    "metaformer": f"""
        form = "metaformer"
        weights_port = true
        residual = {{multiplier = 99999, shift = 17, zero_point = -4}}
        between = {{}}
        output = {{}}
        {AXES}
    """,
    "shared": f"""
        form = "serial"
        shared_engine = true
        between = {{}}
        output = {{}}
        {AXES.replace("width = 4", "width = 3")}
    """,
    "dense": f'form = "dense"\nout_channels = 2\n{AXES.replace("width = 4", "width = 3")}',
    "dense-streamed": """
        form = "dense"
        weights_port = true
        streamed = true
        axis = "width"
        channels = 2
        out_channels = 2
        height = 2
        width = 4
        engines.width.engine = "fft"
    """,
    "linear": f"""
        form = "linear"
        between = {{}}
        kernels.height.taps = 3
        kernels.width.taps = 3
        {AXES}
    """,
    "depthwise": """
        form = "depthwise"
        channels = 2
        height = 3
        width = 3
        kernel = 3
        engines.plane.engine = "fermat"
    """,
}


def line_of(case: str) -> LineDesign:
    options = dict(LINES[case])
    port, requantized = (options.pop(key, False) for key in ("port", "requantized"))
    requantization = Requantization() if requantized else None
    formats = {"length": options["length"], "channels": options.get("channels", 1)}
    weights = example_weights(
        **formats,
        data_bits=8,
        weight_bits=8,
        requantized=requantization.clip if requantization else None,
    )
    return ENGINES[case.split("-")[0]].design(
        name="engine",
        weights=None if port else weights,
        requantization=requantization,
        **options,
    )


def layer_of(case: str, folder: Path) -> LayerDesign:
    (folder / "layer.toml").write_text(LAYERS[case])
    return read_layer(folder / "layer.toml")


def run(design: LineDesign | LayerDesign, folder: Path, **options: object) -> None:
    passed = simulate(
        design,
        "sim.bench_reset",
        simulator=SIMULATOR,
        folder=folder,
        groups=2,
        resets=4,
        **options,
    )
    assert len(passed) == 2


@pytest.mark.parametrize("case", LINES)
def test_engine_takes_nothing_in_reset(case: str, tmp_path: Path) -> None:
    run(line_of(case), tmp_path, names=ACTIVE_LOW if "folded" in case else PortNames())


@pytest.mark.parametrize("case", LAYERS)
def test_layer_takes_nothing_in_reset(case: str, tmp_path: Path) -> None:
    run(layer_of(case, tmp_path), tmp_path, names=ACTIVE_LOW if "a" in case else PortNames())


MUTANTS = {
    "a beat taken in reset": ("s_axis_tready", "offered_in_reset"),
    "a beat given in reset": ("m_axis_tvalid", "held_over_reset"),
}
"""Port that is left high in reset, and the test that must fail."""


@pytest.mark.parametrize("name", MUTANTS)
def test_broken_verilog_is_found(name: str, tmp_path: Path) -> None:
    port, test = MUTANTS[name]

    def edit(verilog: str) -> str:
        text, count = re.subn(rf"(assign {port} = \S+) & [^;]*;", r"\1;", verilog)
        assert count == 1
        return text

    with pytest.raises(SimulationError, match=rf"{test}\b.* failed\n(.*\n)*.*{port} must be low"):
        run(line_of("direct"), tmp_path, edit=edit)
