"""Long runs, a little of them."""

import pytest

from sim.campaign.long import Long


@pytest.mark.parametrize("point", list(Long().sample()))
def test_a_little_is_right(point):
    outcome = Long().run(point)
    assert outcome["count"] >= int(point.split()[1])
    assert not outcome["failures"]


def test_what_is_wrong_is_told(monkeypatch):
    monkeypatch.setattr("sim.external.Session.right", False)
    assert "words differ" in Long().run("accelerator-axi 1 0")["failures"][0]
