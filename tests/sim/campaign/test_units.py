"""Units of the accelerator as tops of their own, and what is sent to bring them to their edges."""

import numpy as np
import pytest

from golden.network.layer_norm import reciprocal_root
from sim.campaign.faults.mutants import Trials
from sim.campaign.faults.step import looked_at
from sim.campaign.faults.tops import TOPS, UNIT_TOPS, any_subject_of
from sim.campaign.faults.unit import UNITS, module_at
from sim.stimulus import border_spreads


@pytest.mark.parametrize(
    ("output", "by"),
    [
        ("m_axis_tdata", ["m_axis_tvalid"]),
        ("m_axis_tvalid", []),
        ("o__payload", ["o__valid"]),
        ("o__payload_3", ["o__valid_3"]),
        ("o__payload_31", []),
        ("w_addr", ["w_en"]),
        ("done", []),
        ("w__payload", []),
    ],
)
def test_outputs_are_looked_at_while_their_own_valid_or_enable_is_high(
    output: str, by: list[str]
) -> None:
    gates = ["m_axis_tvalid", "o__valid", "o__valid_3", "w_en"]
    assert looked_at(output, [output, *gates]) == by


def test_spreads_at_borders_have_a_root_and_the_next() -> None:
    spreads = np.array(list(border_spreads(np.random.default_rng(1), 3)))
    roots, _ = reciprocal_root(spreads)
    assert (roots[::2] == roots[1::2] + 1).all()
    lowest = roots[::2] & -roots[::2]
    assert {1, 2, 256, 1 << 14} <= set(lowest.tolist())


def test_a_unit_is_of_one_top() -> None:
    assert all(unit.split("/")[0] in TOPS for unit in UNIT_TOPS)


@pytest.mark.bench
def test_mutants_of_a_unit_are_told_by_its_outputs() -> None:
    unit = any_subject_of("accelerator-axi/largest")
    trials = Trials(unit, 60, 1)
    trials.tell(1)
    some = sum(trials.told.values())
    trials.tell()
    assert 0 < some < sum(trials.told.values())
    assert len(trials.told) > 1


@pytest.mark.bench
def test_units_are_where_they_are_said_to_be() -> None:
    assert len({module_at(path) for path in UNITS.values()}) == len(UNITS)
