"""Mutants of an engine, in one build: the benches' stimuli tell nearly all of them."""

import re

import pytest

from sim.campaign.faults.equivalence import is_equivalent
from sim.campaign.faults.mutants import survivors
from sim.campaign.faults.netlist import module_of, with_mutants
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


PRODUCTS = """
module products(input clk, input rst, input i_valid, input [1:0] i_data,
                output reg o_valid, output reg [3:0] o_data);
  initial o_valid = 1'b0;
  reg valid = 1'b0;
  reg last = 1'b0;
  reg [1:0] count = 2'd0;
  reg [1:0] a, b;
  wire [1:0] following = count + 2'd1;
  wire [1:0] kept = i_valid ? count : b;
  always @(posedge clk) begin
    valid <= i_valid & ~rst;
    o_valid <= valid & ~rst;
    a <= i_data;
    b <= kept;
    o_data <= a * b;
    if (rst) {last, count} <= 3'd0;
    else if (i_valid) {last, count} <= {count == 2'd1, last ? 2'd0 : following};
  end
endmodule
"""
"""Of what comes with a count from 0 to 2."""


@pytest.mark.parametrize(
    ("mutant", "equivalent"),
    [
        (r"const0 .*\$eq\S+ -port A -portbit 1", True),  # the count is never 3
        (r"const1 .*\$eq\S+ -port A -portbit 0", False),
        (r"inv .*design.v:10\S+ -port A -portbit 0", True),  # nor is what is kept ever valid
        (r"inv .*design.v:10\S+ -port B -portbit 0", False),
        (r"inv .*-port Q -portbit 0 -wire last", False),
        (r"inv .*-port CLK", False),
        (r"const0 .*-port CLK", False),
    ],
)
def test_what_is_seen_is_not_proved_away(mutant: str, *, equivalent: bool) -> None:
    mutants = with_mutants(PRODUCTS, "products", 600, 1).faults
    fault = next(command for command in mutants if re.search(mutant, command))
    assert is_equivalent(PRODUCTS, "products", fault) == equivalent


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
