"""Beats that are offered in reset: no build takes one, so that none vanishes."""

import re
from pathlib import Path

import pytest

from golden.layer.design import LayerDesign
from golden.line.design import LineDesign
from hw.emit.axi import PortNames
from hw.simulate.verilator import SimulationError
from sim.campaign.small import LAYERS, LINES, layer_of, line_of
from sim.engine import simulate
from sim.runner import simulators

SIMULATOR = simulators()[-1]
"""Icarus where it is: it compiles faster."""
ACTIVE_LOW = PortNames("aclk", "aresetn", "low")


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
