"""Builds that begin unknown: a sample, and what forgets its reset is found."""

import re

import pytest

from hw.simulate.verilator import SimulationError
from sim.campaign.small import line_of
from sim.campaign.unknown import (
    ACCELERATORS,
    SIMULATOR,
    Unknown,
    run_unknown,
    run_unknown_accelerator,
    without_initial_values,
)
from sim.runner import simulators
from tests.later import cases
from tests.sim.test_mutants import in_module

pytestmark = pytest.mark.skipif(SIMULATOR not in simulators(), reason="Icarus is not installed")


@pytest.mark.parametrize("point", cases(Unknown().sample(), later=["accelerator-axi reset_once"]))
def test_nothing_unknown_is_left_after_reset(point):
    assert not Unknown().run(point)["failures"]


def test_registers_begin_unknown_and_tables_do_not():
    verilog = """module top(clk);
  output reg [3:0] count = 4'h0;
  reg seen = 1'h0;
  reg [7:0] array [1:0];
  initial begin
    array[0] = 8'h01;
  end
  assign a = 1'h0;
endmodule
"""
    expected = re.sub(r"(count|seen) = [^;]*", r"\1", verilog)
    assert without_initial_values(verilog) == expected


def test_a_buffer_without_reset_is_found(tmp_path):
    edit = in_module("output_buffer", r"\brst \?", "1'h0 ?")
    with pytest.raises(SimulationError, match=r"m_axis_tvalid must be 0 or 1|Logic"):
        run_unknown(line_of("direct"), tmp_path, "reset_once", edit=edit)


def test_an_accelerator_without_reset_is_found(tmp_path):
    edit = in_module("sequencer", r"\brst \?", "1'h0 ?")
    with pytest.raises(SimulationError, match=r"must be 0 or 1|Logic"):
        run_unknown_accelerator(ACCELERATORS["accelerator"], tmp_path, "reset_once", edit=edit)
