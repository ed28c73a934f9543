"""Bounds beside the worst that was found: a sample, and a bound that does not hold is found."""

from dataclasses import replace

import numpy as np
import pytest

from sim.campaign import certificates
from sim.campaign.certificates import Certificates


@pytest.mark.parametrize("point", list(Certificates().sample()))
def test_nothing_found_is_further_off_than_certified(point):
    outcome = Certificates().run(point)
    assert not outcome["failures"]
    assert outcome["bound"] < 10 * outcome["found"]


def test_a_bound_that_does_not_hold_is_found(monkeypatch):
    of_proof = certificates.line

    def too_small(length, random):
        one = of_proof(length, random)
        return replace(one, bound=one.bound / 3)

    monkeypatch.setitem(certificates._KINDS, "fft", (too_small, (14,)))
    assert Certificates().run("fft 14 0 20")["failures"]


def test_starts_are_as_far_off_as_quantisation_brings_them():
    """With operands so wide that roundings are nothing, a start is all that is proved."""
    one = certificates.line(14, np.random.default_rng(3), operand_bits=38, guard_bits=8)
    assert one.off(one.starts).max() >= one.bound - 1
