"""Mutants of an engine, in one build: the benches' stimuli tell nearly all of them."""

import pytest

from sim.campaign.faults.mutants import survivors
from sim.campaign.faults.netlist import module_of
from sim.campaign.faults.run import Subject
from sim.campaign.faults.tops import top_of


@pytest.mark.bench
def test_mutants_are_told() -> None:
    left, told = survivors(Subject(top_of("direct")), 60, 1, n_frames=4)
    assert sum(told.values()) == 60 - len(left)
    assert len(left) <= 5
    assert {"value", "event", "last", "late"} <= told.keys()


def test_mutants_are_named_by_their_module() -> None:
    assert module_of("mutate -mode inv -module engine__core -cell $add$1 -port A") == "engine__core"
