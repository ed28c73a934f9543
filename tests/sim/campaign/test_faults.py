"""Mutants of an engine, in one build: the benches' stimuli tell nearly all of them."""

import pytest

from sim.campaign.faults.mutants import survivors
from sim.campaign.faults.netlist import module_of
from sim.campaign.faults.streams import Verdict, class_of
from sim.campaign.faults.subject import HANG, LASTING, MASKED, PASSING
from sim.campaign.faults.tops import subject_of
from sim.campaign.faults.upsets import HARDENED, Upsets


@pytest.mark.bench
def test_mutants_are_told() -> None:
    left, told = survivors(subject_of("direct"), 60, 1)
    assert sum(told.values()) == 60 - len(left)
    assert len(left) <= 5
    assert {"value", "event", "last", "hang"} <= told.keys()


def test_no_upset_lasts_where_control_is_in_threes() -> None:
    outcome = Upsets().run(f"direct 400 {HARDENED}")
    assert not outcome["failures"]
    assert outcome["classes"].keys() == {MASKED, PASSING}


def test_mutants_are_named_by_their_module() -> None:
    assert module_of("mutate -mode inv -module engine__core -cell $add$1 -port A") == "engine__core"


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict("right", 0, 0, -1, False), MASKED),
        (Verdict("value", 3, 2, 59, False), PASSING),
        (Verdict("value", 3, 9, 60, False), LASTING),
        (Verdict("missing", 3, 1, 89, False), LASTING),
        (Verdict("value", 3, 9, 20, True), HANG),
    ],
)
def test_upsets_are_told_apart_by_the_last_third(verdict: Verdict, expected: str) -> None:
    assert class_of(verdict, 90) == expected
