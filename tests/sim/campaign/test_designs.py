"""Designs drawn at random: a few of each kind, those that were wrong once, and one that is."""

import gc
import shutil

import pytest

from sim import designs
from sim.campaign.designs import again, found, try_block

# What is refused while it is made leaves parts that are never elaborated.
pytestmark = pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
SEED, MOST = 20261127, 3
"""Always the same: who breaks something is told of that. The campaign draws others."""
needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus")


@pytest.fixture(autouse=True)
def _collected():
    """Have them collected here, not in a later test, whose warnings are errors."""
    yield
    gc.collect()


@needs_icarus
@pytest.mark.parametrize("kind", designs.TRIALS)
def test_random_designs_keep_their_promises(kind):
    print(f"try_block({kind!r}, {MOST}, {SEED})")
    assert not try_block(kind, MOST, SEED)["failures"]


@needs_icarus
@pytest.mark.parametrize("case", found(), ids=lambda case: case["what"])
def test_what_was_wrong_once_is_right(case):
    again(case["kind"], case["numbers"])


def test_what_is_wrong_is_shrunk(monkeypatch):
    """From any number of at least 9 to 9, and no other is drawn."""

    def wrong(dice):
        if dice.number(0, 100) >= 9:
            raise designs.WrongError("nine or more")
        return {}

    monkeypatch.setitem(designs.TRIALS, "line", wrong)
    (text,) = try_block("line", 50, 1)["failures"]
    assert text == "WrongError: nine or more; numbers [9]"
    with pytest.raises(designs.WrongError, match=r"^nine or more$"):
        again("line", [9])
    again("line", [8])


def test_a_wrong_beat_is_told():
    seen = designs.Seen([["3", "0", "0a"], ["4", "1", "0b"]], 2, 0, 0)
    designs._hold(seen, 2, [10, 11], {2})
    for due, lasts, text in (
        ([10, 12], {2}, "beat 2 is 0b, not c"),
        ([10, 11], {1}, "tlast of beat 1 is 0"),
        ([10], {1}, "2 of 2 taken, 2 of 1 given"),
    ):
        with pytest.raises(designs.WrongError, match=f"^{text}$"):
            designs._hold(seen, 2, due, lasts)
