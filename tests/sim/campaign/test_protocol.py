"""Contracts of whole engines at their streams: some are proved, and what breaks them is told."""

import re

import pytest

from sim.campaign.faults.streams import DesignSubject
from sim.campaign.protocol import CLAUSES, Protocol, WrongError, prove
from sim.campaign.small import line_of
from tests.sim.test_mutants import in_module

BROKEN = {
    "early": ("output_buffer", r"o__valid <= [^;]*;", "o__valid <= 1'h1;"),
    "moved": ("output_buffer", r"if \(pop\)", "if (1'h1)"),
    "last": ("output_stage", r"<= last_position", "<= 1'h0"),
    "late": ("sequencer", r"available & credit", "1'h0"),
    "event": ("line_engine", r"= ~ last", "= 1'h1"),
}


@pytest.mark.parametrize("point", list(Protocol().sample()))
def test_what_ends_soon_is_proved(point):
    assert Protocol().run(point) == {"cycles": None, "failures": []}


@pytest.mark.parametrize("clause", BROKEN)
def test_a_broken_engine_is_refuted(clause):
    subject = DesignSubject(line_of("direct"))
    verilog = in_module(*BROKEN[clause])(subject.verilog)
    with pytest.raises(WrongError, match=CLAUSES[clause]):
        prove(subject, clause, verilog=verilog)


def test_a_build_that_takes_in_reset_is_refuted():
    subject = DesignSubject(line_of("direct"))
    verilog, count = re.subn(r"s_axis_tready = [^;]*;", "s_axis_tready = 1'h1;", subject.verilog)
    assert count == 1
    with pytest.raises(WrongError, match=CLAUSES["loud"]):
        prove(subject, "loud", verilog=verilog)
