"""Random layers' Verilog against their models, and every frame's cycles against the manifest."""

from pathlib import Path

import pytest

from golden.layer.registry import LAYERS
from sim.engine import simulate
from sim.random_layers import random_layer
from sim.runner import simulators

SIMULATOR = simulators()[-1]
"""Icarus where it is: it compiles faster."""


@pytest.mark.parametrize("seed", range(len(LAYERS)))
def test_random_layer_keeps_its_promises(seed: int, tmp_path: Path) -> None:
    design, _ = random_layer(seed)
    tests = ["latency_and_rate", "all_paces"]
    options = {"simulator": SIMULATOR, "folder": tmp_path, "groups": 4, "tests": tests}
    assert simulate(design, "sim.bench_layer", **options) == tests


def test_forms_take_turns() -> None:
    assert {random_layer(seed)[0].form for seed in range(len(LAYERS))} == set(LAYERS)
    assert random_layer(3)[1] == random_layer(3)[1]
