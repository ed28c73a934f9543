"""What the campaign keeps, and goes on from; points at a time."""

import pytest

from sim.campaign.certificates import Certificates
from sim.campaign.part import Kept, failures_of
from sim.campaign.pool import outcomes_of

PASSED, FAILED = {"failures": []}, {"failures": ["wrong"]}


def test_what_passed_is_not_tried_again(tmp_path):
    path = tmp_path / "folder" / "part.jsonl"
    kept = Kept(path)
    kept.add("first", PASSED)
    kept.add("second", FAILED)
    again = Kept(path)
    assert [again.needs(point) for point in ("first", "second", "third")] == [False, True, True]
    assert failures_of(again.outcomes) == ["second: wrong"]
    again.add("second", PASSED)
    assert not failures_of(Kept(path).outcomes)


def test_a_line_that_a_kill_cut_off_is_dropped(tmp_path):
    path = tmp_path / "part.jsonl"
    Kept(path).add("first", PASSED)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:-5])
    kept = Kept(path)
    assert kept.outcomes == {"first": PASSED}
    kept.add("second", PASSED)
    assert Kept(path).outcomes.keys() == {"first", "second"}


def test_points_at_a_time_come_to_what_they_do_one_by_one():
    points = [f"layer_norm 12 {seed} 5" for seed in range(3)]
    outcomes = {point: Certificates().run(point) for point in points}
    assert dict(outcomes_of("certificates", points, 2)) == outcomes


def test_none_begins_after_the_end():
    assert not list(outcomes_of("certificates", ["layer_norm 12 0 5"], 2, end=0))


def test_an_error_in_a_point_is_told():
    with pytest.raises(ValueError, match="not enough values"):
        list(outcomes_of("certificates", ["nonsense"], 2))
