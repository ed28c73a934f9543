"""What the campaign keeps, and goes on from."""

from sim.campaign.part import Kept, failures_of

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
