"""Amaranth's own simulator, for components too small for a build."""

import gc
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from amaranth.hdl import Elaboratable
from amaranth.sim import Simulator, SimulatorContext

Testbench = Callable[[SimulatorContext], Coroutine[Any, Any, None]]
Simulate = Callable[[Elaboratable, Testbench], None]


@pytest.fixture
def simulate() -> Simulate:
    def run(component: Elaboratable, testbench: Testbench) -> None:
        simulator = Simulator(component)
        simulator.add_clock(1e-6)
        simulator.add_testbench(testbench)
        simulator.run()

    return run


@pytest.fixture
def collected() -> Iterator[None]:
    """Let go of a test's objects while its filters of warnings hold."""
    yield
    gc.collect()
